import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BANDS_BPS, DEPTHS, figuresOf, levelsOf, microprice } from '#topologies/book/figures.ts';
import { OrderBook } from '#topologies/book/order-book.ts';

type Level = readonly [price: number, size: number];
function bookOf(bids: readonly Level[], asks: readonly Level[]): OrderBook {
  const book = new OrderBook();
  book.replace([
    ...bids.map(([price, size]) => ({ side: 'BID' as const, price, size })),
    ...asks.map(([price, size]) => ({ side: 'ASK' as const, price, size })),
  ]);
  return book;
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('figures of a book', () => {
  it('are those of a calculation by hand', () => {
    const book = bookOf(
      [
        [100, 3],
        [99.95, 10],
        [98, 100],
      ],
      [
        [100.1, 1],
        [100.2, 4],
      ],
    );
    const figures = figuresOf(book, true);
    expect(figures.spread).toBeCloseTo(0.1, 12);
    expect(figures.mid).toBeCloseTo(100.05, 12);
    expect(figures.spreadBps).toBeCloseTo((0.1 / 100.05) * 1e4, 9);
    // Three at the bid, one at the ask: three quarters of the way up.
    expect(figures.microprice).toBeCloseTo(100.075, 12);
    expect(figures.imbalance).toBe(0.5);
    expect(figures.depths[1]).toEqual({
      levels: 5,
      bidSize: 113,
      askSize: 5,
      bidNotional: 300 + 999.5 + 9_800,
      askNotional: 100.1 + 4 * 100.2,
      imbalance: 108 / 118,
    });
    // 10 bps of 100.05 reach from 99.94995 to 100.15005.
    expect(figures.bands.find(({ bps }) => bps === 10)).toMatchObject({ bidSize: 13, askSize: 1 });
  });

  it('take in a level that lies on the edge of a band', () => {
    const book = bookOf(
      [
        [99.95, 1],
        [99.9, 2],
        [99.5, 4],
        [99, 8],
      ],
      [
        [100.05, 1],
        [100.1, 2],
        [100.5, 4],
        [101, 8],
      ],
    );
    expect(figuresOf(book, true).bands.map(({ bidSize, askSize }) => [bidSize, askSize])).toEqual([
      [1, 1],
      [3, 3],
      [3, 3],
      [7, 7],
      [15, 15],
    ]);
  });

  it('are those of the plainest calculation, for any book', () => {
    const side = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 9 })).map(([n, size]): Level => [n, size]),
      { selector: ([price]) => price, minLength: 1, maxLength: 70 },
    );
    fc.assert(
      fc.property(side, side, (below, above) => {
        const bids = below.map(([n, size]): Level => [(10_000 - n) / 100, size]).sort(([a], [b]) => b - a);
        const asks = above.map(([n, size]): Level => [(10_000 + n) / 100, size]).sort(([a], [b]) => a - b);
        const book = bookOf(bids, asks);
        const figures = figuresOf(book, true);
        expect(figures.depths.map(({ levels }) => levels)).toEqual([...DEPTHS]);
        for (const { levels, bidSize, askSize, bidNotional, imbalance } of figures.depths) {
          const best = bids.slice(0, levels);
          expect(bidSize).toBe(sum(best.map(([, size]) => size)));
          expect(bidNotional).toBeCloseTo(sum(best.map(([price, size]) => price * size)), 6);
          expect(askSize).toBe(sum(asks.slice(0, levels).map(([, size]) => size)));
          expect(imbalance).toBe((bidSize - askSize) / (bidSize + askSize));
        }
        const mid = (bids[0]![0] + asks[0]![0]) / 2;
        for (const [index, { bps, bidSize, askSize, askNotional }] of figures.bands.entries()) {
          expect(bps).toBe(BANDS_BPS[index]);
          const within = (levels: readonly Level[]) =>
            levels.filter(([price]) => (Math.abs(price - mid) / mid) * 1e4 <= bps + 1e-7);
          expect(bidSize).toBe(sum(within(bids).map(([, size]) => size)));
          expect(askSize).toBe(sum(within(asks).map(([, size]) => size)));
          expect(askNotional).toBeCloseTo(sum(within(asks).map(([price, size]) => price * size)), 6);
        }
        expect(levelsOf(book)).toMatchObject({
          bestBid: bids[0]![0],
          bestAskSize: asks[0]![1],
          bidLevels: bids.length,
          asks: asks.slice(0, 10).map(([price, size]) => ({ price, size })),
        });
      }),
    );
  });

  it('are none of a book that is not sound, which still shows its levels', () => {
    const book = bookOf([[101, 1]], [[100, 2]]);
    expect(figuresOf(book, false)).toEqual({
      spread: null,
      spreadBps: null,
      mid: null,
      microprice: null,
      imbalance: null,
      depths: [],
      bands: [],
    });
    expect(levelsOf(book)).toMatchObject({ bestBid: 101, bestAsk: 100, bids: [{ price: 101, size: 1 }] });
    expect(levelsOf(new OrderBook())).toMatchObject({ bestBid: null, bestAskSize: null, bidLevels: 0, asks: [] });
  });
});

describe('microprice', () => {
  it('lies between bid and ask, whatever the sizes', () => {
    const amount = fc.double({ min: 1e-300, max: 1e28, noNaN: true });
    fc.assert(
      fc.property(amount, amount, amount, amount, (a, b, bidSize, askSize) => {
        const [bid, ask] = [Math.min(a, b), Math.max(a, b)];
        const price = microprice(bid, bidSize, ask, askSize);
        expect(price >= bid && price <= ask).toBe(true);
      }),
    );
  });

  it('is the mid of equal sizes and next to the side that is nearly gone', () => {
    expect(microprice(99, 5, 101, 5)).toBe(100);
    expect(microprice(99, 1e9, 101, 1)).toBeCloseTo(101, 6);
    expect(microprice(99, 1, 101, 1e9)).toBeCloseTo(99, 6);
  });
});
