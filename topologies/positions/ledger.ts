/**
 * The exact ledger of one position (one portfolio, one instrument), after NautilusTrader's NETTING rules. All amounts are
 * signed integers of 1e-9 (schemas/decimal.ts). A calculation that follows these rules agrees to the last digit:
 *
 * - `round(x)` is x rounded half-even at the 9th decimal. The value of a quantity q at price p with multiplier m is
 *   `value(q, p, m) = round(q × p × m)`: one product of three, rounded once.
 * - A fill's signed quantity s is +quantity for BUY and -quantity for SELL. Fills apply in offset order, whatever their event time.
 * - Commission c, once per fill: `realizedPnl -= c`, `cashFlow -= c`, `commission += c`.
 * - If s points against an open quantity, it closes `closed = min(|s|, |quantity|)`, signed as the quantity:
 *   `proceeds = value(closed, price, multiplier)`; `removed = round(cost × closed ÷ quantity)`, which is all of the cost when all is
 *   closed; `realizedPnl += proceeds - removed`, `cashFlow += proceeds`, `cost -= removed`, `quantity -= closed`.
 * - What is left of s opens or adds: when the quantity is zero, the multiplier becomes that of reference.instruments at the fill's
 *   event time (see instruments.ts) and stays while the position is open; `paid = value(rest, price, multiplier)`;
 *   `cost += paid`, `cashFlow -= paid`, `quantity += rest`. A fill through zero is thus a close and an open at its own price.
 *
 * So `cashFlow = realizedPnl - cost` always, and `cost` is zero when the quantity is: nothing leaks. What corrections do is in
 * ledger-store.ts.
 */
import { checkDecimal, divideHalfEven, ONE } from '#schemas/decimal.ts';
import type { Fill } from '#schemas/generated/types.ts';

/** Running totals of a position since the portfolio began. */
export interface Ledger {
  /** Newest event time of its fills, microseconds. */
  readonly eventTime: number;
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly multiplier: bigint;
  readonly realizedPnl: bigint;
  readonly commission: bigint;
  readonly cashFlow: bigint;
  /** Fills applied. */
  readonly fills: number;
}

export const TIME = { type: 'long', logicalType: 'timestamp-micros' } as const;
export const DECIMAL = { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 9 } as const;

/** The fields of a ledger in Avro. */
export const LEDGER_FIELDS = [
  { name: 'eventTime', type: TIME },
  { name: 'quantity', type: DECIMAL },
  { name: 'cost', type: DECIMAL },
  { name: 'multiplier', type: DECIMAL },
  { name: 'realizedPnl', type: DECIMAL },
  { name: 'commission', type: DECIMAL },
  { name: 'cashFlow', type: DECIMAL },
  { name: 'fills', type: 'long' },
];

export const EMPTY_LEDGER: Ledger = {
  eventTime: 0,
  quantity: 0n,
  cost: 0n,
  multiplier: ONE,
  realizedPnl: 0n,
  commission: 0n,
  cashFlow: 0n,
  fills: 0,
};

export type LedgerFill = Pick<Fill, 'eventTime' | 'side' | 'quantity' | 'price' | 'commission'>;

const abs = (value: bigint) => (value < 0n ? -value : value);
/** Value of a signed quantity: the product of three decimals, rounded half-even once. */
const valueAt = (quantity: bigint, price: bigint, multiplier: bigint) =>
  divideHalfEven(quantity * price * multiplier, ONE * ONE);

/**
 * The ledger after one fill. `openMultiplier` holds from here on if the fill opens the position. Throws DecimalError when an
 * amount leaves decimal(38, 9); the ledger given is never changed.
 */
export function applyFill(before: Ledger, fill: LedgerFill, openMultiplier: bigint): Ledger {
  let { quantity, cost, multiplier } = before;
  let rest = fill.side === 'BUY' ? fill.quantity : -fill.quantity;
  let realizedPnl = before.realizedPnl - fill.commission;
  let cashFlow = before.cashFlow - fill.commission;
  if (quantity !== 0n && quantity > 0n !== rest > 0n) {
    const closed = abs(rest) < abs(quantity) ? -rest : quantity;
    const proceeds = valueAt(closed, fill.price, multiplier);
    const removed = divideHalfEven(cost * closed, quantity);
    realizedPnl += proceeds - removed;
    cashFlow += proceeds;
    cost -= removed;
    quantity -= closed;
    rest += closed;
  }
  if (rest !== 0n) {
    if (quantity === 0n) multiplier = openMultiplier;
    const paid = valueAt(rest, fill.price, multiplier);
    cost += paid;
    cashFlow -= paid;
    quantity += rest;
  }
  return {
    eventTime: Math.max(before.eventTime, fill.eventTime),
    quantity: checkDecimal(quantity),
    cost: checkDecimal(cost),
    multiplier: checkDecimal(multiplier),
    realizedPnl: checkDecimal(realizedPnl),
    commission: checkDecimal(before.commission + fill.commission),
    cashFlow: checkDecimal(cashFlow),
    fills: before.fills + 1,
  };
}

/** Average entry price per unit, for display: exact to 22 decimals, then the nearest double; null when flat. */
export function averagePrice({ quantity, cost, multiplier }: Ledger): number | null {
  if (quantity === 0n) return null;
  return Number(`${divideHalfEven(cost * ONE * 10n ** 22n, quantity * multiplier)}e-22`);
}

/** Rounding noise of a difference of two doubles that each went through a few roundings, relative to the larger of them. */
const RESOLUTION = 2 ** -50;

/**
 * Unrealised P&L: `units × mark - cost` in doubles, where units is quantity × multiplier. A result that is smaller than 2^-50 of the
 * market value is rounding noise and 0, so that a position at its entry price shows 0 and not 5.6e-17.
 */
export function unrealizedPnl(units: number, cost: number, markPrice: number): number {
  const value = units * markPrice;
  const difference = value - cost;
  return Math.abs(difference) <= Math.abs(value) * RESOLUTION ? 0 : difference;
}
