/**
 * Value at risk and expected shortfall of a row of outcomes (returns or profits, one for each scenario, gains positive). Both are
 * positive losses, in the unit of the outcomes: `VaR 3` means that a loss of 3 is exceeded with probability 1 - confidence. They are
 * negative where even the tail is a gain, and 0 where nothing is held. ES >= VaR always.
 */
import { requireBetween, requireFinite, requireLength, type Series } from './checks.ts';
import { normalDensity, normalQuantile, studentTDensity, studentTQuantile } from './distributions.ts';
import { between, lowest, placeOf } from './order-statistics.ts';

/** Both in the unit of the outcomes that they were taken from; losses are positive. */
export interface Tail {
  readonly valueAtRisk: number;
  readonly expectedShortfall: number;
}

const PRECISION = 1e12;

/**
 * Probability of the tail, 1 - confidence, as the decimal that was meant: in doubles 1 - 0.9 is less than 0.1, which would move
 * the quantile of 11 values by a whole rank. Throws PARAMETER_INVALID unless 0.5 <= confidence < 1.
 */
export function tailProbability(confidence: number): number {
  requireBetween(confidence, 0.5 - Number.EPSILON, 1, 'The confidence level');
  return Math.round((1 - confidence) * PRECISION) / PRECISION;
}

/** The losses behind the lowest outcomes, given ascending: `lowestOutcomes` has at least ⌊(count - 1) × p⌋ + 2 of `count`, or all. */
export function tailOfSorted(lowestOutcomes: Float64Array, count: number, probability: number): Tail {
  const { rank, fraction } = placeOf(probability, count);
  const low = lowestOutcomes[rank]!;
  let sum = 0;
  for (let index = 0; index <= rank; index++) sum += lowestOutcomes[index]!;
  const valueAtRisk = 0 - between(low, rank + 1 < count ? lowestOutcomes[rank + 1]! : low, fraction);
  // A mean of losses of VaR and more: rounding must not leave it a hair below.
  return { valueAtRisk, expectedShortfall: Math.max(valueAtRisk, 0 - sum / (rank + 1)) };
}

/**
 * Historical simulation: VaR by the linearly interpolated quantile (numpy.quantile), ES as the mean of the lowest ⌊(n - 1) × p⌋ + 1
 * outcomes (empyrical's conditional_value_at_risk). Throws HISTORY_TOO_SHORT below 2 outcomes, VALUE_NOT_FINITE, PARAMETER_INVALID.
 */
export function historicalTail(outcomes: Series, confidence: number): Tail {
  const values = checked(outcomes);
  const probability = tailProbability(confidence);
  const count = Math.min(values.length, placeOf(probability, values.length).rank + 2);
  const sorted = new Float64Array(count);
  lowest(values, values.length, count, sorted);
  return tailOfSorted(sorted, values.length, probability);
}

/**
 * Age-weighted historical simulation (Boudoukh, Richardson and Whitelaw 1998): outcome i days old weighs decay^i, the weights made to
 * sum to 1. VaR is the lowest outcome up to which the weights reach p (numpy.quantile with weights, method 'inverted_cdf'); ES the
 * weighted mean of the tail, the outcome at its edge with what is left of p (Acerbi and Tasche 2002). Outcomes oldest first.
 * Throws HISTORY_TOO_SHORT below 2 outcomes, VALUE_NOT_FINITE, PARAMETER_INVALID.
 */
export function ageWeightedTail(outcomes: Series, confidence: number, decay = AGE_DECAY): Tail {
  const values = checked(outcomes);
  requireBetween(decay, 0, 1, 'The decay');
  const probability = tailProbability(confidence);
  const count = values.length;
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || a - b);
  const total = (1 - decay ** count) / (1 - decay);
  let weight = 0;
  let sum = 0;
  for (const index of order) {
    const value = values[index]!;
    const next = weight + decay ** (count - 1 - index) / total;
    if (next >= probability || index === order[count - 1]) {
      const shortfall = Math.max(0 - value, 0 - (sum + (probability - weight) * value) / probability);
      return { valueAtRisk: 0 - value, expectedShortfall: shortfall };
    }
    sum += (next - weight) * value;
    weight = next;
  }
  throw new Error('the weights of a tail are used up before its end');
}
/** What Boudoukh, Richardson and Whitelaw use beside 0.99. */
export const AGE_DECAY = 0.98;

/**
 * Normal distribution: VaR = -(mean + z σ) with z the quantile of p, ES = -mean + σ φ(z) ÷ p (McNeil, Frey and Embrechts, Quantitative
 * Risk Management, 2.2.4). Throws VALUE_NOT_FINITE, PARAMETER_INVALID for a negative deviation.
 */
export function normalTail(mean: number, deviation: number, confidence: number): Tail {
  requireMoments(mean, deviation);
  const probability = tailProbability(confidence);
  const z = normalQuantile(probability);
  return {
    valueAtRisk: 0 - (mean + z * deviation),
    expectedShortfall: 0 - mean + (deviation * normalDensity(z)) / probability,
  };
}

/**
 * Student t distribution scaled to the given deviation, so `freedom` > 2: VaR = -(mean + s t), ES = -mean + s f(t) ÷ p × (ν + t²) ÷ (ν - 1)
 * with s = σ √((ν - 2) ÷ ν) (the same book, 2.2.4). Throws as `normalTail`.
 */
export function studentTTail(mean: number, deviation: number, freedom: number, confidence: number): Tail {
  requireMoments(mean, deviation);
  requireBetween(freedom, 2, Number.POSITIVE_INFINITY, 'The degrees of freedom');
  const probability = tailProbability(confidence);
  const t = studentTQuantile(probability, freedom);
  const scale = deviation * Math.sqrt((freedom - 2) / freedom);
  const excess = ((studentTDensity(t, freedom) / probability) * (freedom + t * t)) / (freedom - 1);
  return { valueAtRisk: 0 - (mean + scale * t), expectedShortfall: 0 - mean + scale * excess };
}

function requireMoments(mean: number, deviation: number): void {
  requireFinite([mean, deviation], 'Mean and deviation');
  requireBetween(deviation, -Number.MIN_VALUE, Number.POSITIVE_INFINITY, 'The deviation');
}

function checked(outcomes: Series): Float64Array {
  requireLength(outcomes, 2, 'Outcomes');
  requireFinite(outcomes, 'Outcomes');
  return outcomes instanceof Float64Array ? outcomes : Float64Array.from(outcomes);
}
