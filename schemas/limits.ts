/**
 * The types of limits, once: what each is taken of, in which unit, and of what scope it may be. Checks, docs, the command line and the page
 * derive from this table.
 */
import { eventTimeProblem, idProblem, keyProblem, type Problem, recordIdProblem } from './checks.ts';
import type { RiskControl, RiskLimit } from './generated/types.ts';
import { LANES } from './topics.ts';

export type LimitScope = RiskLimit['scope'];
/** Of a figure: base currency, instrument units, a plain ratio, orders, trading days or milliseconds. */
export type LimitUnit = 'amount' | 'units' | 'ratio' | 'orders' | 'days' | 'milliseconds';
export interface LimitType {
  readonly doc: string;
  readonly unit: LimitUnit;
  /** With PORTFOLIO, types of single positions or sectors take the largest. */
  readonly scopes: readonly LimitScope[];
  /** Looks back over `windowMs`. */
  readonly hasWindow?: true;
  /** Goes by `method`, `confidence` and `horizonDays`. */
  readonly hasTail?: true;
  /** Of each order by itself: checked before it goes, and nothing to watch. */
  readonly isPerOrder?: true;
}

const type = (
  unit: LimitUnit,
  doc: string,
  scopes: readonly LimitScope[] = ['PORTFOLIO'],
  rest: Pick<LimitType, 'hasWindow' | 'hasTail' | 'isPerOrder'> = {},
): LimitType => ({ doc, unit, scopes, ...rest });
const BY_INSTRUMENT = ['PORTFOLIO', 'INSTRUMENT'] as const;
const BY_SECTOR = ['PORTFOLIO', 'SECTOR'] as const;
const BY_ORDER = ['PORTFOLIO', 'STRATEGY', 'INSTRUMENT'] as const;

export const LIMIT_TYPES = {
  'position-quantity': type('units', 'Units held of one instrument, long or short.', BY_INSTRUMENT),
  'position-notional': type('amount', 'Market value of one position, long or short.', BY_INSTRUMENT),
  'gross-exposure': type('amount', 'Sum of the absolute market values.', BY_SECTOR),
  'net-exposure': type('amount', 'Sum of the market values, shorts negative; its absolute value.', BY_SECTOR),
  leverage: type('ratio', 'Gross exposure over equity.'),
  'instrument-concentration': type('ratio', 'Share of gross exposure that one position has.', BY_INSTRUMENT),
  'sector-concentration': type('ratio', 'Share of gross exposure that one sector has.', BY_SECTOR),
  'value-at-risk': type('amount', 'Value at risk of risk.measures.', undefined, { hasTail: true }),
  'expected-shortfall': type('amount', 'Expected shortfall of risk.measures.', undefined, { hasTail: true }),
  'stressed-loss': type('amount', 'Loss under a shock of risk.measures: the named one, or the worst.'),
  drawdown: type('ratio', 'Fall of equity from its peak, of the peak.'),
  'daily-loss': type('amount', 'Loss since the end of the day before; 0 in profit.'),
  volatility: type('ratio', 'Annualised volatility over equity, of risk.measures.'),
  beta: type('ratio', 'Beta against the benchmark, of risk.measures; its absolute value.'),
  correlation: type('ratio', 'Average correlation between the holdings, of risk.measures.'),
  liquidity: type('days', 'Trading days to liquidate the slowest position, of risk.measures.'),
  'order-rate': type('orders', 'Orders asked for within the window.', BY_ORDER, { hasWindow: true }),
  'order-size': type('amount', 'Value of one order, checked before it goes.', BY_ORDER, { isPerOrder: true }),
  turnover: type('amount', 'Value of the fills within the window.', BY_ORDER, { hasWindow: true }),
  'stale-data': type(
    'milliseconds',
    'Age of the oldest price of an open position, of its risk, or of the last word on the portfolio.',
  ),
} as const satisfies Record<string, LimitType>;

export type LimitTypeName = keyof typeof LIMIT_TYPES;
export const LIMIT_TYPE_NAMES = Object.keys(LIMIT_TYPES) as LimitTypeName[];

/** Methods of VaR and ES that a limit may go by: those of quant/methods.ts, which a test compares. */
export const TAIL_METHODS = ['historical', 'age-weighted', 'normal', 'ewma', 'filtered-historical', 'monte-carlo'];
/** Windows are looked back over in buckets of a second up to an hour, and of an hour up to 31 days. */
export const MIN_WINDOW_MS = 1_000;
export const MAX_WINDOW_MS = 31 * 86_400_000;

const isPositive = (value: number) => value > 0 && value < Number.POSITIVE_INFINITY;

/** What is wrong with a limit, or null. */
export function limitProblem(key: string | null, limit: RiskLimit, nowMs: number): Problem {
  const { portfolio, limitId } = limit;
  const id = idProblem('portfolio', portfolio) ?? idProblem('limit', limitId);
  const problem = id === null ? keyProblem(key, 'id', `${portfolio}/${limitId}`) : { code: 'ID_INVALID', reason: id };
  if (problem) return problem;
  const what = scopeProblem(limit) ?? figureProblem(limit) ?? adjustmentProblem(limit);
  if (what !== null) return { code: 'LIMIT_INVALID', reason: `Limit ${limitId} of ${portfolio}: ${what}` };
  return eventTimeProblem(limit.eventTime, nowMs);
}

function scopeProblem({ type: name, scope, scopeId }: RiskLimit): string | null {
  const known: Record<string, LimitType> = LIMIT_TYPES;
  const limitType = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!limitType) return `there is no type "${name}"; there are ${LIMIT_TYPE_NAMES.join(', ')}`;
  if (!limitType.scopes.includes(scope)) return `${name} is of scope ${limitType.scopes.join(' or ')}, not ${scope}`;
  if (scope === 'PORTFOLIO') return scopeId === null ? null : 'scope PORTFOLIO has no scopeId';
  if (scopeId === null) return `scope ${scope} needs a scopeId: which one`;
  return recordIdProblem(scope.toLowerCase(), scopeId);
}

function figureProblem(limit: RiskLimit): string | null {
  const { type: name, threshold, relativeTo, warnAt, method, confidence, horizonDays, windowMs } = limit;
  const { unit, hasTail, hasWindow }: LimitType = LIMIT_TYPES[name as LimitTypeName];
  if (!isPositive(threshold)) return `threshold ${threshold} is not a number greater than zero`;
  if (relativeTo === 'EQUITY' && unit !== 'amount') return `${name} is no amount, so it cannot be a fraction of equity`;
  if (!(warnAt > 0 && warnAt <= 1)) return `warnAt ${warnAt} is not above 0 and at most 1`;
  if (!hasTail && (method ?? confidence ?? horizonDays) !== null)
    return `${name} has no method, confidence or horizonDays`;
  if (method !== null && !TAIL_METHODS.includes(method))
    return `there is no method "${method}"; there are ${TAIL_METHODS.join(', ')}`;
  if (confidence !== null && !(confidence > 0.5 && confidence < 1))
    return `confidence ${confidence} is not from 0.5 to 1`;
  if (horizonDays !== null && !(horizonDays >= 1)) return `horizonDays ${horizonDays} is not at least 1`;
  if (limit.scenario !== null && name !== 'stressed-loss') return `${name} has no scenario`;
  if (!hasWindow) return windowMs === null ? null : `${name} has no windowMs`;
  if (windowMs === null || windowMs < MIN_WINDOW_MS || windowMs > MAX_WINDOW_MS)
    return `${name} needs a windowMs from ${MIN_WINDOW_MS} to ${MAX_WINDOW_MS}`;
  return null;
}

function adjustmentProblem({ adjustment, reference, minimum, maximum, threshold }: RiskLimit): string | null {
  if (adjustment === 'NONE')
    return (reference ?? minimum ?? maximum) === null ? null : 'it has no adjustment, but a reference or bounds of one';
  if (reference === null || minimum === null || maximum === null)
    return 'its adjustment needs a reference, a minimum and a maximum';
  if (!isPositive(reference)) return `the reference volatility ${reference} is not a number greater than zero`;
  if (!isPositive(minimum) || !isPositive(maximum) || minimum > maximum)
    return `the bounds ${minimum} to ${maximum} of its adjustment are not greater than zero and in order`;
  if (threshold < minimum || threshold > maximum)
    return `its threshold ${threshold} is not within ${minimum} to ${maximum}`;
  return null;
}

/** Key of the kill switch of all portfolios in one partition. */
export const allKey = (lane: string): string => `${lane}/*`;
/** Keys under which a setting of the kill switch is sent: of one portfolio, or of all (null) into every partition. */
export const controlKeys = (portfolio: string | null): readonly string[] =>
  portfolio === null ? LANES.map(allKey) : [portfolio];

/** What is wrong with a setting of the kill switch, or null. */
export function controlProblem(key: string | null, control: RiskControl, nowMs: number): Problem {
  const { portfolio, reason, setBy } = control;
  const id = portfolio === null ? null : idProblem('portfolio', portfolio);
  if (id) return { code: 'ID_INVALID', reason: id };
  if (!controlKeys(portfolio).includes(key ?? '')) {
    const right = portfolio === null ? `one of ${controlKeys(null).join(', ')}` : `"${portfolio}"`;
    return { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not ${right}` };
  }
  if (reason.trim() === '' || setBy.trim() === '')
    return { code: 'CONTROL_INVALID', reason: 'A setting of the kill switch needs a reason and who set it' };
  return eventTimeProblem(control.eventTime, nowMs);
}
