import { TidemarkError } from '#streams/kit/errors.ts';

/** What usual is: five years of trading days. */
const USUAL_DAYS = 1260;
/** Returns that are remembered: what usual was before the window that a label looks at. */
const CAPACITY = 1344;
/** E|x| of a standard normal variable is 1 / this. */
const NORMAL_SPREAD = Math.sqrt(Math.PI / 2);
/** No series of prices moves less than this a day: what is divided by its volatility stays finite. */
const LEAST_VOLATILITY = 1e-6;

/** Levels as near as that are one: sums of the same returns in another order are. */
const SAME_LEVEL = 1e-12;

/** The newest daily logarithmic returns of an instrument, and what they say of themselves. */
export class ReturnWindow {
  readonly #values = new Float64Array(CAPACITY);
  #count = 0;

  /** Returns so far, also those that are forgotten. */
  get count(): number {
    return this.#count;
  }

  /** Throws VALUE_NOT_FINITE. */
  push(logReturn: number): void {
    if (!Number.isFinite(logReturn))
      throw new TidemarkError('VALUE_NOT_FINITE', `Return ${this.#count} is ${logReturn}, not a finite number`);
    this.#values[this.#count % CAPACITY] = logReturn;
    this.#count++;
  }

  /** 0 is the newest. */
  back(days: number): number {
    return this.#values[(this.#count - 1 - days) % CAPACITY]!;
  }

  /** Sum over `days` returns, the newest of them `from` days ago. */
  sum(days: number, from = 0): number {
    let sum = 0;
    for (let day = from; day < from + days; day++) sum += this.back(day);
    return sum;
  }
  /** Their root mean square. */
  volatility(days: number, from = 0): number {
    let sum = 0;
    for (let day = from; day < from + days; day++) sum += this.back(day) ** 2;
    return Math.max(LEAST_VOLATILITY, Math.sqrt(sum / days));
  }
  /** Root of the mean of squares whose weights fall by `decay` a day, over `days` days; weights sum to one. */
  decayedVolatility(decay: number, days: number): number {
    let [sum, weights, weight] = [0, 0, 1];
    for (let day = 0; day < days; day++) {
      sum += weight * this.back(day) ** 2;
      weights += weight;
      weight *= decay;
    }
    return Math.max(LEAST_VOLATILITY, Math.sqrt(sum / weights));
  }

  /**
   * Usual daily volatility as of `from` days ago: of five years, or as many days as there are, from the mean absolute return, which a crisis raises
   * less than the mean square.
   */
  usualVolatility(from = 0): number {
    const days = Math.min(USUAL_DAYS, this.#count - from);
    let sum = 0;
    for (let day = from; day < from + days; day++) sum += Math.abs(this.back(day));
    return Math.max(LEAST_VOLATILITY, (NORMAL_SPREAD * sum) / days);
  }

  /** Where the level is below its highest, and above its lowest, at the end of one of the last `days` days; logarithms. And how long ago the highest was. */
  extremes(days: number, from = 0): { readonly below: number; readonly above: number; readonly sinceHigh: number } {
    let [level, highest, lowest, sinceHigh] = [0, 0, 0, 0];
    for (let day = 0; day < days; day++) {
      level -= this.back(from + day);
      if (level > highest + SAME_LEVEL) [highest, sinceHigh] = [level, day + 1];
      if (level < lowest) lowest = level;
    }
    return { below: highest, above: -lowest, sinceHigh };
  }

  /** The returns that are remembered, at most `most`, oldest first. */
  newest(most: number): Float64Array {
    const count = Math.min(most, this.#count, CAPACITY);
    return Float64Array.from({ length: count }, (_, index) => this.back(count - 1 - index));
  }

  /** The count, and the returns that are remembered. */
  snapshot(): number[] {
    return [this.#count, ...this.newest(CAPACITY)];
  }
  static restore(snapshot: readonly number[]): ReturnWindow {
    const window = new ReturnWindow();
    const [count = 0, ...values] = snapshot;
    window.#count = count - values.length;
    for (const value of values) window.push(value);
    return window;
  }
}
