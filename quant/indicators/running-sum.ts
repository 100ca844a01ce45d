import { ExactSum } from './exact-sum.ts';
import type { Memory } from './memory.ts';
import type { Filter } from './types.ts';

/** Sum of the newest `period` values: TA-Lib's SUM. */
export class RunningSum implements Filter {
  /** count */
  readonly #state: Float64Array;
  readonly sum: ExactSum;
  readonly #ring: Float64Array;
  readonly #mask: number;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#state = memory.scalars(0);
    this.sum = new ExactSum(memory);
    this.#ring = memory.ring(period);
    this.#mask = this.#ring.length - 1;
    this.#period = period;
  }

  next(value: number): number {
    const count = this.#state[0]! + 1;
    this.#state[0] = count;
    this.#ring[(count - 1) & this.#mask] = value;
    if (count > this.#period) this.sum.add(-this.#ring[(count - 1 - this.#period) & this.#mask]!);
    this.sum.add(value);
    return count < this.#period ? Number.NaN : this.sum.value;
  }
}

/** Sum of the products of the newest `period` pairs. */
export class RunningProduct {
  /** count */
  readonly #state: Float64Array;
  readonly sum: ExactSum;
  readonly #a: Float64Array;
  readonly #b: Float64Array;
  readonly #mask: number;
  readonly #period: number;

  constructor(memory: Memory, period: number) {
    this.#state = memory.scalars(0);
    this.sum = new ExactSum(memory);
    this.#a = memory.ring(period);
    this.#b = memory.ring(period);
    this.#mask = this.#a.length - 1;
    this.#period = period;
  }

  next(a: number, b: number): void {
    const count = this.#state[0]!;
    this.#state[0] = count + 1;
    this.#a[count & this.#mask] = a;
    this.#b[count & this.#mask] = b;
    if (count >= this.#period) {
      const oldest = (count - this.#period) & this.#mask;
      this.sum.addProduct(-this.#a[oldest]!, this.#b[oldest]!);
    }
    this.sum.addProduct(a, b);
  }
}
