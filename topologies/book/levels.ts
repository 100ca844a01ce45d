/** Prices are told apart by 1e-9, as ledger amounts are. */
const SCALE = 1e9;
/** From here on the nearest whole number of 1e-9 can no longer be calculated in doubles. */
const LARGE = 2 ** 22;
/** Rounding noise of a double that was read from text or calculated in a step or two, relative. */
const NOISE = 2 ** -50;
/** Tails up to this long are moved one by one: two calls of copyWithin cost more. Between 32 and 256 there is no difference to measure. */
const SHORT_MOVE = 64;
const FIRST_CAPACITY = 64;
/** Changes that are noted by themselves at most; with more, the whole side is as cheap to write. */
const MAX_NOTED = 16_384;

/** A price, and all units offered at it. */
export interface Level {
  readonly price: number;
  readonly size: number;
}

/**
 * The exact key of a price: the double nearest to its whole number of 1e-9, so that equal decimals are equal keys and
 * noise of the last bit (0.1 + 0.2) makes no second level. Not ticks of the instrument: a description may be missing,
 * change, or be coarser than the venue, and two levels would become one without a word. From 4,194,304 on doubles are nearly as wide
 * apart, and the price itself is the key: equal decimals are equal still. NaN for what is no price: not finite, not above
 * zero, or with more decimals than 9.
 */
export function priceKey(price: number): number {
  if (!(price > 0 && price < Number.POSITIVE_INFINITY)) return Number.NaN;
  if (price >= LARGE) return price;
  const key = Math.round(price * SCALE) / SCALE;
  return key > 0 && Math.abs(key - price) <= price * NOISE ? key : Number.NaN;
}

/**
 * One side of a book: sizes by price in two sorted arrays with the best level at the end, where nearly all changes are. A change searches
 * from the end in doubling steps (O(log of its distance from the best)) and moves only what is better than it. Nothing is made but when
 * the arrays grow: they double, and never shrink. It notes which levels have changed, so that state is written by what changed.
 */
export class BookSide {
  /** 1 for bids, -1 for asks: price times sign rises towards the best. */
  readonly #sign: 1 | -1;
  /** Price times sign, rising. */
  #ranks = new Float64Array(FIRST_CAPACITY);
  #sizes = new Float64Array(FIRST_CAPACITY);
  #count = 0;
  /** Ranks of changed levels; one that has changed often may be in it often. */
  #noted = new Float64Array(FIRST_CAPACITY);
  #notedCount = 0;
  #isAllNew = false;

  constructor(side: 'BID' | 'ASK') {
    this.#sign = side === 'BID' ? 1 : -1;
  }

  /** Number of levels. */
  get count(): number {
    return this.#count;
  }
  /** Price of the n-th best level, from 0. Undefined behaviour outside 0 to count - 1. */
  price(place: number): number {
    return this.#ranks[this.#count - 1 - place]! * this.#sign;
  }
  /** Units at the n-th best level, above zero. */
  size(place: number): number {
    return this.#sizes[this.#count - 1 - place]!;
  }
  /**
   * Sets the size of a level; 0 removes it, of none too. Checked before: a price that has a key ({@link priceKey}), a size from 0. It takes the
   * level as it is: numbers handed on to a function that V8 does not inline would be made anew on the heap.
   */
  set(level: Level): void {
    const rank = priceKey(level.price) * this.#sign;
    const index = this.#indexOf(rank);
    const isThere = index < this.#count && this.#ranks[index] === rank;
    if (level.size > 0) {
      if (!isThere) this.#insert(index, rank);
      this.#sizes[index] = level.size;
    } else if (isThere) this.#remove(index);
    if (!this.#isAllNew) this.#note(rank);
  }

  /** Removes the worst levels beyond the best `depth`. */
  truncate(depth: number): void {
    const surplus = this.#count - depth;
    if (surplus <= 0) return;
    for (let index = 0; index < surplus; index++) this.#note(this.#ranks[index]!);
    this.#ranks.copyWithin(0, surplus, this.#count);
    this.#sizes.copyWithin(0, surplus, this.#count);
    this.#count = depth;
  }
  /** Removes every level: what follows is a new side. */
  clear(): void {
    this.#count = 0;
    this.#isAllNew = true;
  }

  /**
   * Adds price and size of each level that has changed since the last call to `changes`, prices times the sign, each level once; size 0: it is
   * gone. False: it is a new side, or more has changed than could be noted.
   */
  takeChanges(changes: number[]): boolean {
    const noted = this.#noted.subarray(0, this.#notedCount).sort();
    const isAllNew = this.#isAllNew;
    this.#notedCount = 0;
    this.#isAllNew = false;
    if (isAllNew) return false;
    for (let at = 0; at < noted.length; at++) {
      const rank = noted[at]!;
      if (at > 0 && rank === noted[at - 1]) continue;
      const index = this.#indexOf(rank);
      const isThere = index < this.#count && this.#ranks[index] === rank;
      changes.push(rank, isThere ? this.#sizes[index]! : 0);
    }
    return true;
  }
  /** Adds all levels to `levels` in the same form, the worst first: the order in which they are quickly put back. */
  listInto(levels: number[]): void {
    for (let index = 0; index < this.#count; index++) levels.push(this.#ranks[index]!, this.#sizes[index]!);
  }

  #note(rank: number): void {
    const count = this.#notedCount;
    if (count > 0 && this.#noted[count - 1] === rank) return;
    if (count === MAX_NOTED) {
      this.#isAllNew = true;
      return;
    }
    if (count === this.#noted.length) this.#noted = doubled(this.#noted);
    this.#noted[count] = rank;
    this.#notedCount = count + 1;
  }

  /** First index whose rank is at least `rank`. */
  #indexOf(rank: number): number {
    const ranks = this.#ranks;
    let high = this.#count;
    let step = 1;
    let low = high - 1;
    while (low >= 0 && ranks[low]! >= rank) {
      high = low;
      step *= 2;
      low -= step;
    }
    // Now ranks[low] < rank (or low is before the beginning), and ranks[high] >= rank (or high is the end).
    if (low < -1) low = -1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (ranks[middle]! < rank) low = middle;
      else high = middle;
    }
    return high;
  }

  #insert(index: number, rank: number): void {
    if (this.#count === this.#ranks.length) {
      this.#ranks = doubled(this.#ranks);
      this.#sizes = doubled(this.#sizes);
    }
    const ranks = this.#ranks;
    const sizes = this.#sizes;
    const count = this.#count++;
    if (count - index <= SHORT_MOVE) {
      for (let at = count; at > index; at--) {
        ranks[at] = ranks[at - 1]!;
        sizes[at] = sizes[at - 1]!;
      }
    } else {
      ranks.copyWithin(index + 1, index, count);
      sizes.copyWithin(index + 1, index, count);
    }
    ranks[index] = rank;
  }

  #remove(index: number): void {
    const ranks = this.#ranks;
    const sizes = this.#sizes;
    const count = --this.#count;
    if (count - index <= SHORT_MOVE) {
      for (let at = index; at < count; at++) {
        ranks[at] = ranks[at + 1]!;
        sizes[at] = sizes[at + 1]!;
      }
    } else {
      ranks.copyWithin(index, index + 1, count + 1);
      sizes.copyWithin(index, index + 1, count + 1);
    }
  }
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const more = new Float64Array(values.length * 2);
  more.set(values);
  return more;
}
