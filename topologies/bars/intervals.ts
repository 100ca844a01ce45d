import type { Bar } from '#schemas/generated/types.ts';
import { DAY_MS } from '../kit/days.ts';

/** A length of bars. */
export interface Interval {
  readonly name: Bar['interval'];
  /** Whole UTC intervals of it follow each other without a gap: 1970 began with one. */
  readonly lengthMs: number;
  /** For how much stream time after its beginning a bar is kept, and takes late trades. */
  readonly keptMs: number;
  /** Where bars of this length are kept. */
  readonly store: string;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Daily bars that can still be revised, so many before the newest. */
export const KEPT_DAYS = 10;

/** The lengths of bars, shortest first: with an equal end they become final in this order. */
export const INTERVALS: readonly Interval[] = [
  { name: 'SECOND', lengthMs: SECOND_MS, keptMs: 2 * MINUTE_MS, store: 'second-bars' },
  { name: 'MINUTE', lengthMs: MINUTE_MS, keptMs: 2 * HOUR_MS, store: 'minute-bars' },
  { name: 'HOUR', lengthMs: HOUR_MS, keptMs: 2 * DAY_MS, store: 'hour-bars' },
  { name: 'DAY', lengthMs: DAY_MS, keptMs: KEPT_DAYS * DAY_MS, store: 'day-bars' },
];
/** Every end of a bar is the end of one of these. */
export const SHORTEST_MS = SECOND_MS;
