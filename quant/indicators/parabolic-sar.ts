import type { Bars } from './bars.ts';
import type { Memory } from './memory.ts';
import type { Indicator } from './types.ts';

/** How fast the stop follows on one side. */
export interface Acceleration {
  readonly first: number;
  readonly step: number;
  readonly max: number;
}
export interface SarOptions {
  /** Where the first stop is, and by its sign on which side: above zero long, below short; 0: by the first two bars. */
  readonly start: number;
  /** Fraction by which the stop is moved away at a reversal. */
  readonly offset: number;
  readonly long: Acceleration;
  readonly short: Acceleration;
  /** Below zero while short. */
  readonly isSigned: boolean;
}

/** Wilder's parabolic stop and reverse (1978), TA-Lib's SAR and SAREXT. */
export class ParabolicSar implements Indicator {
  /** bars, 1 while long, next stop, extreme point, acceleration long and short, low and high of the bar before */
  readonly #state: Float64Array;
  readonly #options: SarOptions;
  readonly #long: Acceleration;
  readonly #short: Acceleration;

  constructor(memory: Memory, options: SarOptions) {
    this.#options = options;
    this.#long = capped(options.long);
    this.#short = capped(options.short);
    this.#state = memory.scalars(0, 1, 0, 0, this.#long.first, this.#short.first, 0, 0);
  }

  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    const state = this.#state;
    const top = high[index & mask]!;
    const bottom = low[index & mask]!;
    state[0] = state[0]! + 1;
    if (state[0] === 1) {
      state[6] = bottom;
      state[7] = top;
      outputs[0] = Number.NaN;
      return;
    }
    if (state[0] === 2) this.#begin(top, bottom);
    const result = state[1] === 1 ? this.#follow(1, top, bottom) : this.#follow(-1, top, bottom);
    state[6] = bottom;
    state[7] = top;
    outputs[0] = result;
  }

  #begin(top: number, bottom: number): void {
    const state = this.#state;
    const { start } = this.#options;
    const fall = state[6]! - bottom;
    const isLong = start === 0 ? !(fall > 0 && top - state[7]! < fall) : start > 0;
    state[1] = isLong ? 1 : 0;
    state[3] = isLong ? top : bottom;
    state[2] = start === 0 ? (isLong ? state[6]! : state[7]!) : Math.abs(start);
    // The first step looks at the second bar twice.
    state[6] = bottom;
    state[7] = top;
  }

  /** `side`: 1 long, -1 short. Long, the stop is below prices: bounds are lows and its extreme point a high; short, the other way round. */
  #follow(side: 1 | -1, top: number, bottom: number): number {
    const state = this.#state;
    const isLong = side === 1;
    const own = isLong ? 4 : 5;
    const other = isLong ? 5 : 4;
    const [near, nearBefore] = isLong ? [bottom, state[6]!] : [top, state[7]!];
    const [far, farBefore] = isLong ? [top, state[7]!] : [bottom, state[6]!];
    const { step, max } = isLong ? this.#long : this.#short;
    const stop = state[2]!;
    const extreme = state[3]!;
    if ((near - stop) * side <= 0) {
      // Reversal: the stop goes to the extreme point, on the other side of both bars.
      let reversed = beyond(beyond(extreme, farBefore, side), far, side);
      if (this.#options.offset !== 0) reversed += reversed * this.#options.offset * side;
      state[1] = isLong ? 0 : 1;
      state[other] = (isLong ? this.#short : this.#long).first;
      state[3] = near;
      const next = reversed + state[other]! * (near - reversed);
      state[2] = beyond(beyond(next, farBefore, side), far, side);
      return this.#options.isSigned && isLong ? -reversed : reversed;
    }
    if ((far - extreme) * side > 0) {
      state[3] = far;
      state[own] = Math.min(state[own]! + step, max);
    }
    const next = stop + state[own]! * (state[3]! - stop);
    state[2] = beyond(beyond(next, nearBefore, -side), near, -side);
    return this.#options.isSigned && !isLong ? -stop : stop;
  }
}

/** No step is larger than the largest. */
const capped = ({ first, step, max }: Acceleration): Acceleration => ({
  first: Math.min(first, max),
  step: Math.min(step, max),
  max,
});

/** At least as far as a bound in the direction of the sign. */
const beyond = (value: number, bound: number, sign: number): number =>
  sign > 0 ? Math.max(value, bound) : Math.min(value, bound);
