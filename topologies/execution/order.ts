/**
 * What is kept of an order and of its fills, and how fills are added up. Amounts are exact: a fill's quantity × price
 * has up to 18 decimals and keeps them all, so taking a fill out again leaves nothing behind.
 */

import type { MarketSums } from '#quant/market-sums.ts';
import { AVRO } from '#schemas/avro.ts';
import { checkDecimal, DecimalError, divideHalfEven } from '#schemas/decimal.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';
import { SUMS_FIELDS } from './market.ts';

/** Quantity × price, added up: units of 1e-18. */
export interface Turnover {
  readonly quantity: bigint;
  readonly turnover: bigint;
}
export interface VenueTotals extends Turnover {
  readonly venue: string;
  readonly fills: number;
}
/** Fills in force, added up: those that are not cancelled, on the order's own side. */
export interface Totals extends Turnover {
  readonly fills: number;
  readonly commission: bigint;
  /** Event times of the first and the newest, microseconds; null without fills. */
  readonly firstFillTime: number | null;
  readonly lastFillTime: number | null;
  /** Id of the newest; of several at one time the one that came last. */
  readonly lastFillId: string | null;
  /** In the order in which they were first used. */
  readonly venues: readonly VenueTotals[];
}
/** An order; key portfolio/orderId. */
export interface Order extends Totals {
  /** Null while only fills of it are known. */
  readonly request: OrderRequest | null;
  readonly multiplier: bigint;
  /** The market at arrival; null: unknown, or longer ago than was kept. */
  readonly arrival: MarketSums | null;
  /** Fills that came, cancelled ones too, and the one that came last: each fill names the one before it. */
  readonly listed: number;
  readonly listedFillId: string | null;
  /** Its horizon has passed. */
  readonly expired: boolean;
  /** Last price of the market when the horizon passed; null before, and where there was none. */
  readonly endPrice: number | null;
  /** Of the newest record, microseconds. */
  readonly eventTime: number;
  /** Records so far. */
  readonly records: number;
}
/** A fill as amended; key portfolio/fillId. */
export interface OrderFill {
  readonly orderId: string;
  /** The fill of the same order that came before it. */
  readonly previous: string | null;
  readonly eventTime: number;
  readonly side: Fill['side'];
  readonly quantity: bigint;
  readonly price: bigint;
  readonly commission: bigint;
  readonly venue: string;
  readonly cancelled: boolean;
  /** The amendments that were applied: what each of them said. */
  readonly amendments: readonly string[];
  /** The market at its event time; null: longer ago than was kept. */
  readonly market: MarketSums | null;
}

/** Room for 2^53 products of two amounts. */
const TURNOVER_DIGITS = 92;
const TURNOVER = { type: 'bytes', logicalType: 'decimal', precision: TURNOVER_DIGITS, scale: 18 } as const;
const SUMS = { type: 'record', name: 'Sums', fields: SUMS_FIELDS };
const record = (name: string, doc: string, fields: Readonly<Record<string, unknown>>): AvroSchema =>
  ({
    type: 'record',
    name,
    namespace: 'tidemark.execution',
    doc,
    fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
  }) as AvroSchema;
const VENUE_TOTALS = record('VenueTotals', 'What was executed at one venue.', {
  venue: 'string',
  fills: 'long',
  quantity: DECIMAL,
  turnover: TURNOVER,
});

export const ORDER_SCHEMA = record('Order', 'An order and the totals of its fills; key portfolio/orderId.', {
  request: ['null', AVRO['orders.requests']],
  multiplier: DECIMAL,
  arrival: ['null', SUMS],
  listed: 'long',
  listedFillId: ['null', 'string'],
  expired: 'boolean',
  endPrice: ['null', 'double'],
  eventTime: TIME,
  records: 'long',
  fills: 'long',
  quantity: DECIMAL,
  turnover: TURNOVER,
  commission: DECIMAL,
  firstFillTime: ['null', TIME],
  lastFillTime: ['null', TIME],
  lastFillId: ['null', 'string'],
  venues: { type: 'array', items: VENUE_TOTALS },
});
export const ORDER_FILL_SCHEMA = record('OrderFill', 'A fill of an order, as amended; key portfolio/fillId.', {
  orderId: 'string',
  previous: ['null', 'string'],
  eventTime: TIME,
  side: { type: 'enum', name: 'OrderFillSide', symbols: ['BUY', 'SELL'] },
  quantity: DECIMAL,
  price: DECIMAL,
  commission: DECIMAL,
  venue: 'string',
  cancelled: 'boolean',
  amendments: { type: 'array', items: 'string' },
  market: ['null', SUMS],
});

const NO_FILLS: Totals = {
  fills: 0,
  quantity: 0n,
  turnover: 0n,
  commission: 0n,
  firstFillTime: null,
  lastFillTime: null,
  lastFillId: null,
  venues: [],
};
/** An order of which nothing is known yet. */
export const UNKNOWN_ORDER: Order = {
  ...NO_FILLS,
  request: null,
  multiplier: 0n,
  arrival: null,
  listed: 0,
  listedFillId: null,
  expired: false,
  endPrice: null,
  eventTime: 0,
  records: 0,
};

export type OrderStatus = 'OPEN' | 'FILLED' | 'EXPIRED';
export function statusOf({ request, quantity, expired }: Order): OrderStatus {
  if (request !== null && quantity >= request.quantity) return 'FILLED';
  return expired ? 'EXPIRED' : 'OPEN';
}

/** True for a fill that counts: not one of another side than the order's, and none before the order is known. */
export const isInForce = ({ request }: Order, { side, cancelled }: OrderFill): boolean =>
  request !== null && side === request.side && !cancelled;

/** The order with one more fill in its list. Throws DecimalError, with nothing changed. */
export function listFill(order: Order, fillId: string, fill: OrderFill): Order {
  const totals = isInForce(order, fill) ? addFill(order, fillId, fill) : {};
  return { ...order, ...totals, listed: order.listed + 1, listedFillId: fillId };
}

/**
 * The order with its listed fills added up afresh. Null when one of them is gone: it was not written for longer than
 * rows are kept. Throws DecimalError.
 */
export function addUpAgain(order: Order, fillOf: (fillId: string) => OrderFill | undefined): Order | null {
  const listed: [string, OrderFill][] = [];
  for (let fillId = order.listedFillId; fillId !== null; ) {
    const fill = fillOf(fillId);
    if (!fill) return null;
    listed.push([fillId, fill]);
    fillId = fill.previous;
  }
  let totals = NO_FILLS;
  for (const [fillId, fill] of listed.reverse()) if (isInForce(order, fill)) totals = addFill(totals, fillId, fill);
  return { ...order, ...totals };
}

function addFill(totals: Totals, fillId: string, { eventTime, quantity, price, commission, venue }: OrderFill): Totals {
  const { firstFillTime, lastFillTime, venues } = totals;
  const turnover = quantity * price;
  const isNewest = lastFillTime === null || eventTime >= lastFillTime;
  const before = venues.find((one) => one.venue === venue) ?? { venue, fills: 0, quantity: 0n, turnover: 0n };
  const after = {
    venue,
    fills: before.fills + 1,
    quantity: before.quantity + quantity,
    turnover: before.turnover + turnover,
  };
  return {
    fills: totals.fills + 1,
    quantity: checkDecimal(totals.quantity + quantity),
    turnover: checkTurnover(totals.turnover + turnover),
    commission: checkDecimal(totals.commission + commission),
    firstFillTime: firstFillTime === null ? eventTime : Math.min(firstFillTime, eventTime),
    lastFillTime: isNewest ? eventTime : lastFillTime,
    lastFillId: isNewest ? fillId : totals.lastFillId,
    venues: before.fills === 0 ? [...venues, after] : venues.map((one) => (one === before ? after : one)),
  };
}

function checkTurnover(value: bigint): bigint {
  if (value >= 10n ** BigInt(TURNOVER_DIGITS))
    throw new DecimalError(`an amount has more than ${TURNOVER_DIGITS} digits`);
  return value;
}

/** Average price per unit: exact to 22 decimals, then the nearest double; null without fills. */
export function averagePriceOf({ quantity, turnover }: Turnover): number | null {
  if (quantity === 0n) return null;
  return Number(`${divideHalfEven(turnover * 10n ** 22n, quantity)}e-31`);
}
