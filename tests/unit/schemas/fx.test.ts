import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideHalfEven, formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import { convertDecimal, type FxQuote, isPairId, legsOf, rateBetween } from '#schemas/fx.ts';

const quotesOf = (prices: Readonly<Record<string, number | readonly [price: number, eventTime: number]>>) => {
  const quotes = new Map<string, FxQuote>();
  for (const [pair, quoted] of Object.entries(prices)) {
    const [price, eventTime] = typeof quoted === 'number' ? [quoted, 1] : quoted;
    quotes.set(pair, { price, eventTime });
  }
  return (pair: string) => quotes.get(pair);
};
const priceOf = fc.double({ min: 1e-6, max: 1e6, noNaN: true });

describe('a rate', () => {
  it('of a currency to itself is one, with nothing quoted', () => {
    expect(rateBetween('EUR', 'EUR', quotesOf({}))).toEqual({ rate: 1, path: '', eventTime: null });
  });

  it('is the price of the pair, or one over the inverse', () => {
    const quotes = quotesOf({ EURUSD: [1.25, 7] });
    expect(rateBetween('EUR', 'USD', quotes)).toEqual({ rate: 1.25, path: 'EUR>USD via EURUSD', eventTime: 7 });
    expect(rateBetween('USD', 'EUR', quotes)).toEqual({ rate: 0.8, path: 'USD>EUR via EURUSD', eventTime: 7 });
  });

  it('prefers the pair to its inverse, and both to a cross', () => {
    const quotes = { EURJPY: 160, JPYEUR: 0.5, EURUSD: 1, USDJPY: 2 };
    expect(rateBetween('EUR', 'JPY', quotesOf(quotes))?.path).toBe('EUR>JPY via EURJPY');
    expect(rateBetween('JPY', 'EUR', quotesOf(quotes))?.path).toBe('JPY>EUR via JPYEUR');
    const { JPYEUR, EURUSD, USDJPY } = quotes;
    expect(rateBetween('EUR', 'JPY', quotesOf({ JPYEUR, EURUSD, USDJPY }))?.path).toBe('EUR>JPY via JPYEUR');
  });

  it('goes over the pivot, each leg as it is quoted, and is as old as the older leg', () => {
    const quotes = quotesOf({ USDJPY: [125, 5], EURUSD: [1.25, 9] });
    expect(rateBetween('JPY', 'EUR', quotes)).toEqual({
      rate: 1 / (125 * 1.25),
      path: 'JPY>USD>EUR via USDJPY, EURUSD',
      eventTime: 5,
    });
    expect(rateBetween('EUR', 'JPY', quotes)).toMatchObject({ rate: 156.25, path: 'EUR>USD>JPY via EURUSD, USDJPY' });
    const overPounds = quotesOf({ JPYGBP: 0.01, GBPEUR: 2 });
    expect(rateBetween('JPY', 'EUR', overPounds)).toBeNull();
    expect(rateBetween('JPY', 'EUR', overPounds, 'GBP')).toMatchObject({ rate: 0.02 });
  });

  it('that nobody quotes is unknown, and so is one over two pivots', () => {
    expect(rateBetween('EUR', 'USD', quotesOf({}))).toBeNull();
    expect(rateBetween('EUR', 'JPY', quotesOf({ EURUSD: 1.1 }))).toBeNull();
    expect(rateBetween('EUR', 'CHF', quotesOf({ EURGBP: 1, GBPUSD: 1, USDCHF: 1 }))).toBeNull();
    expect(rateBetween('usd', 'EUR', quotesOf({ usdEUR: 1 }))).toBeNull();
    expect(rateBetween('USDT', 'EUR', quotesOf({ USDTEUR: 1 }))).toBeNull();
  });

  it('is never zero, infinite or no number, whatever the prices', () => {
    expect(rateBetween('USD', 'EUR', quotesOf({ EURUSD: 1e-320 }))).toBeNull();
    expect(rateBetween('JPY', 'EUR', quotesOf({ JPYUSD: 1e-200, EURUSD: 1e200 }))).toBeNull();
  });

  it('there and back is one, by every path', () => {
    fc.assert(
      fc.property(priceOf, priceOf, fc.boolean(), fc.boolean(), (first, second, turnFirst, turnSecond) => {
        const quotes = quotesOf({
          [turnFirst ? 'USDJPY' : 'JPYUSD']: first,
          [turnSecond ? 'USDEUR' : 'EURUSD']: second,
        });
        const there = rateBetween('JPY', 'EUR', quotes)!;
        const back = rateBetween('EUR', 'JPY', quotes)!;
        expect(Math.abs(there.rate * back.rate - 1)).toBeLessThan(1e-15);
        const legs = legsOf(there.path).map(({ pair, isInverse }) =>
          isInverse ? 1 / quotes(pair)!.price : quotes(pair)!.price,
        );
        expect(legs).toHaveLength(2);
        expect(Math.abs((legs[0]! * legs[1]!) / there.rate - 1)).toBeLessThan(1e-15);
      }),
    );
    expect(legsOf('')).toEqual([]);
  });
});

describe('a pair', () => {
  it('is six capital letters of two currencies', () => {
    for (const id of ['EURUSD', 'USDJPY']) expect(isPairId(id)).toBe(true);
    for (const id of ['', 'EURUS', 'EURUSDX', 'eurusd', 'EUR/US', 'EURUS1', 'USDUSD', 'ÄURUSD'])
      expect(isPairId(id)).toBe(false);
  });
});

describe('an amount in another currency', () => {
  it('is the amount times the rate as it prints, half-even at the ninth decimal', () => {
    const cases = [
      ['10', 0.1, '1'],
      ['0.000000001', 0.5, '0'],
      ['0.000000003', 0.5, '0.000000002'],
      ['-0.000000001', 0.5, '0'],
      ['-0.000000003', 0.5, '-0.000000002'],
      ['3', 1e21, '3000000000000000000000'],
      ['1', 1e-10, '0'],
      ['123.456', 1, '123.456'],
    ] as const;
    for (const [amount, rate, expected] of cases)
      expect(formatDecimal(convertDecimal(parseDecimal(amount), rate)), `${amount} × ${rate}`).toBe(expected);
  });

  it('is what a fraction says', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        fc.integer({ min: 1, max: 10 ** 9 }),
        (amount, rate) => {
          expect(convertDecimal(amount, rate / 1e6)).toBe(divideHalfEven(amount * BigInt(rate), 1_000_000n));
        },
      ),
    );
  });

  it('that has more digits than the ledger is refused', () => {
    expect(() => convertDecimal(10n ** 37n, 100)).toThrow(/38 digits/);
  });
});
