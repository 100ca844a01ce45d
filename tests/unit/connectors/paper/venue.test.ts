import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commissionOf, fillOf, PaperVenue } from '#connectors/paper/venue.ts';
import { decimalFromNumber, formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { OrderRequest } from '#schemas/generated/types.ts';

const DAY_1 = 1_000_000;
const DAY_2 = 2_000_000;
const DAY_3 = 3_000_000;
const order = (over: Partial<OrderRequest> = {}): OrderRequest => ({
  eventTime: DAY_1,
  orderId: 'p:1990-01-02:AAPL',
  portfolio: 'p',
  instrument: 'AAPL',
  side: 'BUY',
  quantity: parseDecimal('100'),
  orderType: 'MARKET_ON_CLOSE',
  strategy: 'test',
  decisionPrice: null,
  ...over,
});
const closes = (prices: Record<string, number>) => new Map(Object.entries(prices));

describe('PaperVenue', () => {
  it('fills an order at the close after the one it was decided on, whole and once', () => {
    const venue = new PaperVenue(1);
    venue.accept(order());
    expect(venue.fillAt(DAY_1, closes({ AAPL: 50 }))).toEqual([]);
    const fills = venue.fillAt(DAY_2, closes({ AAPL: 50 }));
    expect(fills).toEqual([
      expect.objectContaining({
        eventTime: DAY_2,
        fillId: 'p:1990-01-02:AAPL:1',
        orderId: 'p:1990-01-02:AAPL',
        action: 'NEW',
        side: 'BUY',
        quantity: parseDecimal('100'),
        venue: 'paper',
      }),
    ]);
    expect(venue.fillAt(DAY_3, closes({ AAPL: 50 }))).toEqual([]);
    expect(venue.openOrders).toBe(0);
  });

  it('lets an order wait for the next day on which its instrument trades', () => {
    const venue = new PaperVenue(1);
    venue.accept(order());
    expect(venue.fillAt(DAY_2, closes({ MSFT: 50 }))).toEqual([]);
    expect(venue.openOrders).toBe(1);
    expect(venue.fillAt(DAY_3, closes({ AAPL: 50 })).map((fill) => fill.eventTime)).toEqual([DAY_3]);
  });

  it('never fills again what orders.fills already holds', () => {
    const venue = new PaperVenue(1);
    venue.restore(fillOf(order(), 50, DAY_2, 1));
    venue.accept(order());
    venue.accept(order({ portfolio: 'q' }));
    expect(venue.fillAt(DAY_2, closes({ AAPL: 50 })).map((fill) => fill.portfolio)).toEqual(['q']);
  });

  it('takes an order id once', () => {
    const venue = new PaperVenue(1);
    venue.accept(order());
    venue.accept(order({ quantity: parseDecimal('7') }));
    const fills = venue.fillAt(DAY_2, closes({ AAPL: 50 }));
    expect(fills.map((fill) => fill.quantity)).toEqual([parseDecimal('100')]);
    venue.accept(order());
    expect(venue.fillAt(DAY_3, closes({ AAPL: 50 }))).toEqual([]);
  });

  it('says why it will never fill an order', () => {
    const venue = new PaperVenue(1);
    expect(venue.accept(order({ quantity: 0n }))).toMatch(/quantity/);
    expect(venue.accept(order({ instrument: '' }))).toMatch(/no instrument/);
    expect(venue.openOrders).toBe(0);
  });

  it('fills in the order of acceptance', () => {
    const venue = new PaperVenue(1);
    for (const instrument of ['C', 'A', 'B']) venue.accept(order({ orderId: `p:${instrument}`, instrument }));
    const fills = venue.fillAt(DAY_2, closes({ A: 1, B: 2, C: 3 }));
    expect(fills.map((fill) => fill.instrument)).toEqual(['C', 'A', 'B']);
  });
});

describe('price of a fill', () => {
  it('is never better than the close and at most 10 basis points worse', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1e6, noNaN: true }),
        fc.constantFrom('BUY' as const, 'SELL' as const),
        fc.string(),
        (close, side, orderId) => {
          const { price } = fillOf(order({ side, orderId }), close, DAY_2, 1);
          const exact = decimalFromNumber(close);
          const worse = side === 'BUY' ? price - exact : exact - price;
          // One unit of the 9th decimal for rounding.
          expect(worse >= 0n && worse * 1000n <= exact + 1000n).toBe(true);
        },
      ),
    );
  });

  it('depends on seed and order id alone', () => {
    const price = (orderId: string, seed: number) => fillOf(order({ orderId }), 100, DAY_2, seed).price;
    expect(price('a', 1)).toBe(price('a', 1));
    const prices = new Set(Array.from({ length: 50 }, (_, index) => price(`order ${index}`, 1)));
    expect(prices.size).toBeGreaterThan(45);
    expect(price('a', 1)).not.toBe(price('a', 2));
  });

  it('is pinned, because a changed draw would change every replay', () => {
    const fill = fillOf(order(), 0.264, DAY_2, 1);
    expect([formatDecimal(fill.price), formatDecimal(fill.commission)]).toEqual(['0.264008448', '0.264008448']);
  });
});

describe('commissionOf', () => {
  it.each([
    ['1000', '50', '5'], // half a cent a share
    ['1000.5', '50', '5.0025'],
    ['100', '50', '1'], // the minimum
    ['10', '0.5', '0.05'], // the ceiling of 1 % wins over the minimum
    ['1000000', '0.144', '1440'], // and over the price per share
  ])('%s shares at %s cost %s', (quantity, price, expected) => {
    expect(formatDecimal(commissionOf(parseDecimal(quantity), parseDecimal(price)))).toBe(expected);
  });
});
