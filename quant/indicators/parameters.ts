import type { Parameter } from './types.ts';

const LARGEST_PERIOD = 100_000;

/** A number of bars. */
export const period = (value: number, min = 2, name = 'timeperiod'): Parameter => ({
  name,
  default: value,
  min,
  max: LARGEST_PERIOD,
});

/** A number that need not be whole. */
export const factor = (name: string, value: number, min: number, max: number): Parameter => ({
  name,
  default: value,
  min,
  max,
  isWhole: false,
});
