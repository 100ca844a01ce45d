import { syntheticBook } from '#connectors/synthetic/book.ts';
import type { BookLevel } from '#schemas/generated/types.ts';
import { imbalance, microprice } from '#topologies/book/figures.ts';
import { OrderBook } from '#topologies/book/order-book.ts';
import { machine, quantile, spread } from '../figures.ts';
import { changelogOf } from './book-state.ts';

/** Ticks of the synthetic model: about 1,000 levels a side hold orders at any time. */
const TICKS = 1_090;
const UPDATES = 100_000;
const WARM_UP = 20_000;
const CHUNK = 5_000;
/** Sizes of less than a unit, as of coins: doubles, where whole numbers would be small integers to V8. */
const UNIT = 0.00123;

/** One side of a mixed stream: levels as they are at first, then one change after the other. */
export interface BookWork {
  readonly first: readonly BookLevel[];
  readonly changes: readonly (readonly BookLevel[])[];
}
/** What is asked of a book after every update; the figure depends on all best prices and sizes, so that nothing is left out. */
interface Contestant {
  apply(levels: readonly BookLevel[]): void;
  /** Into the first place of `out`: a number that is returned may be a new one on the heap. */
  figureInto(out: Float64Array): void;
}

/** Limit orders, market orders and cancellations of a zero-intelligence market, one level an update. */
export function bookWork(updates: number, seed = 1): BookWork {
  const stream = syntheticBook({ instrument: 'SYB001', seed, startMicros: 0, updatesPerSecond: 1_000, levels: TICKS });
  const inUnits = (levels: readonly BookLevel[]) => levels.map((level) => ({ ...level, size: level.size * UNIT }));
  const first = inUnits(stream.next().value.levels);
  const changes: (readonly BookLevel[])[] = [];
  while (changes.length < updates) {
    const { kind, levels } = stream.next().value;
    if (kind === 'DELTA') changes.push(inUnits(levels));
  }
  return { first, changes };
}

class Ours implements Contestant {
  readonly book = new OrderBook();

  apply(levels: readonly BookLevel[]): void {
    this.book.apply(levels);
  }
  figureInto(out: Float64Array): void {
    const { bids, asks } = this.book;
    out[0] =
      this.book.condition() === 'SOUND'
        ? microprice(bids.price(0), bids.size(0), asks.price(0), asks.size(0)) + imbalance(bids.size(0), asks.size(0))
        : Number.NaN;
  }
}

const figureOf = (bid: { price: number; size: number } | undefined, ask: typeof bid): number =>
  bid && ask && bid.price < ask.price
    ? microprice(bid.price, bid.size, ask.price, ask.size) + imbalance(bid.size, ask.size)
    : Number.NaN;

/** An array of objects a side, best first, searched from the front: how many a client of a venue does it. */
class SortedObjects implements Contestant {
  readonly #sides: Record<BookLevel['side'], { price: number; size: number }[]> = { BID: [], ASK: [] };

  apply(levels: readonly BookLevel[]): void {
    for (const { side, price, size } of levels) {
      const list = this.#sides[side];
      const index = list.findIndex((level) => (side === 'BID' ? level.price <= price : level.price >= price));
      if (index >= 0 && list[index]!.price === price) {
        if (size === 0) list.splice(index, 1);
        else list[index] = { price, size };
      } else if (size > 0) list.splice(index < 0 ? list.length : index, 0, { price, size });
    }
  }
  figureInto(out: Float64Array): void {
    out[0] = figureOf(this.#sides.BID[0], this.#sides.ASK[0]);
  }
}

/** A map a side, sorted when it is asked: the shortest program that is right. */
class SortedMap implements Contestant {
  readonly #sides: Record<BookLevel['side'], Map<number, number>> = { BID: new Map(), ASK: new Map() };

  apply(levels: readonly BookLevel[]): void {
    for (const { side, price, size } of levels) {
      if (size === 0) this.#sides[side].delete(price);
      else this.#sides[side].set(price, size);
    }
  }
  figureInto(out: Float64Array): void {
    const best = (side: BookLevel['side'], sign: number) => {
      const [level] = [...this.#sides[side]].sort(([a], [b]) => sign * (a - b));
      return level && { price: level[0], size: level[1] };
    };
    out[0] = figureOf(best('BID', -1), best('ASK', 1));
  }
}

const CONTESTANTS = { ours: () => new Ours(), objects: () => new SortedObjects(), map: () => new SortedMap() } as const;
type Name = keyof typeof CONTESTANTS;
/** The map sorts 2,000 levels an update: it gets fewer of them. */
const SHARE: Readonly<Record<Name, number>> = { ours: 1, objects: 1, map: 0.05 };

/** Nanoseconds of each update after the warm-up, and a sum over all figures: the same whoever computes it. */
function run(name: Name, { first, changes }: BookWork): { readonly nanos: Float64Array; readonly sum: number } {
  const book = CONTESTANTS[name]();
  book.apply(first);
  const count = Math.floor(changes.length * SHARE[name]);
  const warm = Math.floor(WARM_UP * SHARE[name]);
  const nanos = new Float64Array(count - warm);
  const out = new Float64Array(1);
  let sum = 0;
  for (let index = 0; index < count; index++) {
    const start = process.hrtime.bigint();
    book.apply(changes[index]!);
    book.figureInto(out);
    const taken = Number(process.hrtime.bigint() - start);
    sum += out[0]!;
    if (index >= warm) nanos[index - warm] = taken;
  }
  return { nanos, sum };
}

function work(book: Contestant, changes: BookWork['changes'], from: number, until: number, out: Float64Array): void {
  for (let at = from; at < until; at++) {
    book.apply(changes[at]!);
    book.figureInto(out);
  }
}

/**
 * What an update leaves to the collector, once V8 has compiled it: the median over runs of 5,000, less what asking for the heap costs.
 * A collection in between shows as a run below zero, and the median passes over it.
 */
function garbageBytes(name: Name, { first, changes }: BookWork): number {
  const book = CONTESTANTS[name]();
  const out = new Float64Array(1);
  book.apply(first);
  const count = Math.floor(changes.length * SHARE[name]);
  const chunk = Math.floor(CHUNK * SHARE[name] ** 2);
  for (let pass = 0; pass < 3; pass++) work(book, changes, 0, count, out);
  const sample = (from: number, until: number) => {
    const before = process.memoryUsage().heapUsed;
    work(book, changes, from, until, out);
    return process.memoryUsage().heapUsed - before;
  };
  const found: number[] = [];
  for (let at = 0; at + chunk <= count; at += chunk) found.push((sample(at, at + chunk) - sample(at, at)) / chunk);
  return Math.max(0, quantile(found, 0.5));
}

const micros = (values: readonly number[]) =>
  spread(
    values.map((value) => value / 1000),
    2,
  );

/**
 * An update of a book of 1,000 levels a side, figures of the best prices included: ours against two naive books in turns over one
 * stream, the same sums required; garbage by update; and what a commit writes to the changelog, against other ways to keep the levels.
 */
export async function bookBench({ pairs = 3, updates = UPDATES } = {}): Promise<object> {
  const names = Object.keys(CONTESTANTS) as Name[];
  const stream = bookWork(updates);
  const times: Record<Name, Float64Array[]> = { ours: [], objects: [], map: [] };
  for (let pair = 0; pair < pairs; pair++) {
    // Alternating, so that a machine that slows down slows all.
    const order = pair % 2 === 0 ? names : names.toReversed();
    const sums = new Map<Name, number>();
    for (const name of order) {
      const { nanos, sum } = run(name, stream);
      times[name].push(nanos);
      sums.set(name, sum);
    }
    if (sums.get('ours') !== sums.get('objects') || Number.isNaN(sums.get('map')))
      throw new Error('the books of the benchmark do not agree');
  }
  const ours = new Ours();
  ours.apply(stream.first);
  const counts = stream.changes.map((levels) => {
    ours.apply(levels);
    return (ours.book.bids.count + ours.book.asks.count) / 2;
  });
  return {
    benchmark: 'ml/book',
    machine: machine(),
    levelsASide: spread([quantile(counts, 0), quantile(counts, 0.5), quantile(counts, 1)]),
    updates,
    pairs,
    ...Object.fromEntries(
      names.map((name) => [
        name,
        {
          p50Micros: micros(times[name].map((nanos) => quantile([...nanos], 0.5))),
          p99Micros: micros(times[name].map((nanos) => quantile([...nanos], 0.99))),
          maxMicros: micros(times[name].map((nanos) => quantile([...nanos], 1))),
          garbageBytesPerUpdate: Math.round(garbageBytes(name, stream) * 10) / 10,
        },
      ]),
    ),
    changelog: changelogOf(stream),
  };
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await bookBench(), null, 2)}\n`);
