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
import { controlKeys, type LimitTypeName } from '#schemas/limits.ts';
import { LANES, PARTITIONS } from '#schemas/topics.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { limits, PRETRADE_SETTINGS } from '#topologies/limits/graph.ts';
import type { PretradeSettings } from '#topologies/limits/pretrade.ts';
import { riskMeasures } from '../integration/risk-sample.ts';
import { at, NOW_MS } from './desk.ts';

export const OPEN = at('01-03T15:00:00');
export const SECOND = 1_000_000;

export const limit = (
  limitId: string,
  type: LimitTypeName,
  threshold: number,
  rest: Partial<RiskLimit> = {},
): RiskLimit => ({
  eventTime: OPEN,
  portfolio: 'fund',
  limitId,
  type,
  severity: 'HARD',
  scope: 'PORTFOLIO',
  scopeId: null,
  threshold,
  relativeTo: 'NONE',
  warnAt: 0.8,
  method: null,
  confidence: null,
  horizonDays: null,
  scenario: null,
  windowMs: null,
  adjustment: 'NONE',
  reference: null,
  minimum: null,
  maximum: null,
  enabled: true,
  setBy: 'test',
  reason: null,
  ...rest,
});

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
  /** A position with its mark, and the mark itself. */
  position(
    instrument: string,
    quantity: string,
    price: number | null,
    eventTime = OPEN,
    rest: Partial<Position> = {},
  ): this {
    if (price !== null) this.mark(instrument, price, eventTime);
    const value = {
      eventTime,
      portfolio: 'fund',
      instrument,
      quantity: parseDecimal(quantity),
      cost: 0n,
      averagePrice: null,
      markPrice: price,
      markTime: price === null ? null : eventTime,
      multiplier: parseDecimal('1'),
      realizedPnl: 0n,
      unrealizedPnl: price === null ? null : 0,
      commission: 0n,
      cashFlow: 0n,
      fills: 1,
      revision: 1,
      unpriced: price === null,
      cause: 'MARK',
      sourceTopic: 'market.trades',
      sourceEventTime: eventTime,
      ...rest,
    } as Position;
    return this.#pipe('portfolio.positions', `${value.portfolio}/${instrument}`, value);
  }
  pnl(equity: number, eventTime = OPEN, rest: Partial<PortfolioPnl> = {}): this {
    const value = {
      eventTime,
      portfolio: 'fund',
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
      sourceTopic: 'portfolio.positions',
      sourceEventTime: eventTime,
      ...rest,
    } as PortfolioPnl;
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

const instrument = (name: string, sector: string): Instrument => ({
  eventTime: 0,
  instrument: name,
  name,
  currency: 'USD',
  multiplier: parseDecimal('1'),
  assetClass: 'EQUITY',
  sector,
  lotSize: parseDecimal('1'),
  tickSize: null,
  source: 'test',
});
