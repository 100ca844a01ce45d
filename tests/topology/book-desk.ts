import type { BookLevel, BookUpdate, Depth } from '#schemas/generated/types.ts';
import { type DriverRejection, TopologyTestDriver } from '#streams/testing/driver.ts';
import { book } from '#topologies/book/graph.ts';
import { at, NOW_MS } from './desk.ts';

export const START = at('01-03T15:00:00');
type Side = readonly (readonly [price: number, size: number])[];
export const levels = (bids: Side, asks: Side): BookLevel[] => [
  ...bids.map(([price, size]): BookLevel => ({ side: 'BID', price, size })),
  ...asks.map(([price, size]): BookLevel => ({ side: 'ASK', price, size })),
];
/** An update whose number is its millisecond too. */
export const update = (
  kind: BookUpdate['kind'],
  sequence: number,
  of: readonly BookLevel[],
  rest: Partial<BookUpdate> = {},
): BookUpdate => ({
  eventTime: START + sequence * 1000,
  instrument: 'BTCUSD',
  kind,
  source: 'venue',
  epoch: 0,
  firstSequence: null,
  sequence,
  previousSequence: null,
  depth: null,
  levels: of,
  ...rest,
});
export const snapshot = (sequence: number, bids: Side, asks: Side, rest: Partial<BookUpdate> = {}) =>
  update('SNAPSHOT', sequence, levels(bids, asks), rest);
export const delta = (sequence: number, bids: Side, asks: Side, rest: Partial<BookUpdate> = {}) =>
  update('DELTA', sequence, levels(bids, asks), rest);

/** The topology and what it wrote. */
export class BookDesk {
  readonly driver = new TopologyTestDriver(book(), { now: () => NOW_MS });

  send(...updates: readonly BookUpdate[]): this {
    for (const value of updates)
      this.driver.pipe('market.book', {
        key: value.instrument,
        value,
        timestampMs: Math.floor(value.eventTime / 1000),
      });
    return this;
  }
  /** A record as a stranger may write it. */
  sendRaw(key: string | null, value: BookUpdate | null): this {
    this.driver.pipe('market.book', { key, value, timestampMs: START / 1000 });
    return this;
  }
  commit(): this {
    this.driver.commit();
    return this;
  }
  /** A commit, and all memory lost but what is in the stores. */
  restart(): this {
    this.driver.commit();
    this.driver.abort();
    return this;
  }
  depths(): Depth[] {
    return this.driver.read<Depth>('market.depth').map(({ value }) => value);
  }
  rejected(): string[] {
    return this.driver.readRejected().map(({ code }: DriverRejection) => code);
  }
}
/** What a record says, in short: state, sequence, gaps, bids, asks. */
export const shown = ({ state, staleReason, sequence, gaps, bids, asks }: Depth): string => {
  const side = (of: Depth['bids']) => of.map(({ price, size }) => `${price}x${size}`).join(' ');
  return `${state}${staleReason === null ? '' : ` ${staleReason}`} ${sequence} ${gaps} [${side(bids)}] [${side(asks)}]`;
};
