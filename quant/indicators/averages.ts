import { Delay } from './delay.ts';
import { ExactSum } from './exact-sum.ts';
import type { Memory } from './memory.ts';
import { RunningSum } from './running-sum.ts';
import type { Filter } from './types.ts';

/** Simple moving average over `period` values: TA-Lib's SMA. */
export class Sma implements Filter {
  readonly #sum: RunningSum;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#sum = new RunningSum(memory, period);
    this.#period = period;
  }
  next(value: number): number {
    return this.#sum.next(value) / this.#period;
  }
}

/** Exponential moving average, TA-Lib's EMA: begins with the simple average of the first `period` values. */
export class Ema implements Filter {
  /** count, sum of the first values, average */
  readonly #state: Float64Array;
  readonly #period: number;
  readonly #weight: number;

  /** `weight`: of the newest value; 2 / (period + 1) unless said otherwise. */
  constructor(memory: Memory, period: number, weight = 2 / (period + 1)) {
    this.#state = memory.scalars(0, 0, 0);
    this.#period = period;
    this.#weight = weight;
  }

  next(value: number): number {
    const state = this.#state;
    const count = state[0]! + 1;
    state[0] = count;
    if (count > this.#period) {
      state[2] = (value - state[2]!) * this.#weight + state[2]!;
      return state[2]!;
    }
    state[1] = state[1]! + value;
    if (count < this.#period) return Number.NaN;
    state[2] = state[1]! / this.#period;
    return state[2]!;
  }
}

/** Linearly weighted moving average, the newest value `period` times: TA-Lib's WMA. */
export class Wma implements Filter {
  readonly #sum: RunningSum;
  /** Of the values, each with its weight. */
  readonly #weighted: ExactSum;
  /** count, sum of the window before */
  readonly #state: Float64Array;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#sum = new RunningSum(memory, period);
    this.#weighted = new ExactSum(memory);
    this.#state = memory.scalars(0, 0);
    this.#period = period;
  }

  next(value: number): number {
    const state = this.#state;
    const period = this.#period;
    const count = state[0]! + 1;
    state[0] = count;
    // Each value of a full window loses one weight, and the oldest with it.
    if (count > period) this.#weighted.add(-state[1]!);
    this.#weighted.add(value * Math.min(count, period));
    const sum = this.#sum.next(value);
    if (count < period) return Number.NaN;
    state[1] = sum;
    return this.#weighted.value / ((period * (period + 1)) / 2);
  }
}

/** Exponential averages of each other. */
class Cascade {
  readonly averages: readonly Ema[];
  readonly results: Float64Array;

  constructor(memory: Memory, period: number, depth: number) {
    this.averages = Array.from({ length: depth }, () => new Ema(memory, period));
    this.results = new Float64Array(depth);
  }

  /** All results are in `results`; false while the last is not defined. */
  next(value: number): boolean {
    let input = value;
    for (let index = 0; index < this.averages.length; index++) {
      input = this.averages[index]!.next(input);
      if (Number.isNaN(input)) return false;
      this.results[index] = input;
    }
    return true;
  }
}

/** Double exponential moving average, 2 e1 - e2 (Mulloy 1994): TA-Lib's DEMA. */
export class Dema implements Filter {
  readonly #cascade: Cascade;
  constructor(memory: Memory, period: number) {
    this.#cascade = new Cascade(memory, period, 2);
  }
  next(value: number): number {
    const { results } = this.#cascade;
    return this.#cascade.next(value) ? 2 * results[0]! - results[1]! : Number.NaN;
  }
}

/** Triple exponential moving average, 3 e1 - 3 e2 + e3 (Mulloy 1994): TA-Lib's TEMA. */
export class Tema implements Filter {
  readonly #cascade: Cascade;
  constructor(memory: Memory, period: number) {
    this.#cascade = new Cascade(memory, period, 3);
  }
  next(value: number): number {
    const { results } = this.#cascade;
    return this.#cascade.next(value) ? 3 * results[0]! - 3 * results[1]! + results[2]! : Number.NaN;
  }
}

/** Tillson's T3 (1998): six exponential averages, weighted by a volume factor from 0 to 1. TA-Lib's T3. */
export class T3 implements Filter {
  readonly #cascade: Cascade;
  readonly #weights: readonly number[];

  constructor(memory: Memory, period: number, factor: number) {
    this.#cascade = new Cascade(memory, period, 6);
    const square = factor * factor;
    const first = -(square * factor);
    this.#weights = [
      first,
      3 * (square - first),
      -6 * square - 3 * (factor - first),
      1 + 3 * factor - first + 3 * square,
    ];
  }
  next(value: number): number {
    if (!this.#cascade.next(value)) return Number.NaN;
    const { results } = this.#cascade;
    const [a, b, c, d] = this.#weights;
    return a! * results[5]! + b! * results[4]! + c! * results[3]! + d! * results[2]!;
  }
}

/** Triangular moving average, a simple average of a simple average: TA-Lib's TRIMA. */
export class Trima implements Filter {
  readonly #first: Sma;
  readonly #second: Sma;

  constructor(memory: Memory, period: number) {
    const half = Math.floor(period / 2);
    this.#first = new Sma(memory, half + 1);
    this.#second = new Sma(memory, period % 2 === 1 ? half + 1 : half);
  }
  next(value: number): number {
    const first = this.#first.next(value);
    return Number.isNaN(first) ? first : this.#second.next(first);
  }
}

const FASTEST = 2 / (2 + 1);
const SLOWEST = 2 / (30 + 1);

/** Kaufman's adaptive moving average (1995), between periods of 2 and 30 by how straight the last `period` values went: TA-Lib's KAMA. */
export class Kama implements Filter {
  /** sum of the absolute changes, average */
  readonly #state: Float64Array;
  readonly #values: Delay;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#state = memory.scalars(0, 0);
    this.#values = new Delay(memory, period + 2);
    this.#period = period;
  }

  next(value: number): number {
    const state = this.#state;
    const values = this.#values;
    const period = this.#period;
    const count = values.push(value);
    if (count === 1) return Number.NaN;
    state[0] = state[0]! + Math.abs(value - values.back(1));
    if (count > period + 1) state[0] = state[0]! - Math.abs(values.back(period + 1) - values.back(period));
    if (count <= period) return Number.NaN;
    const before = count === period + 1 ? values.back(1) : state[1]!;
    const change = value - values.back(period);
    const changes = state[0]!;
    // Signed, as TA-Lib compares it.
    const efficiency = changes <= change || Math.abs(changes) < 1e-14 ? 1 : Math.abs(change / changes);
    const weight = (efficiency * (FASTEST - SLOWEST) + SLOWEST) ** 2;
    state[1] = (value - before) * weight + before;
    return state[1]!;
  }
}

/** Wilder's smoothing (1978), 1 / period for the newest value, beginning with the simple average: TA-Lib's RMA. */
export class Rma implements Filter {
  /** count, sum of the first values, average */
  readonly #state: Float64Array;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#state = memory.scalars(0, 0, 0);
    this.#period = period;
  }

  next(value: number): number {
    const state = this.#state;
    const period = this.#period;
    const count = state[0]! + 1;
    state[0] = count;
    if (count > period) {
      state[2] = (state[2]! * (period - 1) + value) / period;
      return state[2]!;
    }
    state[1] = state[1]! + value;
    if (count < period) return Number.NaN;
    state[2] = state[1]! / period;
    return state[2]!;
  }
}
