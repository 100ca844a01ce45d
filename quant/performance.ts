/**
 * How a portfolio has done, from its simple daily returns, oldest first. Conventions of empyrical-reloaded: 252 days a year, ddof 1. Where it
 * answers NaN or infinity, these throw: NO_VARIATION where a ratio has nothing to divide by, HISTORY_TOO_SHORT below 2 returns (below
 * 1 for plain returns), VALUE_NOT_FINITE, WEALTH_LOST where compounded wealth is not positive and has no annual rate.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, requireSameLength, type Series } from './checks.ts';
import { maxDrawdown } from './drawdown.ts';
import { quantile } from './order-statistics.ts';
import { beta, mean, standardDeviation } from './statistics.ts';

/** Trading days a year. */
export const DAYS_A_YEAR = 252;
/** A dispersion below this share of the largest return is what rounding leaves of a constant. */
const NOISE = 1e-14;

/** Compounded return over all days: 0.5 is half more. */
export const cumulativeReturn = (returns: Series): number => wealthOf(returns) - 1;

/** Compounded return a year (empyrical's annual_return, cagr). */
export function annualReturn(returns: Series): number {
  requireLength(returns, 1, 'Returns');
  const wealth = wealthOf(returns);
  if (!(wealth > 0)) throw new TidemarkError('WEALTH_LOST', 'all was lost: there is no annual rate of return');
  return wealth ** (DAYS_A_YEAR / returns.length) - 1;
}

/** What 1 has become. Not by way of the return: after a thousand days of losses 1 + (wealth - 1) has no digit left. */
function wealthOf(returns: Series): number {
  requireFinite(returns, 'Returns');
  let wealth = 1;
  for (let day = 0; day < returns.length; day++) wealth *= 1 + returns[day]!;
  return wealth;
}

/** Sample deviation a year. */
export const annualVolatility = (returns: Series): number => standardDeviation(returns) * Math.sqrt(DAYS_A_YEAR);

/** Mean over deviation of the returns less a daily risk-free rate, annualised. */
export function sharpeRatio(returns: Series, riskFree = 0): number {
  const excess = less(returns, riskFree);
  return (mean(excess) / dispersion(excess, standardDeviation(excess))) * Math.sqrt(DAYS_A_YEAR);
}

/** Deviation of the returns below the one required (a day's), over all days, annualised. 0 where none is below. */
export function downsideRisk(returns: Series, required = 0): number {
  requireLength(returns, 1, 'Returns');
  const below = less(returns, required).map((value) => Math.min(value, 0) ** 2);
  return Math.sqrt(mean(below) * DAYS_A_YEAR);
}

/** Mean over downside risk of the returns less the one required, annualised. */
export function sortinoRatio(returns: Series, required = 0): number {
  requireLength(returns, 2, 'Returns');
  const risk = dispersion(returns, downsideRisk(returns, required));
  return (mean(less(returns, required)) * DAYS_A_YEAR) / risk;
}

/** Annual return over the deepest drawdown. */
export function calmarRatio(returns: Series): number {
  return annualReturn(returns) / dispersion(returns, maxDrawdown(returns));
}

/** What was earned above a yearly required return over what was missed below it, day by day. */
export function omegaRatio(returns: Series, requiredAYear = 0): number {
  requireLength(returns, 2, 'Returns');
  if (!(requiredAYear > -1))
    throw new TidemarkError('PARAMETER_INVALID', `a required return of ${requiredAYear} a year`);
  const excess = less(returns, (1 + requiredAYear) ** (1 / DAYS_A_YEAR) - 1);
  let above = 0;
  let below = 0;
  for (const value of excess) {
    if (value > 0) above += value;
    else below -= value;
  }
  return above / dispersion(excess, below);
}

/** Mean over deviation of the returns less the benchmark's, of a day (empyrical's excess_sharpe; times √252 for a year). */
export function informationRatio(returns: Series, benchmark: Series): number {
  requireSameLength(returns, benchmark, 'Returns and benchmark');
  const active = Float64Array.from(returns, (value, day) => value - benchmark[day]!);
  return mean(active) / dispersion(active, standardDeviation(active));
}

/** Jensen's alpha: the mean of what beta does not explain, compounded to a year. With the beta. */
export function alphaBeta(
  returns: Series,
  benchmark: Series,
  riskFree = 0,
): { readonly alpha: number; readonly beta: number } {
  requireSameLength(returns, benchmark, 'Returns and benchmark');
  const [own, market] = [less(returns, riskFree), less(benchmark, riskFree)];
  const slope = beta(own, market);
  const unexplained = own.map((value, day) => value - slope * market[day]!);
  return { alpha: (1 + mean(unexplained)) ** DAYS_A_YEAR - 1, beta: slope };
}

/** The 95 % quantile over the 5 % one, each by its size: above 1 the good tail is the longer. */
export function tailRatio(returns: Series): number {
  const low = Math.abs(quantile(returns, 0.05));
  return Math.abs(quantile(returns, 0.95)) / dispersion(returns, low);
}

/** Annual return over the benchmark's, of the days on which the benchmark rose (`up`) or fell. */
export function capture(returns: Series, benchmark: Series, side: 'up' | 'down'): number {
  requireSameLength(returns, benchmark, 'Returns and benchmark');
  requireFinite(benchmark, 'The benchmark');
  const days = [...benchmark.keys()].filter((day) => (side === 'up' ? benchmark[day]! > 0 : benchmark[day]! < 0));
  const of = (row: Series) => annualReturn(days.map((day) => row[day]!));
  return of(returns) / dispersion(benchmark, of(benchmark));
}

function less(returns: Series, amount: number): Float64Array {
  requireFinite(returns, 'Returns');
  return Float64Array.from(returns, (value) => value - amount);
}

/** What a ratio divides by. Throws NO_VARIATION when it is zero up to rounding noise of the returns. */
function dispersion(returns: Series, value: number): number {
  let largest = 0;
  for (let day = 0; day < returns.length; day++) largest = Math.max(largest, Math.abs(returns[day]!));
  if (Math.abs(value) <= largest * NOISE)
    throw new TidemarkError(
      'NO_VARIATION',
      'the returns do not vary (or never fall): the ratio has nothing to divide by',
    );
  return value;
}
