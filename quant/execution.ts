/**
 * What executing an order has cost. Conventions:
 *
 * - Every cost is positive when it is one, whatever the side: paying more for a BUY, getting less for a SELL.
 * - Prices are per unit in the instrument's currency, amounts are quantity × price × multiplier, a basis point is 1e-4.
 * - Arrival is when the order reached the desk, its price the last trade then. Interval averages run from arrival to
 *   the newest fill: VWAP over trades after the one up to and including the other (what traded at arrival itself is the
 *   arrival price), TWAP of the last price over time.
 * - Implementation shortfall (Perold, The implementation shortfall: paper versus reality, Journal of Portfolio
 *   Management 1988): profit of the paper portfolio that traded everything at the decision price, less profit of the
 *   real one. Its parts are those of Wagner (Wagner and Edwards, Best execution, Financial Analysts Journal 1993) as
 *   the CFA Institute teaches them: delay, decision → arrival on what was executed; trading, arrival → fills;
 *   opportunity, decision → end on what was not; fees. Kissell (The expanded implementation shortfall, Journal of
 *   Trading 2006) would measure the opportunity from arrival and count the delay on all that was ordered; the sum is
 *   the same.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite } from './checks.ts';
import type { MarketTrade } from './market-sums.ts';

export type Side = 'BUY' | 'SELL';

/** An order as its owner asked for it. */
export interface ParentOrder {
  readonly side: Side;
  /** Units ordered, greater than zero. */
  readonly quantity: number;
  /** Price the decision was made on; null if unknown. */
  readonly decisionPrice: number | null;
  /** When it reached the desk, microseconds. */
  readonly arrivalTime: number;
  /** Last price of the market then; null if there was none. */
  readonly arrivalPrice: number | null;
  /** Value of one unit for each unit of price, e.g. 50 for a future. */
  readonly multiplier: number;
}
/** An execution of it. */
export interface OrderFill {
  /** Microseconds. */
  readonly time: number;
  /** Units, greater than zero. */
  readonly quantity: number;
  readonly price: number;
  /** Negative for a rebate. */
  readonly commission: number;
}
/** What was executed, added up. */
export interface Executed {
  /** Units. */
  readonly quantity: number;
  /** By quantity; null while nothing is executed. */
  readonly averagePrice: number | null;
  readonly fees: number;
}
/**
 * The parts of an implementation shortfall, and their sum. In currency; null where a price that it takes is unknown.
 */
export interface Shortfall {
  readonly delayCost: number | null;
  readonly tradingCost: number | null;
  readonly opportunityCost: number | null;
  readonly fees: number;
  /** Known without the arrival price too, which only divides it into parts. */
  readonly shortfall: number | null;
  /** The same of quantity ordered × decision price, basis points. */
  readonly delayBps: number | null;
  readonly tradingBps: number | null;
  readonly opportunityBps: number | null;
  readonly feesBps: number | null;
  readonly shortfallBps: number | null;
}
/** All figures of an order. */
export interface ExecutionFigures extends Executed, Shortfall {
  /** Executed ÷ ordered; above 1 when more was executed. */
  readonly fillRatio: number;
  /** From arrival to the first fill; null without one, negative where clocks disagree. */
  readonly timeToFirstFillMicros: number | null;
  /** From arrival to the newest fill; null while less than all is executed. */
  readonly timeToFullFillMicros: number | null;
  readonly vwap: number | null;
  readonly twap: number | null;
  readonly slippageArrivalBps: number | null;
  readonly slippageVwapBps: number | null;
  readonly slippageTwapBps: number | null;
}

const BASIS_POINTS = 1e4;
const signOf = (side: Side): number => (side === 'BUY' ? 1 : -1);
/** Null where it has left the range of a double; the zero of a SELL is not a negative one. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value + 0 : null);
/** Null where a price has left it, at either end. */
const priceOrNull = (value: number): number | null => (value > 0 ? finite(value) : null);

/**
 * By how much a price is worse than a benchmark, basis points of the benchmark. Null where either is null or the result
 * is beyond a double. Throws PARAMETER_INVALID unless prices are finite and greater than zero.
 */
export function slippageBps(side: Side, price: number | null, benchmark: number | null): number | null {
  if (price === null || benchmark === null) return null;
  requirePrice(price, 'The price');
  requirePrice(benchmark, 'The benchmark');
  return finite(((signOf(side) * (price - benchmark)) / benchmark) * BASIS_POINTS);
}

/**
 * The implementation shortfall of what was executed of an order. What was not is valued at `endPrice`: null while the
 * order is still open, when its opportunity cost and with it the sum are not known yet. Nothing is lost on more than
 * was ordered. Throws PARAMETER_INVALID unless prices, quantity ordered and multiplier are finite and greater than
 * zero, and what was executed not negative; VALUE_NOT_FINITE for fees.
 */
export function implementationShortfall(order: ParentOrder, executed: Executed, endPrice: number | null): Shortfall {
  requireOrder(order);
  const { quantity, averagePrice, fees } = executed;
  requireFinite([fees], 'Fees');
  if (!(quantity >= 0 && Number.isFinite(quantity))) throw invalid('The quantity executed', quantity, 'zero or more');
  if (averagePrice !== null) requirePrice(averagePrice, 'The average price');
  if (endPrice !== null) requirePrice(endPrice, 'The end price');
  const { decisionPrice, arrivalPrice, multiplier } = order;
  const cost = (units: number, from: number | null, to: number | null) => {
    if (units === 0) return 0;
    return from === null || to === null ? null : finite(signOf(order.side) * units * multiplier * (to - from));
  };
  const opportunityCost = cost(Math.max(0, order.quantity - quantity), decisionPrice, endPrice);
  const priceCost = cost(quantity, decisionPrice, averagePrice);
  const known = opportunityCost !== null && priceCost !== null && decisionPrice !== null;
  const costs = {
    delayCost: cost(quantity, decisionPrice, arrivalPrice),
    tradingCost: cost(quantity, arrivalPrice, averagePrice),
    opportunityCost,
    fees,
    shortfall: known ? finite(priceCost + opportunityCost + fees) : null,
  };
  const notional = decisionPrice === null ? Number.POSITIVE_INFINITY : order.quantity * decisionPrice * multiplier;
  const bps = (amount: number | null) =>
    amount === null || notional === Number.POSITIVE_INFINITY ? null : finite((amount / notional) * BASIS_POINTS);
  return {
    ...costs,
    delayBps: bps(costs.delayCost),
    tradingBps: bps(costs.tradingCost),
    opportunityBps: bps(costs.opportunityCost),
    feesBps: bps(costs.fees),
    shortfallBps: bps(costs.shortfall),
  };
}

/**
 * Volume-weighted average price of the trades with `from` < time ≤ `to`, in any order. Trades without a size are left
 * out; null where none has one. Throws PARAMETER_INVALID unless prices and sizes are finite and greater than zero.
 */
export function intervalVwap(trades: readonly MarketTrade[], from: number, to: number): number | null {
  let volume = 0;
  let turnover = 0;
  for (const { time, price, size } of trades) {
    requirePrice(price, 'The price of a trade');
    if (size === null) continue;
    requirePrice(size, 'The size of a trade');
    if (time <= from || time > to) continue;
    volume += size;
    turnover += price * size;
  }
  return volume === 0 ? null : priceOrNull(turnover / volume);
}

/**
 * Average of the last price over the time from `from` to `to`, beginning at `startPrice`; where both are one moment the
 * last price then. Null without a start price, and where `to` is before `from`. Throws PARAMETER_INVALID unless prices
 * are finite and greater than zero and trades are in the order of time.
 */
export function intervalTwap(
  startPrice: number | null,
  trades: readonly MarketTrade[],
  from: number,
  to: number,
): number | null {
  let last = startPrice;
  let lastTime = from;
  let area = 0;
  let before = Number.NEGATIVE_INFINITY;
  for (const { time, price } of trades) {
    requirePrice(price, 'The price of a trade');
    if (!(time >= before)) throw invalid('The time of a trade', time, 'not before the one of the trade before it');
    before = time;
    if (last === null || time <= from || time > to) continue;
    area += last * (time - lastTime);
    last = price;
    lastTime = time;
  }
  if (last === null || to < from) return null;
  return to === from ? last : priceOrNull((area + last * (to - lastTime)) / (to - from));
}

/**
 * All figures of an order by its fills, in any order, and the market's trades, in the order of time. `endPrice` as in
 * implementationShortfall, and what it throws; VALUE_NOT_FINITE where more is executed than a double can say of what
 * was ordered.
 */
export function executionFigures(
  order: ParentOrder,
  fills: readonly OrderFill[],
  trades: readonly MarketTrade[],
  endPrice: number | null,
): ExecutionFigures {
  const { arrivalTime, arrivalPrice } = order;
  const executed = addUp(fills);
  const times = fills.map(({ time }) => time);
  const isFilled = executed.quantity >= order.quantity;
  const first = fills.length > 0 ? times.reduce((a, b) => Math.min(a, b)) : null;
  const last = fills.length > 0 ? times.reduce((a, b) => Math.max(a, b)) : null;
  const fillRatio = executed.quantity / order.quantity;
  requireFinite([fillRatio], 'The fill ratio');
  const vwap = last === null ? null : intervalVwap(trades, arrivalTime, last);
  const twap = last === null ? null : intervalTwap(arrivalPrice, trades, arrivalTime, last);
  const { averagePrice } = executed;
  return {
    ...executed,
    ...implementationShortfall(order, executed, endPrice),
    fillRatio,
    timeToFirstFillMicros: first === null ? null : first - arrivalTime,
    timeToFullFillMicros: last === null || !isFilled ? null : last - arrivalTime,
    vwap,
    twap,
    slippageArrivalBps: slippageBps(order.side, averagePrice, arrivalPrice),
    slippageVwapBps: slippageBps(order.side, averagePrice, vwap),
    slippageTwapBps: slippageBps(order.side, averagePrice, twap),
  };
}

function addUp(fills: readonly OrderFill[]): Executed {
  let quantity = 0;
  let turnover = 0;
  let fees = 0;
  for (const fill of fills) {
    requirePrice(fill.quantity, 'The quantity of a fill');
    requirePrice(fill.price, 'The price of a fill');
    quantity += fill.quantity;
    turnover += fill.quantity * fill.price;
    fees += fill.commission;
  }
  return { quantity, averagePrice: quantity === 0 ? null : priceOrNull(turnover / quantity), fees };
}

function requireOrder({ quantity, multiplier, decisionPrice, arrivalPrice }: ParentOrder): void {
  requirePrice(quantity, 'The quantity ordered');
  requirePrice(multiplier, 'The multiplier');
  if (decisionPrice !== null) requirePrice(decisionPrice, 'The decision price');
  if (arrivalPrice !== null) requirePrice(arrivalPrice, 'The arrival price');
}

function requirePrice(value: number, what: string): void {
  if (!(value > 0 && Number.isFinite(value))) throw invalid(what, value, 'a finite number greater than zero');
}

const invalid = (what: string, value: number, expected: string) =>
  new TidemarkError('PARAMETER_INVALID', `${what} is ${value}: expected ${expected}`);
