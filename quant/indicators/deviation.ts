import { centredProduct } from './exact-sum.ts';
import type { Memory } from './memory.ts';
import { RunningProduct, RunningSum } from './running-sum.ts';
import type { Filter } from './types.ts';

/** Population variance of the newest `period` values, TA-Lib's VAR. */
export class Variance implements Filter {
  readonly #sum: RunningSum;
  readonly #squares: RunningProduct;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#sum = new RunningSum(memory, period);
    this.#squares = new RunningProduct(memory, period);
    this.#period = period;
  }
  next(value: number): number {
    const sum = this.#sum.next(value);
    this.#squares.next(value, value);
    if (Number.isNaN(sum)) return sum;
    const period = this.#period;
    return Math.max(0, centredProduct(period, this.#squares.sum, this.#sum.sum, this.#sum.sum) / (period * period));
  }
}

/** √ of a variance; 0 where rounding leaves nothing of it. */
export const deviationOf = (variance: number): number => (variance < 1e-14 ? 0 : Math.sqrt(variance));
