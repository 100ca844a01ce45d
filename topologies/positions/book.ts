import { corporateActionProblem, tradeProblem } from '#schemas/checks.ts';
import { DecimalError, decimalToNumber } from '#schemas/decimal.ts';
import type { CorporateAction, Fill, Instrument, Position, Trade } from '#schemas/generated/types.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { type ActionChange, actionChange, instrumentOf, type StoredAction } from '../kit/corporate-actions.ts';
import { actionEntry, auditEntry } from './audit.ts';
import { firstAfter, type InstrumentActions, priceAfter } from './corporate-actions.ts';
import type { AcceptedFill } from './fills.ts';
import { addVersion, currencyOf, forgotten, type InstrumentInfo, multiplierAt } from './instruments.ts';
import { averagePrice, unrealizedPnl } from './ledger.ts';
import { type LedgerChange, LedgerStore, type PositionLedger } from './ledger-store.ts';
import { type Mark, shareMark } from './marks.ts';
import { instrumentProblem } from './validate.ts';

/** An open position, ready to be marked without touching a bigint. Rebuilt from the stores, never stored. */
interface Holder {
  readonly portfolio: string;
  readonly key: string;
  readonly ledger: PositionLedger;
  /** quantity × multiplier. */
  readonly units: number;
  readonly cost: number;
  readonly averagePrice: number | null;
  /** The mark that its last output carried. */
  emitted: Mark | undefined;
}
/** Names of the topics it tells apart and names as the cause of its outputs. */
export interface BookTopics {
  readonly trades: string;
  readonly fills: string;
  readonly instruments: string;
  readonly actions: string;
}
type Input = AcceptedFill | CorporateAction | Trade | Instrument | null;
interface Listing {
  readonly instrument: string;
  currency: string;
  mark: Mark | undefined;
  /** Open positions by portfolio, in order of the portfolio's id: output order must not depend on restarts. */
  readonly holders: Holder[];
  /** Newest event time of its trades and of its positions' ledgers; -1 before the first. */
  clock: number;
  /** All that are known, and those in effect. */
  actions: readonly StoredAction[];
  effective: readonly StoredAction[];
  /** Ex time of the first that is not in effect yet; Infinity for none. */
  nextExTime: number;
}

/**
 * By instrument: keeps the newest trade as the mark, applies fills, their amendments and corporate actions to positions, and
 * emits a position for each of these and for each holder a trade marks. A trade older (by event time) than the mark is counted
 * as `late-trade` and moves nothing; of trades at the same event time the one with the later offset holds. A fill
 * counts however late it is. An amendment that is applied has an entry in the audit trail; one that was applied before
 * is counted as `duplicate-amendment`.
 *
 * Holders by instrument are an index in memory, built from the stores at the first record and kept with them: an abort makes a new
 * processor. A stored row of holders would be rewritten to the changelog by every open and close.
 */
export class Book implements Processor<Input> {
  readonly #context: ProcessorContext;
  readonly #topics: BookTopics;
  readonly #marks: KeyValueStore<Mark>;
  readonly #instruments: KeyValueStore<InstrumentInfo>;
  readonly #actions: KeyValueStore<InstrumentActions>;
  readonly #ledgers: LedgerStore;
  readonly #pending: Set<Listing> | null;
  #listings: Map<string, Listing> | null = null;

  constructor(context: ProcessorContext, topics: BookTopics, conflateMarks: boolean) {
    this.#context = context;
    this.#topics = topics;
    this.#marks = context.store('marks');
    this.#instruments = context.store('instruments');
    this.#actions = context.store('actions');
    this.#ledgers = new LedgerStore(context);
    this.#pending = conflateMarks ? new Set() : null;
  }

  process(record: StreamRecord<Input>): void {
    const { topic } = record.source;
    if (topic === this.#topics.trades) this.#trade(record.key, record.value as Trade | null);
    else if (topic === this.#topics.instruments) this.#instrument(record.key, record.value as Instrument | null);
    else if (topic === this.#topics.actions) this.#action(record as StreamRecord<CorporateAction | null>);
    else this.#fill(record.value as AcceptedFill);
  }

  beforeCommit(): void {
    if (!this.#pending) return;
    for (const listing of this.#pending) this.#markHolders(listing);
    this.#pending.clear();
  }

  #trade(key: string | null, trade: Trade | null): void {
    const listing = this.#index().get(key ?? '');
    const problem = tradeProblem(key, trade, listing !== undefined, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { eventTime, price, instrument } = trade!;
    const target = listing ?? this.#list(instrument);
    if (target.mark && eventTime < target.mark.eventTime) {
      this.#context.count('late-trade');
      return;
    }
    if (eventTime >= target.nextExTime) this.#advance(target, eventTime);
    if (eventTime > target.clock) target.clock = eventTime;
    target.mark = { eventTime, price };
    this.#marks.put(target.instrument, target.mark);
    if (target.holders.length === 0) return;
    if (this.#pending) this.#pending.add(target);
    else this.#markHolders(target);
  }

  #markHolders(listing: Listing): void {
    const mark = listing.mark!;
    for (const holder of listing.holders) {
      // A fill since has shown this mark already.
      if (holder.emitted !== mark) this.#emit(listing, holder, 'MARK', this.#topics.trades, mark.eventTime);
    }
  }

  #fill(accepted: AcceptedFill): void {
    const { fill } = accepted;
    const key = `${fill.portfolio}/${fill.instrument}`;
    const listing = this.#index().get(fill.instrument) ?? this.#list(fill.instrument);
    if (fill.action === 'NEW' && fill.eventTime >= listing.nextExTime) this.#advance(listing, fill.eventTime);
    let ledger: PositionLedger | null;
    try {
      ledger =
        fill.action === 'NEW'
          ? this.#ledgers.add(key, fill, this.#multiplier(fill), listing.effective)
          : this.#amend(key, accepted, listing.effective);
    } catch (error) {
      if (!(error instanceof DecimalError)) throw error;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', `Fill ${fill.fillId} of position ${key}: ${error.message}`);
      return;
    }
    if (!ledger) return;
    this.#show(listing, key, ledger, 'FILL', this.#topics.fills, fill.eventTime);
    // An amendment is of its own time.
    if (ledger.eventTime >= listing.nextExTime) this.#advance(listing, ledger.eventTime);
    listing.clock = Math.max(listing.clock, ledger.eventTime);
  }

  #multiplier({ instrument, eventTime }: Fill): bigint {
    return multiplierAt(this.#instruments.get(instrument), eventTime);
  }

  /** The ledger after an amendment; null: it changes nothing. */
  #amend(key: string, accepted: AcceptedFill, effective: readonly StoredAction[]): PositionLedger | null {
    const { fill } = accepted;
    const result = this.#ledgers.amend(key, fill, effective);
    if (result.outcome === 'REPEATED') this.#context.count('duplicate-amendment');
    else if (result.outcome === 'REFUSED') this.#context.reject(result.code, result.reason);
    if (result.outcome !== 'AMENDED') return null;
    const entry = auditEntry(accepted, this.#topics.fills, result);
    this.#context.forward('to-audit', fill.portfolio, entry, Math.floor(fill.eventTime / 1000));
    return result.ledger.after;
  }

  /** A position after a change of its ledger. */
  #show(
    listing: Listing,
    key: string,
    ledger: PositionLedger,
    cause: Position['cause'],
    sourceTopic: string,
    sourceEventTime: number,
  ): void {
    const holder = makeHolder(key.slice(0, key.indexOf('/')), key, ledger);
    hold(listing.holders, holder);
    this.#emit(listing, holder, cause, sourceTopic, sourceEventTime);
  }

  /** Takes in what is said of a corporate action; where it is in effect already, or was, all fills of the instrument are applied again. */
  #action(record: StreamRecord<CorporateAction | null>): void {
    const problem = corporateActionProblem(record.key, record.value, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const instrument = instrumentOf(record.key!);
    const listing = this.#index().get(instrument) ?? this.#list(instrument);
    const said = actionChange(record, listing.actions);
    if (!said) return;
    const { change, actions } = said;
    const isInEffect = (action: StoredAction | null) => action !== null && action.exTime <= listing.clock;
    if ((isInEffect(change.before) || isInEffect(change.after)) && !this.#applyAgain(listing, actions, change)) return;
    this.#setActions(listing, actions, listing.clock);
  }

  /** False, with the record rejected, where that leads out of range. */
  #applyAgain(listing: Listing, actions: readonly StoredAction[], change: ActionChange): boolean {
    const keys: string[] = [];
    for (const [key] of this.#ledgers.entries())
      if (key.slice(key.indexOf('/') + 1) === listing.instrument) keys.push(key);
    let changed: readonly (LedgerChange & { readonly key: string })[];
    try {
      const effective = actions.slice(0, firstAfter(actions, listing.clock));
      changed = this.#ledgers.actAgain(keys.sort(), effective);
    } catch (error) {
      if (!(error instanceof DecimalError)) throw error;
      const reason = `Corporate action ${change.actionId} of ${listing.instrument}: ${error.message}`;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', reason);
      return false;
    }
    const { before, after } = change;
    // Corrected before the next trade: the mark stays until then.
    if (after && !before && listing.mark && listing.mark.eventTime < after.exTime) this.#adjustMark(listing, after);
    for (const ledger of changed) this.#showAction(listing, ledger.key, ledger, change);
    return true;
  }

  /** Event time goes on to `eventTime`: actions come into effect, each of them on what is held. */
  #advance(listing: Listing, eventTime: number): void {
    const { actions, clock } = listing;
    for (const action of actions.slice(firstAfter(actions, clock), firstAfter(actions, eventTime))) {
      this.#adjustMark(listing, action);
      for (const { key } of [...listing.holders]) {
        const ledger = this.#ledgers.act(key, action);
        if (ledger) this.#showAction(listing, key, ledger, { ...action, before: null, after: action });
      }
    }
    this.#setActions(listing, actions, eventTime);
  }

  #setActions(listing: Listing, actions: readonly StoredAction[], reachedTime: number): void {
    takeActions(listing, { actions, reachedTime });
    this.#actions.put(listing.instrument, { actions, reachedTime });
  }

  #showAction(listing: Listing, key: string, ledger: LedgerChange, change: ActionChange): void {
    this.#show(listing, key, ledger.after, 'CORPORATE_ACTION', this.#topics.actions, change.eventTime);
    const entry = actionEntry(key, this.#topics.actions, change, ledger);
    this.#context.forward('to-audit', entry.portfolio, entry, Math.floor(entry.eventTime / 1000));
  }

  /** A mark from before the ex time is what is left of it then; later trades from before it are late. */
  #adjustMark(listing: Listing, action: StoredAction): void {
    const { mark, instrument } = listing;
    if (!mark) return;
    listing.mark = { eventTime: action.exTime, price: priceAfter(mark.price, action) };
    this.#marks.put(instrument, listing.mark);
    shareMark(this.#context, instrument, listing.mark, this.#topics.actions, action.eventTime);
  }

  #instrument(key: string | null, instrument: Instrument | null): void {
    const problem = instrumentProblem(key, instrument, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const before = this.#instruments.get(key!);
    if (!instrument) {
      if (before) this.#instruments.put(key!, forgotten(before));
      return;
    }
    const after = addVersion(before, instrument);
    if (after === before) return;
    this.#instruments.put(key!, after);
    const listing = this.#index().get(key!);
    if (listing) listing.currency = after.currency;
  }

  #emit(
    listing: Listing,
    holder: Holder,
    cause: Position['cause'],
    sourceTopic: string,
    sourceEventTime: number,
  ): void {
    const { mark } = listing;
    const { ledger, units } = holder;
    const eventTime = mark && mark.eventTime > ledger.eventTime ? mark.eventTime : ledger.eventTime;
    const flat = units === 0;
    const position: Position = {
      eventTime,
      portfolio: holder.portfolio,
      instrument: listing.instrument,
      quantity: ledger.quantity,
      cost: ledger.cost,
      averagePrice: holder.averagePrice,
      markPrice: mark ? mark.price : null,
      markTime: mark ? mark.eventTime : null,
      multiplier: ledger.multiplier,
      currency: listing.currency,
      realizedPnl: ledger.realizedPnl,
      unrealizedPnl: flat ? 0 : mark ? unrealizedPnl(units, holder.cost, mark.price) : null,
      commission: ledger.commission,
      dividends: ledger.dividends,
      cashFlow: ledger.cashFlow,
      fills: ledger.fills,
      revision: ledger.revision,
      unpriced: !flat && !mark,
      cause,
      sourceTopic,
      sourceEventTime,
    };
    holder.emitted = mark;
    this.#context.forward('to-positions', holder.key, position, Math.floor(eventTime / 1000));
  }

  #list(instrument: string): Listing {
    const currency = currencyOf(this.#instruments.get(instrument));
    const known = this.#actions.get(instrument) ?? { actions: [], reachedTime: -1 };
    const listing: Listing = {
      instrument,
      currency,
      mark: undefined,
      holders: [],
      clock: -1,
      actions: [],
      effective: [],
      nextExTime: Number.POSITIVE_INFINITY,
    };
    takeActions(listing, known);
    this.#index().set(instrument, listing);
    return listing;
  }

  #index(): Map<string, Listing> {
    if (this.#listings) return this.#listings;
    this.#listings = new Map();
    for (const [instrument, mark] of this.#marks.entries()) {
      const listing = this.#list(instrument);
      listing.mark = mark;
      listing.clock = Math.max(listing.clock, mark.eventTime);
    }
    for (const [key, ledger] of this.#ledgers.entries()) {
      const slash = key.indexOf('/');
      const instrument = key.slice(slash + 1);
      const listing = this.#listings.get(instrument) ?? this.#list(instrument);
      listing.clock = Math.max(listing.clock, ledger.eventTime);
      if (ledger.quantity !== 0n) listing.holders.push(makeHolder(key.slice(0, slash), key, ledger));
    }
    for (const { holders } of this.#listings.values()) holders.sort((a, b) => (a.portfolio < b.portfolio ? -1 : 1));
    return this.#listings;
  }
}

/** `reachedTime`: at least as far event time has come. */
function takeActions(listing: Listing, { actions, reachedTime }: InstrumentActions): void {
  listing.clock = Math.max(listing.clock, reachedTime);
  const first = firstAfter(actions, listing.clock);
  listing.actions = actions;
  listing.effective = actions.slice(0, first);
  listing.nextExTime = actions[first]?.exTime ?? Number.POSITIVE_INFINITY;
}

function makeHolder(portfolio: string, key: string, ledger: PositionLedger): Holder {
  return {
    portfolio,
    key,
    ledger,
    units: decimalToNumber(ledger.quantity) * decimalToNumber(ledger.multiplier),
    cost: decimalToNumber(ledger.cost),
    averagePrice: averagePrice(ledger),
    emitted: undefined,
  };
}

/** Sets, adds or (when flat) removes the portfolio's holder, keeping the order. */
function hold(holders: Holder[], holder: Holder): void {
  let low = 0;
  for (let high = holders.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (holders[middle]!.portfolio < holder.portfolio) low = middle + 1;
    else high = middle;
  }
  const known = holders[low]?.portfolio === holder.portfolio ? 1 : 0;
  if (holder.units === 0) holders.splice(low, known);
  else holders.splice(low, known, holder);
}
