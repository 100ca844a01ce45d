import { decimalToNumber } from '#schemas/decimal.ts';
import { DEFAULT_CURRENCY, rateBetween } from '#schemas/fx.ts';
import type { Instrument, Position, RiskControl, RiskLimit } from '#schemas/generated/types.ts';
import type { GlobalTable, KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { Activity } from './activity.ts';
import { Book, type Holding } from './book.ts';
import type {
  StoredMeasures,
  StoredOrder,
  StoredPnl,
  StoredPortfolio,
  StoredPosition,
  StoredPrice,
  StoredStatus,
} from './stored.ts';

/** Value in the instrument's currency; null with the reason. */
export interface LocalValue {
  readonly exposure: number | null;
  readonly currency: string;
  readonly problem: string | null;
}
/** Currency that a portfolio is valued in. */
export const baseOf = ({ pnl }: PortfolioState): string => pnl?.baseCurrency ?? DEFAULT_CURRENCY;

export type SwitchState = RiskControl['state'];
const STRICTNESS: readonly SwitchState[] = ['ACTIVE', 'REDUCING', 'HALTED'];
/** Key of the setting for all portfolios in the store. */
const ALL = '*';

/** Topic and event time of the record that caused an output. */
export interface Cause {
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
}
/** A portfolio in memory: an index of the stores. */
export interface PortfolioState {
  readonly portfolio: string;
  readonly positions: Map<string, StoredPosition>;
  readonly limits: Map<string, RiskLimit>;
  /** Accepted orders that are not filled and in the position yet, by orderId. */
  readonly openOrders: Map<string, StoredOrder>;
  pnl: StoredPnl | null;
  measures: StoredMeasures | null;
  /** Newest event time of what came of the portfolio, microseconds; -1 before the first. */
  eventTime: number;
  /** When something of it came last, by the clock; what is older than this process counts from its start. */
  heardAtMs: number;
  /** What came of it last; null before the first. */
  cause: Cause | null;
  /** Something came since it was looked at last. */
  isDirty: boolean;
}

/**
 * Everything the limits of a task's portfolios are taken from: the stores, and an index of them in memory that is made at the first record. An
 * abort makes a new processor, and with it a new index.
 */
export class Portfolios {
  readonly activity: Activity;
  readonly statuses: KeyValueStore<StoredStatus>;
  readonly orders: KeyValueStore<StoredOrder>;
  readonly #context: ProcessorContext;
  readonly #limits: KeyValueStore<RiskLimit>;
  readonly #positions: KeyValueStore<StoredPosition>;
  readonly #portfolios: KeyValueStore<StoredPortfolio>;
  readonly #measures: KeyValueStore<StoredMeasures>;
  readonly #prices: KeyValueStore<StoredPrice>;
  readonly #controls: KeyValueStore<RiskControl>;
  readonly #instruments: GlobalTable<Instrument>;
  #states: Map<string, PortfolioState> | null = null;

  constructor(context: ProcessorContext) {
    this.#context = context;
    this.activity = new Activity(context);
    this.statuses = context.store('statuses');
    this.orders = context.store('orders');
    this.#limits = context.store('limits');
    this.#positions = context.store('held');
    this.#portfolios = context.store('portfolios');
    this.#measures = context.store('measures-in-force');
    this.#prices = context.store('prices');
    this.#controls = context.store('controls-in-force');
    this.#instruments = context.global('instruments');
  }

  all(): Iterable<PortfolioState> {
    return this.#load().values();
  }

  of(portfolio: string): PortfolioState {
    const states = this.#load();
    let state = states.get(portfolio);
    if (!state) {
      state = this.#make(portfolio);
      states.set(portfolio, state);
    }
    return state;
  }

  price(instrument: string): StoredPrice | undefined {
    return this.#prices.get(instrument);
  }

  /** The description in force, or the newest when there was none yet. */
  instrument(instrument: string, eventTime: number): Instrument | undefined {
    const asOf = this.#instruments.getAsOf(instrument, Math.floor(eventTime / 1000))?.value;
    return asOf ?? this.#instruments.get(instrument);
  }

  /** The stricter of the portfolio's and of that for all. */
  switchOf(portfolio: string): SwitchState {
    const states = [this.#controls.get(portfolio)?.state, this.#controls.get(ALL)?.state];
    return states.reduce<SwitchState>(
      (strictest, state) => (state && STRICTNESS.indexOf(state) > STRICTNESS.indexOf(strictest) ? state : strictest),
      'ACTIVE',
    );
  }

  control(portfolio: string | null): RiskControl | undefined {
    return this.#controls.get(portfolio ?? ALL);
  }

  setControl(control: RiskControl): void {
    this.#controls.put(control.portfolio ?? ALL, control);
  }

  setPrice(instrument: string, price: StoredPrice): void {
    const before = this.#prices.get(instrument);
    if (!before || price.eventTime >= before.eventTime) this.#prices.put(instrument, price);
  }

  setPosition(key: string, position: Position): void {
    const { portfolio, instrument, quantity, multiplier, markPrice, markTime, currency } = position;
    const { positions } = this.of(portfolio);
    if (quantity === 0n) {
      positions.delete(instrument);
      this.#positions.delete(key);
      return;
    }
    const exposure = markPrice === null ? null : decimalToNumber(quantity) * decimalToNumber(multiplier) * markPrice;
    const stored = { quantity, multiplier, exposure, currency, markTime };
    positions.set(instrument, stored);
    this.#positions.put(key, stored);
  }

  /** What of a portfolio stands in no other store: without it a restart would say other times than none. */
  keep({ portfolio, eventTime, cause, pnl }: PortfolioState): void {
    if (cause) this.#portfolios.put(portfolio, { eventTime, ...cause, pnl });
  }

  setMeasures(portfolio: string, measures: StoredMeasures): void {
    this.of(portfolio).measures = measures;
    this.#measures.put(portfolio, measures);
  }

  setLimit(portfolio: string, limitId: string, limit: RiskLimit | null): void {
    const { limits } = this.of(portfolio);
    const key = `${portfolio}/${limitId}`;
    if (limit) {
      limits.set(limitId, limit);
      this.#limits.put(key, limit);
    } else {
      limits.delete(limitId);
      this.#limits.delete(key);
    }
  }

  setOrder(portfolio: string, orderId: string, order: StoredOrder): void {
    const { openOrders } = this.of(portfolio);
    this.orders.put(`${portfolio}/${orderId}`, order);
    if (isOpen(order)) openOrders.set(orderId, order);
    else openOrders.delete(orderId);
  }

  /** What is held, at its marks, in base currency. */
  book(state: PortfolioState): Book {
    const holdings: Holding[] = [];
    for (const [instrument, { quantity, exposure, currency }] of state.positions) {
      const problem = exposure === null ? `there is no price of ${instrument}` : null;
      holdings.push(this.holding(state, instrument, decimalToNumber(quantity), { exposure, currency, problem }));
    }
    return new Book(holdings);
  }

  /** A holding in base currency, of its value in its own. */
  holding(
    state: PortfolioState,
    instrument: string,
    quantity: number,
    { exposure, currency, problem }: LocalValue,
  ): Holding {
    const base = baseOf(state);
    const rate = this.rate(currency, base);
    return {
      instrument,
      sector: this.sector(instrument, state.eventTime),
      quantity,
      exposure: exposure === null || rate === null ? null : exposure * rate,
      problem: problem ?? (rate === null ? `there is no rate from ${currency} to ${base} for ${instrument}` : null),
      isForeign: currency !== base,
    };
  }

  /** Units of the second currency for one of the first; null where no path is quoted (schemas/fx.ts). */
  rate(from: string, to: string): number | null {
    return from === to ? 1 : (rateBetween(from, to, (pair) => this.#prices.get(pair))?.rate ?? null);
  }

  /** Empty where it has none. */
  sector(instrument: string, eventTime: number): string {
    return this.instrument(instrument, eventTime)?.sector ?? '';
  }

  #make(portfolio: string): PortfolioState {
    return {
      portfolio,
      positions: new Map(),
      limits: new Map(),
      openOrders: new Map(),
      pnl: null,
      measures: null,
      eventTime: -1,
      heardAtMs: this.#context.now(),
      cause: null,
      isDirty: false,
    };
  }

  #load(): Map<string, PortfolioState> {
    if (this.#states) return this.#states;
    this.#states = new Map();
    this.activity.load();
    for (const [key, limit] of this.#limits.entries()) this.of(ownerOf(key)).limits.set(restOf(key), limit);
    for (const [key, position] of this.#positions.entries()) this.of(ownerOf(key)).positions.set(restOf(key), position);
    for (const [portfolio, { eventTime, pnl, ...cause }] of this.#portfolios.entries())
      Object.assign(this.of(portfolio), { eventTime, pnl, cause });
    for (const [portfolio, measures] of this.#measures.entries()) this.of(portfolio).measures = measures;
    for (const [key, order] of this.orders.entries())
      if (isOpen(order)) this.of(ownerOf(key)).openOrders.set(restOf(key), order);
    return this.#states;
  }
}

const isOpen = ({ isAccepted, remaining, settling }: StoredOrder) =>
  isAccepted && (remaining !== 0n || settling !== 0n);

/** Keys are portfolio/rest, and a portfolio has no slash. */
const ownerOf = (key: string) => key.slice(0, key.indexOf('/'));
const restOf = (key: string) => key.slice(key.indexOf('/') + 1);
