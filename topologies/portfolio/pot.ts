/**
 * What a portfolio has in one currency that is not its base currency: exact totals, as of account.ts, in that currency. Rules of the
 * translation into base currency (translate.ts, books.ts):
 *
 * - Every figure counts at the newest rate (schemas/fx.ts), realised P&L and commission too: an exact amount times the rate, rounded
 *   half-even at the 9th decimal, once a currency; doubles as they are. `equity` is the sum over currencies of rate × (cash + cost + unrealised
 *   P&L).
 * - `profit` is equity less net deposits, a deposit in another currency counting at the rate of its event time: what rates do to foreign
 *   cash and holdings is profit. Of rates within that instant the last counts. A deposit from before the first rate counts at the first rate.
 *   A deposit that comes so late that more than 32 prices of its pair have come since its time counts at the oldest of them.
 * - While a currency has no rate, what it has earned is not in the profit, as an unpriced position's is not, and counts from its
 *   first rate on; meanwhile the figures that need the rate are null.
 * - A new price of a pair is an instant of the path (path.ts) like a new mark, and a late one corrects the instants since: what was held at
 *   the end of each of them is kept (`worths`).
 */

import { decimalToNumber } from '#schemas/decimal.ts';
import { convertDecimal } from '#schemas/fx.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';
import { AMOUNTS, type Amounts, NO_AMOUNTS, NO_SUMS, record, SUMS, type Sums } from './account.ts';
import type { Rates } from './rates.ts';
import { put, raise, type Series, seriesSchema } from './series.ts';

/** Net deposits of one event time whose rate may still change. */
export interface PendingDeposit {
  readonly eventTime: number;
  readonly amount: bigint;
}
export interface Pot extends Amounts, Sums {
  readonly currency: string;
  /** Net deposits. */
  readonly deposits: bigint;
  /** Those that are not pending, in base currency at the rates of their event times. */
  readonly settledInBase: bigint;
  /** By event time. */
  readonly pending: readonly PendingDeposit[];
  /** Cash, cost and unrealised P&L at the end of the last instants. */
  readonly worths: Series;
}
/** Key portfolio; by currency. */
export interface Pots {
  readonly pots: readonly Pot[];
}

/** More would make the row grow: the oldest are settled at what is known. */
const MOST_PENDING = 32;

export const POTS_SCHEMA = record(
  'Pots',
  'What a portfolio has in other currencies than its base currency; key portfolio.',
  {
    pots: {
      type: 'array',
      items: record('Pot', 'By currency.', {
        currency: 'string',
        deposits: DECIMAL,
        settledInBase: DECIMAL,
        pending: {
          type: 'array',
          items: record('PendingDeposit', 'Net deposits of one event time.', { eventTime: TIME, amount: DECIMAL }),
        },
        worths: seriesSchema('Worths', 'Cash, cost and unrealised P&L at the end of the last instants.'),
        ...AMOUNTS,
        ...SUMS,
      }),
    },
  },
);

export const emptyPot = (currency: string): Pot => ({
  ...NO_AMOUNTS,
  ...NO_SUMS,
  currency,
  deposits: 0n,
  settledInBase: 0n,
  pending: [],
  worths: { before: 0, times: [], values: [] },
});

/** Whether no figure needs a rate. */
export const isNothing = ({ deposits, cashFlow, cost, realizedPnl, commission, ...sums }: Pot): boolean =>
  [deposits, cashFlow, cost, realizedPnl, commission].every((amount) => amount === 0n) &&
  sums.unrealizedHigh === 0 &&
  sums.grossHigh === 0;

/** Earned to date, in the pot's currency. */
export const earnedIn = ({ cashFlow, cost, unrealizedHigh }: Pot): number =>
  decimalToNumber(cashFlow + cost) + unrealizedHigh;
/** Cash, cost and unrealised P&L, in the pot's currency. */
export const worthOf = ({ deposits, cashFlow, cost, unrealizedHigh }: Pot): number =>
  decimalToNumber(deposits + cashFlow + cost) + unrealizedHigh;

/** The pot with its present worth entered at the event time of what changed it. */
export function entered(before: Pot, after: Pot, eventTime: number): Pot {
  const worth = worthOf(after);
  const { worths } = after;
  const isLate = eventTime < (worths.times.at(-1) ?? eventTime);
  return {
    ...after,
    worths: isLate ? raise(worths, eventTime, worth - worthOf(before)) : put(worths, eventTime, worth),
  };
}

/** The pot with another deposit or withdrawal, whose rate is open. */
export function deposited(pot: Pot, eventTime: number, amount: bigint, baseCurrency: string, rates: Rates): Pot {
  const same = pot.pending.find((each) => each.eventTime === eventTime)?.amount ?? 0n;
  const others = pot.pending.filter((each) => each.eventTime !== eventTime);
  const pending = [...others, { eventTime, amount: same + amount }].sort((a, b) => a.eventTime - b.eventTime);
  const after = { ...pot, deposits: pot.deposits + amount, pending };
  if (pending.length <= MOST_PENDING) return after;
  const fewer = settled(after, pending[1]!.eventTime, baseCurrency, rates);
  if (fewer !== after) return fewer;
  // There is no rate yet, and all of them will count at the first one.
  const [first, second, ...rest] = pending;
  return { ...after, pending: [{ eventTime: second!.eventTime, amount: first!.amount + second!.amount }, ...rest] };
}

/** The pot with what is pending from before an event time settled, where there is a rate from before it. */
export function settled(pot: Pot, time: number, baseCurrency: string, rates: Rates): Pot {
  let { settledInBase } = pot;
  const pending = pot.pending.filter(({ eventTime, amount }) => {
    if (eventTime >= time) return true;
    const found = rates.atOrAfter(pot.currency, baseCurrency, eventTime);
    if (!found || found.since >= time) return true;
    settledInBase += convertDecimal(amount, found.rate);
    return false;
  });
  return pending.length === pot.pending.length ? pot : { ...pot, settledInBase, pending };
}

/** Net deposits in base currency at the rates of their event times; null while there is no rate. */
export function depositsInBase({ currency, settledInBase, pending }: Pot, baseCurrency: string, rates: Rates) {
  let sum = settledInBase;
  for (const { eventTime, amount } of pending) {
    const found = rates.atOrAfter(currency, baseCurrency, eventTime);
    if (!found) return null;
    sum += convertDecimal(amount, found.rate);
  }
  return sum;
}
