/** Models of a volatility that moves: exponentially weighted (RiskMetrics) and GARCH(1,1). */
import { TidemarkError } from '#streams/kit/errors.ts';
import { minimise } from './bfgs.ts';
import { requireBetween, requireFinite, requireLength, type Series } from './checks.ts';
import { mean as meanOf, standardDeviation } from './statistics.ts';

/** RiskMetrics Technical Document (1996): the decay of daily variances. */
export const EWMA_DECAY = 0.94;
const BACKCAST_VALUES = 75;

/**
 * Variance expected before the first observation: the first 75 squares, weighted by 0.94^i (the rule of Python's arch). Without it the
 * recursion below would have to begin with the unconditional variance, which it is there to improve on.
 */
function backcast(values: Float64Array, middle: number): number {
  const count = Math.min(BACKCAST_VALUES, values.length);
  let sum = 0;
  let weights = 0;
  for (let index = 0; index < count; index++) {
    const weight = EWMA_DECAY ** index;
    sum += weight * (values[index]! - middle) ** 2;
    weights += weight;
  }
  return sum / weights;
}

/**
 * RiskMetrics' variance of the next outcome: v' = λ v + (1 - λ) x², zero mean, oldest first, begun at the backcast (arch's
 * `EWMAVariance`). In the square of the outcomes' unit. Throws HISTORY_TOO_SHORT below 2 values, VALUE_NOT_FINITE, PARAMETER_INVALID.
 */
export function ewmaVariance(outcomes: Series, decay = EWMA_DECAY): number {
  const values = checked(outcomes, 2);
  requireBetween(decay, 0, 1, 'The decay');
  let variance = backcast(values, 0);
  for (const value of values) variance = decay * variance + (1 - decay) * value * value;
  return variance;
}

/** GARCH(1,1) with a constant mean: r = mean + ε, v' = omega + alpha ε² + beta v. */
export interface Garch {
  /** In the unit of the outcomes. */
  readonly mean: number;
  /** In its square. */
  readonly omega: number;
  readonly alpha: number;
  readonly beta: number;
  readonly logLikelihood: number;
  /** Variance of each outcome given those before it, in the square of their unit. */
  readonly variances: Float64Array;
  /** Variance of the next outcome. */
  readonly nextVariance: number;
}

/** With fewer a fit of four parameters says nothing. */
export const GARCH_LEAST_OUTCOMES = 100;
const START_PERSISTENCE = [0.5, 0.8, 0.95, 0.985];
const START_ALPHA = [0.02, 0.05, 0.1, 0.2];

/**
 * Fits GARCH(1,1) by normal quasi-maximum likelihood (Bollerslev 1986), the variances begun as in Python's arch (`arch_model` with its
 * defaults, whose bounds on single variances are left out). 0 <= alpha, 0 <= beta, alpha + beta < 1. Throws HISTORY_TOO_SHORT below 100
 * outcomes, VALUE_NOT_FINITE, NO_VARIATION where they are constant, NOT_CONVERGED.
 */
export function fitGarch(outcomes: Series): Garch {
  const values = checked(outcomes, GARCH_LEAST_OUTCOMES);
  const scale = standardDeviation(values);
  const middle = meanOf(values);
  if (!(scale > Math.abs(middle) * 1e-14))
    throw new TidemarkError('NO_VARIATION', 'the outcomes are constant: there is no volatility to model');
  // In units of their own deviation, or the line search would meet numbers of any size.
  const scaled = values.map((value) => value / scale);
  const start = backcast(scaled, middle / scale);
  const likelihood = new Likelihood(scaled, start);
  const gradient = new Float64Array(4);
  let best: readonly number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const persistence of START_PERSISTENCE) {
    for (const alpha of START_ALPHA) {
      const at = [middle / scale, Math.log(1 - persistence), logit(persistence), logit(alpha / persistence)];
      const value = likelihood.at(Float64Array.from(at), gradient);
      if (value < least) [least, best] = [value, at];
    }
  }
  const { point, value } = minimise((at, out) => likelihood.at(at, out), best);
  const { mu, omega, alpha, beta } = parametersAt(point);
  const square = scale * scale;
  const variances = new Float64Array(values.length);
  let variance = omega + (alpha + beta) * start;
  for (let time = 0; time < values.length; time++) {
    variances[time] = variance * square;
    variance = omega + alpha * (scaled[time]! - mu) ** 2 + beta * variance;
  }
  return {
    mean: mu * scale,
    omega: omega * square,
    alpha,
    beta,
    logLikelihood: -value - values.length * (Math.log(2 * Math.PI) / 2 + Math.log(scale)),
    variances,
    nextVariance: variance * square,
  };
}

const logit = (p: number) => Math.log(p / (1 - p));
const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** From four free numbers to parameters within their bounds: omega = eᵃ, alpha + beta = logistic(b), alpha's share = logistic(c). */
function parametersAt(point: Float64Array) {
  const persistence = logistic(point[2]!);
  const share = logistic(point[3]!);
  return {
    mu: point[0]!,
    omega: Math.exp(point[1]!),
    alpha: persistence * share,
    beta: persistence * (1 - share),
    persistence,
    share,
  };
}

/** Half of Σ (ln v + ε² ÷ v), the part of the negative log-likelihood that moves, with its gradient. */
class Likelihood {
  readonly #values: Float64Array;
  readonly #start: number;

  constructor(values: Float64Array, start: number) {
    this.#values = values;
    this.#start = start;
  }

  at(point: Float64Array, gradient: Float64Array): number {
    const { mu, omega, alpha, beta, persistence, share } = parametersAt(point);
    const start = this.#start;
    let variance = omega + persistence * start;
    // Derivatives of the variance by mu, omega, alpha and beta.
    let byMu = 0;
    let byOmega = 1;
    let byAlpha = start;
    let byBeta = start;
    let sum = 0;
    let dMu = 0;
    let dOmega = 0;
    let dAlpha = 0;
    let dBeta = 0;
    for (let time = 0; time < this.#values.length; time++) {
      const error = this.#values[time]! - mu;
      const square = error * error;
      const inverse = 1 / variance;
      sum += Math.log(variance) + square * inverse;
      const weight = (1 - square * inverse) * inverse;
      dMu += weight * byMu - 2 * error * inverse;
      dOmega += weight * byOmega;
      dAlpha += weight * byAlpha;
      dBeta += weight * byBeta;
      byMu = beta * byMu - 2 * alpha * error;
      byOmega = beta * byOmega + 1;
      byAlpha = beta * byAlpha + square;
      byBeta = beta * byBeta + variance;
      variance = omega + alpha * square + beta * variance;
    }
    const slope = persistence * (1 - persistence);
    const tilt = persistence * share * (1 - share);
    gradient[0] = dMu / 2;
    gradient[1] = (dOmega * omega) / 2;
    gradient[2] = (slope * (dAlpha * share + dBeta * (1 - share))) / 2;
    gradient[3] = (tilt * (dAlpha - dBeta)) / 2;
    return Number.isFinite(sum) ? sum / 2 : Number.POSITIVE_INFINITY;
  }
}

function checked(outcomes: Series, least: number): Float64Array {
  requireLength(outcomes, least, 'Outcomes');
  requireFinite(outcomes, 'Outcomes');
  return outcomes instanceof Float64Array ? outcomes : Float64Array.from(outcomes);
}
