import type { Memory } from './memory.ts';

/** The newest values of a series. */
export class Delay {
  /** Values so far. */
  readonly #state: Float64Array;
  readonly #ring: Float64Array;
  readonly #mask: number;

  /** `length`: how far back is looked. */
  constructor(memory: Memory, length: number) {
    this.#state = memory.scalars(0);
    this.#ring = memory.ring(length);
    this.#mask = this.#ring.length - 1;
  }

  /** Takes the next value and gives the number of values so far. */
  push(value: number): number {
    const count = this.#state[0]!;
    this.#ring[count & this.#mask] = value;
    this.#state[0] = count + 1;
    return count + 1;
  }
  /** The value `back` values ago; 0 is the newest. Of those that there are, at most `length` back. */
  back(back: number): number {
    return this.#ring[(this.#state[0]! - 1 - back) & this.#mask]!;
  }
}

/** Leaves the first values out: where TA-Lib begins a part of a calculation later than it could. */
export class Skip {
  readonly #state: Float64Array;

  constructor(memory: Memory, count: number) {
    this.#state = memory.scalars(count);
  }

  /** True for each value that is left out. */
  next(): boolean {
    const left = this.#state[0]!;
    if (left > 0) this.#state[0] = left - 1;
    return left > 0;
  }
}
