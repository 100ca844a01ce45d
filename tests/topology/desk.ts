import { parseDecimal } from '#schemas/decimal.ts';
import type {
  CashMovement,
  Fill,
  Instrument,
  InstrumentMark,
  Portfolio,
  PortfolioPnl,
  Position,
  Trade,
} from '#schemas/generated/types.ts';
import { LANES } from '#schemas/topics.ts';
import { type DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { type PortfolioOptions, portfolio } from '#topologies/portfolio/graph.ts';
import { type PositionsOptions, positions } from '#topologies/positions/graph.ts';

/** Wall clock of the tests: 2024-01-01. */
export const NOW_MS = Date.UTC(2024, 0, 1);
/** Microseconds of a time in 2023, e.g. `at('01-03T16:00:00')`. */
export const at = (text: string): number => Date.parse(`2023-${text}Z`) * 1000;

export const trade = (instrument: string, price: number, eventTime: number): Trade => ({
  eventTime,
  instrument,
  price,
  size: null,
  source: 'test',
  sequence: null,
});

export interface FillText {
  readonly id: string;
  readonly portfolio?: string;
  readonly instrument: string;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: string;
  readonly price: string;
  readonly commission?: string;
  readonly time: number;
}
export const fill = ({ id, portfolio = 'fund', time, quantity, price, commission = '0', ...rest }: FillText): Fill => ({
  eventTime: time,
  fillId: id,
  action: 'NEW',
  portfolio,
  ...rest,
  quantity: parseDecimal(quantity),
  price: parseDecimal(price),
  commission: parseDecimal(commission),
  orderId: null,
  venue: 'test',
});

export const cash = (
  cashId: string,
  amount: string,
  eventTime: number,
  portfolio = 'fund',
  currency: string | null = null,
): CashMovement => ({
  eventTime,
  cashId,
  portfolio,
  amount: parseDecimal(amount),
  currency,
  source: 'test',
});

/** A description of a portfolio. */
export const described = (portfolio: string, baseCurrency: string, eventTime: number): Portfolio => ({
  eventTime,
  portfolio,
  name: portfolio,
  baseCurrency,
  description: null,
});

/** A price of a pair of currencies, as positions tells every portfolio. */
export const rate = (pair: string, price: number, eventTime: number): InstrumentMark => ({
  eventTime,
  instrument: pair,
  price,
  sourceTopic: 'market.trades',
  sourceEventTime: eventTime,
});

export const instrument = (name: string, multiplier: string, eventTime: number, currency = 'USD'): Instrument => ({
  eventTime,
  instrument: name,
  name,
  currency,
  multiplier: parseDecimal(multiplier),
  assetClass: 'FUTURE',
  sector: null,
  lotSize: parseDecimal('1'),
  tickSize: null,
  source: 'test',
});

/** Both topologies in a row, as on Kafka: what positions writes, portfolio reads. */
export class Desk {
  readonly positions: TopologyTestDriver;
  readonly portfolio: TopologyTestDriver;

  constructor(options: PositionsOptions & PortfolioOptions = {}) {
    const driver = { partitions: 4, now: () => NOW_MS };
    this.positions = new TopologyTestDriver(positions(options), driver);
    this.portfolio = new TopologyTestDriver(portfolio(options), driver);
  }
  trade(value: Trade, key: string | null = value.instrument): void {
    this.#pipe(this.positions, 'market.trades', key, value);
  }
  fill(value: Fill, key: string | null = value.portfolio): void {
    this.#pipe(this.positions, 'orders.fills', key, value);
  }
  instrument(value: Instrument, key: string | null = value.instrument): void {
    this.#pipe(this.positions, 'reference.instruments', key, value);
  }
  cash(value: CashMovement, key: string | null = value.portfolio): void {
    this.#pipe(this.portfolio, 'portfolio.cash', key, value);
  }
  describe(value: Portfolio, key: string | null = value.portfolio): void {
    this.#pipe(this.portfolio, 'reference.portfolios', key, value);
  }
  /** To every portfolio at once, without waiting for a commit of positions. */
  rate(value: InstrumentMark): void {
    LANES.forEach((lane) => {
      this.#pipe(this.portfolio, 'market.marks', `${lane}/${value.instrument}`, value);
    });
  }
  /** Positions written since the last read. They move on to the portfolio topology when they are read. */
  readPositions(): DriverOutput<Position>[] {
    const outputs = this.positions.read<Position>('portfolio.positions');
    for (const output of outputs) this.portfolio.pipe('portfolio.positions', output);
    return outputs;
  }
  readPnl(): PortfolioPnl[] {
    this.readPositions();
    return this.portfolio.read<PortfolioPnl>('portfolio.pnl').map((output) => output.value);
  }
  /** Codes of the records rejected since the last call, in order. */
  rejections(): string[] {
    return [...this.positions.readRejected(), ...this.portfolio.readRejected()].map((rejection) => rejection.code);
  }

  #pipe(driver: TopologyTestDriver, topic: string, key: string | null, value: { eventTime: number }): void {
    const lane = topic === 'market.marks' ? LANES.findIndex((each) => key?.startsWith(`${each}/`)) : undefined;
    driver.pipe(topic, {
      key,
      value,
      timestampMs: Math.floor(value.eventTime / 1000),
      ...(lane === undefined ? {} : { partition: lane }),
    });
  }
}
