import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, requireSameLength, type Series } from './checks.ts';

/** Money that went into the portfolio (negative) or came out of it (positive); the last one is what it was worth. */
export interface CashFlow {
  /** UTC day since 1970. */
  readonly day: number;
  readonly amount: number;
}

const DAYS = 365;
const LOWEST = -0.999_999;
const HIGHEST = 1e6;
const STEPS = 400;
const PRECISION = 1e-13;

/**
 * Money-weighted return a year: the rate at which the flows' present values sum to zero, actual/365 (XIRR). Throws HISTORY_TOO_SHORT below
 * two flows, VALUE_NOT_FINITE, NO_RATE where no rate above -100 % solves it, RATE_NOT_UNIQUE where several do: flows that change their
 * sign more than once may have several, and none of them is the return.
 */
export function moneyWeightedReturn(flows: readonly CashFlow[]): number {
  requireLength(
    flows.map(({ day }) => day),
    2,
    'Cash flows',
  );
  requireFinite(
    flows.map(({ amount }) => amount),
    'Cash flows',
  );
  const start = Math.min(...flows.map(({ day }) => day));
  const value = (rate: number) =>
    flows.reduce((sum, { day, amount }) => sum + amount * (1 + rate) ** (-(day - start) / DAYS), 0);
  const roots = signChanges(value);
  if (roots.length === 0) throw new TidemarkError('NO_RATE', 'no rate of return solves these cash flows');
  if (roots.length > 1)
    throw new TidemarkError('RATE_NOT_UNIQUE', `${roots.length} rates of return solve these cash flows`);
  return bisect(value, roots[0]!);
}

type Bracket = readonly [low: number, high: number];

/** Where the value changes its sign between steps that are even in ln(1 + rate). */
function signChanges(value: (rate: number) => number): Bracket[] {
  const first = Math.log1p(LOWEST);
  const width = (Math.log1p(HIGHEST) - first) / STEPS;
  const brackets: Bracket[] = [];
  let low = LOWEST;
  let below = value(low);
  for (let step = 1; step <= STEPS; step++) {
    const high = Math.expm1(first + step * width);
    const above = value(high);
    if (Number.isFinite(below) && Number.isFinite(above) && below !== 0 && Math.sign(below) !== Math.sign(above))
      brackets.push([low, high]);
    [low, below] = [high, above];
  }
  return brackets;
}

function bisect(value: (rate: number) => number, [from, to]: Bracket): number {
  let [low, high] = [from, to];
  const sign = Math.sign(value(low));
  while (high - low > PRECISION * (1 + Math.abs(low))) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (Math.sign(value(middle)) === sign) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Time-weighted return: the returns between the flows, chained. `values`: what the portfolio was worth at the start and at the end of each
 * period; `flows`: what came in (positive) or went out at each period's end, before its value was taken, so one fewer than values. Throws
 * SHAPE_MISMATCH, VALUE_NOT_FINITE, and NO_RATE where a period begins with nothing.
 */
export function timeWeightedReturn(values: Series, flows: Series): number {
  requireLength(values, 2, 'Values');
  requireSameLength(values.slice(1), flows, 'Values after the first and flows');
  requireFinite(values, 'Values');
  requireFinite(flows, 'Flows');
  let wealth = 1;
  for (let period = 0; period < flows.length; period++) {
    const before = values[period]!;
    if (!(before > 0)) throw new TidemarkError('NO_RATE', `period ${period} begins with a value of ${before}`);
    wealth *= (values[period + 1]! - flows[period]!) / before;
  }
  return wealth - 1;
}
