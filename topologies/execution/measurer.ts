import type { MarketSums } from '#quant/market-sums.ts';
import { tradeProblem } from '#schemas/checks.ts';
import { DecimalError, ONE } from '#schemas/decimal.ts';
import type { Fill, Instrument, OrderRequest, Trade } from '#schemas/generated/types.ts';
import type { GlobalTable, KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import type { OrderEvent } from './accept.ts';
import { Market, type Moment, sumsOf } from './market.ts';
import { addUpAgain, listFill, type Order, type OrderFill, statusOf, UNKNOWN_ORDER } from './order.ts';
import { Pending, type Unsettled } from './pending.ts';
import { type Cause, qualityOf } from './record.ts';

/** Names of the topics it tells apart and names as the cause of its outputs. */
export interface MeasurerTopics {
  readonly trades: string;
  readonly fills: string;
  readonly requests: string;
}
/** How often deadlines are looked at, event time. */
const DEADLINE_CHECK_MS = 1_000;

/**
 * By instrument: follows the market, adds fills to their orders, and publishes an order after each fill, after each
 * amendment of one, and when its horizon has passed. Rules of what comes late or twice:
 *
 * - A trade older than its instrument's newest is in no benchmark: it goes to the late records.
 * - An order or a fill that comes after trades of a later time is measured by the market of its own time (market.ts),
 *   and so is an order's end. Where no trade of a later time has come, some up to it may still do: it is settled by the
 *   first later one, and published again if something has changed. So the last record of an order does not depend on
 *   what came when, unless trades themselves came late.
 * - A fill may come before its order (`fill-before-order`): it counts, and is published, once the order is there. A
 *   fill of another side than its order's is counted (`fill-of-other-side`) and left out. Fills count however late they
 *   are, after the order has expired too.
 * - CORRECT gives the fill another side, quantity, price, commission and venue, CANCEL takes it out; a fill keeps its
 *   event time and its order. An amendment delivered twice changes nothing (`duplicate-amendment`). Rejected:
 *   FILL_UNKNOWN, FILL_CANCELLED, FILL_ORDER_DIFFERENT, ORDER_FORGOTTEN (fills of the order are older than what is
 *   kept), AMOUNT_OUT_OF_RANGE.
 */
export class ExecutionMeasurer implements Processor<OrderEvent | Trade | null> {
  readonly #context: ProcessorContext;
  readonly #topics: MeasurerTopics;
  readonly #horizonMicros: number;
  readonly #market: Market;
  readonly #pending: Pending;
  readonly #orders: KeyValueStore<Order>;
  readonly #fills: KeyValueStore<OrderFill>;
  readonly #instruments: GlobalTable<Instrument>;

  constructor(context: ProcessorContext, topics: MeasurerTopics, horizonMs: number) {
    this.#context = context;
    this.#topics = topics;
    this.#horizonMicros = horizonMs * 1000;
    this.#market = new Market(context);
    this.#pending = new Pending(context);
    this.#orders = context.store('orders');
    this.#fills = context.store('order-fills');
    this.#instruments = context.global('instruments');
    context.schedule(DEADLINE_CHECK_MS, 'event-time', (timestampMs) => this.#expire(timestampMs * 1000));
  }

  process({ key, value, source }: StreamRecord<OrderEvent | Trade | null>): void {
    if (source.topic === this.#topics.trades) {
      this.#trade(key, value as Trade | null);
      return;
    }
    const { request, fill } = value as OrderEvent;
    try {
      if (request) this.#request(request);
      else if (fill!.action === 'NEW') this.#fill(fill!);
      else this.#amend(fill!);
    } catch (error) {
      // Totals are computed before anything is stored, so nothing has changed.
      if (!(error instanceof DecimalError)) throw error;
      const { portfolio, orderId } = (request ?? fill)!;
      this.#context.reject('AMOUNT_OUT_OF_RANGE', `A total of order ${orderId} of ${portfolio}: ${error.message}`);
    }
  }

  #trade(key: string | null, trade: Trade | null): void {
    const newest = this.#market.newest(key ?? '');
    const problem = tradeProblem(key, trade, newest !== undefined, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { instrument, eventTime } = trade!;
    if (newest && eventTime < newest.time) {
      this.#context.late(`A newer trade of ${instrument} came before it: it is in no benchmark`);
      return;
    }
    const settled = this.#pending.takeBefore(instrument, eventTime);
    if (newest && settled.length > 0) this.#settle(newest, settled);
    this.#market.add(trade!);
  }

  #request(request: OrderRequest): void {
    const { portfolio, orderId, instrument, eventTime } = request;
    const key = `${portfolio}/${orderId}`;
    const before = this.#orders.get(key) ?? UNKNOWN_ORDER;
    const arrival = this.#look({ instrument, time: eventTime, order: key, moment: 'ARRIVAL', fill: null });
    const order = this.#addUp({ ...before, request, multiplier: this.#multiplier(request), arrival });
    if (!order) {
      this.#forgotten('Order', orderId, portfolio);
      return;
    }
    const cause = { sourceTopic: this.#topics.requests, sourceEventTime: eventTime };
    if (order.listed > 0) this.#publish(key, order, eventTime, cause);
    else this.#keep(key, order);
  }

  #fill(fill: Fill): void {
    const { portfolio, fillId, instrument, eventTime, side, quantity, price, commission, venue } = fill;
    const orderId = fill.orderId!;
    const key = `${portfolio}/${orderId}`;
    const fillKey = `${portfolio}/${fillId}`;
    const before = this.#orders.get(key) ?? UNKNOWN_ORDER;
    const isOther = before.request !== null && before.request.side !== side;
    const row: OrderFill = {
      orderId,
      previous: before.listedFillId,
      eventTime,
      side,
      quantity,
      price,
      commission,
      venue,
      cancelled: false,
      amendments: [],
      market: this.#look({ instrument, time: eventTime, order: key, moment: 'FILL', fill: fillKey }),
    };
    const order = listFill(before, fillKey, row);
    if (before.request === null) this.#context.count('fill-before-order');
    if (isOther) this.#context.count('fill-of-other-side');
    this.#fills.put(fillKey, row);
    if (isOther) this.#keep(key, order);
    else this.#publish(key, order, eventTime, { sourceTopic: this.#topics.fills, sourceEventTime: eventTime });
  }

  #amend(amendment: Fill): void {
    const { portfolio, fillId, action, eventTime } = amendment;
    const fillKey = `${portfolio}/${fillId}`;
    const fill = this.#fills.get(fillKey);
    const said = textOf(amendment);
    if (fill?.amendments.includes(said)) {
      this.#context.count('duplicate-amendment');
      return;
    }
    const problem = amendmentProblem(fill, amendment);
    if (!fill || problem) {
      this.#context.reject(problem!, `${action} of fill ${fillId} of ${portfolio}: ${PROBLEMS[problem!]}`);
      return;
    }
    const { side, quantity, price, commission, venue } = action === 'CANCEL' ? fill : amendment;
    const amendments = [...fill.amendments, said];
    const after = { ...fill, side, quantity, price, commission, venue, cancelled: action === 'CANCEL', amendments };
    const key = `${portfolio}/${fill.orderId}`;
    const before = this.#orders.get(key);
    const order = before && this.#addUp(before, fillKey, after);
    if (!order) {
      this.#forgotten(action, fillId, portfolio);
      return;
    }
    if (order.request && order.request.side !== side) this.#context.count('fill-of-other-side');
    this.#fills.put(fillKey, after);
    this.#publish(key, order, eventTime, { sourceTopic: this.#topics.fills, sourceEventTime: eventTime });
  }

  /** The market of moments is known for good: trades up to their time are no longer taken. */
  #settle(newest: Moment, settled: readonly Unsettled[]): void {
    const changed = new Set(settled.filter((one) => this.#hasChanged(newest, one)).map(({ order }) => order));
    const cause = { sourceTopic: this.#topics.trades, sourceEventTime: newest.time };
    for (const key of changed) this.#publish(key, this.#orders.get(key)!, 0, cause);
  }

  /** Puts down the market of a moment; true where that changes what was published. */
  #hasChanged(newest: Moment, { time, order: key, moment, fill: fillKey }: Unsettled): boolean {
    const order = this.#orders.get(key);
    const fill = fillKey === null ? undefined : this.#fills.get(fillKey);
    if (!order) return false;
    const sums = sumsOf(newest, time);
    if (moment === 'FILL') {
      if (!fill || isSame(fill.market, sums)) return false;
      this.#fills.put(fillKey!, { ...fill, market: sums });
      return order.lastFillId === fillKey;
    }
    const after = moment === 'END' ? { ...order, endPrice: sums.price } : { ...order, arrival: sums };
    if (moment === 'END' ? order.endPrice === sums.price : isSame(order.arrival, sums)) return false;
    this.#orders.put(key, after);
    return moment === 'END' ? statusOf(order) === 'EXPIRED' : order.records > 0;
  }

  #expire(time: number): void {
    for (const [key, deadline] of this.#pending.takeDue(time)) {
      const order = this.#orders.get(key);
      if (!order?.request) continue;
      const { instrument, eventTime } = order.request;
      const end = this.#look({ instrument, time: deadline, order: key, moment: 'END', fill: null });
      const cause = { sourceTopic: this.#topics.requests, sourceEventTime: eventTime };
      this.#publish(key, { ...order, expired: true, endPrice: end?.price ?? null }, deadline, cause);
    }
  }

  /**
   * The market of a moment of an order, to be settled where trades up to it may still come; null: longer ago than is
   * kept.
   */
  #look(moment: Unsettled): MarketSums | null {
    const { sums, isFinal } = this.#market.at(moment.instrument, moment.time);
    if (sums === null) this.#context.count('market-forgotten');
    if (!isFinal) this.#pending.wait(moment);
    return sums;
  }

  /** The market at arrival, with the trades up to it that have come since. */
  #arrival({ instrument, eventTime }: OrderRequest, before: MarketSums | null): MarketSums | null {
    const newest = this.#market.newest(instrument);
    return newest && newest.time <= eventTime ? sumsOf(newest, eventTime) : before;
  }

  #multiplier({ instrument, eventTime }: OrderRequest): bigint {
    const asOf = this.#instruments.getAsOf(instrument, Math.floor(eventTime / 1000))?.value;
    const multiplier = (asOf ?? this.#instruments.get(instrument))?.multiplier ?? ONE;
    if (multiplier > 0n) return multiplier;
    // positions takes no such description either.
    this.#context.count('multiplier-invalid');
    return ONE;
  }

  /** Adds an order's fills up afresh, one of them perhaps amended; null: some are gone. */
  #addUp(order: Order, amendedKey?: string, amended?: OrderFill): Order | null {
    return addUpAgain(order, (fillKey) => (fillKey === amendedKey ? amended : this.#fills.get(fillKey)));
  }

  #forgotten(what: string, id: string | null, portfolio: string): void {
    this.#context.reject('ORDER_FORGOTTEN', `${what} ${id} of ${portfolio}: ${PROBLEMS.ORDER_FORGOTTEN}`);
  }

  /** Keeps the order and, where it is known what was asked for, publishes it. */
  #publish(key: string, changed: Order, time: number, cause: Cause): void {
    const { request } = changed;
    if (!request) {
      this.#keep(key, changed);
      return;
    }
    const arrival = this.#arrival(request, changed.arrival);
    const order = { ...changed, request, arrival, eventTime: Math.max(changed.eventTime, time) };
    const lastFill = order.lastFillId === null ? undefined : this.#fills.get(order.lastFillId);
    const quality = qualityOf(order, lastFill, cause);
    this.#keep(key, { ...order, records: order.records + 1 });
    this.#context.forward('to-quality', request.portfolio, quality, Math.floor(quality.eventTime / 1000));
  }

  #keep(key: string, order: Order): void {
    this.#orders.put(key, order);
    if (!order.request) return;
    const isOpen = statusOf(order) === 'OPEN';
    this.#pending.setDeadline(key, isOpen ? order.request.eventTime + this.#horizonMicros : null);
  }
}

const PROBLEMS = {
  FILL_UNKNOWN: 'there is no such fill, or it is older than what is kept',
  FILL_CANCELLED: 'it was cancelled',
  FILL_ORDER_DIFFERENT: 'it is of another order; to move it, CANCEL it and give a NEW fill there',
  ORDER_FORGOTTEN: 'fills of the order are older than what is kept',
};

function amendmentProblem(fill: OrderFill | undefined, { orderId }: Fill): keyof typeof PROBLEMS | null {
  if (!fill) return 'FILL_UNKNOWN';
  if (fill.cancelled) return 'FILL_CANCELLED';
  return orderId === null || orderId === fill.orderId ? null : 'FILL_ORDER_DIFFERENT';
}

/** All that an amendment says; that its key names is left out. */
const textOf = ({ eventTime, action, side, quantity, price, commission, orderId, venue }: Fill): string =>
  [eventTime, action, side, quantity, price, commission, orderId, venue].join(' ');

const isSame = (a: MarketSums | null, b: MarketSums): boolean =>
  a !== null &&
  a.price === b.price &&
  a.sizeHigh === b.sizeHigh &&
  a.sizeLow === b.sizeLow &&
  a.turnoverHigh === b.turnoverHigh &&
  a.turnoverLow === b.turnoverLow &&
  a.priceTimeHigh === b.priceTimeHigh &&
  a.priceTimeLow === b.priceTimeLow;
