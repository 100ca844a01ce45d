import { positionProblem } from '#schemas/checks.ts';
import { checkDecimal, DecimalError, decimalToNumber } from '#schemas/decimal.ts';
import { isPairId } from '#schemas/fx.ts';
import type { CashMovement, InstrumentMark, Portfolio, Position } from '#schemas/generated/types.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import {
  type Account,
  type Amounts,
  EMPTY_ACCOUNT,
  exchange,
  type Holding,
  NO_SUMS,
  pnlOf,
  type Valuation,
} from './account.ts';
import {
  beforePrice,
  isConcerned,
  type PositionChange,
  rebased,
  withAmounts,
  withDeposit,
  withMarks,
} from './books.ts';
import { advance } from './path.ts';
import type { Pot, Pots } from './pot.ts';
import { Rates } from './rates.ts';
import type { Series } from './series.ts';
import { SumExchange } from './sums.ts';
import { type Books, translatedPnl } from './translate.ts';
import { cashProblem, markProblem, portfolioProblem } from './validate.ts';

/** Names of the topics it tells apart and names as the cause of its outputs. */
export interface AdderTopics {
  readonly positions: string;
  readonly cash: string;
  readonly portfolios: string;
  readonly marks: string;
}
type Input = Position | CashMovement | Portfolio | InstrumentMark | null;
interface Cause {
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
}

/**
 * By portfolio: exchanges the contribution of the position that changed, applies cash, and emits the portfolio's P&L (account.ts). A mark
 * touches two small rows and no ledger amount. Cash whose (portfolio, cashId) was applied before is counted as `duplicate-cash`.
 *
 * A new price of a pair of currencies emits the P&L of every portfolio that it concerns; one older than the pair's newest is counted
 * as `late-rate`. Pots by portfolio are an index of their store, made at the first record: an abort makes a new processor.
 */
export class Adder implements Processor<Input> {
  readonly #context: ProcessorContext;
  readonly #topics: AdderTopics;
  readonly #accounts: KeyValueStore<Account>;
  readonly #holdings: KeyValueStore<Holding>;
  readonly #valuations: KeyValueStore<Valuation>;
  readonly #seen: KeyValueStore<number>;
  readonly #potRows: KeyValueStore<Pots>;
  readonly #rates: Rates;
  readonly #sums: SumExchange;
  readonly #pending: Map<string, Cause> | null;
  #index: Map<string, readonly Pot[]> | null = null;

  constructor(context: ProcessorContext, topics: AdderTopics, conflate: boolean, pivotCurrency: string) {
    this.#context = context;
    this.#topics = topics;
    this.#accounts = context.store('accounts');
    this.#holdings = context.store('holdings');
    this.#valuations = context.store('valuations');
    this.#seen = context.store('seen-cash');
    this.#potRows = context.store('pots');
    this.#rates = new Rates(context.store<Series>('rates'), pivotCurrency);
    this.#sums = new SumExchange((portfolio, currency) => this.#valuationsIn(portfolio, currency));
    this.#pending = conflate ? new Map() : null;
  }

  process({ key, value, source }: StreamRecord<Input>): void {
    const { topic } = source;
    try {
      if (topic === this.#topics.positions) this.#takePosition(key, value as Position | null);
      else if (topic === this.#topics.marks) this.#takeMark(key, value as InstrumentMark | null);
      else if (topic === this.#topics.cash) this.#takeCash(key, value as CashMovement | null);
      else this.#takeDescription(key, value as Portfolio | null);
    } catch (error) {
      // Totals are computed before anything is stored, so nothing has changed.
      if (!(error instanceof DecimalError)) throw error;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', `A total after record ${key}: ${error.message}`);
    }
  }

  #takePosition(key: string | null, position: Position | null): void {
    const problem = positionProblem(key, position);
    if (problem) this.#context.reject(problem.code, problem.reason);
    else this.#position(key!, position!);
  }
  #takeMark(key: string | null, mark: InstrumentMark | null): void {
    // Most are of no pair: nothing is looked at but the name.
    if (mark === null || !isPairId(mark.instrument)) return;
    const problem = markProblem(key, mark);
    if (problem) this.#context.reject(problem.code, problem.reason);
    else this.#price(mark);
  }
  #takeCash(key: string | null, movement: CashMovement | null): void {
    const problem = cashProblem(key, movement, this.#context.now());
    if (problem) this.#context.reject(problem.code, problem.reason);
    else this.#cash(movement!);
  }
  #takeDescription(key: string | null, description: Portfolio | null): void {
    const problem = portfolioProblem(key, description);
    if (problem) this.#context.reject(problem.code, problem.reason);
    // Without its description a portfolio keeps its base currency: figures do not change their meaning unseen.
    else if (description) this.#described(description);
  }

  beforeCommit(): void {
    if (!this.#pending) return;
    for (const [portfolio, cause] of this.#pending) this.#publish(portfolio, this.#accounts.get(portfolio)!, cause);
    this.#pending.clear();
  }

  #cash({ portfolio, cashId, amount, currency, eventTime }: CashMovement): void {
    const id = `${portfolio}/${cashId}`;
    if (this.#seen.get(id) !== undefined) {
      this.#context.count('duplicate-cash');
      return;
    }
    const cause = { sourceTopic: this.#topics.cash, sourceEventTime: eventTime };
    const account = this.#accounts.get(portfolio) ?? EMPTY_ACCOUNT;
    if (currency !== null && currency !== account.baseCurrency) {
      const books = withDeposit(this.#books(portfolio, account), eventTime, currency, amount, this.#rates);
      this.#seen.put(id, eventTime);
      this.#changeBooks(portfolio, books, cause);
      return;
    }
    const deposits = checkDecimal(account.deposits + amount);
    checkDecimal(deposits + account.cashFlow);
    const namedDeposits = checkDecimal(account.namedDeposits + (currency === null ? 0n : amount));
    const path = advance(account, eventTime, account.profit, 0);
    const next = { ...account, ...path, deposits, namedDeposits };
    this.#checkTotals(portfolio, next);
    this.#seen.put(id, eventTime);
    this.#change(portfolio, next, cause);
  }

  #position(key: string, position: Position): void {
    const { portfolio, eventTime } = position;
    const account = this.#accounts.get(portfolio) ?? EMPTY_ACCOUNT;
    const held = this.#holdings.get(key);
    const holding = held && isSameLedger(held, position) ? held : makeHolding(position);
    const was = this.#valuations.get(key);
    const valuation = valuationOf(position, holding.units);
    const wasOpen = held !== undefined && held.units !== 0;
    const isOpen = holding.units !== 0;
    const openPositions = account.openPositions + Number(isOpen) - Number(wasOpen);
    const unpricedPositions = account.unpricedPositions + Number(isOpen && !valuation) - Number(wasOpen && !was);
    if (position.currency !== account.baseCurrency || this.#pots().has(portfolio)) {
      const change = { portfolio, eventTime, held, holding, was, valuation, openPositions, unpricedPositions };
      this.#foreignPosition(key, account, change);
      return;
    }
    let totals: Amounts = account;
    if (holding !== held) {
      totals = exchange(account, held, holding);
      checkDecimal(account.deposits + totals.cashFlow);
    }
    this.#store(key, held, holding, was, valuation);
    const sums =
      openPositions === unpricedPositions
        ? NO_SUMS
        : this.#sums.exchange(account, was, valuation, portfolio, account.baseCurrency);
    const profit = decimalToNumber(totals.realizedPnl) + sums.unrealizedHigh;
    const realized = holding === held ? 0 : decimalToNumber(holding.realizedPnl - (held?.realizedPnl ?? 0n));
    const change = realized + (valuation?.unrealizedPnl ?? 0) - (was?.unrealizedPnl ?? 0);
    const path = advance(account, eventTime, profit, change);
    const next: Account = {
      eventTime: path.eventTime,
      profit: path.profit,
      pastTimes: path.pastTimes,
      pastProfits: path.pastProfits,
      peakProfit: path.peakProfit,
      pastPeak: path.pastPeak,
      dayStartProfit: path.dayStartProfit,
      baseCurrency: account.baseCurrency,
      deposits: account.deposits,
      namedDeposits: account.namedDeposits,
      cashFlow: totals.cashFlow,
      cost: totals.cost,
      realizedPnl: totals.realizedPnl,
      commission: totals.commission,
      openPositions,
      unpricedPositions,
      unrealizedHigh: sums.unrealizedHigh,
      unrealizedLow: sums.unrealizedLow,
      grossHigh: sums.grossHigh,
      grossLow: sums.grossLow,
      netHigh: sums.netHigh,
      netLow: sums.netLow,
      noise: sums.noise,
    };
    this.#change(portfolio, next, { sourceTopic: this.#topics.positions, sourceEventTime: eventTime });
  }

  /** A position of a portfolio with amounts in several currencies. */
  #foreignPosition(key: string, account: Account, change: PositionChange): void {
    const { portfolio, eventTime, held, holding, was, valuation } = change;
    const before = this.#books(portfolio, account);
    const after = holding === held ? before : withAmounts(before, change, this.#rates);
    this.#store(key, held, holding, was, valuation);
    const next = withMarks(before, after, change, this.#sums, this.#rates);
    this.#changeBooks(portfolio, next, { sourceTopic: this.#topics.positions, sourceEventTime: eventTime });
  }

  #store(
    key: string,
    held: Holding | undefined,
    holding: Holding,
    was: Valuation | undefined,
    valuation: Valuation | null,
  ): void {
    if (holding !== held) this.#holdings.put(key, holding);
    if (valuation) this.#valuations.put(key, valuation);
    else if (was) this.#valuations.delete(key);
  }

  /** A new price of a pair. */
  #price({ instrument: pair, eventTime, price }: InstrumentMark): void {
    if (eventTime < this.#rates.newest(pair)) {
      this.#context.count('late-rate');
      return;
    }
    const concerned = [...this.#pots().keys()].sort().flatMap((portfolio) => {
      const books = this.#books(portfolio, this.#accounts.get(portfolio)!);
      if (!isConcerned(books, pair, this.#rates)) return [];
      return [{ portfolio, afterwards: beforePrice(books, pair, eventTime, this.#rates) }];
    });
    const undo = this.#rates.take(pair, eventTime, price);
    let changed: { readonly portfolio: string; readonly books: Books }[];
    try {
      changed = concerned.map(({ portfolio, afterwards }) => ({ portfolio, books: afterwards() }));
    } catch (error) {
      undo();
      throw error;
    }
    this.#rates.keep(pair);
    const cause = { sourceTopic: this.#topics.marks, sourceEventTime: eventTime };
    for (const { portfolio, books } of changed) this.#changeBooks(portfolio, books, cause);
  }

  #described({ portfolio, baseCurrency, eventTime }: Portfolio): void {
    const account = this.#accounts.get(portfolio) ?? EMPTY_ACCOUNT;
    if (baseCurrency === account.baseCurrency) return;
    const books = this.#books(portfolio, account);
    const next = rebased(books, baseCurrency, portfolio, this.#holdingsOf(portfolio), this.#sums, this.#rates);
    if (account.eventTime < 0) this.#accounts.put(portfolio, next.account);
    else this.#changeBooks(portfolio, next, { sourceTopic: this.#topics.portfolios, sourceEventTime: eventTime });
  }

  /** In a portfolio with pots more than cash itself must stay in range. */
  #checkTotals(portfolio: string, account: Account): void {
    const pots = this.#pots().get(portfolio);
    if (pots) translatedPnl(portfolio, { account, pots }, this.#rates, '', 0);
  }

  #books(portfolio: string, account: Account): Books {
    return { account, pots: this.#pots().get(portfolio) ?? [] };
  }

  #pots(): Map<string, readonly Pot[]> {
    if (!this.#index) {
      this.#index = new Map();
      for (const [portfolio, { pots }] of this.#potRows.entries()) this.#index.set(portfolio, pots);
    }
    return this.#index;
  }

  *#holdingsOf(portfolio: string): Iterable<Holding> {
    const prefix = `${portfolio}/`;
    for (const [key, holding] of this.#holdings.entries()) if (key.startsWith(prefix)) yield holding;
  }

  *#valuationsIn(portfolio: string, currency: string): Iterable<Valuation> {
    const prefix = `${portfolio}/`;
    for (const [key, valuation] of this.#valuations.entries())
      if (key.startsWith(prefix) && this.#holdings.get(key)!.currency === currency) yield valuation;
  }

  #changeBooks(portfolio: string, { account, pots }: Books, cause: Cause): void {
    if (pots.length > 0) {
      this.#pots().set(portfolio, pots);
      this.#potRows.put(portfolio, { pots });
    } else if (this.#pots().delete(portfolio)) this.#potRows.delete(portfolio);
    this.#change(portfolio, account, cause);
  }

  #change(portfolio: string, account: Account, cause: Cause): void {
    this.#accounts.put(portfolio, account);
    if (this.#pending) this.#pending.set(portfolio, cause);
    else this.#publish(portfolio, account, cause);
  }

  #publish(portfolio: string, account: Account, { sourceTopic, sourceEventTime }: Cause): void {
    const pots = this.#pots().get(portfolio);
    const pnl = pots
      ? translatedPnl(portfolio, { account, pots }, this.#rates, sourceTopic, sourceEventTime)
      : pnlOf(portfolio, account, sourceTopic, sourceEventTime);
    this.#context.forward('to-pnl', portfolio, pnl, Math.floor(account.eventTime / 1000));
  }
}

/** True where only the mark has changed: then no ledger amount is looked at. */
const isSameLedger = (held: Holding, { fills, revision, currency }: Position) =>
  held.revision === revision && held.fills === fills && held.currency === currency;

function makeHolding(position: Position): Holding {
  const { fills, revision, currency, quantity, multiplier, cashFlow, cost, realizedPnl, commission } = position;
  const units = decimalToNumber(quantity) * decimalToNumber(multiplier);
  return { fills, revision, currency, units, cashFlow, cost, realizedPnl, commission };
}

function valuationOf({ markPrice, unrealizedPnl }: Position, units: number): Valuation | null {
  if (units === 0 || markPrice === null || unrealizedPnl === null) return null;
  return { unrealizedPnl, exposure: units * markPrice };
}
