import { requireBetween } from '#quant/checks.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Weight of what was added up before, per value. */
const MEMORY = 1 - 0.0001;
const LEAST_VALUES = 30;

export interface PageHinkleyParameters {
  /** Change of the mean that is let pass, in the values' unit. */
  readonly delta: number;
  /** Sum of deviations at which there is an alarm. */
  readonly threshold: number;
}
export interface PageHinkleySnapshot {
  readonly count: number;
  readonly mean: number;
  readonly rise: number;
  readonly fall: number;
  /** Null before the first value. */
  readonly lowest: number | null;
  readonly highest: number;
}

/**
 * The test of Page (Biometrika 41, 1954) and Hinkley, on both sides: adds up how far values are from their mean until now beyond `delta`, and
 * alarms where the sum has moved by more than `threshold` from its lowest, or its highest. After an alarm it begins anew with the next value. Same
 * alarms as `river`'s PageHinkley with 30 instances and its forgetting.
 */
export class PageHinkley {
  readonly #parameters: PageHinkleyParameters;
  #count = 0;
  #mean = 0;
  #rise = 0;
  #fall = 0;
  #lowest = Number.POSITIVE_INFINITY;
  // As in river, where the sum of falls is compared with -1 at first.
  #highest = -1;
  #alarmed = false;

  /** Throws PARAMETER_INVALID unless delta is not negative and the threshold is positive. */
  constructor(parameters: PageHinkleyParameters) {
    requireBetween(parameters.delta, -Number.MIN_VALUE, Number.MAX_VALUE, "Page and Hinkley's delta");
    requireBetween(parameters.threshold, 0, Number.MAX_VALUE, "Page and Hinkley's threshold");
    this.#parameters = parameters;
  }

  /** Takes a value; true when the mean has changed. Throws VALUE_NOT_FINITE. */
  update(value: number): boolean {
    if (!Number.isFinite(value))
      throw new TidemarkError('VALUE_NOT_FINITE', `The test of Page and Hinkley was given ${value}`);
    if (this.#alarmed) this.#forget();
    const { delta, threshold } = this.#parameters;
    this.#count++;
    this.#mean += (value - this.#mean) / this.#count;
    const apart = value - this.#mean;
    this.#rise = MEMORY * this.#rise + apart - delta;
    this.#fall = MEMORY * this.#fall + apart + delta;
    this.#lowest = Math.min(this.#lowest, this.#rise);
    this.#highest = Math.max(this.#highest, this.#fall);
    const moved = Math.max(this.#rise - this.#lowest, this.#highest - this.#fall);
    this.#alarmed = this.#count >= LEAST_VALUES && moved > threshold;
    return this.#alarmed;
  }

  snapshot(): PageHinkleySnapshot {
    if (this.#alarmed) this.#forget();
    const lowest = this.#count === 0 ? null : this.#lowest;
    return { count: this.#count, mean: this.#mean, rise: this.#rise, fall: this.#fall, lowest, highest: this.#highest };
  }

  static restore(parameters: PageHinkleyParameters, snapshot: PageHinkleySnapshot): PageHinkley {
    const test = new PageHinkley(parameters);
    test.#count = snapshot.count;
    test.#mean = snapshot.mean;
    test.#rise = snapshot.rise;
    test.#fall = snapshot.fall;
    test.#lowest = snapshot.lowest ?? Number.POSITIVE_INFINITY;
    test.#highest = snapshot.highest;
    return test;
  }

  #forget(): void {
    this.#count = this.#mean = this.#rise = this.#fall = 0;
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#highest = -1;
    this.#alarmed = false;
  }
}
