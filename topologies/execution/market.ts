/**
 * The market of each instrument as it was at any moment of late. Of each instrument the sums of its trades
 * (quant/market-sums.ts) are kept after each of the last {@link TRADES_KEPT} moments at which it traded, so orders and
 * fills that come after trades of a later time, as they do on their way through a repartition topic, still find the
 * market of their own time. Where that was longer ago they find nothing, and what needs it is null: unknown, not wrong.
 */

import { addTrade, type MarketSums, noTrades, sumsAt } from '#quant/market-sums.ts';
import type { Trade } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import { TIME } from '../kit/avro.ts';

/**
 * Moments of an instrument that are kept. Part of the keys of `market-moments`: another number is another version of
 * the topology.
 */
export const TRADES_KEPT = 4096;

/** The sums after the trades of one moment. */
export interface Moment extends MarketSums {
  /** Counts the instrument's moments from 0. */
  readonly number: number;
}

/** The fields of MarketSums in Avro. */
export const SUMS_FIELDS = [
  { name: 'time', type: TIME },
  { name: 'price', type: ['null', 'double'] },
  ...['sizeHigh', 'sizeLow', 'turnoverHigh', 'turnoverLow', 'priceTimeHigh', 'priceTimeLow'].map((name) => ({
    name,
    type: 'double',
  })),
];
export const MOMENT_SCHEMA = {
  type: 'record',
  name: 'Moment',
  namespace: 'tidemark.execution',
  doc: 'Sums of the trades of an instrument up to one moment.',
  fields: [{ name: 'number', type: 'long' }, ...SUMS_FIELDS],
} as AvroSchema;

/** The market at a moment. */
export interface MarketView {
  /** Null: it was longer ago than is kept. */
  readonly sums: MarketSums | null;
  /** False while trades up to that moment may still come: none of a later time has been seen. */
  readonly isFinal: boolean;
}

export class Market {
  readonly #newest: KeyValueStore<Moment>;
  readonly #moments: KeyValueStore<Moment>;

  constructor(context: ProcessorContext) {
    this.#newest = context.store('markets');
    this.#moments = context.store('market-moments');
  }

  /** After the newest trade; undefined before the first. */
  newest(instrument: string): Moment | undefined {
    return this.#newest.get(instrument);
  }

  /** Adds a trade that is not older than the newest. */
  add({ instrument, eventTime, price, size }: Trade): void {
    const before = this.#newest.get(instrument);
    const number = before === undefined ? 0 : before.time === eventTime ? before.number : before.number + 1;
    const moment = { number, ...addTrade(before ?? noTrades(eventTime), { time: eventTime, price, size }) };
    this.#newest.put(instrument, moment);
    this.#moments.put(slotOf(instrument, number), moment);
  }

  at(instrument: string, time: number): MarketView {
    const newest = this.#newest.get(instrument);
    if (newest === undefined) return { sums: noTrades(time), isFinal: false };
    if (newest.time <= time) return { sums: sumsOf(newest, time), isFinal: false };
    const first = Math.max(0, newest.number - TRADES_KEPT + 1);
    // The last moment that is not after `time` is in [low, high); `first - 1` where there is none.
    let low = first - 1;
    for (let high = newest.number; high - low > 1; ) {
      const middle = Math.floor((low + high) / 2);
      if (this.#moments.get(slotOf(instrument, middle))!.time <= time) low = middle;
      else high = middle;
    }
    if (low >= first) return { sums: sumsOf(this.#moments.get(slotOf(instrument, low))!, time), isFinal: true };
    return { sums: first === 0 ? noTrades(time) : null, isFinal: true };
  }
}

const slotOf = (instrument: string, number: number): string => `${instrument}/${number % TRADES_KEPT}`;

/** The sums of a moment as they are at `time`, with no trade since. */
export function sumsOf({ number: _number, ...sums }: Moment, time: number): MarketSums {
  return sumsAt(sums, time);
}
