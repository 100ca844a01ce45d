import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type {
  DailyReturn,
  Instrument,
  PortfolioPnl,
  Position,
  RiskBacktest,
  RiskMeasures,
  RiskTail,
} from '#schemas/generated/types.ts';
import { type DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { risk } from '#topologies/risk/graph.ts';
import type { RiskSettings } from '#topologies/risk/settings.ts';
import { closesOf } from '../golden/history.ts';
import { instrument, NOW_MS } from './desk.ts';

const DAY_MS = 86_400_000;
/** Microseconds of a time, e.g. `micros('2022-12-29T10:00:00')`. */
export const micros = (text: string): number => Date.parse(`${text}Z`) * 1000;

/** An open position as positions writes it: a value of `amount` at a mark of 10; no mark: `amount` null. */
export function held(
  portfolio: string,
  name: string,
  amount: number | null,
  eventTime: number,
  currency = 'USD',
): Position {
  const quantity = amount === null ? parseDecimal('1') : parseDecimal((amount / 10).toFixed(9));
  const units = Number(formatDecimal(quantity));
  return {
    eventTime,
    portfolio,
    instrument: name,
    quantity,
    cost: 0n,
    averagePrice: 0,
    markPrice: amount === null ? null : units === 0 ? 10 : amount / units,
    markTime: eventTime,
    multiplier: parseDecimal('1'),
    currency,
    realizedPnl: 0n,
    unrealizedPnl: amount === null ? null : 0,
    commission: 0n,
    dividends: 0n,
    cashFlow: 0n,
    fills: 1,
    revision: 1,
    unpriced: amount === null,
    cause: 'MARK',
    sourceTopic: 'market.trades',
    sourceEventTime: eventTime,
  };
}

const worth = (portfolio: string, equity: number, eventTime: number): PortfolioPnl => ({
  eventTime,
  portfolio,
  cash: 0n,
  realizedPnl: 0n,
  commission: 0n,
  unrealizedPnl: 0,
  equity,
  dayPnl: 0,
  grossExposure: 0,
  netExposure: 0,
  peakEquity: equity,
  drawdown: 0,
  openPositions: 0,
  unpricedPositions: 0,
  baseCurrency: 'USD',
  missingRates: [],
  currencies: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: eventTime,
});

/** The risk topology, fed by hand. */
export class RiskDesk {
  readonly driver: TopologyTestDriver;

  constructor(settings?: RiskSettings) {
    this.driver = new TopologyTestDriver(risk(settings), { partitions: 1, now: () => NOW_MS });
  }

  /** The last `count` shipped daily returns of an instrument up to a date, each known at the end of its day. */
  history(name: string, count: number, to = '9999'): this {
    const { dates, prices } = closesOf(name);
    const end = dates.findLastIndex((date) => date <= to);
    for (let index = Math.max(1, end + 1 - count); index <= end; index++)
      this.dailyReturn(name, dates[index]!, prices[index]! / prices[index - 1]! - 1);
    return this;
  }
  /** A return, known at the end of its day unless said otherwise. */
  dailyReturn(
    name: string,
    date: string,
    simpleReturn: number,
    knownMs = Date.parse(date) + DAY_MS,
    turnover: number | null = null,
  ): this {
    const value: DailyReturn = {
      eventTime: knownMs * 1000,
      instrument: name,
      date,
      close: 1 + simpleReturn,
      previousClose: 1,
      previousDate: '1989-12-29',
      simpleReturn,
      splitFactor: 1,
      dividend: 0,
      turnover,
      revision: 0,
      sourceTopic: 'market.trades',
      sourceEventTime: knownMs * 1000,
    };
    this.driver.pipe('market.returns', { key: `${name}/${date}`, value, timestampMs: knownMs });
    return this;
  }
  sector(name: string, sector: string): this {
    const value: Instrument = { ...instrument(name, '1', micros('1990-01-01T00:00:00')), sector };
    this.driver.pipe('reference.instruments', { key: name, value, timestampMs: Math.floor(value.eventTime / 1000) });
    return this;
  }
  /** `amount` null: without a mark; 0: closed. */
  hold(portfolio: string, name: string, amount: number | null, eventTime: number, currency = 'USD'): this {
    const value = held(portfolio, name, amount, eventTime, currency);
    this.driver.pipe('portfolio.positions', {
      key: `${portfolio}/${name}`,
      value,
      timestampMs: Math.floor(eventTime / 1000),
    });
    return this;
  }
  equity(portfolio: string, equity: number, eventTime: number, more: Partial<PortfolioPnl> = {}): this {
    const value = { ...worth(portfolio, equity, eventTime), ...more };
    this.driver.pipe('portfolio.pnl', { key: portfolio, value, timestampMs: Math.floor(eventTime / 1000) });
    return this;
  }
  commit(): this {
    this.driver.commit();
    return this;
  }
  outputs(): DriverOutput<RiskMeasures>[] {
    return this.driver.read<RiskMeasures>('risk.measures');
  }
  /** Of every day judged since the last read. */
  backtests(): RiskBacktest[] {
    return this.driver.read<RiskBacktest>('risk.backtests').map(({ value }) => value);
  }
  /** What was written since the last read, after a commit. */
  measures(): RiskMeasures[] {
    return this.commit()
      .outputs()
      .map(({ value }) => value);
  }
}

/** The entry of a method; one day ahead and of the newest scenarios unless said otherwise. */
export function entry(
  { measures }: RiskMeasures,
  method: string,
  confidence: number,
  { horizonDays = 1, isStressed = false } = {},
): RiskTail {
  const found = measures.filter(
    (one) =>
      one.method === method &&
      one.confidence === confidence &&
      one.horizonDays === horizonDays &&
      (one.stressWindow !== null) === isStressed,
  );
  if (found.length !== 1) throw new Error(`${found.length} entries of ${method} at ${confidence}`);
  return found[0]!;
}
