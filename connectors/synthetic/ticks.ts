import { Random } from '#streams/kit/random.ts';

/** A simulated trade with the quotes around it. Prices are multiples of {@link TICK_SIZE}; bid < ask. */
export interface Tick {
  /** Microseconds since 1970-01-01 UTC, never falling. */
  readonly eventTime: number;
  readonly instrument: string;
  /** At the bid (somebody sold) or at the ask (somebody bought). */
  readonly price: number;
  /** Units traded, a multiple of 100 or a few odd ones, at least 1. */
  readonly size: number;
  readonly bid: number;
  readonly ask: number;
  /** Units offered at the bid and at the ask, multiples of 100. */
  readonly bidSize: number;
  readonly askSize: number;
}

/** Two-state activity: calm, and bursts in which ticks come `factor` times as fast. */
export interface Burst {
  /** At least 1; 1 means no bursts. */
  readonly factor: number;
  readonly meanCalmSeconds: number;
  readonly meanBurstSeconds: number;
}
export interface SyntheticOptions {
  /** Names, by convention SYN…; the first are the most traded. */
  readonly instruments: readonly string[];
  readonly seed: number;
  /** When the first tick may come. */
  readonly startMicros: number;
  /** Average over calm and bursts, all instruments together. */
  readonly ticksPerSecond: number;
  readonly burst?: Burst;
}

export const TICK_SIZE = 0.01;
export const DEFAULT_BURST: Burst = { factor: 8, meanCalmSeconds: 4, meanBurstSeconds: 0.5 };
/** Seconds of trading in a year: 252 days of 6.5 hours. Volatilities are per year. */
const YEAR_SECONDS = 252 * 6.5 * 3600;
const MARKET_VOLATILITY = 0.16;
/** A spread of so many standard deviations of one second's move. */
const SPREAD_DEVIATIONS = 1.5;
/** Chance that a trade goes the same way as the one before: orders are split, so signs cluster. */
const SAME_SIDE = 0.7;

interface Stock {
  readonly instrument: string;
  readonly beta: number;
  /** Own volatility a year, on top of the market's. */
  readonly volatility: number;
  readonly startPrice: number;
  /** Log of the own walk. */
  walk: number;
  /** Trading time at which the own walk was last moved. */
  movedAt: number;
  buys: boolean;
}

/**
 * An endless stream of ticks, the same for the same options; some hundred thousand a second. The model:
 * arrivals are a Markov-modulated Poisson process (calm and bursts); instruments are chosen by Zipf's law; log prices follow a
 * one-factor correlated random walk in trading time, which runs faster in bursts, so that bursts are volatile too (Clark's subordination,
 * 1973); the spread is proportional to the current volatility; trades hit bid or ask in runs; sizes are log-normal.
 * Throws RangeError on options that make no stream.
 */
export function* syntheticTicks(options: SyntheticOptions): Generator<Tick, never> {
  const { instruments, seed, startMicros, ticksPerSecond, burst = DEFAULT_BURST } = options;
  const isSound = ticksPerSecond > 0 && burst.factor >= 1 && burst.meanCalmSeconds > 0 && burst.meanBurstSeconds > 0;
  if (!isSound || instruments.length === 0 || !Number.isSafeInteger(startMicros))
    throw new RangeError('synthetic ticks need instruments, a start, and rates and durations above zero');
  const random = new Random(`synthetic:${seed}`);
  const stocks = instruments.map((instrument) => newStock(instrument, random));
  const shares = zipf(stocks.length);
  const activity = new Activity(ticksPerSecond, burst, random);
  let market = 0;
  let tradingSeconds = 0;
  for (;;) {
    const { elapsedTrading, isBurst } = activity.next();
    tradingSeconds += elapsedTrading;
    market += MARKET_VOLATILITY * Math.sqrt(elapsedTrading / YEAR_SECONDS) * random.normal();
    const stock = stocks[pick(shares, random.uniform())]!;
    stock.walk += stock.volatility * Math.sqrt((tradingSeconds - stock.movedAt) / YEAR_SECONDS) * random.normal();
    stock.movedAt = tradingSeconds;
    const middle = stock.startPrice * Math.exp(stock.beta * market + stock.walk);
    const pace = isBurst ? burst.factor : 1;
    yield tickOf(stock, middle, startMicros + Math.round(activity.seconds * 1e6), pace, random);
  }
}

function newStock(instrument: string, random: Random): Stock {
  return {
    instrument,
    beta: 0.5 + random.uniform(),
    volatility: 0.15 + 0.3 * random.uniform(),
    startPrice: 20 * 25 ** random.uniform(),
    walk: 0,
    movedAt: 0,
    buys: random.uniform() < 0.5,
  };
}

/** Arrival times. Trading time runs `factor` times as fast in a burst, and on average as fast as the clock. */
class Activity {
  /** Since the start. */
  seconds = 0;
  readonly #random: Random;
  readonly #burst: Burst;
  readonly #calmRate: number;
  /** Average speed-up over calm and bursts. */
  readonly #average: number;
  #isBurst = false;
  #switchAt: number;

  constructor(ticksPerSecond: number, burst: Burst, random: Random) {
    const { factor, meanCalmSeconds, meanBurstSeconds } = burst;
    this.#random = random;
    this.#burst = burst;
    this.#average = (meanCalmSeconds + factor * meanBurstSeconds) / (meanCalmSeconds + meanBurstSeconds);
    this.#calmRate = ticksPerSecond / this.#average;
    this.#switchAt = random.exponential(meanCalmSeconds);
  }

  /** Moves to the next arrival; says how much trading time went by. */
  next(): { elapsedTrading: number; isBurst: boolean } {
    let elapsedTrading = 0;
    for (;;) {
      const speed = this.#isBurst ? this.#burst.factor : 1;
      const arrival = this.seconds + this.#random.exponential(1 / (this.#calmRate * speed));
      // Without memory: an arrival after the switch is drawn again from the switch on, at the new rate.
      const until = Math.min(arrival, this.#switchAt);
      elapsedTrading += ((until - this.seconds) * speed) / this.#average;
      this.seconds = until;
      if (arrival <= this.#switchAt) return { elapsedTrading, isBurst: this.#isBurst };
      this.#isBurst = !this.#isBurst;
      const { meanBurstSeconds, meanCalmSeconds } = this.#burst;
      this.#switchAt += this.#random.exponential(this.#isBurst ? meanBurstSeconds : meanCalmSeconds);
    }
  }
}

function tickOf(stock: Stock, middle: number, eventTime: number, pace: number, random: Random): Tick {
  const volatility = Math.hypot(stock.volatility, stock.beta * MARKET_VOLATILITY);
  const spread = SPREAD_DEVIATIONS * volatility * Math.sqrt(pace / YEAR_SECONDS) * middle;
  // In whole ticks, so that prices are exact cents; a price never falls below one tick.
  const bid = Math.max(1, Math.floor((middle - spread / 2) / TICK_SIZE));
  const ask = Math.max(bid + 1, Math.ceil((middle + spread / 2) / TICK_SIZE));
  if (random.uniform() >= SAME_SIDE) stock.buys = !stock.buys;
  return {
    eventTime,
    instrument: stock.instrument,
    price: (stock.buys ? ask : bid) / 100,
    size: sizeOf(random),
    bid: bid / 100,
    ask: ask / 100,
    bidSize: 100 * (1 + random.below(20)),
    askSize: 100 * (1 + random.below(20)),
  };
}

/** Log-normal around 150 units; round lots from 100 on, as most real orders are. */
function sizeOf(random: Random): number {
  const size = Math.ceil(Math.exp(5 + random.normal()));
  return size < 100 ? size : 100 * Math.round(size / 100);
}

/** Cumulated shares by Zipf's law: the n-th instrument gets a part proportional to 1/n. */
function zipf(count: number): Float64Array {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let index = 0; index < count; index++) {
    sum += 1 / (index + 1);
    shares[index] = sum;
  }
  return shares.map((share) => share / sum);
}

/** The first index whose cumulated share is above `draw`. */
function pick(shares: Float64Array, draw: number): number {
  let low = 0;
  let high = shares.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shares[middle]! > draw) high = middle;
    else low = middle + 1;
  }
  return low;
}
