/**
 * Splits and dividends of an instrument, and what they do to a ledger. Rules, after those of ledger.ts:
 *
 * - An action is in effect once event time of the instrument (its trades and its fills) has reached the ex time. Actions
 *   apply by ex time, then id, to what was held just before.
 * - A SPLIT makes the quantity `round(quantity × newUnits ÷ oldUnits)` and leaves the cost; fractions stay. Should nothing
 *   be left of a position, its cost is a realised loss.
 * - A CASH_DIVIDEND adds `value(quantity, amount, multiplier)` to `dividends`, `realizedPnl` and `cashFlow`: gross, at the
 *   ex time; who is short pays.
 * - In a position's list of fills an action stands just before the first fill in force whose event time has reached the ex
 *   time, else behind the last. A fill from before the ex time that stands behind it counts in units of after it: its
 *   quantity is `round(quantity × ratio)`, its value stays, and its own quantity has the dividends.
 * - So a ledger follows from its fills and the actions in effect, and not from when these came: an action that comes late,
 *   is corrected or taken back applies all fills again.
 * - An action whose result would leave decimal(38, 9) leaves that position as it was.
 */
import { DecimalError, decimalToNumber, divideHalfEven, ONE } from '#schemas/decimal.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { STORED_ACTIONS, type StoredAction } from '../kit/corporate-actions.ts';
import { type Conversion, checkedLedger, type Ledger, type LedgerFill, signedQuantity, valueAt } from './ledger.ts';

export interface InstrumentActions {
  /** By ex time, then id. */
  readonly actions: readonly StoredAction[];
  /** Event time at which one of them came into effect last; -1: none has. */
  readonly reachedTime: number;
}

export const ACTIONS_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'InstrumentActions',
  namespace: 'tidemark.positions',
  doc: 'Corporate actions of an instrument by ex time, then id; key instrument.',
  fields: [
    { name: 'actions', type: STORED_ACTIONS },
    { name: 'reachedTime', type: 'long' },
  ],
};

/** The first of them whose ex time is after `eventTime`; their count when there is none. */
export function firstAfter(actions: readonly StoredAction[], eventTime: number): number {
  const at = actions.findIndex(({ exTime }) => exTime > eventTime);
  return at < 0 ? actions.length : at;
}

/** The ledger after an action; the same object when that changes nothing. */
export function applyAction(before: Ledger, { type, exTime, newUnits, oldUnits, amount }: StoredAction): Ledger {
  const { quantity, multiplier } = before;
  if (quantity === 0n) return before;
  const eventTime = Math.max(before.eventTime, exTime);
  try {
    if (type === 'CASH_DIVIDEND') return withDividend({ ...before, eventTime }, valueAt(quantity, amount!, multiplier));
    const split = divideHalfEven(quantity * newUnits!, oldUnits!);
    const lost = split === 0n ? before.cost : 0n;
    return checkedLedger({
      ...before,
      eventTime,
      quantity: split,
      cost: before.cost - lost,
      realizedPnl: before.realizedPnl - lost,
    });
  } catch (error) {
    if (error instanceof DecimalError) return before;
    throw error;
  }
}

const withDividend = (ledger: Ledger, dividend: bigint): Ledger =>
  checkedLedger({
    ...ledger,
    dividends: ledger.dividends + dividend,
    realizedPnl: ledger.realizedPnl + dividend,
    cashFlow: ledger.cashFlow + dividend,
  });

/** What a price from before the ex time is worth without what the action gives; the price itself where nothing would be left. */
export function priceAfter(price: number, { type, newUnits, oldUnits, amount }: StoredAction): number {
  const after =
    type === 'SPLIT'
      ? (price * decimalToNumber(oldUnits!)) / decimalToNumber(newUnits!)
      : price - decimalToNumber(amount!);
  return after > 0 && after < Number.POSITIVE_INFINITY ? after : price;
}

/** What a fill counts for behind actions that it came before, in their order; `multiplier` of the position that it becomes part of. */
export function conversionOf(fill: LedgerFill, multiplier: bigint, actions: readonly StoredAction[]): Conversion {
  const quantity = signedQuantity(fill);
  let newUnits = 1n;
  let oldUnits = 1n;
  let dividends = 0n;
  for (const action of actions) {
    if (action.type === 'SPLIT') {
      newUnits *= action.newUnits!;
      oldUnits *= action.oldUnits!;
    } else dividends += divideHalfEven(quantity * newUnits * action.amount! * multiplier, oldUnits * ONE * ONE);
  }
  return { newUnits, oldUnits, dividends };
}
