import type { Memory } from './memory.ts';
import type { Filter } from './types.ts';

/**
 * Highest or lowest of the newest `period` values, and where it was: of equal ones the newest, as TA-Lib has it. A queue of the
 * values that can still become the extreme, each better than those behind it: constant time per value on average, whatever the period.
 */
class MovingExtreme implements Filter {
  /** Values so far; first and last place of the queue, counted up. */
  readonly #state: Float64Array;
  readonly #values: Float64Array;
  readonly #numbers: Float64Array;
  /** What the newest value wrote over, and its number: when it is taken back, what it pushed out of the queue must be there again. */
  readonly #over: Float64Array;
  readonly #mask: number;
  readonly #period: number;
  readonly #sign: number;

  constructor(memory: Memory, period: number, sign: 1 | -1) {
    this.#state = memory.scalars(0, 0, 0);
    this.#values = memory.ring(period);
    this.#numbers = memory.ring(period);
    this.#over = memory.ring(3);
    this.#mask = this.#values.length - 1;
    this.#period = period;
    this.#sign = sign;
  }

  next(value: number): number {
    const values = this.#values;
    const numbers = this.#numbers;
    const over = this.#over;
    const mask = this.#mask;
    const sign = this.#sign;
    const count = this.#state[0]!;
    let first = this.#state[1]!;
    let end = this.#state[2]!;
    if (over[0] === count) {
      values[over[1]!] = over[2]!;
      numbers[over[1]!] = over[3]!;
    }
    if (end > first && numbers[first & mask]! <= count - this.#period) first++;
    while (end > first && values[(end - 1) & mask]! * sign <= value * sign) end--;
    const place = end & mask;
    over[0] = count;
    over[1] = place;
    over[2] = values[place]!;
    over[3] = numbers[place]!;
    values[place] = value;
    numbers[place] = count;
    this.#state[0] = count + 1;
    this.#state[1] = first;
    this.#state[2] = end + 1;
    return count + 1 < this.#period ? Number.NaN : values[first & mask]!;
  }

  /** Values since the extreme one: 0 when it is the newest. */
  get age(): number {
    return this.#state[0]! - 1 - this.#numbers[this.#state[1]! & this.#mask]!;
  }
}

/** TA-Lib's MAX. */
export class MovingMax extends MovingExtreme {
  constructor(memory: Memory, period: number) {
    super(memory, period, 1);
  }
}
/** TA-Lib's MIN. */
export class MovingMin extends MovingExtreme {
  constructor(memory: Memory, period: number) {
    super(memory, period, -1);
  }
}
