import { describe, expect, it } from 'vitest';
import { type NullDistribution, type SimulationOptions, simulateShortfallTests } from '#quant/shortfall-simulation.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const options = (distribution: NullDistribution, simulations = 20_000): SimulationOptions => ({
  distribution,
  simulations,
  seed: 'test',
});
const NORMAL: NullDistribution = { kind: 'normal' };
/** Counts of a row of 250 days at 97.5 % whose Z2 is as given, with six exceptions. */
const withZ2 = (z2: number) => ({ observations: 250, exceptions: 6, shortfallRatios: (z2 - 1) * 250 * 0.025 });

describe('shortfall tests by simulation', () => {
  it('find the limits that Acerbi and Székely publish: -0.70 for one in 20, normal or not far from it', () => {
    for (const distribution of [NORMAL, { kind: 'student-t', freedom: 100 } as const]) {
      const { z2 } = simulateShortfallTests(withZ2(-0.7), 0.025, options(distribution));
      // Three standard errors of 20,000 rows.
      expect(Math.abs(z2.pValue - 0.05)).toBeLessThan(0.005);
    }
  });

  it('doubt a large loss less where tails are heavy', () => {
    const counts = withZ2(-1.2);
    const normal = simulateShortfallTests(counts, 0.025, options(NORMAL));
    const heavy = simulateShortfallTests(counts, 0.025, options({ kind: 'student-t', freedom: 3 }));
    expect(heavy.z1!.pValue).toBeGreaterThan(2 * normal.z1!.pValue);
    expect(heavy.z2.pValue).toBeGreaterThan(2 * normal.z2.pValue);
  });

  it('draw from scenarios as often as these allow', () => {
    // Of four scenarios one is beyond VaR; ES at 75 % is the only loss, 0.3. Over 3 days the losses number 0 to 3, each of ratio -1.
    const distribution = { kind: 'scenarios', profits: [1, 2, -0.3, 3] } as const;
    const two = { observations: 3, exceptions: 2, shortfallRatios: -2 };
    const { z1, z2 } = simulateShortfallTests(two, 0.25, options(distribution));
    // Two or three of three: 3 × (1/4)² × 3/4 + (1/4)³ = 10/64.
    expect(Math.abs(z2.pValue - 10 / 64)).toBeLessThan(0.008);
    expect(z1).toEqual({ statistic: 0, pValue: 1 });
  });

  it('take the same losses for as low in whatever order they come', () => {
    const losses = [1.7, 0.5, 0.1];
    const distribution = { kind: 'scenarios', profits: [...losses.map((loss) => -loss), 1, 2, 3, 4, 5, 6, 7] } as const;
    // VaR at 70 % lies between the third loss and the first gain, ES is the mean of the three: (1.7 + 0.5 + 0.1) ÷ 3.
    const all = { observations: 3, exceptions: 3, shortfallRatios: -3 };
    const { z2 } = simulateShortfallTests(all, 0.3, options(distribution, 400_000));
    // Of 1,000 ways of three days: two or three of 1.7 (28), or one of it with losses of 0.6 or more: 6 + 3.
    expect(Math.abs(z2.pValue - 0.037)).toBeLessThan(0.0012);
  });

  it('judge a mean loss among rows that have one', () => {
    // Two scenarios beyond VaR, losses of 1 and 3, ES 2; in one day the mean is the loss itself: of rows with one, half are the larger.
    const distribution = { kind: 'scenarios', profits: [1, 2, -1, -3] } as const;
    const one = { observations: 1, exceptions: 1, shortfallRatios: -1.5 };
    const { z1 } = simulateShortfallTests(one, 0.4, options(distribution));
    expect(Math.abs(z1!.pValue - 0.5)).toBeLessThan(0.015);
  });

  it('have no mean loss without an exception, and nothing against such a row', () => {
    const none = { observations: 250, exceptions: 0, shortfallRatios: 0 };
    expect(simulateShortfallTests(none, 0.025, options(NORMAL, 100))).toEqual({
      z1: null,
      z2: { statistic: 1, pValue: 1 },
    });
  });

  it('are never 0, and the same for the same seed alone', () => {
    expect(simulateShortfallTests(withZ2(-50), 0.025, options(NORMAL, 99)).z2.pValue).toBe(0.01);
    const again = () => simulateShortfallTests(withZ2(-0.3), 0.025, options(NORMAL, 1_000));
    expect(again()).toEqual(again());
    expect(simulateShortfallTests(withZ2(-0.3), 0.025, { ...options(NORMAL, 1_000), seed: 'another' })).not.toEqual(
      again(),
    );
  });

  it('do not depend on what money is counted in', () => {
    const profits = Array.from({ length: 200 }, (_, day) => Math.sin(day * day));
    const inCents = profits.map((profit) => profit * 128);
    const of = (distribution: NullDistribution) =>
      simulateShortfallTests(withZ2(-0.2), 0.025, options(distribution, 500));
    expect(of({ kind: 'scenarios', profits: inCents })).toEqual(of({ kind: 'scenarios', profits }));
  });

  it.each<[string, NullDistribution, string]>([
    ['tails without a mean square', { kind: 'student-t', freedom: 2 }, 'PARAMETER_INVALID'],
    ['one scenario', { kind: 'scenarios', profits: [1] }, 'HISTORY_TOO_SHORT'],
    ['scenarios without a loss', { kind: 'scenarios', profits: [1, 1, 1] }, 'PARAMETER_INVALID'],
    ['scenarios of zero', { kind: 'scenarios', profits: [0, 0, 0] }, 'PARAMETER_INVALID'],
    ['a scenario of no number', { kind: 'scenarios', profits: [1, Number.NaN] }, 'VALUE_NOT_FINITE'],
  ])('refuse %s', (_, distribution, expected) => {
    expect(() => simulateShortfallTests(withZ2(0), 0.025, options(distribution))).toThrow(code(expected));
  });

  it.each([0, -1, 1.5, Number.NaN, 1e9])('refuse %s simulations', (simulations) => {
    expect(() => simulateShortfallTests(withZ2(0), 0.025, options(NORMAL, simulations))).toThrow(
      code('PARAMETER_INVALID'),
    );
  });

  it('refuse no days', () => {
    const empty = { observations: 0, exceptions: 0, shortfallRatios: 0 };
    expect(() => simulateShortfallTests(empty, 0.025, options(NORMAL))).toThrow(code('HISTORY_TOO_SHORT'));
  });
});
