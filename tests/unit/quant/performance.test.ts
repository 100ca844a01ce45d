import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawdowns, maxDrawdown } from '#quant/drawdown.ts';
import { moneyWeightedReturn, timeWeightedReturn } from '#quant/money-weighted.ts';
import {
  annualReturn,
  calmarRatio,
  informationRatio,
  omegaRatio,
  sharpeRatio,
  sortinoRatio,
} from '#quant/performance.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const daily = fc.array(fc.double({ min: -0.2, max: 0.2, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('drawdowns', () => {
  it('are told one by one, with peak, trough, recovery and duration', () => {
    // Up, down twice, up to the old peak and beyond, down to the end.
    const found = drawdowns([0.1, -0.1, -0.1, 0.5, -0.2]);
    expect(found).toEqual([
      { depth: expect.closeTo(0.19, 12), peak: 0, trough: 2, recovery: 3, durationDays: 3 },
      { depth: expect.closeTo(0.2, 12), peak: 3, trough: 4, recovery: null, durationDays: 1 },
    ]);
    expect(maxDrawdown([0.1, 0.2])).toBe(0);
    expect(maxDrawdown([])).toBe(0);
  });

  it('are as deep as the largest fall between any two days', () => {
    fc.assert(
      fc.property(daily, (returns) => {
        const wealth = [1];
        for (const change of returns) wealth.push(wealth.at(-1)! * (1 + change));
        let deepest = 0;
        wealth.forEach((from, start) => {
          for (const to of wealth.slice(start)) deepest = Math.max(deepest, 1 - to / from);
        });
        expect(maxDrawdown(returns)).toBeCloseTo(deepest, 12);
      }),
    );
  });
});

describe('ratios', () => {
  it.each([
    ['Sharpe', () => sharpeRatio([0.01, 0.01, 0.01])],
    ['Sortino', () => sortinoRatio([0.01, 0.02])],
    ['Calmar', () => calmarRatio([0.01, 0.02])],
    ['Omega', () => omegaRatio([0.01, 0.02])],
    ['information', () => informationRatio([0.01, 0.02], [0.01, 0.02])],
  ])('%s has nothing to divide by where nothing varies or falls', (_, ratio) => {
    expect(ratio).toThrow(code('NO_VARIATION'));
  });

  it('refuse what is too short, no number, of another length, or lost', () => {
    expect(() => sharpeRatio([0.1])).toThrow(code('HISTORY_TOO_SHORT'));
    expect(() => sharpeRatio([0.1, Number.NaN])).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => informationRatio([0.1, 0.2], [0.1])).toThrow(code('SHAPE_MISMATCH'));
    expect(() => annualReturn([-1])).toThrow(code('WEALTH_LOST'));
  });
});

describe('returns with money going in and out', () => {
  it('by time leave the flows out: the same whatever was paid in between', () => {
    // +10 %, then 1,000 more, then -5 %.
    expect(timeWeightedReturn([1_000, 2_100, 1_995], [1_000, 0])).toBeCloseTo(1.1 * 0.95 - 1, 12);
    expect(() => timeWeightedReturn([0, 100], [0])).toThrow(code('NO_RATE'));
    expect(() => timeWeightedReturn([1, 2, 3], [0])).toThrow(code('SHAPE_MISMATCH'));
  });

  it('by money are the rate of a savings account with the same flows', () => {
    fc.assert(
      fc.property(fc.double({ min: -0.5, max: 2, noNaN: true }), fc.integer({ min: 30, max: 2_000 }), (rate, days) => {
        const paid = [
          { day: 0, amount: -1_000 },
          { day: 20, amount: -500 },
        ];
        const worth = paid.reduce((sum, { day, amount }) => sum - amount * (1 + rate) ** ((days - day) / 365), 0);
        expect(moneyWeightedReturn([...paid, { day: days, amount: worth }])).toBeCloseTo(rate, 8);
      }),
    );
  });

  it('by money are refused where no rate or several solve the flows', () => {
    const flows = (...amounts: number[]) => amounts.map((amount, year) => ({ day: 365 * year, amount }));
    expect(() => moneyWeightedReturn(flows(-100, -100))).toThrow(code('NO_RATE'));
    // Both 10 % and 20 % solve it.
    expect(() => moneyWeightedReturn(flows(-100, 230, -132))).toThrow(code('RATE_NOT_UNIQUE'));
    expect(() => moneyWeightedReturn(flows(-100))).toThrow(code('HISTORY_TOO_SHORT'));
  });
});
