import { TidemarkError } from '#streams/kit/errors.ts';

/** A weighted mean whose weights fall by `decay` a value; of no value 0 (pandas: `ewm(alpha=1-decay, adjust=True).mean()`). */
export interface Decayed {
  sum: number;
  weight: number;
}
export const decayed = (): Decayed => ({ sum: 0, weight: 0 });

/** The mean with one more value. Nothing is changed. */
export const meanWith = ({ sum, weight }: Decayed, value: number, decay: number): number =>
  (decay * sum + value) / (decay * weight + 1);
export const meanOf = ({ sum, weight }: Decayed): number => (weight > 0 ? sum / weight : 0);
export function add(into: Decayed, value: number, decay: number): void {
  into.sum = decay * into.sum + value;
  into.weight = decay * into.weight + 1;
}

/** The newest values of a row, at most `size`. */
export class Recent {
  readonly size: number;
  readonly #values: Float64Array;
  #count = 0;
  /** Of the next value. */
  #at = 0;

  constructor(size: number, values: readonly number[] = []) {
    if (values.length > size || values.some((value) => !Number.isFinite(value)))
      throw new TidemarkError('SNAPSHOT_INVALID', `${values.length} values are more than ${size}, or one is no number`);
    this.size = size;
    this.#values = new Float64Array(size);
    for (const value of values) this.push(value);
  }

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    this.#values[this.#at] = value;
    this.#at = (this.#at + 1) % this.size;
    if (this.#count < this.size) this.#count++;
  }

  /** 0 is the newest; `back` below count. */
  back(back: number): number {
    return this.#values[(this.#at - 1 - back + 2 * this.size) % this.size]!;
  }

  /** Oldest first. */
  toArray(): number[] {
    return Array.from({ length: this.#count }, (_, index) => this.back(this.#count - 1 - index));
  }
}
