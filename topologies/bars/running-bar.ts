import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';

/** A bar as it is kept; key instrument, window its interval. Times are microseconds. */
export interface BarRow {
  readonly open: number;
  readonly openTime: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly closeTime: number;
  /** Units of the trades that have a size; 0: none has one. */
  readonly volume: number;
  /** Sum of price × size of the same trades. */
  readonly turnover: number;
  readonly trades: number;
  readonly final: boolean;
  readonly revision: number;
}

export const BAR_ROW_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'BarRow',
  namespace: 'tidemark.bars',
  doc: 'A bar; key instrument, window its interval.',
  fields: [
    { name: 'open', type: 'double' },
    { name: 'openTime', type: TIME },
    { name: 'high', type: 'double' },
    { name: 'low', type: 'double' },
    { name: 'close', type: 'double' },
    { name: 'closeTime', type: TIME },
    { name: 'volume', type: 'double' },
    { name: 'turnover', type: 'double' },
    { name: 'trades', type: 'long' },
    { name: 'final', type: 'boolean' },
    { name: 'revision', type: 'int' },
  ],
};

/** What a bar takes of a trade. Checked: the price is finite and positive, the size too where there is one. */
export interface BarTrade {
  readonly eventTime: number;
  readonly price: number;
  readonly size: number | null;
}

/**
 * A bar that trades are added to, in offset order; used again for the instrument's next interval, so that a tick makes
 * no garbage. The trade with the earliest event time gives the open, the one with the latest the close; of several at
 * one time the first in the order of offsets gives the open, the last the close. High, low and count do not depend on
 * the order at all; volume and turnover are sums of doubles and do in their last bits, unless sizes are whole numbers.
 */
export class RunningBar implements BarRow {
  readonly instrument: string;
  /** First microsecond of the interval, and first after it. Both 0: there is no bar now. */
  startTime = 0;
  endTime = 0;
  open = 0;
  openTime = 0;
  high = 0;
  low = 0;
  close = 0;
  closeTime = 0;
  volume = 0;
  turnover = 0;
  trades = 0;
  final = false;
  revision = 0;
  /** It has changed since it was last published. */
  isPending = false;

  constructor(instrument: string) {
    this.instrument = instrument;
  }

  get isOpen(): boolean {
    return this.endTime > 0;
  }
  contains(eventTime: number): boolean {
    return eventTime >= this.startTime && eventTime < this.endTime;
  }

  /** Begins an interval, empty: a trade must follow. */
  begin(startTime: number, endTime: number): void {
    this.startTime = startTime;
    this.endTime = endTime;
    this.openTime = Number.POSITIVE_INFINITY;
    this.closeTime = Number.NEGATIVE_INFINITY;
    this.high = 0;
    this.low = Number.POSITIVE_INFINITY;
    this.volume = 0;
    this.turnover = 0;
    this.trades = 0;
    this.final = false;
    this.revision = 0;
  }
  /** Takes up a bar as it was kept. */
  load(startTime: number, endTime: number, row: BarRow): void {
    this.startTime = startTime;
    this.endTime = endTime;
    this.open = row.open;
    this.openTime = row.openTime;
    this.high = row.high;
    this.low = row.low;
    this.close = row.close;
    this.closeTime = row.closeTime;
    this.volume = row.volume;
    this.turnover = row.turnover;
    this.trades = row.trades;
    this.final = row.final;
    this.revision = row.revision;
  }
  end(): void {
    this.startTime = 0;
    this.endTime = 0;
  }

  add({ eventTime, price, size }: BarTrade): void {
    if (eventTime < this.openTime) {
      this.openTime = eventTime;
      this.open = price;
    }
    if (eventTime >= this.closeTime) {
      this.closeTime = eventTime;
      this.close = price;
    }
    if (price > this.high) this.high = price;
    if (price < this.low) this.low = price;
    if (size !== null) {
      this.volume += size;
      this.turnover += price * size;
    }
    this.trades++;
  }

  /** Average price by volume; null without sizes. Rounding, and prices of 1e-300, must not take it out of the bar. */
  vwap(): number | null {
    if (this.volume === 0) return null;
    return Math.min(this.high, Math.max(this.low, this.turnover / this.volume));
  }
  row(): BarRow {
    const { open, openTime, high, low, close, closeTime, volume, turnover, trades, final, revision } = this;
    return { open, openTime, high, low, close, closeTime, volume, turnover, trades, final, revision };
  }
}
