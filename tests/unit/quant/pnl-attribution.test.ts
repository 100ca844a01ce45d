import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributePnl, type DayEnd, marketValue } from '#quant/pnl-attribution.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const FLAT: DayEnd = { quantity: 0, multiplier: 1, mark: null, cost: 0, cashFlow: 0, commission: 0 };

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
  };
}

describe('the P&L of a position', () => {
  it('is from prices while nothing is traded, for longs and shorts, times the multiplier', () => {
    for (const quantity of [10, -10]) {
      const before = filled({ ...FLAT, multiplier: 50 }, quantity, 100, 7, 100);
      const price = quantity * 3 * 50;
      expect(attributePnl(before, { ...before, mark: 103 })).toEqual({ price, fees: 0, trading: 0, pnl: price });
    }
  });

  it('is from fees and trading on the day it is opened', () => {
    const after = filled(FLAT, 10, 100, 2, 101);
    expect(attributePnl(null, after)).toEqual({ price: 0, fees: -2, trading: 10, pnl: 8 });
    expect(attributePnl({ ...FLAT, mark: 90 }, after)).toEqual({ price: 0, fees: -2, trading: 10, pnl: 8 });
  });

  it('tells apart what was held and what was sold in the day', () => {
    const before = filled(FLAT, 10, 100, 0, 100);
    // Price 100 to 110; 4 of 10 sold at 108, two below the close.
    expect(attributePnl(before, filled(before, -4, 108, 1, 110))).toEqual({
      price: 100,
      fees: -1,
      trading: -8,
      pnl: 91,
    });
  });

  it('takes a rebate as a fee with the other sign', () => {
    expect(attributePnl(null, filled(FLAT, 1, 100, -0.5, 100))).toMatchObject({ fees: 0.5, trading: 0, pnl: 0.5 });
  });

  it('holds at cost what has no price; the first price is trading', () => {
    const unpriced = filled(FLAT, 10, 100, 2, null);
    expect(marketValue(unpriced)).toBe(1_000);
    expect(attributePnl(null, unpriced)).toEqual({ price: 0, fees: -2, trading: 0, pnl: -2 });
    expect(attributePnl(unpriced, { ...unpriced, mark: 105 })).toEqual({ price: 0, fees: 0, trading: 50, pnl: 50 });
  });

  it('is whole: parts sum to the P&L, days to that of all days', () => {
    const money = fc.double({ min: 1, max: 1_000, noNaN: true });
    const day = fc.record({ quantity: fc.integer({ min: -100, max: 100 }), price: money, fee: money, mark: money });
    fc.assert(
      fc.property(fc.array(day, { minLength: 1, maxLength: 20 }), (days) => {
        let before: DayEnd | null = null;
        let total = 0;
        for (const { quantity, price, fee, mark } of days) {
          const after: DayEnd = filled(before ?? FLAT, quantity, price, fee, mark);
          const parts = attributePnl(before, after);
          expect(parts.price + parts.fees + parts.trading).toBeCloseTo(parts.pnl, 6);
          total += parts.pnl;
          before = after;
        }
        expect(total).toBeCloseTo(before!.cashFlow + marketValue(before!), 5);
      }),
    );
  });

  it('refuses what is not finite, and what becomes so', () => {
    const before = filled(FLAT, 10, 100, 0, 100);
    expect(() => attributePnl(before, { ...before, mark: Number.NaN })).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => attributePnl({ ...before, cost: Number.POSITIVE_INFINITY }, before)).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => attributePnl(before, { ...before, quantity: 1e300, mark: 1e300 })).toThrow(code('VALUE_NOT_FINITE'));
  });
});
