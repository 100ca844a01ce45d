import type { LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';

/** 16:00 UTC on a day counted from 1970, microseconds. */
export const dayMicros = (day: number, hours = 16): number => (day * 24 + hours) * 3600e6;

export const breachPnl = (eventTime: number, rest: Partial<PortfolioPnl> = {}): PortfolioPnl => ({
  eventTime,
  portfolio: 'fund',
  cash: 0n,
  realizedPnl: 0n,
  commission: 0n,
  unrealizedPnl: 0,
  equity: 1e6,
  dayPnl: 0,
  grossExposure: 1e6,
  netExposure: 1e6,
  peakEquity: 1e6,
  drawdown: 0,
  openPositions: 1,
  unpricedPositions: 0,
  baseCurrency: 'USD',
  missingRates: [],
  currencies: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: eventTime,
  ...rest,
});

/** As the limit engine tells it; a null value is no figure. */
export const limitUtilisation = (
  type: string,
  eventTime: number,
  value: number | null,
  threshold: number,
): LimitUtilisation => {
  const utilisation = value === null ? null : value / threshold;
  const state = utilisation === null ? 'UNKNOWN' : utilisation > 1 ? 'BREACHED' : 'OK';
  return {
    eventTime,
    portfolio: 'fund',
    limitId: type,
    type,
    severity: 'HARD',
    scope: 'PORTFOLIO',
    scopeId: null,
    subject: null,
    value,
    threshold,
    baseThreshold: threshold,
    utilisation,
    state,
    reason: null,
    since: eventTime,
    sourceTopic: 'portfolio.pnl',
    sourceEventTime: eventTime,
  };
};

export const breachOf = (limitId: string, eventTime: number, level: RiskBreach['level'] = 'BREACH'): RiskBreach => ({
  eventTime,
  portfolio: 'fund',
  breachId: `${limitId}-${eventTime}`,
  limitId,
  type: limitId,
  severity: 'HARD',
  scope: 'PORTFOLIO',
  scopeId: null,
  subject: null,
  event: 'OPENED',
  level,
  value: null,
  threshold: null,
  utilisation: null,
  reason: null,
  openedAt: eventTime,
  evidence: [],
  sourceTopic: 'portfolio.pnl',
  sourceEventTime: eventTime,
});
