import { parseDecimal } from '#schemas/decimal.ts';
import type {
  AuditEntry,
  Fill,
  Instrument,
  LimitUtilisation,
  OrderDecision,
  OrderRequest,
  PortfolioPnl,
  Position,
  RiskBreach,
  RiskControl,
  RiskLimit,
  RiskMeasures,
} from '#schemas/generated/types.ts';
import { controlKeys } from '#schemas/limits.ts';
import { LANES, PARTITIONS } from '#schemas/topics.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { limits, PRETRADE_SETTINGS } from '#topologies/limits/graph.ts';
import type { PretradeSettings } from '#topologies/limits/pretrade.ts';
import { riskMeasures } from '../integration/risk-sample.ts';
import { NOW_MS } from './desk.ts';
import { instrument, OPEN, pnl, position } from './limits-records.ts';

export { limit, OPEN, SECOND } from './limits-records.ts';

/** The topology limits, fed as the other topologies would. */
export class LimitsDesk {
  readonly driver: TopologyTestDriver;

  constructor(settings: PretradeSettings = PRETRADE_SETTINGS) {
    this.driver = new TopologyTestDriver(limits(settings), { partitions: PARTITIONS, now: () => NOW_MS });
    for (const [name, sector] of [
      ['AAPL', 'Information Technology'],
      ['MSFT', 'Information Technology'],
      ['XOM', 'Energy'],
    ] as const)
      this.#pipe('reference.instruments', name, instrument(name, sector));
  }

  /** Describes an instrument that is traded in another currency. */
  describe(name: string, currency: string): this {
    const value: Instrument = { ...instrument(name, 'Energy'), currency };
    return this.#pipe('reference.instruments', name, value);
  }
  limit(value: RiskLimit, key = `${value.portfolio}/${value.limitId}`): this {
    return this.#pipe('risk.limits', key, value);
  }
  removeLimit(limitId: string, eventTime: number, portfolio = 'fund'): this {
    return this.#send('risk.limits', `${portfolio}/${limitId}`, null, eventTime / 1000);
  }
  control(state: RiskControl['state'], portfolio: string | null, eventTime = OPEN): this {
    const value: RiskControl = { eventTime, portfolio, state, setBy: 'anna', reason: 'a drill', breachId: null };
    for (const key of controlKeys(portfolio)) this.#pipe('risk.controls', key, value);
    return this;
  }
  mark(instrument: string, price: number, eventTime = OPEN): this {
    const value = { eventTime, instrument, price, sourceTopic: 'market.trades', sourceEventTime: eventTime };
    for (const lane of LANES) this.#pipe('market.marks', `${lane}/${instrument}`, value);
    return this;
  }
  /** Daily returns of an instrument up to the day before OPEN, the newest last. */
  returns(instrument: string, simpleReturns: readonly number[]): this {
    simpleReturns.forEach((simpleReturn, index) => {
      const day = Math.floor(OPEN / 86_400e6) - simpleReturns.length + index;
      const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
      const value = { eventTime: (day + 0.9) * 86_400e6, instrument, date, simpleReturn, turnover: null };
      this.#send('market.returns', `${instrument}/${date}`, value, (day + 0.9) * 86_400_000);
    });
    return this;
  }
  /** A position with its mark, and the mark itself. */
  position(
    instrument: string,
    quantity: string,
    price: number | null,
    eventTime = OPEN,
    rest: Partial<Position> = {},
  ): this {
    if (price !== null) this.mark(instrument, price, eventTime);
    const value = position(instrument, quantity, price, eventTime, rest);
    return this.#pipe('portfolio.positions', `${value.portfolio}/${instrument}`, value);
  }
  pnl(equity: number, eventTime = OPEN, rest: Partial<PortfolioPnl> = {}): this {
    const value = pnl(equity, eventTime, rest);
    return this.#pipe('portfolio.pnl', value.portfolio, value);
  }
  measures(eventTime: number, rest: Partial<RiskMeasures> = {}): this {
    return this.#pipe('risk.measures', 'fund', riskMeasures('fund', eventTime, rest));
  }
  order(orderId: string, side: 'BUY' | 'SELL', quantity: string, rest: Partial<OrderRequest> = {}): this {
    const value: OrderRequest = {
      eventTime: OPEN,
      orderId,
      portfolio: 'fund',
      instrument: 'AAPL',
      side,
      quantity: parseDecimal(quantity),
      orderType: 'MARKET_ON_CLOSE',
      strategy: 'momentum',
      decisionPrice: null,
      ...rest,
    };
    return this.#pipe('orders.requests', value.portfolio, value);
  }
  fill(
    orderId: string | null,
    fillId: string,
    side: 'BUY' | 'SELL',
    quantity: string,
    price: string,
    eventTime = OPEN,
  ): this {
    const value: Fill = {
      eventTime,
      fillId,
      action: 'NEW',
      portfolio: 'fund',
      instrument: 'AAPL',
      side,
      quantity: parseDecimal(quantity),
      price: parseDecimal(price),
      commission: 0n,
      orderId,
      venue: 'test',
    };
    return this.#pipe('orders.fills', 'fund', value);
  }
  commit(): this {
    this.driver.commit();
    return this;
  }

  breaches(): RiskBreach[] {
    return this.driver.read<RiskBreach>('risk.breaches').map(({ value }) => value);
  }
  utilisation(): (LimitUtilisation | null)[] {
    return this.driver.read<LimitUtilisation | null>('risk.utilisation').map(({ value }) => value);
  }
  decisions(): OrderDecision[] {
    return this.driver.read<OrderDecision>('orders.decisions').map(({ value }) => value);
  }
  audit(): AuditEntry[] {
    return this.driver.read<AuditEntry>('audit.trail').map(({ value }) => value);
  }
  rejections(): string[] {
    return this.driver.readRejected().map(({ code }) => code);
  }

  #pipe(topic: string, key: string, value: { eventTime: number }): this {
    return this.#send(topic, key, value, Math.floor(value.eventTime / 1000));
  }

  #send(topic: string, key: string, value: unknown, timestampMs: number): this {
    // As their producers do: by what is before the slash.
    const partition = murmur2Partition(key.split('/')[0]!, PARTITIONS);
    this.driver.pipe(topic, { key, value, timestampMs, partition });
    return this;
  }
}
