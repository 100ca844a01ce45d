/** Whether one forecast is better than another, or only was luckier. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, requireSameLength, type Series } from './checks.ts';
import { studentTCdf } from './distributions.ts';
import { mean } from './statistics.ts';

export interface ForecastComparison {
  /** Mean of the first's loss less the second's: positive, the second is better. */
  readonly meanDifference: number;
  /** The mean over its standard error, with the correction for small samples. */
  readonly statistic: number;
  /** Probability of such a statistic or a larger one where both are equally good. */
  readonly p: number;
  readonly observations: number;
  /** Lags over which losses may depend on each other. */
  readonly lag: number;
}

/**
 * The test of Diebold and Mariano (Journal of Business & Economic Statistics 13, 1995) on losses of two forecasts by time, one-sided: is the second
 * better? The variance of the mean is Newey and West's (Econometrica 55, 1987: Bartlett's weights, which are never negative) with `lag`
 * lags; statistic and distribution as Harvey, Leybourne and Newbold (International Journal of Forecasting 13, 1997) correct them for small
 * samples, with a horizon of lag + 1: times √((n + 1 - 2h + h(h - 1)/n) / n), Student's t with n - 1. Throws SHAPE_MISMATCH, VALUE_NOT_FINITE,
 * HISTORY_TOO_SHORT below two observations, PARAMETER_INVALID unless the lag is a whole number from 0 to below n ÷ 2, NO_VARIATION where all
 * differences are one number.
 */
export function compareForecasts(first: Series, second: Series, lag: number): ForecastComparison {
  requireSameLength(first, second, 'Losses of the first and of the second forecast');
  requireFinite(first, 'Losses of the first forecast');
  requireFinite(second, 'Losses of the second forecast');
  requireLength(first, 2, 'Losses');
  const observations = first.length;
  if (!(Number.isInteger(lag) && lag >= 0 && 2 * lag < observations))
    throw new TidemarkError(
      'PARAMETER_INVALID',
      `the lag is ${lag}: expected a whole number from 0 to below half of ${observations} observations`,
    );
  const differences = Float64Array.from(first, (loss, index) => loss - second[index]!);
  const meanDifference = mean(differences);
  const apart = differences.map((difference) => difference - meanDifference);
  const scale = apart.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  // What rounding leaves of differences that are one number.
  if (!(scale > Math.abs(meanDifference) * 1e-13))
    throw new TidemarkError('NO_VARIATION', 'the losses differ by one number');
  let variance = 0;
  for (let back = 0; back <= lag; back++) {
    let product = 0;
    for (let at = back; at < observations; at++) product += (apart[at]! / scale) * (apart[at - back]! / scale);
    variance += (back === 0 ? 1 : 2 * (1 - back / (lag + 1))) * (product / observations);
  }
  const horizon = lag + 1;
  const correction = (observations + 1 - 2 * horizon + (horizon * (horizon - 1)) / observations) / observations;
  const statistic = ((meanDifference / scale) * Math.sqrt(correction)) / Math.sqrt(variance / observations);
  return { meanDifference, statistic, p: studentTCdf(-statistic, observations - 1), observations, lag };
}
