import { TidemarkError } from '../kit/errors.ts';

/** From startMs to endMs; whether the end belongs to it depends on the kind of window. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}
/** The key of a windowed result; as text `key@startMs/endMs`. */
export interface Windowed {
  readonly key: string;
  readonly window: Window;
}

/** Windows of one size, [startMs, endMs), one at every multiple of `advanceMs`. */
export interface TimeWindows {
  readonly kind: 'time';
  readonly sizeMs: number;
  readonly advanceMs: number;
  readonly graceMs: number;
}
/** Windows [startMs, endMs], both inclusive, `differenceMs` long, one for every distinct set of records they can hold. */
export interface SlidingWindows {
  readonly kind: 'sliding';
  readonly differenceMs: number;
  readonly graceMs: number;
}
/** Windows [startMs, endMs], both inclusive, from the first to the last of records at most `gapMs` apart. */
export interface SessionWindows {
  readonly kind: 'session';
  readonly gapMs: number;
  readonly graceMs: number;
}
/** Windows of whichever kind. */
export type Windows = TimeWindows | SlidingWindows | SessionWindows;

/** For how long after its end, of a session after its gap, a window takes records, in stream time; default 0. */
export interface Grace {
  readonly graceMs?: number;
}

/** Windows side by side, from the epoch on. Throws WINDOW_INVALID. */
export function tumbling({ sizeMs, graceMs = 0 }: Grace & { readonly sizeMs: number }): TimeWindows {
  return hopping({ sizeMs, advanceMs: sizeMs, graceMs });
}
/** Windows that overlap: a new one every `advanceMs`, which is at most the size. Throws WINDOW_INVALID. */
export function hopping(options: Grace & { readonly sizeMs: number; readonly advanceMs: number }): TimeWindows {
  const { sizeMs, advanceMs, graceMs = 0 } = options;
  check('sizeMs', sizeMs, 1);
  check('advanceMs', advanceMs, 1, sizeMs);
  check('graceMs', graceMs, 0);
  return { kind: 'time', sizeMs, advanceMs, graceMs };
}
/** Records at most `differenceMs` apart share a window. Throws WINDOW_INVALID. */
export function sliding({ differenceMs, graceMs = 0 }: Grace & { readonly differenceMs: number }): SlidingWindows {
  check('differenceMs', differenceMs, 0);
  check('graceMs', graceMs, 0);
  return { kind: 'sliding', differenceMs, graceMs };
}
/** Sessions that end when nothing came for more than `gapMs`. Throws WINDOW_INVALID. */
export function session({ gapMs, graceMs = 0 }: Grace & { readonly gapMs: number }): SessionWindows {
  check('gapMs', gapMs, 0);
  check('graceMs', graceMs, 0);
  return { kind: 'session', gapMs, graceMs };
}

function check(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const limit = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
  throw new TidemarkError(
    'WINDOW_INVALID',
    `Window: ${name} is ${value}, expected whole milliseconds from ${least}${limit}`,
  );
}

/** The first stream time at which a window takes nothing more; a session may still grow until the gap after it has passed. */
export function closesAtMs(windows: Windows, endMs: number): number {
  if (windows.kind === 'time') return endMs + windows.graceMs;
  return endMs + windows.graceMs + (windows.kind === 'session' ? windows.gapMs : 0) + 1;
}

/** The string a windowed result has as its key between nodes and in topics: `key@startMs/endMs`. */
export function windowedKey(key: string, startMs: number, endMs: number): string {
  return `${key}@${startMs}/${endMs}`;
}
/** Takes a key of `windowedKey` apart; the key within it may hold `@` and `/` itself. Throws KEY_NOT_WINDOWED. */
export function parseWindowedKey(text: string): Windowed {
  const at = text.lastIndexOf('@');
  const slash = text.indexOf('/', at);
  const startMs = Number(text.slice(at + 1, slash));
  const endMs = Number(text.slice(slash + 1));
  if (at < 0 || slash < 0 || !Number.isSafeInteger(startMs) || !Number.isSafeInteger(endMs))
    throw new TidemarkError('KEY_NOT_WINDOWED', `"${text}" is not a windowed key, key@startMs/endMs`);
  return { key: text.slice(0, at), window: { startMs, endMs } };
}
