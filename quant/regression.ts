/** Least squares with an intercept, as econometrics reports it. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, requireSameLength, type Series } from './checks.ts';
import { studentTCdf } from './distributions.ts';
import { type LeastSquares, leastSquares, norm } from './least-squares.ts';

export interface Coefficient {
  readonly estimate: number;
  readonly standardError: number;
  /** estimate / standardError. */
  readonly t: number;
  /** Two-sided, by Student's t with the regression's degrees of freedom. */
  readonly p: number;
}
export interface Regression {
  readonly intercept: Coefficient;
  /** In the order of the factors. */
  readonly slopes: readonly Coefficient[];
  /** Share of the variance that the factors explain. */
  readonly rSquared: number;
  /** The same, less what as many factors explain by chance. */
  readonly adjustedRSquared: number;
  readonly observations: number;
  /** observations - factors - 1. */
  readonly degreesOfFreedom: number;
  /** Lags of the Newey–West errors; null: errors are the classical ones. */
  readonly lag: number | null;
}

/** Residuals, or deviations from the mean, shorter than this share of the values are what rounding leaves of none. */
const NOISE = 1e-13;

/** Lags of Newey–West errors by the length of the history: ⌊4 (n/100)^(2/9)⌋ (Newey and West 1994, as Stata and EViews have it). */
export const neweyWestLag = (observations: number): number => Math.floor(4 * (observations / 100) ** (2 / 9));

/**
 * Regresses `values` on an intercept and `factors` (each as long as the values) by Householder's QR. Errors: with `lag` null the classical
 * ones, s²(XᵀX)⁻¹ with ddof; with a lag those of Newey and West (Econometrica 55, 1987), robust to changing volatility and to
 * autocorrelation up to that lag, Bartlett's weights, times n ÷ (n - factors - 1) as in Stata's `newey`. Throws SHAPE_MISMATCH,
 * VALUE_NOT_FINITE, HISTORY_TOO_SHORT without a degree of freedom, PARAMETER_INVALID where the lag is no whole number from 0 to n - 1,
 * COLLINEAR where a factor is constant or made up of the others, NO_VARIATION where the values are constant or the factors explain them
 * without a rest: then there is no error to measure.
 */
export function regress(values: Series, factors: readonly Series[], lag: number | null = null): Regression {
  const count = values.length;
  const degreesOfFreedom = count - factors.length - 1;
  requireFinite(values, 'Values');
  factors.forEach((factor, index) => {
    requireSameLength(values, factor, `Values and factor ${index}`);
    requireFinite(factor, `Factor ${index}`);
  });
  requireLength(values, factors.length + 2, 'Values');
  if (lag !== null && !(Number.isInteger(lag) && lag >= 0 && lag < count))
    throw new TidemarkError('PARAMETER_INVALID', `the lag is ${lag}: expected a whole number from 0 to ${count - 1}`);
  // Of length one, so that squares of values of any size are numbers.
  const scale = norm(values);
  const scaled = Float64Array.from(values, (value) => (scale > 0 ? value / scale : 0));
  const total = squaresAboutMean(scaled);
  if (!(Math.sqrt(total) > NOISE)) throw new TidemarkError('NO_VARIATION', 'the values do not vary');
  const fit = leastSquares(scaled, [new Float64Array(count).fill(1), ...factors]);
  const rest = fit.residuals.reduce((sum, residual) => sum + residual * residual, 0);
  if (!(Math.sqrt(rest) > NOISE))
    throw new TidemarkError(
      'NO_VARIATION',
      'the factors explain the values without a rest: there is no error to measure',
    );
  const variances =
    lag === null
      ? fit.inverseDiagonal.map((value) => (value * rest) / degreesOfFreedom)
      : neweyWest(fit, lag).map((value) => (value * count) / degreesOfFreedom);
  const [intercept, ...slopes] = fit.estimates.map((estimate, index) =>
    coefficient(estimate, variances[index]!, scale, degreesOfFreedom),
  );
  const rSquared = 1 - rest / total;
  const adjustedRSquared = 1 - ((rest / total) * (count - 1)) / degreesOfFreedom;
  return {
    intercept: intercept!,
    slopes,
    rSquared,
    adjustedRSquared,
    observations: count,
    degreesOfFreedom,
    lag,
  };
}

function coefficient(slope: number, variance: number, scale: number, degreesOfFreedom: number): Coefficient {
  const error = Math.sqrt(variance);
  const [estimate, standardError] = [slope * scale, error * scale];
  requireFinite([slope, error, estimate, standardError], 'A coefficient and its error');
  if (!(standardError > 0)) throw new TidemarkError('NO_VARIATION', 'a coefficient has an error of zero');
  const t = slope / error;
  return { estimate, standardError, t, p: 2 * studentTCdf(-Math.abs(t), degreesOfFreedom) };
}

/**
 * Variances of the estimates: each is the sum over days of what the day's residual moved it by, so its variance is that of a sum of values
 * that depend on each other up to the lag.
 */
function neweyWest({ residuals, influences }: LeastSquares, lag: number): number[] {
  return influences.map((influence) => {
    const moved = residuals.map((residual, day) => residual * influence[day]!);
    let variance = 0;
    for (let back = 0; back <= lag; back++) {
      let product = 0;
      for (let day = back; day < moved.length; day++) product += moved[day]! * moved[day - back]!;
      variance += back === 0 ? product : 2 * (1 - back / (lag + 1)) * product;
    }
    return variance;
  });
}

function squaresAboutMean(values: Series): number {
  let mean = 0;
  for (let day = 0; day < values.length; day++) mean += values[day]! / values.length;
  let squares = 0;
  for (let day = 0; day < values.length; day++) squares += (values[day]! - mean) ** 2;
  return squares;
}
