/** Into how many steps a retention is cut: entries live at most that part of it too long. */
const STEPS = 64;

/**
 * Which times a store has for a key, ascending, and which keys have something in a step of time, so that what is too old is found
 * without looking at the rest. Times mostly come in rising order.
 */
export class TimeIndex {
  readonly #times = new Map<string, number[]>();
  readonly #steps = new Map<number, Set<string>>();
  readonly #stepMs: number;

  constructor(retentionMs: number) {
    this.#stepMs = Math.max(1, Math.ceil(retentionMs / STEPS));
  }

  keys(): IterableIterator<string> {
    return this.#times.keys();
  }
  /** Ascending; to be read, not kept. */
  times(key: string): readonly number[] {
    return this.#times.get(key) ?? NO_TIMES;
  }
  add(key: string, timeMs: number): void {
    const times = this.#times.get(key);
    if (!times) this.#times.set(key, [timeMs]);
    else if (timeMs > times.at(-1)!) times.push(timeMs);
    else {
      const at = firstAfter(times, timeMs);
      if (times[at - 1] === timeMs) return;
      times.splice(at, 0, timeMs);
    }
    const step = Math.floor(timeMs / this.#stepMs);
    const keys = this.#steps.get(step);
    if (keys) keys.add(key);
    else this.#steps.set(step, new Set([key]));
  }
  remove(key: string, timeMs: number): void {
    const times = this.#times.get(key);
    const at = times ? firstAfter(times, timeMs) - 1 : -1;
    if (!times || times[at] !== timeMs) return;
    if (times.length === 1) this.#times.delete(key);
    else times.splice(at, 1);
  }

  /** Up to which time (exclusive) what is there is too old: the beginning of a step, so that it moves now and then only. */
  horizon(oldestMs: number): number {
    return Math.floor(oldestMs / this.#stepMs) * this.#stepMs;
  }
  /** Keys that have, or had, something before a horizon; each is given once. */
  takeBefore(horizonMs: number): string[] {
    const found = new Set<string>();
    for (const [step, keys] of this.#steps) {
      if ((step + 1) * this.#stepMs > horizonMs) continue;
      this.#steps.delete(step);
      for (const key of keys) found.add(key);
    }
    return [...found].sort();
  }
}

const NO_TIMES: readonly number[] = [];

/** Index of the first time after `timeMs`. */
export function firstAfter(times: readonly number[], timeMs: number): number {
  let low = 0;
  for (let high = times.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

const DIGITS = 12;
const LIMIT = 2 ** 48;

/** A time as twelve hexadecimal digits: in front of a key it cannot be taken for a part of it, and rows sort by it. */
export function timeDigits(timeMs: number): string {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs >= LIMIT)
    throw new RangeError(`${timeMs} is not a time that a store can hold: expected whole milliseconds since 1970`);
  return timeMs.toString(16).padStart(DIGITS, '0');
}
/** The time at a place of a row's key. */
export const timeAt = (row: string, place = 0): number =>
  Number.parseInt(row.slice(place * DIGITS, (place + 1) * DIGITS), 16);
/** The key behind `times` times. */
export const keyBehind = (row: string, times = 1): string => row.slice(times * DIGITS);
