import { Random } from '#streams/kit/random.ts';
import { requireBetween, requireSameLength } from './checks.ts';
import type { Garch } from './volatility.ts';

export interface FilteredOptions {
  /** Trading days ahead; whole, from 1. */
  readonly horizonDays: number;
  /** Paths beyond one day; one day ahead every past residual is one outcome. */
  readonly paths: number;
  readonly seed: string;
}

/**
 * Filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999): past outcomes over the volatility of their day, drawn
 * again at today's volatility. One day ahead: mean + σ z for each past residual z, no drawing. Further: paths along which drawn
 * residuals move the volatility on, each the sum of its days. The same seed gives the same paths. `model` is `fitGarch` of the outcomes,
 * oldest first. Throws SHAPE_MISMATCH for a model of others, PARAMETER_INVALID for the horizon.
 */
export function filteredOutcomes(
  outcomes: Float64Array,
  model: Garch,
  { horizonDays, paths, seed }: FilteredOptions,
): Float64Array {
  requireBetween(horizonDays, 0.5, 1_000, 'The horizon in days');
  requireSameLength(outcomes, model.variances, 'Outcomes and their model');
  const { mean, omega, alpha, beta, nextVariance, variances } = model;
  const residuals = outcomes.map((x, time) => (x - mean) / Math.sqrt(variances[time]!));
  const today = Math.sqrt(nextVariance);
  if (horizonDays === 1) return residuals.map((z) => mean + today * z);
  const random = new Random(seed);
  // Of so few residuals the 2^32 numbers of a draw favour none by more than a millionth; `below` would take twice as long.
  const scale = residuals.length / 4_294_967_296;
  const sums = new Float64Array(paths);
  for (let path = 0; path < paths; path++) {
    let variance = nextVariance;
    let sum = 0;
    for (let day = 0; day < horizonDays; day++) {
      const shock = Math.sqrt(variance) * residuals[Math.floor(random.uint32() * scale)]!;
      sum += mean + shock;
      variance = omega + alpha * shock * shock + beta * variance;
    }
    sums[path] = sum;
  }
  return sums;
}
