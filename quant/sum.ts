/**
 * A running sum of doubles in twice their precision (Knuth's two-sum, about 106 bits), so that the difference of two
 * large sums keeps its digits. `high` is the sum rounded to a double. Both halves are state: restored, it goes on bit
 * by bit the same.
 */
export class Sum {
  high = 0;
  low = 0;

  load(high: number, low: number): this {
    this.high = high;
    this.low = low;
    return this;
  }
  /** Adds a finite double. */
  add(value: number): this {
    const sum = this.high + value;
    const part = sum - this.high;
    const low = this.low + (this.high - (sum - part) + (value - part));
    this.high = sum + low;
    this.low = low - (this.high - sum);
    return this;
  }
}
