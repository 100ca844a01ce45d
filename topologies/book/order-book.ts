import type { BookLevel, Depth } from '#schemas/generated/types.ts';
import { BookSide } from './levels.ts';

/** What a book is by its levels alone. */
export type BookCondition = Exclude<Depth['state'], 'STALE'>;

/** A price-level book: two sides. Levels given to it must be checked (validate.ts). An update makes nothing. */
export class OrderBook {
  readonly bids = new BookSide('BID');
  readonly asks = new BookSide('ASK');
  /** Levels a side that are kept; null: all. */
  depth: number | null = null;

  /** Number of levels. */
  get count(): number {
    return this.bids.count + this.asks.count;
  }

  /** Changes levels, in this order; then what is beyond the depth is dropped. */
  apply(levels: readonly BookLevel[]): void {
    for (let index = 0; index < levels.length; index++) {
      const level = levels[index]!;
      if (level.side === 'BID') this.bids.set(level);
      else this.asks.set(level);
    }
    if (this.depth === null) return;
    this.bids.truncate(this.depth);
    this.asks.truncate(this.depth);
  }

  /** Forgets every level and takes these. */
  replace(levels: readonly BookLevel[]): void {
    this.bids.clear();
    this.asks.clear();
    this.apply(levels);
  }

  condition(): BookCondition {
    const { bids, asks } = this;
    if (bids.count === 0 && asks.count === 0) return 'EMPTY';
    if (bids.count === 0 || asks.count === 0) return 'ONE_SIDED';
    const bid = bids.price(0);
    const ask = asks.price(0);
    if (bid < ask) return 'SOUND';
    return bid === ask ? 'LOCKED' : 'CROSSED';
  }

  /**
   * The levels that have changed since the last call, each once, as price and size one after the other, asks with a negative price; those that
   * are gone have size 0. Null: it is a new book, or more than `most` have changed: write all of it.
   */
  takeChanges(most: number): number[] | null {
    const changes: number[] = [];
    const hasBids = this.bids.takeChanges(changes);
    const hasAsks = this.asks.takeChanges(changes);
    return hasBids && hasAsks && changes.length <= 2 * most ? changes : null;
  }

  /** All levels in the same form. */
  allLevels(): number[] {
    const levels: number[] = [];
    this.bids.listInto(levels);
    this.asks.listInto(levels);
    return levels;
  }

  /** Puts levels back that were written in that form, and takes them as known. */
  restore(levels: readonly number[]): void {
    for (let index = 0; index < levels.length; index += 2) {
      const price = levels[index]!;
      const size = levels[index + 1]!;
      if (price > 0) this.bids.set({ price, size });
      else this.asks.set({ price: -price, size });
    }
    this.bids.takeChanges([]);
    this.asks.takeChanges([]);
  }
}
