import { checkDecimal, decimalToNumber } from '#schemas/decimal.ts';
import { type Amounts, exchange, type Holding, NO_AMOUNTS, type Sums, type Valuation } from './account.ts';
import { advance, type ProfitChange, START } from './path.ts';
import { deposited, emptyPot, entered, isNothing, type Pot, settled, worthOf } from './pot.ts';
import type { Rates } from './rates.ts';
import { valueAt } from './series.ts';
import type { SumExchange } from './sums.ts';
import { type Books, profitOf, translatedPnl } from './translate.ts';

/** What a position's record changes. */
export interface PositionChange {
  readonly portfolio: string;
  readonly eventTime: number;
  readonly held: Holding | undefined;
  readonly holding: Holding;
  readonly was: Valuation | undefined;
  readonly valuation: Valuation | null;
  readonly openPositions: number;
  readonly unpricedPositions: number;
}

/** An amount of a currency changes: the account's where it is the base currency, else a pot's. */
function inCurrency(books: Books, currency: string, change: (of: Amounts & Sums) => Amounts & Partial<Sums>): Books {
  const { account, pots } = books;
  if (currency === account.baseCurrency) return { account: { ...account, ...change(account) }, pots };
  const pot = potOf(pots, currency);
  return { account, pots: withPot(pots, { ...pot, ...change(pot) }) };
}
const potOf = (pots: readonly Pot[], currency: string) =>
  pots.find((pot) => pot.currency === currency) ?? emptyPot(currency);
const withPot = (pots: readonly Pot[], pot: Pot): Pot[] =>
  [...pots.filter(({ currency }) => currency !== pot.currency), pot].sort((a, b) => (a.currency < b.currency ? -1 : 1));

/** The exact amounts after a position's change. Throws DecimalError when one leaves decimal(38, 9). */
export function withAmounts(books: Books, { held, holding }: PositionChange, rates: Rates): Books {
  const moved = held !== undefined && held.currency !== holding.currency;
  const left = moved ? inCurrency(books, held.currency, (of) => exchange(of, held, NO_AMOUNTS)) : books;
  const after = inCurrency(left, holding.currency, (of) => exchange(of, moved ? undefined : held, holding));
  checkTotals(after, rates);
  return after;
}

/** Throws DecimalError when a published total would leave decimal(38, 9). */
function checkTotals(books: Books, rates: Rates): void {
  checkDecimal(books.account.deposits + books.account.cashFlow);
  translatedPnl('', books, rates, '', 0);
  profitOf(books, rates);
}

/** The sums and the path after a position's change, whose amounts are in `after` and whose rows are stored. */
export function withMarks(before: Books, after: Books, change: PositionChange, sums: SumExchange, rates: Rates): Books {
  const { portfolio, eventTime, held, holding, was, valuation, openPositions, unpricedPositions } = change;
  const swap = (books: Books, currency: string, old?: Valuation | null, now?: Valuation | null) =>
    inCurrency(books, currency, (of) => ({ ...of, ...sums.exchange(of, old, now, portfolio, currency) }));
  const moved = held !== undefined && held.currency !== holding.currency;
  const left = moved ? swap(after, held.currency, was, null) : after;
  const next = swap(left, holding.currency, moved ? null : was, valuation);
  const account = { ...next.account, openPositions, unpricedPositions };
  return moveOn(before, { account, pots: next.pots }, eventTime, rates);
}

/** The path and the pots' worths after amounts have changed at an event time. `change`: default by what pots are worth. */
function moveOn(before: Books, after: Books, eventTime: number, rates: Rates, change?: ProfitChange): Books {
  const pots = after.pots.map((pot) => {
    const old = before.pots.find(({ currency }) => currency === pot.currency);
    return old === pot ? pot : entered(old ?? emptyPot(pot.currency), pot, eventTime);
  });
  const next = { account: after.account, pots };
  const profit = profitOf(next, rates);
  const path = advance(before.account, eventTime, profit, change ?? worthChange(before, next, rates));
  return { account: { ...after.account, ...path }, pots };
}

/** What a change of amounts does to the profit at the end of an instant, by its rates. */
function worthChange(before: Books, after: Books, rates: Rates): ProfitChange {
  const base = after.account.baseCurrency;
  const realized = decimalToNumber(after.account.realizedPnl - before.account.realizedPnl);
  const own = realized + after.account.unrealizedHigh - before.account.unrealizedHigh;
  const changes = after.pots.map((pot): [string, number] => {
    const old = before.pots.find(({ currency }) => currency === pot.currency);
    return [pot.currency, worthOf(pot) - (old ? worthOf(old) : 0)];
  });
  return (time) =>
    changes.reduce(
      (sum, [currency, change]) => (change === 0 ? sum : sum + change * (rates.at(currency, base, time) ?? 0)),
      own,
    );
}

/** A deposit in another currency. Throws DecimalError. */
export function withDeposit(books: Books, eventTime: number, currency: string, amount: bigint, rates: Rates): Books {
  const { account } = books;
  const base = account.baseCurrency;
  const before = potOf(books.pots, currency);
  const pot = deposited(before, eventTime, amount, base, rates);
  checkDecimal(pot.deposits);
  const after = { account, pots: withPot(books.pots, pot) };
  checkTotals(after, rates);
  const spent = rates.atOrAfter(currency, base, eventTime);
  const change = (time: number) => {
    if (!spent || time < spent.since) return 0;
    return decimalToNumber(amount) * ((rates.at(currency, base, time) ?? spent.rate) - spent.rate);
  };
  return moveOn(books, after, eventTime, rates, change);
}

/** Whether a new price of a pair may move a figure of the portfolio. */
export const isConcerned = ({ account, pots }: Books, pair: string, rates: Rates): boolean =>
  pots.some((pot) => rates.concerns(pair, pot.currency, account.baseCurrency) && !isNothing(pot));

/**
 * Asked before a pair's price is taken at an event time: settles deposits of earlier times, and keeps the rates of the instants since then.
 * What it returns is asked once the price is taken, and gives the books at the new rates. Throws DecimalError.
 */
export function beforePrice(books: Books, pair: string, eventTime: number, rates: Rates): () => Books {
  const { account } = books;
  const base = account.baseCurrency;
  const pots = books.pots.map((pot) =>
    rates.concerns(pair, pot.currency, base) ? settled(pot, eventTime, base, rates) : pot,
  );
  const isLate = eventTime < account.eventTime;
  const since = isLate ? [eventTime, ...account.pastTimes.filter((time) => time > eventTime)] : [];
  const before = pots.map((pot) => instantRates(pot, base, since, rates));
  return () => {
    const after = pots.map((pot) => instantRates(pot, base, since, rates));
    const change = (time: number) =>
      pots.reduce(
        (sum, pot, index) => sum + rateChange(pot, since.indexOf(time), time, before[index]!, after[index]!),
        0,
      );
    const next = { account, pots };
    checkTotals(next, rates);
    const path = advance(account, eventTime, profitOf(next, rates), change);
    return { account: { ...account, ...path }, pots };
  };
}

/** Rates of a pot at the instants and at its pending deposits. */
function instantRates({ currency, pending }: Pot, base: string, times: readonly number[], rates: Rates) {
  const at = (time: number) => rates.at(currency, base, time);
  return { instants: times.map(at), deposits: pending.map(({ eventTime }) => at(eventTime)) };
}
type InstantRates = ReturnType<typeof instantRates>;

/** What other rates do to the profit at the end of an instant; nothing where there was none before. */
function rateChange(pot: Pot, at: number, time: number, before: InstantRates, after: InstantRates): number {
  const by = (was: number | null | undefined, is: number | null | undefined) => (was && is ? is - was : 0);
  const deposits = pot.pending.reduce(
    (sum, { eventTime, amount }, index) =>
      eventTime > time ? sum : sum + decimalToNumber(amount) * by(before.deposits[index], after.deposits[index]),
    0,
  );
  return (valueAt(pot.worths, time) ?? 0) * by(before.instants[at], after.instants[at]) - deposits;
}

/**
 * The books in another base currency, made from what the portfolio holds (`holdings`, all of it). Deposits that named no currency are in the
 * new one; the others stay what they are. The path begins anew: today's P&L is 0 there, and the peak is the highest profit from now on.
 * A portfolio in its first instant has no path yet, and is as if it had been described before. Throws DecimalError.
 */
export function rebased(
  { account, pots }: Books,
  baseCurrency: string,
  portfolio: string,
  holdings: Iterable<Holding>,
  sums: SumExchange,
  rates: Rates,
): Books {
  const unnamed = account.deposits - account.namedDeposits;
  const named = pots.find(({ currency }) => currency === baseCurrency)?.deposits ?? 0n;
  let books: Books = {
    account: { ...account, ...NO_AMOUNTS, baseCurrency, deposits: unnamed + named, namedDeposits: named },
    pots: [],
  };
  const foreign = pots.filter(({ currency }) => currency !== baseCurrency).map((pot) => [pot.currency, pot.deposits]);
  for (const [currency, deposits] of [...foreign, [account.baseCurrency, account.namedDeposits]] as [string, bigint][])
    if (deposits !== 0n) {
      const pot = deposited(emptyPot(currency), account.eventTime, deposits, baseCurrency, rates);
      books = { ...books, pots: withPot(books.pots, pot) };
    }
  for (const holding of holdings)
    books = inCurrency(books, holding.currency, (of) => ({ ...of, ...exchange(of, undefined, holding) }));
  for (const currency of [baseCurrency, ...books.pots.map((pot) => pot.currency)])
    books = inCurrency(books, currency, (of) => ({ ...of, ...sums.afresh(portfolio, currency) }));
  const entries = books.pots.map((pot) => entered(emptyPot(pot.currency), pot, account.eventTime));
  const begun = { account: books.account, pots: entries };
  checkTotals(begun, rates);
  const profit = profitOf(begun, rates);
  const isFirst = account.pastTimes.length === 0;
  const path = { ...START, eventTime: account.eventTime, profit, dayStartProfit: isFirst ? 0 : profit };
  return { account: { ...begun.account, ...path }, pots: entries };
}
