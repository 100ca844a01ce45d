import { positionProblem } from '#schemas/checks.ts';
import { checkDecimal, DecimalError, decimalToNumber } from '#schemas/decimal.ts';
import type { CashMovement, Position } from '#schemas/generated/types.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { type Account, type Amounts, EMPTY_ACCOUNT, exchange, type Holding, pnlOf, type Valuation } from './account.ts';
import { advance } from './path.ts';
import { Sum } from './sum.ts';
import { cashProblem } from './validate.ts';

/** Names of the topics it tells apart and names as the cause of its outputs. */
export interface AdderTopics {
  readonly positions: string;
  readonly cash: string;
}
interface Cause {
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
}
/** The sums of doubles after an update. */
type Sums = Pick<
  Account,
  'unrealizedHigh' | 'unrealizedLow' | 'grossHigh' | 'grossLow' | 'netHigh' | 'netLow' | 'noise'
>;

/** Nothing is open and priced. */
const NO_SUMS: Sums = {
  unrealizedHigh: 0,
  unrealizedLow: 0,
  grossHigh: 0,
  grossLow: 0,
  netHigh: 0,
  netLow: 0,
  noise: 0,
};
/** Error of one addition in twice the precision, relative to its terms; two bits to spare. */
const SUM_ERROR = 2 ** -103;
/** Noise that is still too small to show in a double, with ten bits to spare. */
const SUM_RESOLUTION = 2 ** -63;

/**
 * By portfolio: exchanges the contribution of the position that changed, applies cash, and emits the portfolio's P&L (account.ts). A mark
 * touches two small rows and no ledger amount. Cash whose (portfolio, cashId) was applied before is counted as `duplicate-cash`.
 */
export class Adder implements Processor<Position | CashMovement | null> {
  readonly #context: ProcessorContext;
  readonly #topics: AdderTopics;
  readonly #accounts: KeyValueStore<Account>;
  readonly #holdings: KeyValueStore<Holding>;
  readonly #valuations: KeyValueStore<Valuation>;
  readonly #seen: KeyValueStore<number>;
  readonly #pending: Map<string, Cause> | null;
  readonly #unrealized = new Sum();
  readonly #gross = new Sum();
  readonly #net = new Sum();

  constructor(context: ProcessorContext, topics: AdderTopics, conflate: boolean) {
    this.#context = context;
    this.#topics = topics;
    this.#accounts = context.store('accounts');
    this.#holdings = context.store('holdings');
    this.#valuations = context.store('valuations');
    this.#seen = context.store('seen-cash');
    this.#pending = conflate ? new Map() : null;
  }

  process(record: StreamRecord<Position | CashMovement | null>): void {
    const isCash = record.source.topic === this.#topics.cash;
    const problem = isCash
      ? cashProblem(record.key, record.value as CashMovement | null, this.#context.now())
      : positionProblem(record.key, record.value as Position | null);
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    try {
      if (isCash) this.#cash(record.value as CashMovement);
      else this.#position(record.key!, record.value as Position);
    } catch (error) {
      // Totals are computed before anything is stored, so nothing has changed.
      if (!(error instanceof DecimalError)) throw error;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', `A total of portfolio ${record.value!.portfolio}: ${error.message}`);
    }
  }

  beforeCommit(): void {
    if (!this.#pending) return;
    for (const [portfolio, cause] of this.#pending) this.#publish(portfolio, this.#accounts.get(portfolio)!, cause);
    this.#pending.clear();
  }

  #cash({ portfolio, cashId, amount, eventTime }: CashMovement): void {
    const id = `${portfolio}/${cashId}`;
    if (this.#seen.get(id) !== undefined) {
      this.#context.count('duplicate-cash');
      return;
    }
    const account = this.#accounts.get(portfolio) ?? EMPTY_ACCOUNT;
    const deposits = checkDecimal(account.deposits + amount);
    checkDecimal(deposits + account.cashFlow);
    this.#seen.put(id, eventTime);
    const path = advance(account, eventTime, account.profit, 0);
    this.#change(
      portfolio,
      { ...account, ...path, deposits },
      { sourceTopic: this.#topics.cash, sourceEventTime: eventTime },
    );
  }

  #position(key: string, position: Position): void {
    const { portfolio, eventTime } = position;
    const account = this.#accounts.get(portfolio) ?? EMPTY_ACCOUNT;
    const held = this.#holdings.get(key);
    const holding = held && isSameLedger(held, position) ? held : makeHolding(position);
    let totals: Amounts = account;
    if (holding !== held) {
      totals = exchange(account, held, holding);
      checkDecimal(account.deposits + totals.cashFlow);
      this.#holdings.put(key, holding);
    }
    const was = this.#valuations.get(key);
    const valuation = valuationOf(position, holding.units);
    if (valuation) this.#valuations.put(key, valuation);
    else if (was) this.#valuations.delete(key);
    const wasOpen = held !== undefined && held.units !== 0;
    const isOpen = holding.units !== 0;
    const openPositions = account.openPositions + Number(isOpen) - Number(wasOpen);
    const unpricedPositions = account.unpricedPositions + Number(isOpen && !valuation) - Number(wasOpen && !was);
    const sums = openPositions === unpricedPositions ? NO_SUMS : this.#exchange(portfolio, account, was, valuation);
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
      deposits: account.deposits,
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
    this.#change(portfolio, next, { sourceTopic: this.#topics.positions, sourceEventTime: position.eventTime });
  }

  #exchange(portfolio: string, account: Account, was: Valuation | undefined, now: Valuation | null): Sums {
    const unrealized = this.#unrealized;
    const gross = this.#gross;
    const net = this.#net;
    unrealized.load(account.unrealizedHigh, account.unrealizedLow);
    gross.load(account.grossHigh, account.grossLow);
    net.load(account.netHigh, account.netLow);
    let terms = gross.high + Math.abs(unrealized.high);
    if (was) {
      unrealized.add(-was.unrealizedPnl);
      gross.add(-Math.abs(was.exposure));
      net.add(-was.exposure);
      terms += Math.abs(was.unrealizedPnl) + Math.abs(was.exposure);
    }
    if (now) {
      unrealized.add(now.unrealizedPnl);
      gross.add(Math.abs(now.exposure));
      net.add(now.exposure);
      terms += Math.abs(now.unrealizedPnl) + Math.abs(now.exposure);
    }
    let noise = account.noise + terms * SUM_ERROR;
    if (noise > (gross.high + Math.abs(unrealized.high)) * SUM_RESOLUTION) {
      this.#addAfresh(portfolio);
      noise = 0;
    }
    return {
      unrealizedHigh: unrealized.high,
      unrealizedLow: unrealized.low,
      grossHigh: gross.high,
      grossLow: gross.low,
      netHigh: net.high,
      netLow: net.low,
      noise,
    };
  }

  #addAfresh(portfolio: string): void {
    const prefix = `${portfolio}/`;
    this.#unrealized.load(0, 0);
    this.#gross.load(0, 0);
    this.#net.load(0, 0);
    for (const [key, { unrealizedPnl, exposure }] of this.#valuations.entries()) {
      if (!key.startsWith(prefix)) continue;
      this.#unrealized.add(unrealizedPnl);
      this.#gross.add(Math.abs(exposure));
      this.#net.add(exposure);
    }
  }

  #change(portfolio: string, account: Account, cause: Cause): void {
    this.#accounts.put(portfolio, account);
    if (this.#pending) this.#pending.set(portfolio, cause);
    else this.#publish(portfolio, account, cause);
  }

  #publish(portfolio: string, account: Account, { sourceTopic, sourceEventTime }: Cause): void {
    const pnl = pnlOf(portfolio, account, sourceTopic, sourceEventTime);
    this.#context.forward('to-pnl', portfolio, pnl, Math.floor(account.eventTime / 1000));
  }
}

/** True where only the mark has changed: then no ledger amount is looked at. */
const isSameLedger = (held: Holding, { fills, revision }: Position) =>
  held.revision === revision && held.fills === fills;

function makeHolding(position: Position): Holding {
  const { fills, revision, quantity, multiplier, cashFlow, cost, realizedPnl, commission } = position;
  const units = decimalToNumber(quantity) * decimalToNumber(multiplier);
  return { fills, revision, units, cashFlow, cost, realizedPnl, commission };
}

function valuationOf({ markPrice, unrealizedPnl }: Position, units: number): Valuation | null {
  if (units === 0 || markPrice === null || unrealizedPnl === null) return null;
  return { unrealizedPnl, exposure: units * markPrice };
}
