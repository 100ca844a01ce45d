import type { CorporateAction, Fill } from '#schemas/generated/types.ts';

/** A fill as it counts in the end: amended, or cancelled. */
export interface FinalFill {
  readonly fill: Fill;
  readonly cancelled: boolean;
}
export interface Figures {
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly realizedPnl: bigint;
  readonly cashFlow: bigint;
  readonly dividends: bigint;
}

const NANO = 10n ** 9n;

/** n ÷ d rounded half-even, d positive. */
function rounded(n: bigint, d: bigint): bigint {
  const floor = n / d - (n % d < 0n ? 1n : 0n);
  const twice = 2n * (n - floor * d);
  if (twice === d) return floor % 2n === 0n ? floor : floor + 1n;
  return twice > d ? floor + 1n : floor;
}

/**
 * The figures of a position of multiplier 1, from all that is known in the end: fills in the order in which they came, each action before the
 * first fill of its ex time or later. What an earlier fill behind it adds is taken to the units of its place: there value and dividends are what
 * they would have been.
 */
export function finalFigures(fills: readonly FinalFill[], actions: readonly CorporateAction[]): Figures {
  const inForce = fills.filter(({ cancelled }) => !cancelled).map(({ fill }) => fill);
  const inOrder = [...actions].sort((a, b) => a.exTime - b.exTime || (a.actionId < b.actionId ? -1 : 1));
  const placeOf = ({ exTime }: CorporateAction) => {
    const at = inForce.findIndex(({ eventTime }) => eventTime >= exTime);
    return at < 0 ? inForce.length : at;
  };
  let [quantity, cost, realizedPnl, cashFlow, dividends] = [0n, 0n, 0n, 0n, 0n];
  const receive = (dividend: bigint) => {
    dividends += dividend;
    realizedPnl += dividend;
    cashFlow += dividend;
  };
  for (let place = 0; place <= inForce.length; place++) {
    for (const action of inOrder.filter((one) => placeOf(one) === place)) {
      if (action.type === 'CASH_DIVIDEND') {
        receive(rounded(quantity * action.amount!, NANO));
        continue;
      }
      quantity = rounded(quantity * action.newUnits!, action.oldUnits!);
      if (quantity === 0n) {
        realizedPnl -= cost;
        cost = 0n;
      }
    }
    const fill = inForce[place];
    if (!fill) continue;
    const units = fill.side === 'BUY' ? fill.quantity : -fill.quantity;
    let [up, down] = [1n, 1n];
    for (const action of inOrder.filter((one) => placeOf(one) <= place && one.exTime > fill.eventTime)) {
      if (action.type === 'CASH_DIVIDEND') receive(rounded(units * up * action.amount!, down * NANO));
      else [up, down] = [up * action.newUnits!, down * action.oldUnits!];
    }
    const value = (of: bigint) => rounded(of * fill.price * down, NANO * up);
    let left = rounded(units * up, down);
    realizedPnl -= fill.commission;
    cashFlow -= fill.commission;
    if (quantity * left < 0n) {
      const isAll = left * left >= quantity * quantity;
      const closed = isAll ? quantity : -left;
      const removed = rounded(cost * closed * (quantity < 0n ? -1n : 1n), quantity < 0n ? -quantity : quantity);
      realizedPnl += value(closed) - removed;
      cashFlow += value(closed);
      cost -= removed;
      quantity -= closed;
      left += closed;
    }
    quantity += left;
    cost += value(left);
    cashFlow -= value(left);
  }
  return { quantity, cost, realizedPnl, cashFlow, dividends };
}
