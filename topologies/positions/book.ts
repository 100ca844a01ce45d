import { tradeProblem } from '#schemas/checks.ts';
import { DecimalError, decimalToNumber } from '#schemas/decimal.ts';
import type { Fill, Instrument, Position, Trade } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { auditEntry } from './audit.ts';
import type { AcceptedFill } from './fills.ts';
import { addVersion, currencyOf, forgotten, type InstrumentInfo, multiplierAt } from './instruments.ts';
import { averagePrice, unrealizedPnl } from './ledger.ts';
import { LedgerStore, type PositionLedger } from './ledger-store.ts';
import { instrumentProblem } from './validate.ts';

/** Newest trade of an instrument. */
export interface Mark {
  readonly eventTime: number;
  readonly price: number;
}

export const MARK_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Mark',
  namespace: 'tidemark.positions',
  doc: 'Newest trade by event time, then offset; key instrument.',
  fields: [
    { name: 'eventTime', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'price', type: 'double' },
  ],
};

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
}
interface Listing {
  readonly instrument: string;
  currency: string;
  mark: Mark | undefined;
  /** Open positions by portfolio, in order of the portfolio's id: output order must not depend on restarts. */
  readonly holders: Holder[];
}

/**
 * By instrument: keeps the newest trade as the mark, applies fills and their amendments to positions, and emits a
 * position for each of these and for each holder a trade marks. A trade older (by event time) than the mark is counted
 * as `late-trade` and moves nothing; of trades at the same event time the one with the later offset holds. A fill
 * counts however late it is. An amendment that is applied has an entry in the audit trail; one that was applied before
 * is counted as `duplicate-amendment`.
 *
 * Holders by instrument are an index in memory, built from the stores at the first record and kept with them: an abort makes a new
 * processor. A stored row of holders would be rewritten to the changelog by every open and close.
 */
export class Book implements Processor<AcceptedFill | Trade | Instrument | null> {
  readonly #context: ProcessorContext;
  readonly #topics: BookTopics;
  readonly #marks: KeyValueStore<Mark>;
  readonly #instruments: KeyValueStore<InstrumentInfo>;
  readonly #ledgers: LedgerStore;
  readonly #pending: Set<Listing> | null;
  #listings: Map<string, Listing> | null = null;

  constructor(context: ProcessorContext, topics: BookTopics, conflateMarks: boolean) {
    this.#context = context;
    this.#topics = topics;
    this.#marks = context.store('marks');
    this.#instruments = context.store('instruments');
    this.#ledgers = new LedgerStore(context);
    this.#pending = conflateMarks ? new Set() : null;
  }

  process(record: StreamRecord<AcceptedFill | Trade | Instrument | null>): void {
    const { topic } = record.source;
    if (topic === this.#topics.trades) this.#trade(record.key, record.value as Trade | null);
    else if (topic === this.#topics.instruments) this.#instrument(record.key, record.value as Instrument | null);
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
    let ledger: PositionLedger | null;
    try {
      ledger =
        fill.action === 'NEW' ? this.#ledgers.add(key, fill, this.#multiplier(fill)) : this.#amend(key, accepted);
    } catch (error) {
      if (!(error instanceof DecimalError)) throw error;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', `Fill ${fill.fillId} of position ${key}: ${error.message}`);
      return;
    }
    if (!ledger) return;
    const listing = this.#index().get(fill.instrument) ?? this.#list(fill.instrument);
    const holder = makeHolder(fill.portfolio, key, ledger);
    hold(listing.holders, holder);
    this.#emit(listing, holder, 'FILL', this.#topics.fills, fill.eventTime);
  }

  #multiplier({ instrument, eventTime }: Fill): bigint {
    return multiplierAt(this.#instruments.get(instrument), eventTime);
  }

  /** The ledger after an amendment; null: it changes nothing. */
  #amend(key: string, accepted: AcceptedFill): PositionLedger | null {
    const { fill } = accepted;
    const result = this.#ledgers.amend(key, fill);
    if (result.outcome === 'REPEATED') this.#context.count('duplicate-amendment');
    else if (result.outcome === 'REFUSED') this.#context.reject(result.code, result.reason);
    if (result.outcome !== 'AMENDED') return null;
    const entry = auditEntry(accepted, this.#topics.fills, result);
    this.#context.forward('to-audit', fill.portfolio, entry, Math.floor(fill.eventTime / 1000));
    return result.ledger.after;
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
    const listing: Listing = { instrument, currency, mark: undefined, holders: [] };
    this.#index().set(instrument, listing);
    return listing;
  }

  #index(): Map<string, Listing> {
    if (this.#listings) return this.#listings;
    this.#listings = new Map();
    for (const [instrument, mark] of this.#marks.entries()) this.#list(instrument).mark = mark;
    for (const [key, ledger] of this.#ledgers.entries()) {
      if (ledger.quantity === 0n) continue;
      const slash = key.indexOf('/');
      const instrument = key.slice(slash + 1);
      const listing = this.#listings.get(instrument) ?? this.#list(instrument);
      listing.holders.push(makeHolder(key.slice(0, slash), key, ledger));
    }
    for (const { holders } of this.#listings.values()) holders.sort((a, b) => (a.portfolio < b.portfolio ? -1 : 1));
    return this.#listings;
  }
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
