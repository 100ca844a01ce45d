import { parseTime } from '#connectors/file/time.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Event times from `fromMs` on and before `toMs`, milliseconds since 1970; null: no bound. */
export interface TimeRange {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/**
 * A range of event time as people write it: days in UTC, both within, or ISO 8601 times, both within. Throws RANGE_INVALID, which says what is
 * wrong and how it is written.
 */
export function parseRange(from: string | undefined, to: string | undefined): TimeRange {
  const fromMs = from === undefined ? null : Math.ceil(micros('--from', from) / 1000);
  const toMs = to === undefined ? null : DAY.test(to) ? millis(to) + DAY_MS : Math.floor(millis(to)) + 1;
  if (fromMs !== null && toMs !== null && fromMs >= toMs) {
    const hint = millis(to!) < fromMs ? `: --from ${to} --to ${from} would be a range` : '';
    throw new TidemarkError('RANGE_INVALID', `--from ${from} is after --to ${to}${hint}`);
  }
  return { fromMs, toMs };
}

const millis = (to: string): number => micros('--to', to) / 1000;

/** A time of an option in microseconds since 1970. Throws RANGE_INVALID. */
export function micros(option: string, text: string): number {
  const parsed = parseTime(text, Number.POSITIVE_INFINITY);
  if (typeof parsed === 'number') return parsed;
  throw new TidemarkError('RANGE_INVALID', `${option} ${text} ${parsed}; a day is written 2007-06-01`);
}

/** True when an event time, milliseconds, is within. */
export const isWithin = ({ fromMs, toMs }: TimeRange, timestampMs: number): boolean =>
  (fromMs === null || timestampMs >= fromMs) && (toMs === null || timestampMs < toMs);

/** `2007-06-01 to 2009-06-30`, times where it is not of whole days. */
export function rangeText({ fromMs, toMs }: TimeRange): string {
  if (fromMs === null && toMs === null) return 'all times';
  const last = toMs === null ? null : toMs % DAY_MS === 0 ? toMs - DAY_MS : toMs - 1;
  const text = (timeMs: number) => new Date(timeMs).toISOString().replace('T00:00:00.000Z', '');
  return `${fromMs === null ? 'the beginning' : text(fromMs)} to ${last === null ? 'the end' : text(last)}`;
}
