import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { regress } from '#quant/regression.ts';
import { returnsOf } from './history.ts';

interface Case {
  readonly stock: string;
  readonly factors: readonly string[];
  readonly count: number;
  readonly lag: number | null;
  readonly estimates: readonly number[];
  readonly standardErrors: readonly number[];
  readonly t: readonly number[];
  readonly p: readonly number[];
  readonly rSquared: number;
  readonly adjustedRSquared: number;
  readonly degreesOfFreedom: number;
}
/** Made by regression_reference.py: OLS of statsmodels, HAC with its correction for small samples and Student's t. */
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'regression.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};
const near = (actual: number, expected: number, tolerance: number, what: string) =>
  expect(Math.abs(actual - expected), `${what}: ${actual} against ${expected}`).toBeLessThanOrEqual(
    Math.abs(expected) * tolerance,
  );

describe('factor regression against statsmodels', () => {
  it.each(cases)('$stock on $factors, $count days, lag $lag', (expected) => {
    const { stock, factors, count, lag } = expected;
    const fit = regress(
      returnsOf(stock, count),
      factors.map((factor) => returnsOf(factor, count)),
      lag,
    );
    [fit.intercept, ...fit.slopes].forEach((actual, index) => {
      near(actual.estimate, expected.estimates[index]!, 1e-9, `estimate ${index}`);
      near(actual.standardError, expected.standardErrors[index]!, 1e-9, `error ${index}`);
      near(actual.t, expected.t[index]!, 1e-9, `t ${index}`);
      // A p-value moves t times as much as its t.
      near(actual.p, expected.p[index]!, 1e-9 * Math.max(1, actual.t ** 2), `p ${index}`);
    });
    near(fit.rSquared, expected.rSquared, 1e-9, 'R²');
    near(fit.adjustedRSquared, expected.adjustedRSquared, 1e-9, 'adjusted R²');
    expect(fit).toMatchObject({ degreesOfFreedom: expected.degreesOfFreedom, observations: count, lag });
  });
});
