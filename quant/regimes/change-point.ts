import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween, requireFinite } from '../checks.ts';
import { logGamma } from '../special-functions.ts';

/** What is thought of mean and variance of a segment before its first value: normal-inverse-gamma. */
export interface SegmentPrior {
  /** Expected mean, in the unit of the series. */
  readonly mean: number;
  /** How many values that is worth; greater than 0. */
  readonly meanWeight: number;
  /** Shape, and scale in the square of the unit, of the inverse gamma of the variance; both greater than 0. */
  readonly shape: number;
  readonly scale: number;
}
export interface ChangePointOptions {
  readonly prior: SegmentPrior;
  /** Values that a segment lasts on average, more than 1. */
  readonly expectedLength: number;
  /** Runs that are kept, the most probable ones: cost and memory of an update. */
  readonly maxRuns: number;
}
export interface ChangePointSnapshot {
  readonly weights: readonly number[];
  readonly means: readonly number[];
  readonly counts: readonly number[];
  readonly scales: readonly number[];
}

/**
 * How long ago a series changed its mean or variance: Bayesian online change-point detection (Adams and MacKay 2007) with a constant hazard and
 * Student t predictions of normal segments. Of more than `maxRuns` runs the least probable is let go. An update takes a step for each run, and nothing
 * but values so far is looked at.
 */
export class ChangePointDetector {
  readonly #options: ChangePointOptions;
  /** Of each run, shortest first: probability, and of its segment in the posterior mean, number of values and scale. */
  #weights: number[];
  #means: number[];
  #counts: number[];
  #scales: number[];

  /** Throws PARAMETER_INVALID. */
  constructor(options: ChangePointOptions, snapshot: ChangePointSnapshot | null = null) {
    const { prior, expectedLength, maxRuns } = options;
    requireBetween(expectedLength, 1, 1e9, 'The expected length of a segment');
    requireBetween(maxRuns, 1, 1e6, 'The number of runs');
    for (const name of ['meanWeight', 'shape', 'scale'] as const)
      requireBetween(prior[name], 0, 1e300, `The prior's ${name}`);
    if (!Number.isFinite(prior.mean)) throw new TidemarkError('PARAMETER_INVALID', `The prior's mean is ${prior.mean}`);
    this.#options = options;
    this.#weights = [...(snapshot?.weights ?? [1])];
    this.#means = [...(snapshot?.means ?? [prior.mean])];
    this.#counts = [...(snapshot?.counts ?? [0])];
    this.#scales = [...(snapshot?.scales ?? [prior.scale])];
  }

  /** Takes the next value; gives the logarithm of its density, given those before. Throws VALUE_NOT_FINITE. */
  update(value: number): number {
    requireFinite([value], 'change-point detection');
    const hazard = 1 / this.#options.expectedLength;
    const logs = this.#weights.map((weight, run) => Math.log(weight) + this.#logDensity(run, value));
    const largest = logs.reduce((most, log) => Math.max(most, log), Number.NEGATIVE_INFINITY);
    const joint = logs.map((log) => Math.exp(log - largest));
    const evidence = joint.reduce((sum, weight) => sum + weight, 0);
    // A new segment has no value yet: the value at which it begins is the last of the one before.
    const weights = [hazard, ...joint.map((weight) => ((1 - hazard) * weight) / evidence)];
    this.#learn(value);
    this.#weights = weights;
    this.#forget();
    return Math.log(evidence) + largest;
  }

  /** Probability that the newest segment has at most `values` values. */
  changedWithin(values: number): number {
    return Math.min(
      1,
      this.#weights.slice(0, values + 1).reduce((sum, weight) => sum + weight, 0),
    );
  }
  /** Mean and variance of the next value, over all runs; where no variance is finite yet, that of the prior's scale by its shape. */
  next(): { readonly mean: number; readonly variance: number } {
    const { prior } = this.#options;
    let [mean, square] = [0, 0];
    this.#weights.forEach((weight, run) => {
      const count = this.#counts[run]!;
      const shape = prior.shape + count / 2;
      const spread = (prior.meanWeight + count + 1) / (prior.meanWeight + count);
      const variance = (this.#scales[run]! * spread) / (shape > 1 ? shape - 1 : shape);
      mean += weight * this.#means[run]!;
      square += weight * (variance + this.#means[run]! ** 2);
    });
    return { mean, variance: square - mean * mean };
  }
  /** Expected number of values since the last change. */
  get expectedRun(): number {
    return this.#weights.reduce((sum, weight, run) => sum + weight * this.#counts[run]!, 0);
  }

  snapshot(): ChangePointSnapshot {
    return {
      weights: [...this.#weights],
      means: [...this.#means],
      counts: [...this.#counts],
      scales: [...this.#scales],
    };
  }

  /** Student t with 2 × shape degrees of freedom (Murphy, Conjugate Bayesian analysis of the Gaussian distribution, 2007, section 3). */
  #logDensity(run: number, value: number): number {
    const { prior } = this.#options;
    const count = this.#counts[run]!;
    const shape = prior.shape + count / 2;
    const weight = prior.meanWeight + count;
    const squareScale = (this.#scales[run]! * (weight + 1)) / (shape * weight);
    const freedom = 2 * shape;
    const distance = (value - this.#means[run]!) ** 2 / squareScale;
    return (
      logGamma((freedom + 1) / 2) -
      logGamma(freedom / 2) -
      0.5 * Math.log(Math.PI * freedom * squareScale) -
      ((freedom + 1) / 2) * Math.log1p(distance / freedom)
    );
  }

  /** The value belongs to every run; one of no values begins behind it. */
  #learn(value: number): void {
    const { prior } = this.#options;
    for (let run = 0; run < this.#means.length; run++) {
      const weight = prior.meanWeight + this.#counts[run]!;
      const distance = value - this.#means[run]!;
      this.#scales[run] = this.#scales[run]! + (weight * distance * distance) / (2 * (weight + 1));
      this.#means[run] = this.#means[run]! + distance / (weight + 1);
      this.#counts[run] = this.#counts[run]! + 1;
    }
    this.#means.unshift(prior.mean);
    this.#counts.unshift(0);
    this.#scales.unshift(prior.scale);
  }

  #forget(): void {
    if (this.#weights.length <= this.#options.maxRuns) return;
    let least = 0;
    this.#weights.forEach((weight, run) => {
      if (weight < this.#weights[least]!) least = run;
    });
    for (const row of [this.#weights, this.#means, this.#counts, this.#scales]) row.splice(least, 1);
    const sum = this.#weights.reduce((total, weight) => total + weight, 0);
    this.#weights = this.#weights.map((weight) => weight / sum);
  }
}
