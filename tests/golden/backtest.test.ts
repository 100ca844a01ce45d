import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Backtest,
  conditionalCoverage,
  independence,
  judge,
  kupiec,
  NO_DAYS,
  shortfallTests,
  type TestResult,
  trafficLight,
} from '#quant/backtest.ts';
import { type NullDistribution, simulateShortfallTests } from '#quant/shortfall-simulation.ts';
import { historicalTail } from '#quant/tail.ts';
import { returnsOf } from './history.ts';

interface Case {
  readonly observations: number;
  readonly exceptions: number;
  readonly kupiec: readonly [number, number];
  readonly independence: readonly [number, number];
  readonly conditionalCoverage: readonly [number, number];
  readonly z1: number | null;
  readonly z2: number;
  readonly recent: number;
}
interface Reference {
  readonly window: number;
  readonly cases: Record<string, Record<'all' | '2008' | 'short', Case>>;
  /** Of how many rows the simulated p-values are. */
  readonly rows: number;
  readonly pValues: readonly {
    readonly p: number;
    readonly range: '2008' | 'short';
    readonly freedom: number | null;
    readonly pValues: readonly [number, number];
  }[];
  readonly zones: readonly (readonly [number, number, number, string])[];
}
/** Made by backtest_reference.py: vartests, scipy and numpy. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'backtest.json'), 'utf8')) as Reference;
const TOLERANCE = 1e-9;
const RANGES = { all: [0, undefined], 2008: [4250, 4750], short: [0, 40] } as const;
const returns = returnsOf('SP500');

function near(actual: number | null, expected: number | null, what: string): void {
  if (expected === null) expect(actual, what).toBeNull();
  else expect(Math.abs(actual! - expected), what).toBeLessThanOrEqual(Math.max(1e-12, Math.abs(expected) * TOLERANCE));
}
const nearTest = ({ statistic, pValue }: TestResult, expected: readonly [number, number], what: string) => {
  near(statistic, expected[0], `${what}, statistic`);
  near(pValue, expected[1], `${what}, p-value`);
};

describe.each(Object.keys(reference.cases))('VaR with a tail of %s, judged day by day', (tail) => {
  const p = Number(tail);
  const days = returns.slice(reference.window).map((_, day) => {
    return historicalTail(returns.subarray(day, day + reference.window), 1 - p).valueAtRisk;
  });
  const shortfalls = returns.slice(reference.window).map((_, day) => {
    return historicalTail(returns.subarray(day, day + reference.window), 1 - p).expectedShortfall;
  });

  it.each(Object.keys(RANGES) as (keyof typeof RANGES)[])(
    'over the days of "%s": vartests, scipy and numpy',
    (name) => {
      const expected = reference.cases[tail]![name];
      const [from, to] = RANGES[name];
      let backtest: Backtest = NO_DAYS;
      for (let day: number = from; day < (to ?? days.length); day++)
        backtest = judge(backtest, returns[reference.window + day]!, days[day]!, shortfalls[day]!);
      expect(backtest.observations).toBe(expected.observations);
      expect(backtest.exceptions).toBe(expected.exceptions);
      expect(backtest.recent).toHaveLength(expected.recent);
      nearTest(kupiec(backtest, p), expected.kupiec, 'Kupiec');
      nearTest(independence(backtest), expected.independence, 'independence');
      nearTest(conditionalCoverage(backtest, p), expected.conditionalCoverage, 'conditional coverage');
      const { z1, z2 } = shortfallTests(backtest, p);
      near(z1, expected.z1, 'Z1');
      near(z2, expected.z2, 'Z2');
    },
  );
});

describe("Acerbi and Székely's p-values", () => {
  const simulations = 5_000;

  it.each(reference.pValues)('at $p over the days of "$range", Student t $freedom: numpy', (row) => {
    const { z1, observations, exceptions } = reference.cases[row.p]![row.range];
    const distribution: NullDistribution =
      row.freedom === null ? { kind: 'normal' } : { kind: 'student-t', freedom: row.freedom };
    const counts = { observations, exceptions, shortfallRatios: (z1! - 1) * exceptions };
    const actual = simulateShortfallTests(counts, row.p, { distribution, simulations, seed: 'golden' });
    [actual.z1!.pValue, actual.z2.pValue].forEach((pValue, index) => {
      const expected = row.pValues[index]!;
      // Two simulations differ by chance: four standard errors, and one row in each of ours.
      const deviation = Math.sqrt(expected * (1 - expected) * (1 / simulations + 1 / reference.rows));
      expect(Math.abs(pValue - expected), `Z${index + 1}: ${pValue} against ${expected}`).toBeLessThanOrEqual(
        4 * deviation + 1 / simulations,
      );
    });
  });
});

describe('the traffic light', () => {
  it("has scipy's zones", () => {
    for (const [days, p, exceptions, zone] of reference.zones)
      expect(trafficLight(exceptions, days, p).zone, `${exceptions} of ${days} at ${p}`).toBe(zone);
  });

  it('has the zones and multipliers of Basel', () => {
    const lights = Array.from({ length: 12 }, (_, exceptions) => trafficLight(exceptions));
    expect(lights.map(({ zone }) => zone[0]).join('')).toBe('GGGGGYYYYYRR');
    expect(lights.map(({ multiplier }) => multiplier)).toEqual([
      1.5, 1.5, 1.5, 1.5, 1.5, 1.7, 1.76, 1.83, 1.88, 1.92, 2, 2,
    ]);
    expect(trafficLight(3, 500).multiplier).toBeNull();
  });
});
