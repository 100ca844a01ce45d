/** What a position's P&L came from. */
import { requireFinite } from './checks.ts';

/** A position at the end of a day; amounts in its currency, totals since it was first held. */
export interface DayEnd {
  /** Signed units. */
  readonly quantity: number;
  /** Value of one price point of one unit. */
  readonly multiplier: number;
  /** Newest price; null while it never traded: it is then held at cost. */
  readonly mark: number | null;
  /** Signed cost of what is held. */
  readonly cost: number;
  /** Cash moved: sells minus buys minus commission plus dividends. */
  readonly cashFlow: number;
  /** Commission paid. */
  readonly commission: number;
  /** Dividends received less those paid. */
  readonly dividends: number;
}
/** Price, dividends, fees and trading sum to the P&L. */
export interface PnlParts {
  /** What was held before, times the change of its price; of a split that of what it has become. */
  readonly price: number;
  readonly dividends: number;
  /** Commission paid, negative; a rebate is positive. */
  readonly fees: number;
  /** The rest: what was bought and sold, from the fills' prices to the day's last; corrections of earlier fills, splits that came late. */
  readonly trading: number;
  readonly pnl: number;
}

/** What the position is worth; cost where it has no price, as in the portfolio's equity. */
export const marketValue = ({ quantity, multiplier, mark, cost }: DayEnd): number =>
  mark === null ? cost : quantity * mark * multiplier;

/**
 * P&L of a position from one day's end (null: it was never held) to the next, in its currency. Without a price before or after there is no
 * change of price, and what the first price changes is trading. A multiplier counts for the price as it was before. `splitRatio`: units of after
 * it for one before, of splits whose ex time was between the two; 1 without any. Throws VALUE_NOT_FINITE.
 */
export function attributePnl(before: DayEnd | null, after: DayEnd, splitRatio: number): PnlParts {
  requireFinite(before === null ? [] : figuresOf(before), 'The position before');
  requireFinite(figuresOf(after), 'The position after');
  const isPriced = before !== null && before.mark !== null && after.mark !== null;
  const price = isPriced ? before.quantity * (after.mark * splitRatio - before.mark) * before.multiplier : 0;
  const dividends = after.dividends - (before?.dividends ?? 0);
  const fees = (before?.commission ?? 0) - after.commission;
  const pnl =
    after.cashFlow - (before?.cashFlow ?? 0) + (marketValue(after) - (before === null ? 0 : marketValue(before)));
  const parts = { price, dividends, fees, trading: pnl - price - dividends - fees, pnl };
  requireFinite(Object.values(parts), 'The P&L');
  return parts;
}

const figuresOf = ({ quantity, multiplier, mark, cost, cashFlow, commission, dividends }: DayEnd) => [
  quantity,
  multiplier,
  mark ?? 0,
  cost,
  cashFlow,
  commission,
  dividends,
];
