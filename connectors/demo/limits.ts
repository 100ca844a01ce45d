import type { RiskLimit } from '#schemas/generated/types.ts';
import type { LimitTypeName } from '#schemas/limits.ts';

const DAY_MS = 86_400_000;

const limit = (
  limitId: string,
  type: LimitTypeName,
  severity: RiskLimit['severity'],
  threshold: number,
  rest: Partial<RiskLimit> = {},
): Omit<RiskLimit, 'eventTime' | 'portfolio'> => ({
  limitId,
  type,
  severity,
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
  setBy: 'demo',
  reason: null,
  ...rest,
});
const OF_EQUITY = { relativeTo: 'EQUITY' } as const;

/**
 * Limits of every demo portfolio: such as a desk without borrowed money may have. The hard ones bar mistakes; the soft ones are passed in bad
 * times, which is what there is to see.
 */
export const LIMITS: readonly Omit<RiskLimit, 'eventTime' | 'portfolio'>[] = [
  limit('leverage', 'leverage', 'HARD', 1.25, { warnAt: 0.9, reason: 'No borrowed money' }),
  limit('order-size', 'order-size', 'HARD', 1.1, { ...OF_EQUITY, reason: 'No order is larger than the portfolio' }),
  limit('order-rate', 'order-rate', 'HARD', 100, { windowMs: DAY_MS, reason: 'A rebalance has 40 orders at most' }),
  limit('turnover-month', 'turnover', 'INFORMATIONAL', 2, { ...OF_EQUITY, windowMs: 31 * DAY_MS }),
  limit('var-99', 'value-at-risk', 'SOFT', 0.05, {
    ...OF_EQUITY,
    adjustment: 'VOLATILITY',
    reference: 0.2,
    minimum: 0.03,
    maximum: 0.06,
    reason: 'A day that is expected twice or three times a year',
  }),
  limit('es-97.5', 'expected-shortfall', 'SOFT', 0.06, { ...OF_EQUITY, confidence: 0.975 }),
  limit('stress', 'stressed-loss', 'SOFT', 0.4, OF_EQUITY),
  limit('day-loss', 'daily-loss', 'SOFT', 0.05, OF_EQUITY),
  limit('drawdown', 'drawdown', 'SOFT', 0.3),
  limit('single-name', 'instrument-concentration', 'SOFT', 0.35),
  limit('sector', 'sector-concentration', 'INFORMATIONAL', 0.6),
  limit('volatility', 'volatility', 'INFORMATIONAL', 0.4),
  limit('beta', 'beta', 'INFORMATIONAL', 1.5),
  // A replay goes through fifty days a second, and risk may be a moment behind.
  limit('stale', 'stale-data', 'SOFT', 120 * DAY_MS, { reason: 'Prices or risk are a quarter of a year behind' }),
];
