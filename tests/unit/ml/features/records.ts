import type { LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';

/** 16:00 UTC on a day counted from 1970, microseconds. */
export const dayMicros = (day: number, hours = 16): number => (day * 24 + hours) * 3600e6;

export const breachPnl = (eventTime: number, rest: Partial<PortfolioPnl> = {}): PortfolioPnl =>
  ({
    eventTime,
    portfolio: 'fund',
    equity: 1e6,
    dayPnl: 0,
    drawdown: 0,
    grossExposure: 1e6,
    ...rest,
  }) as PortfolioPnl;

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
    value,
    threshold,
    utilisation,
    state,
  } as LimitUtilisation;
};

export const breachOf = (limitId: string, eventTime: number, level: RiskBreach['level'] = 'BREACH'): RiskBreach =>
  ({ eventTime, portfolio: 'fund', limitId, event: 'OPENED', level }) as RiskBreach;
