/**
 * A running sum of doubles in twice their precision (Knuth's two-sum; about 106 bits), so that millions of "minus old, plus new"
 * updates leave no drift. `high` is the sum rounded to a double. Both halves are state: restored, it goes on bit by bit the same.
 */
export class Sum {
  high = 0;
  low = 0;

  load(high: number, low: number): void {
    this.high = high;
    this.low = low;
  }
  /** Adds a finite double. */
  add(value: number): void {
    const sum = this.high + value;
    const part = sum - this.high;
    const low = this.low + (this.high - (sum - part) + (value - part));
    this.high = sum + low;
    this.low = low - (this.high - sum);
  }
}
