import type { BookLevel, BookUpdate } from '#schemas/generated/types.ts';
import { Random } from '#streams/kit/random.ts';

export interface SyntheticBookOptions {
  /** Name, by convention SYB…. */
  readonly instrument: string;
  readonly seed: number;
  readonly startMicros: number;
  /** On average; from 0 (excluded). */
  readonly updatesPerSecond: number;
  /** Ticks behind the best opposite price within which orders come, and so about the levels a side; at least 1. */
  readonly levels: number;
  /** One delta in so many is lost on the way, and a snapshot follows it; 0: none is. */
  readonly lostEvery?: number;
}

export const BOOK_SOURCE = 'synthetic';
/** Ticks to one unit of currency: prices are whole cents. */
const TICKS = 100;
const START_TICK = 30_000;
const LOT = 100;
/** How arrivals fall off with the distance in ticks, and market orders against limit orders at one tick (Cont, Stoikov, Talreja, table 2). */
const ALPHA = 0.52;
const LIMIT_RATE = 1.92;
const MARKET_RATE = 0.94;
/** Orders at the farthest level, on average. */
const FAR_ORDERS = 3;
/** Deltas between two snapshots, and from a lost delta to the snapshot that repairs it. */
const SNAPSHOT_EVERY = 5_000;
const REPAIR_AFTER = 50;

/**
 * An endless, made-up order book: one SNAPSHOT, then a DELTA of one level an event, now and then a SNAPSHOT again; the same for the same
 * options. The model is that of Cont, Stoikov and Talreja (A stochastic model for order book dynamics, Operations Research 58, 2010), with no
 * intelligence in it: limit orders of one lot come at i ticks from the best opposite price as a Poisson process of rate k / i^alpha, market
 * orders at a constant rate, and each order is cancelled at a constant rate, here such that three stand at the farthest level on average.
 * Throws RangeError on options that make no stream.
 */
export function* syntheticBook(options: SyntheticBookOptions): Generator<BookUpdate, never> {
  const { instrument, seed, startMicros, updatesPerSecond, levels, lostEvery = 0 } = options;
  const isSound = updatesPerSecond > 0 && Number.isInteger(levels) && levels >= 1 && levels < START_TICK / 2;
  if (!isSound || !(lostEvery >= 0) || !Number.isSafeInteger(startMicros))
    throw new RangeError('a synthetic book needs a start, a rate above zero, and levels from 1');
  const random = new Random(`book:${instrument}:${seed}`);
  const book = new ZeroIntelligence(levels, random);
  let micros = startMicros;
  let sequence = 0;
  let sinceSnapshot = 0;
  const record = (kind: BookUpdate['kind'], of: readonly BookLevel[]): BookUpdate => ({
    eventTime: Math.round(micros),
    instrument,
    kind,
    source: BOOK_SOURCE,
    epoch: startMicros,
    firstSequence: null,
    sequence,
    previousSequence: null,
    depth: null,
    levels: of,
  });
  yield record('SNAPSHOT', book.all());
  for (;;) {
    micros += book.step(updatesPerSecond) * 1e6;
    sequence++;
    sinceSnapshot++;
    const isLost = lostEvery > 0 && random.uniform() * lostEvery < 1;
    if (!isLost) yield record('DELTA', [book.changed()]);
    else sinceSnapshot = Math.max(sinceSnapshot, SNAPSHOT_EVERY - REPAIR_AFTER);
    if (sinceSnapshot < SNAPSHOT_EVERY) continue;
    sinceSnapshot = 0;
    yield record('SNAPSHOT', book.all());
  }
}

/** Orders by tick: bids count up, asks down. */
class ZeroIntelligence {
  readonly #random: Random;
  readonly #orders = new Int32Array(2 * START_TICK);
  /** Cumulated arrival rates by distance. */
  readonly #arrivals: Float64Array;
  readonly #cancelRate: number;
  #bid = START_TICK - 1;
  #ask = START_TICK;
  #bids = 0;
  #asks = 0;
  #changedTick = START_TICK;

  constructor(levels: number, random: Random) {
    this.#random = random;
    const rate = (distance: number) => LIMIT_RATE / distance ** ALPHA;
    this.#cancelRate = rate(levels) / FAR_ORDERS;
    this.#arrivals = new Float64Array(levels);
    let sum = 0;
    for (let distance = 1; distance <= levels; distance++) {
      sum += rate(distance);
      this.#arrivals[distance - 1] = sum;
      const mean = rate(distance) / this.#cancelRate;
      this.#add(START_TICK - distance, 1 + Math.floor(random.exponential(mean)));
      this.#add(START_TICK - 1 + distance, -1 - Math.floor(random.exponential(mean)));
    }
  }

  /** One event that changes a level; returns the seconds to it. Average rate: so many a second. */
  step(perSecond: number): number {
    const arrivals = this.#arrivals.at(-1)!;
    // What comes goes: in the long run as many leave as arrive, on both sides.
    const scale = perSecond / (4 * arrivals);
    let seconds = 0;
    for (;;) {
      const cancels = this.#cancelRate * (this.#bids + this.#asks);
      const total = 2 * arrivals + 2 * MARKET_RATE + cancels;
      seconds += this.#random.exponential(1 / (total * scale));
      let draw = this.#random.uniform() * total;
      const isBid = this.#random.uniform() < 0.5;
      if (draw < 2 * arrivals) {
        if (this.#arrive(isBid, draw / 2)) return seconds;
        continue;
      }
      draw -= 2 * arrivals;
      if (draw < 2 * MARKET_RATE) {
        // The last order of a side stays, so that there always is a best price.
        if ((isBid ? this.#bids : this.#asks) < 2) continue;
        this.#add(isBid ? this.#bid : this.#ask, isBid ? -1 : 1);
        return seconds;
      }
      if (this.#cancel()) return seconds;
    }
  }

  changed(): BookLevel {
    const orders = this.#orders[this.#changedTick]!;
    // Of an empty level the side is the one that it was on: bids are below the asks, always.
    const side = orders > 0 || (orders === 0 && this.#wasBid) ? 'BID' : 'ASK';
    return { side, price: this.#changedTick / TICKS, size: Math.abs(orders) * LOT };
  }

  all(): BookLevel[] {
    const levels: BookLevel[] = [];
    for (let tick = this.#bid, left = this.#bids; left > 0; tick--) left -= this.#list(levels, 'BID', tick);
    for (let tick = this.#ask, left = this.#asks; left > 0; tick++) left -= this.#list(levels, 'ASK', tick);
    return levels;
  }

  #wasBid = true;

  #list(levels: BookLevel[], side: BookLevel['side'], tick: number): number {
    const orders = Math.abs(this.#orders[tick]!);
    if (orders > 0) levels.push({ side, price: tick / TICKS, size: orders * LOT });
    return orders;
  }

  #arrive(isBid: boolean, draw: number): boolean {
    let distance = 1;
    while (distance < this.#arrivals.length && this.#arrivals[distance - 1]! <= draw) distance++;
    const tick = isBid ? this.#ask - distance : this.#bid + distance;
    if (tick < 1 || tick >= this.#orders.length) return false;
    this.#add(tick, isBid ? 1 : -1);
    return true;
  }

  /** Any order, each as likely; false where it is the last of its side. */
  #cancel(): boolean {
    let left = this.#random.below(this.#bids + this.#asks);
    const isBid = left < this.#bids;
    if ((isBid ? this.#bids : this.#asks) < 2) return false;
    if (!isBid) left -= this.#bids;
    let tick = isBid ? this.#bid : this.#ask;
    for (; ; tick += isBid ? -1 : 1) {
      left -= Math.abs(this.#orders[tick]!);
      if (left < 0) break;
    }
    this.#add(tick, isBid ? -1 : 1);
    return true;
  }

  /** Adds orders to a tick: bids above zero, asks below. A bid is always below every ask. */
  #add(tick: number, orders: number): void {
    const before = this.#orders[tick]!;
    this.#orders[tick] = before + orders;
    this.#changedTick = tick;
    this.#wasBid = before === 0 ? orders > 0 : before > 0;
    if (this.#wasBid) {
      this.#bids += orders;
      if (tick > this.#bid) this.#bid = tick;
      while (this.#bids > 0 && this.#orders[this.#bid]! <= 0) this.#bid--;
    } else {
      this.#asks -= orders;
      if (tick < this.#ask) this.#ask = tick;
      while (this.#asks > 0 && this.#orders[this.#ask]! >= 0) this.#ask++;
    }
  }
}
