import type { Depth } from '#schemas/generated/types.ts';
import type { BookSide } from './levels.ts';
import type { OrderBook } from './order-book.ts';

/** Levels a side whose depth is summed. */
export const DEPTHS = [1, 5, 10, 20, 50] as const;
/** Distances from mid within which depth is summed, basis points. */
export const BANDS_BPS = [5, 10, 25, 50, 100] as const;
const SHOWN_LEVELS = 10;
/** A level on the edge of a band is in it, whatever the rounding of the edge. */
const EDGE = 1e-12;

type Figures = Pick<Depth, 'spread' | 'spreadBps' | 'mid' | 'microprice' | 'imbalance' | 'depths' | 'bands'>;
type Levels = Pick<
  Depth,
  'bestBid' | 'bestBidSize' | 'bestAsk' | 'bestAskSize' | 'bidLevels' | 'askLevels' | 'bids' | 'asks'
>;

const NO_FIGURES: Figures = {
  spread: null,
  spreadBps: null,
  mid: null,
  microprice: null,
  imbalance: null,
  depths: [],
  bands: [],
};

/** Best prices, and the best ten levels a side. */
export function levelsOf({ bids, asks }: OrderBook): Levels {
  return {
    bestBid: bids.count > 0 ? bids.price(0) : null,
    bestBidSize: bids.count > 0 ? bids.size(0) : null,
    bestAsk: asks.count > 0 ? asks.price(0) : null,
    bestAskSize: asks.count > 0 ? asks.size(0) : null,
    bidLevels: bids.count,
    askLevels: asks.count,
    bids: shown(bids),
    asks: shown(asks),
  };
}

function shown(side: BookSide): Depth['bids'] {
  const levels = [];
  for (let place = 0; place < Math.min(side.count, SHOWN_LEVELS); place++)
    levels.push({ price: side.price(place), size: side.size(place) });
  return levels;
}

/** What a book says that is sound (both sides, bid below ask, nothing missed); nothing of any other. */
export function figuresOf({ bids, asks }: OrderBook, isSound: boolean): Figures {
  if (!isSound) return NO_FIGURES;
  const bid = bids.price(0);
  const ask = asks.price(0);
  const spread = ask - bid;
  const mid = bid + spread / 2;
  return {
    spread,
    spreadBps: (spread / mid) * 1e4,
    mid,
    microprice: microprice(bid, bids.size(0), ask, asks.size(0)),
    imbalance: imbalance(bids.size(0), asks.size(0)),
    depths: depthsOf(bids, asks),
    bands: bandsOf(bids, asks, mid),
  };
}

/**
 * bid + (ask - bid) x bidSize / (bidSize + askSize): the weighted mid-price. Stoikov (The micro-price: a high-frequency estimator of future
 * prices, Quantitative Finance 18, 2018) begins with it; his micro-price proper adds terms that are fitted to an instrument's past.
 * From bid to ask. Sizes above zero.
 */
export function microprice(bid: number, bidSize: number, ask: number, askSize: number): number {
  return Math.min(ask, bid + (ask - bid) * (bidSize / (bidSize + askSize)));
}

/** (bids - asks) / (bids + asks), from -1 to 1: Cartea, Jaimungal and Penalva (Algorithmic and High-Frequency Trading, 2015). */
export const imbalance = (bidSize: number, askSize: number): number => (bidSize - askSize) / (bidSize + askSize);

function depthsOf(bids: BookSide, asks: BookSide): Depth['depths'] {
  const left = new Sums(bids);
  const right = new Sums(asks);
  return DEPTHS.map((levels) => {
    left.addLevels(levels);
    right.addLevels(levels);
    return { levels, ...amounts(left, right), imbalance: imbalance(left.size, right.size) };
  });
}

function bandsOf(bids: BookSide, asks: BookSide, mid: number): Depth['bands'] {
  const left = new Sums(bids);
  const right = new Sums(asks);
  return BANDS_BPS.map((bps) => {
    const reach = bps / 1e4 + EDGE;
    left.addWithin(mid, mid * reach);
    right.addWithin(mid, mid * reach);
    return { bps, ...amounts(left, right) };
  });
}

const amounts = (bids: Sums, asks: Sums) => ({
  bidSize: bids.size,
  askSize: asks.size,
  bidNotional: bids.notional,
  askNotional: asks.notional,
});

/** Sums from the best level on; each call goes on where the one before ended. */
class Sums {
  readonly #side: BookSide;
  #next = 0;
  size = 0;
  notional = 0;

  constructor(side: BookSide) {
    this.#side = side;
  }
  addLevels(levels: number): void {
    while (this.#next < levels && this.#next < this.#side.count) this.#add();
  }
  addWithin(mid: number, distance: number): void {
    while (this.#next < this.#side.count && Math.abs(this.#side.price(this.#next) - mid) <= distance) this.#add();
  }
  #add(): void {
    const size = this.#side.size(this.#next);
    this.size += size;
    this.notional += size * this.#side.price(this.#next);
    this.#next++;
  }
}
