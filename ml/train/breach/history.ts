import { UNIVERSE } from '#connectors/demo/strategies.ts';
import { loadHistory } from '#connectors/replay/history.ts';
import { closeMicros } from '#connectors/replay/parse.ts';
import { dayOfDate } from '#topologies/kit/days.ts';
import { RISK_SETTINGS } from '#topologies/risk/settings.ts';
import type { MarketReturn } from '../../features/breach-set.ts';

/** The shipped closes as rows of numbers: one number a trading day, NaN before an instrument's first. */
export interface Closes {
  readonly dates: readonly string[];
  /** UTC days, whole days since 1970, and the event times of the closes, microseconds. */
  readonly days: readonly number[];
  readonly eventTimes: readonly number[];
  readonly prices: ReadonlyMap<string, Float64Array>;
  /** Return from the day before; 0 on the first and where either price is missing. */
  readonly returns: ReadonlyMap<string, Float64Array>;
}

export function loadCloses(): Closes {
  const history = loadHistory();
  const names = [...UNIVERSE, RISK_SETTINGS.benchmark];
  const price = (name: string) =>
    Float64Array.from(history, ({ closes }) => Number(closes.get(name)?.price ?? Number.NaN));
  const prices = new Map(names.map((name) => [name, price(name)]));
  const change = (row: Float64Array) => row.map((value, at) => (at === 0 ? 0 : value / row[at - 1]! - 1 || 0));
  return {
    dates: history.map(({ date }) => date),
    days: history.map(({ date }) => dayOfDate(date)),
    eventTimes: history.map(({ date }) => closeMicros(date)),
    prices,
    returns: new Map([...prices].map(([name, row]) => [name, change(row)])),
  };
}

/** The benchmark's daily returns. */
export function marketReturns({ days, returns }: Closes): MarketReturn[] {
  const row = returns.get(RISK_SETTINGS.benchmark)!;
  return days.slice(1).map((day, index) => ({ day, simpleReturn: row[index + 1]! }));
}
