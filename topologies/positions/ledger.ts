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
 * ledger-store.ts, what splits and dividends do in corporate-actions.ts.
 */

import { checkDecimal, divideHalfEven, ONE } from '#schemas/decimal.ts';
import type { Fill } from '#schemas/generated/types.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';

/** Running totals of a position since the portfolio began. */
export interface Ledger {
  /** Newest event time of its fills, and of actions that moved it, microseconds. */
  readonly eventTime: number;
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly multiplier: bigint;
  readonly realizedPnl: bigint;
  readonly commission: bigint;
  readonly cashFlow: bigint;
  /** Received less paid; part of realizedPnl and cashFlow. */
  readonly dividends: bigint;
  /** Fills applied. */
  readonly fills: number;
}

/** The fields of a ledger in Avro. */
export const LEDGER_FIELDS = [
  { name: 'eventTime', type: TIME },
  { name: 'quantity', type: DECIMAL },
  { name: 'cost', type: DECIMAL },
  { name: 'multiplier', type: DECIMAL },
  { name: 'realizedPnl', type: DECIMAL },
  { name: 'commission', type: DECIMAL },
  { name: 'cashFlow', type: DECIMAL },
  { name: 'dividends', type: DECIMAL },
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
  dividends: 0n,
  fills: 0,
};

export type LedgerFill = Pick<Fill, 'eventTime' | 'side' | 'quantity' | 'price' | 'commission'>;

/** Units of a fill in units of now: its quantity times `newUnits` ÷ `oldUnits`; and dividends on what it added. */
export interface Conversion {
  readonly newUnits: bigint;
  readonly oldUnits: bigint;
  readonly dividends: bigint;
}
const AS_IT_IS: Conversion = { newUnits: 1n, oldUnits: 1n, dividends: 0n };

const abs = (value: bigint) => (value < 0n ? -value : value);
/** Value of a signed quantity: the product of three decimals, rounded half-even once. The price is of one of `oldUnits` for `newUnits`. */
export const valueAt = (quantity: bigint, price: bigint, multiplier: bigint, { newUnits, oldUnits } = AS_IT_IS) =>
  divideHalfEven(quantity * price * multiplier * oldUnits, ONE * ONE * newUnits);

/** The ledger, when all of its amounts are in range; else throws DecimalError. */
export function checkedLedger(ledger: Ledger): Ledger {
  for (const amount of [
    'quantity',
    'cost',
    'multiplier',
    'realizedPnl',
    'commission',
    'cashFlow',
    'dividends',
  ] as const)
    checkDecimal(ledger[amount]);
  return ledger;
}

/**
 * The ledger after one fill. `openMultiplier` holds from here on if the fill opens the position; `conversion`: of a fill from before actions that
 * have been applied. Throws DecimalError when an amount leaves decimal(38, 9); the ledger given is never changed.
 */
export function applyFill(
  before: Ledger,
  fill: LedgerFill,
  openMultiplier: bigint,
  conversion: Conversion = AS_IT_IS,
): Ledger {
  let { quantity, cost, multiplier } = before;
  let rest = signedQuantity(fill);
  if (conversion !== AS_IT_IS) rest = divideHalfEven(rest * conversion.newUnits, conversion.oldUnits);
  let realizedPnl = before.realizedPnl - fill.commission + conversion.dividends;
  let cashFlow = before.cashFlow - fill.commission + conversion.dividends;
  if (quantity !== 0n && quantity > 0n !== rest > 0n) {
    const closed = abs(rest) < abs(quantity) ? -rest : quantity;
    const proceeds = valueAt(closed, fill.price, multiplier, conversion);
    const removed = divideHalfEven(cost * closed, quantity);
    realizedPnl += proceeds - removed;
    cashFlow += proceeds;
    cost -= removed;
    quantity -= closed;
    rest += closed;
  }
  if (rest !== 0n) {
    if (quantity === 0n) multiplier = openMultiplier;
    const paid = valueAt(rest, fill.price, multiplier, conversion);
    cost += paid;
    cashFlow -= paid;
    quantity += rest;
  }
  return checkedLedger({
    eventTime: Math.max(before.eventTime, fill.eventTime),
    quantity,
    cost,
    multiplier,
    realizedPnl,
    commission: before.commission + fill.commission,
    cashFlow,
    dividends: before.dividends + conversion.dividends,
    fills: before.fills + 1,
  });
}

/** Positive buys. */
export const signedQuantity = ({ side, quantity }: Pick<Fill, 'side' | 'quantity'>): bigint =>
  side === 'BUY' ? quantity : -quantity;

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
