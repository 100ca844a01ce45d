/** How opinions become one: logarithmic pools (Genest and Zidek 1986) whose weights are learned online, by the gradient of each day's loss. */
import { REGIME_COUNT } from './regimes.ts';

/** No voter may be surer than this that something cannot be. */
const LEAST_PROBABILITY = 0.002;
const STEP = 0.0004;
const VARIANCE_STEP = 0.0005;
/** A day that surprised by more counts as one that surprised so much. */
const MOST_SURPRISE = 12;

/** Logarithms of a voter's probabilities, kept from minus infinity. */
export function logOf(probabilities: Float64Array): Float64Array {
  return probabilities.map((p) => Math.log((1 - REGIME_COUNT * LEAST_PROBABILITY) * p + LEAST_PROBABILITY));
}

/** Probabilities of the regimes of several voters: proportional to the product of theirs, each to the power of its weight. */
export class RegimePool {
  /** By voter. */
  readonly weights: Float64Array;

  constructor(weights: readonly number[]) {
    this.weights = Float64Array.from(weights);
  }

  /** `logs`: of each voter, null for one that has no opinion: its weight is the others', in proportion. */
  combine(logs: readonly (Float64Array | null)[]): Float64Array {
    const sums = new Float64Array(REGIME_COUNT);
    const all = this.weights.reduce((sum, weight) => sum + weight, 0);
    const heard = this.weights.reduce((sum, weight, voter) => sum + (logs[voter] ? weight : 0), 0);
    for (const [voter, log] of logs.entries()) {
      if (!log || heard === 0) continue;
      const power = (this.weights[voter]! * all) / heard;
      for (let regime = 0; regime < REGIME_COUNT; regime++) sums[regime]! += power * log[regime]!;
    }
    const largest = Math.max(...sums);
    const powers = sums.map((sum) => Math.exp(sum - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  }

  /** These opinions were of a day that belonged to this regime: a step against the gradient of its logarithmic loss. */
  learn(logs: readonly (Float64Array | null)[], regime: number): void {
    const p = this.combine(logs);
    for (const [voter, log] of logs.entries()) {
      if (!log) continue;
      let expected = 0;
      for (let at = 0; at < REGIME_COUNT; at++) expected += p[at]! * log[at]!;
      this.weights[voter] = Math.max(0, this.weights[voter]! + STEP * (log[regime]! - expected));
    }
  }
}

/** A forecast of variance of several: the product of powers, and a factor; learned by the gradient of the QLIKE loss log h + r²/h (Patton 2011). */
export class VariancePool {
  /** By voter, and the logarithm of the factor. */
  readonly weights: Float64Array;

  constructor(weights: readonly number[]) {
    this.weights = Float64Array.from(weights);
  }

  /** `ratios`: logarithms of each voter's variance over the usual one, null for one that has none. Gives that of the pool. */
  combine(ratios: readonly (number | null)[]): number {
    const mean = meanOf(ratios);
    return ratios.reduce<number>(
      (sum, ratio, voter) => sum + this.weights[voter]! * (ratio ?? mean),
      this.weights.at(-1)!,
    );
  }

  /** After a day whose squared return over the usual variance was this. */
  learn(ratios: readonly (number | null)[], square: number): void {
    const slope = 1 - Math.min(square / Math.exp(this.combine(ratios)), MOST_SURPRISE);
    const mean = meanOf(ratios);
    for (const [voter, ratio] of ratios.entries())
      this.weights[voter] = Math.max(0, this.weights[voter]! - VARIANCE_STEP * slope * (ratio ?? mean));
    this.weights[ratios.length]! -= VARIANCE_STEP * slope;
  }
}

function meanOf(ratios: readonly (number | null)[]): number {
  const known = ratios.filter((ratio) => ratio !== null);
  return known.reduce((sum, ratio) => sum + ratio, 0) / known.length;
}
