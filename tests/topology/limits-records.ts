import { parseDecimal } from '#schemas/decimal.ts';
import type { Instrument, PortfolioPnl, Position, RiskLimit } from '#schemas/generated/types.ts';
import type { LimitTypeName } from '#schemas/limits.ts';
import { at } from './desk.ts';

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

/** As positions writes it. */
export const position = (
  instrument: string,
  quantity: string,
  price: number | null,
  eventTime: number,
  rest: Partial<Position> = {},
): Position =>
  ({
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
    currency: 'USD',
    cause: 'MARK',
    sourceTopic: 'market.trades',
    sourceEventTime: eventTime,
    ...rest,
  }) as Position;

/** As portfolio writes it. */
export const pnl = (equity: number, eventTime: number, rest: Partial<PortfolioPnl> = {}): PortfolioPnl =>
  ({
    eventTime,
    portfolio: 'fund',
    cash: 0n,
    baseCurrency: 'USD',
    missingRates: [],
    currencies: [],
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
  }) as PortfolioPnl;

export const instrument = (name: string, sector: string): Instrument => ({
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
