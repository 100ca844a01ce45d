import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BookSide, priceKey } from '#topologies/book/levels.ts';
import { OrderBook } from '#topologies/book/order-book.ts';

/** Few prices, so that levels meet, and many, so that arrays grow and moves are long. */
const changes = (prices: number, maxLength: number) =>
  fc.array(
    fc.record({
      price: fc.integer({ min: 1, max: prices }).map((ticks) => ticks / 100),
      size: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_000 })),
    }),
    { maxLength },
  );

/** The same side by the plainest means. */
function naive(side: 'BID' | 'ASK', steps: readonly { price: number; size: number }[]): [number, number][] {
  const levels = new Map<number, number>();
  for (const { price, size } of steps) {
    if (size === 0) levels.delete(price);
    else levels.set(price, size);
  }
  return [...levels].sort(([a], [b]) => (side === 'BID' ? b - a : a - b));
}
const listed = (side: BookSide) =>
  Array.from({ length: side.count }, (_, place) => [side.price(place), side.size(place)]);

describe('BookSide', () => {
  it.each(['BID', 'ASK'] as const)('%s: is a map sorted by price, after every change', (name) => {
    for (const prices of [8, 300]) {
      fc.assert(
        fc.property(changes(prices, 400), (steps) => {
          const side = new BookSide(name);
          steps.forEach(({ price, size }, index) => {
            side.set({ price, size });
            if (index % 29 === 0) expect(listed(side)).toEqual(naive(name, steps.slice(0, index + 1)));
          });
          expect(listed(side)).toEqual(naive(name, steps));
        }),
        { numRuns: 40 },
      );
    }
  });

  it('keeps the best levels when it is cut to a depth', () => {
    fc.assert(
      fc.property(changes(100, 120), fc.integer({ min: 1, max: 60 }), (steps, depth) => {
        const side = new BookSide('ASK');
        for (const { price, size } of steps) side.set({ price, size });
        side.truncate(depth);
        expect(listed(side)).toEqual(naive('ASK', steps).slice(0, depth));
      }),
    );
  });

  it('holds thousands of levels, changed from either end', () => {
    const side = new BookSide('BID');
    for (let ticks = 1; ticks <= 5_000; ticks++) side.set({ price: ticks, size: ticks });
    for (let ticks = 1; ticks <= 5_000; ticks += 2) side.set({ price: ticks, size: 0 });
    expect([side.count, side.price(0), side.price(2_499), side.size(1)]).toEqual([2_500, 5_000, 2, 4_998]);
  });
});

describe('priceKey', () => {
  it('gives equal decimals one key, whatever the last bits', () => {
    expect(priceKey(0.1 + 0.2)).toBe(0.3);
    expect(priceKey(1.1 * 3)).toBe(3.3);
    expect(priceKey(0.000000001)).toBe(1e-9);
    expect(priceKey(9_007_199.123456789)).toBe(9_007_199.123456789);
  });

  it('is the price itself for every decimal of up to 9 places, and another for the next one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_007_199_254_740_990 }), (units) => {
        const text = `${Math.floor(units / 1e9)}.${String(units % 1e9).padStart(9, '0')}`;
        expect(priceKey(Number(text))).toBe(Number(text));
        // Of the last ones some are the same double.
        if (units < 8e15) expect(priceKey((units + 1) / 1e9)).toBeGreaterThan(priceKey(units / 1e9));
      }),
    );
  });

  it('keeps large prices of up to 15 digits apart', () => {
    expect(priceKey(1_600_000_000.5)).toBe(1_600_000_000.5);
    expect(priceKey(15_999_999.0000001)).not.toBe(priceKey(15_999_999.0000002));
  });

  it.each([0, -1, -0, Number.NaN, Infinity, -Infinity, 1e-10, 0.0000000015, 5e-324])('refuses %d', (price) => {
    expect(priceKey(price)).toBeNaN();
  });
});

describe('OrderBook', () => {
  const level = (side: 'BID' | 'ASK', price: number, size: number) => ({ side, price, size });

  it('says what it is', () => {
    const book = new OrderBook();
    expect(book.condition()).toBe('EMPTY');
    book.apply([level('BID', 99, 1)]);
    expect(book.condition()).toBe('ONE_SIDED');
    book.apply([level('ASK', 100, 1)]);
    expect(book.condition()).toBe('SOUND');
    book.apply([level('BID', 100, 1)]);
    expect(book.condition()).toBe('LOCKED');
    book.apply([level('BID', 100.01, 1)]);
    expect(book.condition()).toBe('CROSSED');
  });

  it('is put together again from what it says has changed, whenever it is asked', () => {
    const step = fc.record({
      side: fc.constantFrom('BID', 'ASK'),
      price: fc.integer({ min: 1, max: 40 }),
      size: fc.integer({ min: 0, max: 3 }),
      take: fc.boolean(),
      isNew: fc.integer({ min: 0, max: 30 }).map((value) => value === 0),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.option(fc.integer({ min: 1, max: 9 })), (steps, depth) => {
        const book = new OrderBook();
        book.depth = depth;
        let copy = new OrderBook();
        const take = () => {
          const some = book.takeChanges(10);
          if (some === null) copy = new OrderBook();
          copy.restore(some ?? book.allLevels());
        };
        for (const { take: isTaken, isNew, ...change } of steps) {
          if (isNew) book.replace([change as ReturnType<typeof level>]);
          else book.apply([change as ReturnType<typeof level>]);
          if (isTaken) take();
        }
        take();
        expect(copy.allLevels()).toEqual(book.allLevels());
        if (depth !== null) expect(Math.max(book.bids.count, book.asks.count)).toBeLessThanOrEqual(depth);
        expect(book.takeChanges(10)).toEqual([]);
      }),
    );
  });

  it('notes a change that came often once, and a flood of them as a new book', () => {
    const book = new OrderBook();
    for (let size = 1; size <= 50; size++) book.apply([level('BID', 99, size), level('ASK', 101, size)]);
    expect(book.takeChanges(10)).toEqual([99, 50, -101, 50]);
    for (let size = 1; size <= 20_000; size++)
      book.apply([level('BID', 99, size), level('BID', 98, size), level('ASK', 101, size)]);
    expect(book.takeChanges(10)).toBeNull();
    expect(book.allLevels()).toEqual([98, 20_000, 99, 20_000, -101, 20_000]);
  });
});
