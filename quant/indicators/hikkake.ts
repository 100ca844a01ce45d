import type { Bars } from './bars.ts';
import type { Memory } from './memory.ts';
import type { Indicator } from './types.ts';

/** Bars for which a pattern can still be confirmed. */
const CONFIRMED_WITHIN = 3;
const LOOKBACK = 5;

/**
 * Chesler's hikkake (2003): an inside bar, a bar that leaves it to one side, and within three bars, for 200, a close beyond the inside bar on the
 * other side.
 */
export class Hikkake implements Indicator {
  /** bar of the newest pattern, what it says, high and low of its inside bar */
  readonly #state: Float64Array;

  constructor(memory: Memory) {
    this.#state = memory.scalars(Number.NEGATIVE_INFINITY, 0, 0, 0);
  }

  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    outputs[0] = index < LOOKBACK ? Number.NaN : 0;
    if (index < 2) return;
    const [at, inside, before] = [index & mask, (index - 1) & mask, (index - 2) & mask];
    const state = this.#state;
    const isInside = high[inside]! < high[before]! && low[inside]! > low[before]!;
    const isBelow = high[at]! < high[inside]! && low[at]! < low[inside]!;
    const isAbove = high[at]! > high[inside]! && low[at]! > low[inside]!;
    let said = 0;
    if (isInside && (isBelow || isAbove)) {
      said = isBelow ? 100 : -100;
      state[0] = index;
      state[1] = said;
      state[2] = high[inside]!;
      state[3] = low[inside]!;
    } else if (index <= state[0]! + CONFIRMED_WITHIN) {
      const isConfirmed = state[1]! > 0 ? close[at]! > state[2]! : close[at]! < state[3]!;
      if (isConfirmed) {
        said = state[1]! * 2;
        state[0] = Number.NEGATIVE_INFINITY;
      }
    }
    if (index >= LOOKBACK) outputs[0] = said;
  }
}
