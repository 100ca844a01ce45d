import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BASEL_DAYS,
  type Backtest,
  conditionalCoverage,
  independence,
  isException,
  judge,
  kupiec,
  NO_DAYS,
  recentLight,
  shortfallTests,
  trafficLight,
} from '#quant/backtest.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

/** Days one after the other with VaR 1 and ES 1.5: a loss of 2 where there is an exception, a gain of 1 where not. */
const judged = (exceptions: readonly boolean[]): Backtest =>
  exceptions.reduce((backtest, hit) => judge(backtest, hit ? -2 : 1, 1, 1.5), NO_DAYS);
const row = (length: number, ...exceptions: readonly number[]) =>
  Array.from({ length }, (_, day) => exceptions.includes(day));
const rare = fc.array(
  fc.integer({ min: 0, max: 9 }).map((digit) => digit === 0),
  { minLength: 1, maxLength: 700 },
);

describe('days judged one by one', () => {
  it('count a loss above VaR alone: one of just VaR is none', () => {
    expect(isException(-1, 1)).toBe(false);
    expect(isException(-1.000001, 1)).toBe(true);
    expect(isException(0, 0)).toBe(false);
    // A forecast that even the tail gains: a smaller gain is an exception.
    expect(isException(1, -2)).toBe(true);
  });

  it('give the counts of the whole row, and those of the last 250 days', () => {
    fc.assert(
      fc.property(rare, (exceptions) => {
        const backtest = judged(exceptions);
        const last = exceptions.slice(-BASEL_DAYS);
        expect(backtest.observations).toBe(exceptions.length);
        expect(backtest.exceptions).toBe(exceptions.filter(Boolean).length);
        expect(backtest.exceptionsInARow).toBe(exceptions.filter((hit, day) => hit && exceptions[day - 1]).length);
        expect(backtest.firstWasException).toBe(exceptions[0]);
        expect(backtest.lastWasException).toBe(exceptions.at(-1));
        expect(backtest.recent).toHaveLength(last.filter(Boolean).length);
      }),
    );
  });

  it('go on from what was stored', () => {
    const exceptions = row(300, 3, 60, 61, 299);
    const stored: Backtest = JSON.parse(JSON.stringify(judged(exceptions.slice(0, 100))));
    const continued = exceptions.slice(100).reduce((backtest, hit) => judge(backtest, hit ? -2 : 1, 1, 1.5), stored);
    expect(continued).toEqual(judged(exceptions));
  });

  it('let an exception leave the window on the 250th day after it', () => {
    expect(judged(row(250, 0)).recent).toEqual([0]);
    expect(judged(row(251, 0)).recent).toEqual([]);
  });

  it.each([
    [Number.NaN, 1, 1],
    [1, Number.POSITIVE_INFINITY, 1],
    [1, 1, Number.NaN],
    [-1, 0, Number.MIN_VALUE],
  ])('refuse a profit of %s against VaR %s, ES %s', (profit, valueAtRisk, expectedShortfall) => {
    expect(() => judge(NO_DAYS, profit, valueAtRisk, expectedShortfall)).toThrow(code('VALUE_NOT_FINITE'));
  });
});

describe("Kupiec's test", () => {
  it('finds nothing where the share is just p', () => {
    expect(kupiec({ observations: 200, exceptions: 2 }, 0.01)).toEqual({ statistic: 0, pValue: 1 });
  });

  it('has a figure without an exception and with nothing but exceptions', () => {
    expect(kupiec({ observations: 250, exceptions: 0 }, 0.01).statistic).toBeCloseTo(-500 * Math.log(0.99), 10);
    const { statistic, pValue } = kupiec({ observations: 250, exceptions: 250 }, 0.01);
    expect(statistic).toBeCloseTo(-500 * Math.log(0.01), 9);
    expect(pValue).toBe(0);
  });

  it.each([
    [0, 0, 'HISTORY_TOO_SHORT'],
    [10, 11, 'PARAMETER_INVALID'],
    [10, -1, 'PARAMETER_INVALID'],
    [10, 0.5, 'PARAMETER_INVALID'],
    [10, Number.NaN, 'PARAMETER_INVALID'],
    [Number.NaN, 0, 'PARAMETER_INVALID'],
  ])('refuses, of %s days, %s exceptions', (observations, exceptions, expected) => {
    expect(() => kupiec({ observations, exceptions }, 0.01)).toThrow(code(expected));
    expect(() => trafficLight(exceptions, observations)).toThrow(code(expected));
    expect(() => shortfallTests({ ...NO_DAYS, observations, exceptions }, 0.01)).toThrow(code(expected));
  });

  it.each([0, 1, -0.1, Number.NaN])('refuses a probability of %s', (p) => {
    expect(() => kupiec({ observations: 10, exceptions: 1 }, p)).toThrow(code('PARAMETER_INVALID'));
  });
});

describe("Christoffersen's tests", () => {
  it.each([
    ['no exceptions', row(100)],
    ['nothing but exceptions', row(100).map(() => true)],
    ['one, on the last day', row(100, 99)],
  ])('with %s have nothing to compare', (_, exceptions) => {
    expect(independence(judged(exceptions))).toEqual({ statistic: 0, pValue: 1 });
  });

  it('take exceptions in a row for a cluster, and spread ones for none', () => {
    expect(independence(judged(row(250, 100, 101, 102, 103))).pValue).toBeLessThan(1e-5);
    expect(independence(judged(row(250, 30, 90, 150, 210))).pValue).toBeGreaterThan(0.5);
  });

  it('have a figure between 0 and 1 for every row, and judge both at once by the sum', () => {
    fc.assert(
      fc.property(
        rare.filter(({ length }) => length > 1),
        fc.double({ min: 0.001, max: 0.5, noNaN: true }),
        (exceptions, p) => {
          const backtest = judged(exceptions);
          const both = conditionalCoverage(backtest, p);
          expect(both.statistic).toBe(kupiec(backtest, p).statistic + independence(backtest).statistic);
          for (const { statistic, pValue } of [both, kupiec(backtest, p), independence(backtest)]) {
            expect(statistic).toBeGreaterThanOrEqual(0);
            expect(pValue).toBeGreaterThanOrEqual(0);
            expect(pValue).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });

  it('need two days', () => {
    expect(() => independence(judged([true]))).toThrow(code('HISTORY_TOO_SHORT'));
    expect(() => conditionalCoverage(NO_DAYS, 0.01)).toThrow(code('HISTORY_TOO_SHORT'));
  });
});

describe('the light of the last 250 days', () => {
  it('waits for 250 days, turns red at ten exceptions and green again when they are gone', () => {
    const ten = row(600, 0, 20, 40, 60, 80, 100, 120, 140, 160, 180);
    expect(recentLight(judged(ten.slice(0, 249)), 0.01)).toBeNull();
    expect(recentLight(judged(ten.slice(0, 250)), 0.01)).toEqual({ zone: 'RED', multiplier: 2 });
    expect(recentLight(judged(ten.slice(0, 251)), 0.01)).toEqual({ zone: 'YELLOW', multiplier: 1.92 });
    expect(recentLight(judged(ten), 0.01)).toEqual({ zone: 'GREEN', multiplier: 1.5 });
  });
});

describe("Acerbi and Székely's statistics", () => {
  it('are 0 where as many losses as expected are as large as expected', () => {
    const backtest = { ...NO_DAYS, observations: 100, exceptions: 5, shortfallRatios: -5 };
    expect(shortfallTests(backtest, 0.05)).toEqual({ z1: 0, z2: 0 });
  });

  it('say nothing of the size of losses without one', () => {
    expect(shortfallTests(judged(row(50)), 0.05)).toEqual({ z1: null, z2: 1 });
  });
});
