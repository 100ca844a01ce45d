import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributePnl, type DayEnd, marketValue } from '#quant/pnl-attribution.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const FLAT: DayEnd = { quantity: 0, multiplier: 1, mark: null, cost: 0, cashFlow: 0, commission: 0, dividends: 0 };
const attribute = (before: DayEnd | null, after: DayEnd, splitRatio = 1) => attributePnl(before, after, splitRatio);

/** After a fill at a price; the cost is not looked at where there is a mark. */
function filled(before: DayEnd, quantity: number, price: number, commission: number, mark: number | null): DayEnd {
  const { multiplier } = before;
  return {
    multiplier,
    quantity: before.quantity + quantity,
    mark,
    cost: before.cost + quantity * price * multiplier,
    cashFlow: before.cashFlow - quantity * price * multiplier - commission,
    commission: before.commission + commission,
    dividends: before.dividends,
  };
}

describe('the P&L of a position', () => {
  it('is from prices while nothing is traded, for longs and shorts, times the multiplier', () => {
    for (const quantity of [10, -10]) {
      const before = filled({ ...FLAT, multiplier: 50 }, quantity, 100, 7, 100);
      const price = quantity * 3 * 50;
      expect(attribute(before, { ...before, mark: 103 })).toEqual({
        price,
        dividends: 0,
        fees: 0,
        trading: 0,
        pnl: price,
      });
    }
  });

  it('is from fees and trading on the day it is opened', () => {
    const after = filled(FLAT, 10, 100, 2, 101);
    expect(attribute(null, after)).toEqual({ price: 0, dividends: 0, fees: -2, trading: 10, pnl: 8 });
    expect(attribute({ ...FLAT, mark: 90 }, after)).toEqual({ price: 0, dividends: 0, fees: -2, trading: 10, pnl: 8 });
  });

  it('tells apart what was held and what was sold in the day', () => {
    const before = filled(FLAT, 10, 100, 0, 100);
    // Price 100 to 110; 4 of 10 sold at 108, two below the close.
    expect(attribute(before, filled(before, -4, 108, 1, 110))).toEqual({
      price: 100,
      dividends: 0,
      fees: -1,
      trading: -8,
      pnl: 91,
    });
  });

  it('takes a rebate as a fee with the other sign', () => {
    expect(attribute(null, filled(FLAT, 1, 100, -0.5, 100))).toMatchObject({ fees: 0.5, trading: 0, pnl: 0.5 });
  });

  it('holds at cost what has no price; the first price is trading', () => {
    const unpriced = filled(FLAT, 10, 100, 2, null);
    expect(marketValue(unpriced)).toBe(1_000);
    expect(attribute(null, unpriced)).toEqual({ price: 0, dividends: 0, fees: -2, trading: 0, pnl: -2 });
    expect(attribute(unpriced, { ...unpriced, mark: 105 })).toEqual({
      price: 0,
      dividends: 0,
      fees: 0,
      trading: 50,
      pnl: 50,
    });
  });

  it('of a split is that of what the units have become, for longs and shorts: the fall of the price is no loss', () => {
    for (const quantity of [10, -10]) {
      const before = filled({ ...FLAT, multiplier: 50 }, quantity, 100, 7, 100);
      const after = { ...before, quantity: quantity * 4, mark: 26 };
      const price = quantity * 4 * 50;
      expect(attribute(before, after, 4)).toEqual({ price, dividends: 0, fees: 0, trading: 0, pnl: price });
    }
    // A reverse split, 1 for 8, of what was sold in part on that day: 5 of 10 at 88, eight below the close.
    const before = filled(FLAT, 80, 10, 0, 10);
    const merged = filled({ ...before, quantity: 10 }, -5, 88, 0, 96);
    expect(attribute(before, merged, 1 / 8)).toEqual({ price: 160, dividends: 0, fees: 0, trading: -40, pnl: 120 });
  });

  it('has dividends by themselves, paid by shorts; what a late split changes is trading', () => {
    for (const quantity of [10, -10]) {
      const before = filled(FLAT, quantity, 100, 0, 100);
      const dividends = quantity * 3;
      const after = { ...before, mark: 98, cashFlow: before.cashFlow + dividends, dividends };
      const [price, pnl] = [quantity * -2, quantity];
      expect(attribute(before, after)).toEqual({ price, dividends, fees: 0, trading: 0, pnl });
    }
    const before = filled(FLAT, 10, 100, 0, 25);
    const [price, pnl] = [10, 40 * 26 - 10 * 25];
    const late = attribute(before, { ...before, quantity: 40, mark: 26 });
    expect(late).toEqual({ price, dividends: 0, fees: 0, trading: pnl - price, pnl });
  });

  it('is whole: parts sum to the P&L, days to that of all days', () => {
    const money = fc.double({ min: 1, max: 1_000, noNaN: true });
    const day = fc.record({
      quantity: fc.integer({ min: -100, max: 100 }),
      price: money,
      fee: money,
      mark: money,
      ratio: fc.constantFrom(1, 1, 2, 0.1),
      dividend: fc.constantFrom(0, 0, 1.5),
    });
    fc.assert(
      fc.property(fc.array(day, { minLength: 1, maxLength: 20 }), (days) => {
        let before: DayEnd | null = null;
        let total = 0;
        for (const { quantity, price, fee, mark, ratio, dividend } of days) {
          const held: DayEnd = before ?? FLAT;
          const paid = held.quantity * dividend;
          const split: DayEnd = {
            ...held,
            quantity: held.quantity * ratio,
            cashFlow: held.cashFlow + paid,
            dividends: held.dividends + paid,
          };
          const after: DayEnd = filled(split, quantity, price, fee, mark);
          const parts = attribute(before, after, ratio);
          expect(parts.dividends).toBeCloseTo(paid, 6);
          expect(parts.price + parts.dividends + parts.fees + parts.trading).toBeCloseTo(parts.pnl, 6);
          total += parts.pnl;
          before = after;
        }
        expect(total).toBeCloseTo(before!.cashFlow + marketValue(before!), 5);
      }),
    );
  });

  it('refuses what is not finite, and what becomes so', () => {
    const before = filled(FLAT, 10, 100, 0, 100);
    expect(() => attribute(before, { ...before, mark: Number.NaN })).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => attribute({ ...before, cost: Number.POSITIVE_INFINITY }, before)).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => attribute(before, { ...before, quantity: 1e300, mark: 1e300 })).toThrow(code('VALUE_NOT_FINITE'));
  });
});
