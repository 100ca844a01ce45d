import { moneyWeightedReturn } from '#quant/money-weighted.ts';
import type { DailyClose, PnlDay } from '#sinks/postgres/read.ts';

/** Daily returns of a portfolio, oldest first. */
export interface Returns {
  readonly dates: readonly string[];
  readonly returns: readonly number[];
  /** Days that began without equity: they have no return. */
  readonly leftOut: number;
}

/**
 * A day's return is its P&L over what there was before it with the day's deposits (flows at the start of the day), so that
 * deposits are no return: chained, it is the time-weighted one.
 */
export function dailyReturns(days: readonly PnlDay[]): Returns {
  const counted = days.filter(({ equity, dayPnl }) => equity - dayPnl > 0);
  return {
    dates: counted.map(({ date }) => date),
    returns: counted.map(({ equity, dayPnl }) => dayPnl / (equity - dayPnl)),
    leftOut: days.length - counted.length,
  };
}

/** The benchmark's return of each day that has one: from the close before. */
export function benchmarkReturns(closes: readonly DailyClose[]): Map<string, number> {
  const market = new Map<string, number>();
  closes.forEach(({ date, close }, index) => {
    const before = closes[index - 1]?.close ?? 0;
    if (before > 0) market.set(date, close / before - 1);
  });
  return market;
}

/** The days of which equity and P&L are known. */
export const knownDays = (days: readonly PnlDay[]): PnlDay[] =>
  days.filter(({ equity, dayPnl }) => Number.isFinite(equity) && Number.isFinite(dayPnl));

const DAY_MS = 86_400_000;
/** Flows below this share of equity are what rounding leaves of none. */
const NOISE = 1e-9;

/**
 * Money-weighted return a year (XIRR) from the first day's opening value to the last day's closing one; what came in or went out
 * is what a day's P&L does not explain of the change of equity, at the beginning of the day. Throws as `moneyWeightedReturn`.
 */
export function moneyWeighted(days: readonly PnlDay[]): number {
  const flows = days.flatMap(({ date, equity, dayPnl }, index) => {
    const before = days[index - 1]?.equity ?? 0;
    const amount = equity - dayPnl - before;
    const isNoise = Math.abs(amount) <= NOISE * Math.max(Math.abs(equity), Math.abs(before));
    return isNoise ? [] : [{ day: Date.parse(date) / DAY_MS - 1, amount: -amount }];
  });
  const last = days.at(-1);
  return moneyWeightedReturn(last ? [...flows, { day: Date.parse(last.date) / DAY_MS, amount: last.equity }] : flows);
}

/** Compounded growth of 1 at the end of each day. */
export function growth(returns: readonly number[]): number[] {
  let wealth = 1;
  return returns.map((value) => {
    wealth *= 1 + value;
    return wealth;
  });
}

/** How far below its highest so far each day's wealth is, as a share of it: zero or less. The start, 1, is a peak too. */
export function underwater(wealth: readonly number[]): number[] {
  let peak = 1;
  return wealth.map((value) => {
    peak = Math.max(peak, value);
    return value / peak - 1;
  });
}

/** Compounded returns by a part of the date: its first 4 letters are the year, its first 7 the month. */
export function compoundedBy(
  dates: readonly string[],
  returns: readonly number[],
  letters: 4 | 7,
): Map<string, number> {
  const parts = new Map<string, number>();
  dates.forEach((date, index) => {
    const part = date.slice(0, letters);
    parts.set(part, (1 + (parts.get(part) ?? 0)) * (1 + returns[index]!) - 1);
  });
  return parts;
}
