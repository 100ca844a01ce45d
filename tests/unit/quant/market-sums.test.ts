import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intervalTwap, intervalVwap } from '#quant/execution.ts';
import { addTrade, type MarketTrade, noTrades, sumsAt, twapBetween, vwapBetween } from '#quant/market-sums.ts';

const YEARS_MICROS = 33 * 365 * 86_400e6;
const someTrades = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 1000 }),
      price: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
      size: fc.option(fc.double({ min: 0.001, max: 1e6, noNaN: true })),
    }),
    { maxLength: 40 },
  )
  .map((trades) => trades.sort((a, b) => a.time - b.time));
/** The sums of all trades up to a time, from those before. */
function upTo(trades: readonly MarketTrade[], time: number, start = noTrades(0)) {
  const sums = trades.filter((trade) => trade.time <= time).reduce(addTrade, start);
  return sumsAt(sums, time);
}
const close = (actual: number | null, expected: number | null) => {
  if (expected === null || actual === null) expect(actual).toBe(expected);
  else expect(Math.abs(actual - expected) / expected).toBeLessThan(1e-12);
};

describe('sums of a market', () => {
  it('give the averages of any interval that adding its trades up gives', () => {
    fc.assert(
      fc.property(someTrades, fc.nat(1000), fc.nat(1000), (trades, from, length) => {
        const start = upTo(trades, from);
        const end = upTo(trades, from + length);
        close(vwapBetween(start, end), intervalVwap(trades, from, from + length));
        close(twapBetween(start, end), intervalTwap(start.price, trades, from, from + length));
      }),
    );
  });

  it('keep the digits of a millisecond after 33 years, which plain doubles would have lost', () => {
    let sums = addTrade(noTrades(0), { time: 0, price: 100 / 3, size: 1e12 / 3 });
    for (let year = 1; year <= 33; year++)
      sums = addTrade(sums, { time: (YEARS_MICROS / 33) * year, price: 100 / 3, size: 1e12 / 3 });
    const later = [
      { time: YEARS_MICROS + 400, price: 33.3, size: 0.7 },
      { time: YEARS_MICROS + 900, price: 33.4, size: 0.1 },
    ];
    const end = upTo(later, YEARS_MICROS + 1000, sums);
    close(vwapBetween(sums, end), (33.3 * 0.7 + 33.4 * 0.1) / 0.8);
    close(twapBetween(sums, end), ((100 / 3) * 400 + 33.3 * 500 + 33.4 * 100) / 1000);
    expect(end.turnoverHigh - sums.turnoverHigh).not.toBeCloseTo(33.3 * 0.7 + 33.4 * 0.1, 3);
  });

  it('say nothing of what is lost beside what was traded before, instead of noise', () => {
    const sums = addTrade(noTrades(0), { time: 0, price: 1e28, size: 1e28 });
    const end = addTrade(sums, { time: 1, price: 1e-9, size: 1e-9 });
    expect(vwapBetween(sums, end)).toBeNull();
    expect(twapBetween(end, addTrade(end, { time: 2, price: 1, size: null }))).toBeNull();
  });

  it('have no average backwards, before the first trade, or beyond a double', () => {
    const first = addTrade(noTrades(0), { time: 5, price: 10, size: 1 });
    const second = addTrade(first, { time: 7, price: 20, size: 1 });
    expect(vwapBetween(second, first)).toBeNull();
    expect(twapBetween(second, first)).toBeNull();
    expect(twapBetween(noTrades(0), second)).toBeNull();
    expect(vwapBetween(noTrades(0), second)).toBe(15);
    const tiny = addTrade(noTrades(0), { time: 5, price: 1e-300, size: 1e-9 });
    expect(vwapBetween(noTrades(0), addTrade(tiny, { time: 6, price: 1e-300, size: 1e28 }))).not.toBe(0);
  });
});
