import { TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import { requireBetween, requireFinite } from './checks.ts';
import { cholesky, type SquareMatrix } from './statistics.ts';

/**
 * How profits are drawn. `full-cholesky`: every path draws the return of every instrument, L z, and values the holdings at it.
 * `projected`: holdings are linear in the returns, so their profit has the standard deviation √(eᵀ C e) and is drawn as one number, from the
 * same distribution, at a cost that does not depend on the number of positions.
 */
export type Sampling = 'full-cholesky' | 'projected';

export interface MonteCarloOptions {
  /** Even: each draw is used with both signs (antithetic variates). */
  readonly paths: number;
  readonly seed: string;
  /** Degrees of freedom of a multivariate Student t with the same covariance, above 2; null: normal. */
  readonly freedom: number | null;
  readonly sampling: Sampling;
  /** Trading days ahead: covariance × days, one day's tails. Default 1. */
  readonly horizonDays?: number;
}

/** Up to here every instrument is drawn; above, the projection answers within the same time. */
export const FULL_CHOLESKY_POSITIONS = 100;
/** Pairs of paths that are drawn and multiplied together: a block of L and one of z stay in the nearest caches. */
const BLOCK = 64;

/**
 * Profits of holdings under returns of mean zero and the given covariance (one day's), normal or Student t: r = √((ν - 2) ÷ W) L z
 * with L Lᵀ = covariance and W χ² of ν degrees of freedom (McNeil, Frey and Embrechts, Quantitative Risk Management, 3.2 and 6.2).
 * In the exposures' currency. The same seed gives the same paths. Throws as requireMonteCarlo, and NOT_POSITIVE_DEFINITE.
 */
export function monteCarloProfits(
  exposures: Float64Array,
  covariance: SquareMatrix,
  options: MonteCarloOptions,
): Float64Array {
  requireMonteCarlo(exposures, covariance, options);
  const { paths, seed, freedom, sampling, horizonDays = 1 } = options;
  const pairs = Math.ceil(paths / 2);
  const random = new Random(seed);
  const draws =
    sampling === 'projected'
      ? projectedDraws(exposures, covariance, pairs, random)
      : fullDraws(exposures, cholesky(covariance), pairs, random);
  const profits = new Float64Array(2 * pairs);
  const scale = Math.sqrt(horizonDays);
  for (let pair = 0; pair < pairs; pair++) {
    const mixing = freedom === null ? 1 : Math.sqrt((freedom - 2) / chiSquare(random, freedom));
    profits[2 * pair] = draws[pair]! * mixing * scale;
    profits[2 * pair + 1] = 0 - profits[2 * pair]!;
  }
  return profits;
}

/** What every simulation asks of what it is given. Throws PARAMETER_INVALID, SHAPE_MISMATCH, VALUE_NOT_FINITE. */
export function requireMonteCarlo(
  exposures: Float64Array,
  covariance: SquareMatrix,
  { paths, freedom, horizonDays = 1 }: Omit<MonteCarloOptions, 'seed' | 'sampling'>,
): void {
  requireBetween(paths, 1, 1e8, 'The number of paths');
  requireBetween(horizonDays, 0.5, 1_000, 'The horizon in days');
  if (freedom !== null) requireBetween(freedom, 2, 1e6, 'The degrees of freedom');
  if (exposures.length !== covariance.size)
    throw new TidemarkError(
      'SHAPE_MISMATCH',
      `${exposures.length} exposures against a covariance of ${covariance.size}`,
    );
  requireFinite(exposures, 'Exposures');
}

/** √(eᵀ C e) z. */
function projectedDraws(exposures: Float64Array, covariance: SquareMatrix, pairs: number, random: Random) {
  const deviation = Math.sqrt(Math.max(0, quadraticForm(exposures, covariance)));
  return Float64Array.from({ length: pairs }, () => deviation * random.normal());
}

/** eᵀ C e: the variance of the holdings. */
export function quadraticForm(exposures: Float64Array, { size, values }: SquareMatrix): number {
  let sum = 0;
  for (let row = 0; row < size; row++) {
    let along = 0;
    for (let column = 0; column < size; column++) along += values[row * size + column]! * exposures[column]!;
    sum += exposures[row]! * along;
  }
  return sum;
}

/** e · L z, the returns of all instruments of a block of paths at a time. */
function fullDraws(exposures: Float64Array, lower: Float64Array, pairs: number, random: Random): Float64Array {
  const size = exposures.length;
  const draws = new Float64Array(pairs);
  const normals = new Float64Array(size * BLOCK);
  const returns = new Float64Array(BLOCK);
  for (let from = 0; from < pairs; from += BLOCK) {
    const width = Math.min(BLOCK, pairs - from);
    for (let place = 0; place < size * BLOCK; place++) normals[place] = random.normal();
    for (let row = 0; row < size; row++) {
      returnsOfRow(lower, row, size, normals, returns);
      const exposure = exposures[row]!;
      for (let path = 0; path < width; path++) draws[from + path]! += exposure * returns[path]!;
    }
  }
  return draws;
}

/** Row of L times the block of z, four instruments at a time: so each return is loaded and stored a quarter as often. */
function returnsOfRow(
  lower: Float64Array,
  row: number,
  size: number,
  normals: Float64Array,
  returns: Float64Array,
): void {
  returns.fill(0);
  const whole = row + 1 - ((row + 1) % 4);
  for (let column = 0; column < whole; column += 4) {
    const place = row * size + column;
    const a = lower[place]!;
    const b = lower[place + 1]!;
    const c = lower[place + 2]!;
    const d = lower[place + 3]!;
    const at = column * BLOCK;
    for (let path = 0; path < BLOCK; path++) {
      const first = a * normals[at + path]! + b * normals[at + BLOCK + path]!;
      const second = c * normals[at + 2 * BLOCK + path]! + d * normals[at + 3 * BLOCK + path]!;
      returns[path]! += first + second;
    }
  }
  for (let column = whole; column <= row; column++) {
    const weight = lower[row * size + column]!;
    const at = column * BLOCK;
    for (let path = 0; path < BLOCK; path++) returns[path]! += weight * normals[at + path]!;
  }
}

/** χ² of any degrees of freedom above 2: twice a gamma (Marsaglia and Tsang, A simple method for generating gamma variables, 2000). */
function chiSquare(random: Random, freedom: number): number {
  const d = freedom / 2 - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return 2 * d * v;
  }
}
