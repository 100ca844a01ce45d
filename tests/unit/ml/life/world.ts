/** A made world: two portfolios with limits, a market, and a day from which limits are broken more often than before. */
import type { BreachRecord } from '#ml/features/breach-set.ts';
import type { DailyReturn, LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { Random } from '#streams/kit/random.ts';

export const DAY_MICROS = 86_400e6;
/** 2010-01-04; every day is a trading day. */
export const FIRST_DAY = 14_613;
export const PORTFOLIOS = ['fund-a', 'fund-b'];
export const MARKET = 'SP500';
const TYPES = ['volatility', 'value-at-risk', 'gross-exposure', 'beta', 'leverage', 'sector-concentration'];
/** Utilisation at rest; its logarithm goes like an AR(1) about it. */
const REST = 0.62;
const [PERSISTENCE, NOISE] = [0.85, 0.09];

export interface WorldDay {
  /** UTC day, whole days since 1970. */
  readonly day: number;
  /** End of the trading day, microseconds. */
  readonly eventTime: number;
  readonly market: DailyReturn;
  readonly pnl: readonly PortfolioPnl[];
  readonly utilisation: readonly LimitUtilisation[];
  readonly breaches: readonly RiskBreach[];
}
export interface WorldOptions {
  readonly seed: string;
  readonly days: number;
  /** Days after the first from which on limits move more, and well used ones are often broken within the day; null: never. */
  readonly shiftAt: number | null;
}

/** The same options give the same days. */
export function* world({ seed, days, shiftAt }: WorldOptions): Generator<WorldDay> {
  const random = new Random(seed);
  const logs = new Map(PORTFOLIOS.flatMap((portfolio) => TYPES.map((type) => [`${portfolio}/${type}`, 0])));
  // It comes back to where it was: the drawdown of a random walk would be another one each year.
  let level = 0;
  const equity = new Map(PORTFOLIOS.map((portfolio) => [portfolio, 1e6]));
  for (let index = 0; index < days; index++) {
    const day = FIRST_DAY + index;
    const eventTime = day * DAY_MICROS + 21 * 3600e6;
    const hasShifted = shiftAt !== null && index >= shiftAt;
    const before = level;
    level = 0.9 * level + 0.01 * random.normal();
    const marketMove = level - before;
    const pnl = PORTFOLIOS.map((portfolio) => {
      const worth = equity.get(portfolio)!;
      const dayPnl = worth * (0.6 * marketMove + 0.006 * random.normal());
      equity.set(portfolio, worth + dayPnl);
      return pnlOf(portfolio, eventTime, worth + dayPnl, dayPnl);
    });
    const utilisation: LimitUtilisation[] = [];
    const breaches: RiskBreach[] = [];
    for (const key of logs.keys()) {
      const [portfolio, type] = key.split('/') as [string, string];
      const log = PERSISTENCE * logs.get(key)! + (hasShifted ? 1.6 : 1) * NOISE * random.normal();
      logs.set(key, log);
      const used = REST * Math.exp(log);
      const dip = random.uniform();
      // Within the day it was over the limit, and is not any more.
      const isBroken = used < 1 && used > 0.66 && dip < (hasShifted ? 0.25 : 0.03);
      utilisation.push(utilisationOf(portfolio, type, eventTime + 1e6, used));
      if (isBroken || used >= 1) breaches.push(breachOf(portfolio, type, eventTime + 1e6, index));
    }
    yield { day, eventTime, market: returnOf(day, marketMove), pnl, utilisation, breaches };
  }
}

/** The records of a portfolio on a day, in their order. */
export const recordsOf = ({ pnl, utilisation, breaches }: WorldDay, portfolio: string): BreachRecord[] => [
  ...pnl.filter((each) => each.portfolio === portfolio).map((value) => ({ kind: 'pnl', value }) as const),
  ...utilisation
    .filter((each) => each.portfolio === portfolio)
    .map((value) => ({ kind: 'utilisation', limitId: value.limitId, value, eventTime: value.eventTime }) as const),
  ...breaches.filter((each) => each.portfolio === portfolio).map((value) => ({ kind: 'breach', value }) as const),
];

const pnlOf = (portfolio: string, eventTime: number, equity: number, dayPnl: number): PortfolioPnl => ({
  ...{ eventTime, portfolio, cash: 0n, realizedPnl: 0n, commission: 0n, unrealizedPnl: 0, equity, dayPnl },
  ...{ grossExposure: equity, netExposure: equity, peakEquity: equity, drawdown: 0, openPositions: 1 },
  ...{ unpricedPositions: 0, baseCurrency: 'USD', missingRates: [], currencies: [] },
  ...{ sourceTopic: 'portfolio.positions', sourceEventTime: eventTime },
});

const utilisationOf = (portfolio: string, type: string, eventTime: number, used: number): LimitUtilisation => ({
  ...{ eventTime, portfolio, limitId: type, type, severity: 'SOFT', scope: 'PORTFOLIO', scopeId: null, subject: null },
  ...{ value: used * 1e5, threshold: 1e5, baseThreshold: 1e5, utilisation: used, reason: null, since: eventTime },
  ...{ state: used >= 1 ? 'BREACHED' : 'OK', sourceTopic: 'portfolio.pnl', sourceEventTime: eventTime },
});

const breachOf = (portfolio: string, type: string, eventTime: number, index: number): RiskBreach => ({
  ...{ eventTime, portfolio, breachId: `${portfolio}/${type}/${index}`, limitId: type, type, severity: 'SOFT' },
  ...{ scope: 'PORTFOLIO', scopeId: null, subject: null, event: 'OPENED', level: 'BREACH', value: 1e5, threshold: 1e5 },
  ...{ utilisation: 1, reason: null, openedAt: eventTime, evidence: [] },
  ...{ sourceTopic: 'portfolio.pnl', sourceEventTime: eventTime },
});

const returnOf = (day: number, simpleReturn: number): DailyReturn => ({
  ...{
    eventTime: day * DAY_MICROS + 21 * 3600e6,
    instrument: MARKET,
    date: dateOf(day),
    previousDate: dateOf(day - 1),
  },
  ...{ close: 100 * (1 + simpleReturn), previousClose: 100, simpleReturn, splitFactor: 1, dividend: 0, turnover: null },
  ...{ revision: 0, sourceTopic: 'market.bars', sourceEventTime: day * DAY_MICROS },
});

export const dateOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);
