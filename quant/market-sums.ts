/**
 * Averages of a market over any interval from running sums: what two moments say is subtracted, so a trade costs the
 * same however many intervals are open. Sums run over an instrument's whole life, an interval may be a millionth of it,
 * and a difference of plain doubles would have lost its digits: they are kept in twice the precision (sum.ts).
 */
import { Sum } from './sum.ts';

/** An instrument's trades up to and including a moment. */
export interface MarketSums {
  /** The moment, microseconds. */
  readonly time: number;
  /** Price of the last trade; null before the first. */
  readonly price: number | null;
  /** Units, of the trades that have a size. */
  readonly sizeHigh: number;
  readonly sizeLow: number;
  /** Sum of price × size of the same trades. */
  readonly turnoverHigh: number;
  readonly turnoverLow: number;
  /** The last price added up over time since the first trade, price × microseconds. */
  readonly priceTimeHigh: number;
  readonly priceTimeLow: number;
}
/** A trade with a finite, positive price; so is its size where it has one. */
export interface MarketTrade {
  /** Microseconds. */
  readonly time: number;
  readonly price: number;
  /** Units; null where the source has none. */
  readonly size: number | null;
}

/**
 * A difference of sums that is smaller than this part of them is noise of what went before, and nothing is said of it.
 */
const RESOLUTION = 2 ** -50;
const scratch = new Sum();

/** Nothing traded up to a moment. */
export const noTrades = (time: number): MarketSums => ({
  time,
  price: null,
  sizeHigh: 0,
  sizeLow: 0,
  turnoverHigh: 0,
  turnoverLow: 0,
  priceTimeHigh: 0,
  priceTimeLow: 0,
});

/** The same at a later moment, with no trade in between. `time` must not be earlier. */
export function sumsAt(sums: MarketSums, time: number): MarketSums {
  if (time === sums.time) return sums;
  scratch.load(sums.priceTimeHigh, sums.priceTimeLow).add((sums.price ?? 0) * (time - sums.time));
  return { ...sums, time, priceTimeHigh: scratch.high, priceTimeLow: scratch.low };
}

/**
 * The sums with one more trade, which must not be earlier than they are. Of trades at one time the later added is the
 * last.
 */
export function addTrade(sums: MarketSums, { time, price, size }: MarketTrade): MarketSums {
  const { priceTimeHigh, priceTimeLow } = sumsAt(sums, time);
  let { sizeHigh, sizeLow, turnoverHigh, turnoverLow } = sums;
  if (size !== null) {
    scratch.load(sizeHigh, sizeLow).add(size);
    ({ high: sizeHigh, low: sizeLow } = scratch);
    scratch.load(turnoverHigh, turnoverLow).add(price * size);
    ({ high: turnoverHigh, low: turnoverLow } = scratch);
  }
  return { time, price, sizeHigh, sizeLow, turnoverHigh, turnoverLow, priceTimeHigh, priceTimeLow };
}

/**
 * Volume-weighted average price of the trades after `from` up to and including `to`. Null where none of them has a
 * size, or so little that it is lost beside what was traded before (2^-50 of it).
 */
export function vwapBetween(from: MarketSums, to: MarketSums): number | null {
  if (to.time < from.time) return null;
  const size = difference(to.sizeHigh, to.sizeLow, from.sizeHigh, from.sizeLow);
  const turnover = difference(to.turnoverHigh, to.turnoverLow, from.turnoverHigh, from.turnoverLow);
  return size === null || turnover === null ? null : positive(turnover / size);
}

/**
 * Average over time of the last price from `from` to `to`; of a single moment the last price then. Null where there was
 * no price yet at `from`, or what was added is lost beside what was there (2^-50 of it).
 */
export function twapBetween(from: MarketSums, to: MarketSums): number | null {
  const time = to.time - from.time;
  if (time < 0 || from.price === null) return null;
  if (time === 0) return to.price;
  const priceTime = difference(to.priceTimeHigh, to.priceTimeLow, from.priceTimeHigh, from.priceTimeLow);
  return priceTime === null ? null : positive(priceTime / time);
}

function difference(high: number, low: number, lessHigh: number, lessLow: number): number | null {
  const { high: left } = scratch.load(high, low).add(-lessHigh).add(-lessLow);
  return left > 0 && left > lessHigh * RESOLUTION ? left : null;
}

/** Null where a price has left the range of a double, at either end. */
const positive = (value: number): number | null => (value > 0 && Number.isFinite(value) ? value : null);
