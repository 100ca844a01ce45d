import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filteredOutcomes } from '#quant/filtered-historical.ts';
import { ScenarioBook } from '#quant/scenario-book.ts';
import { beta, cholesky, correlationMatrix, covarianceMatrix, ledoitWolf, mean, variance } from '#quant/statistics.ts';
import { ageWeightedTail, historicalTail, normalTail, studentTTail, type Tail } from '#quant/tail.ts';
import { ewmaVariance, fitGarch } from '#quant/volatility.ts';
import { returnsOf } from './history.ts';

type Tails = Record<string, Tail>;
interface GarchReference {
  readonly mean: number;
  readonly omega: number;
  readonly alpha: number;
  readonly beta: number;
  readonly logLikelihood: number;
  readonly nextVariance: number;
  readonly filtered: Tails;
}
interface Reference {
  readonly stocks: readonly string[];
  readonly days: number;
  readonly exposures: readonly number[];
  readonly profits: readonly number[];
  readonly historical: Tails;
  readonly ageWeighted: Tails;
  readonly normal: Tails;
  readonly student: Record<string, Tails>;
  readonly ewmaVariance: number;
  readonly garch: Record<'sp500' | 'sp500All' | 'book', GarchReference>;
  readonly bookScale: number;
  readonly mean: number;
  readonly variance: number;
  readonly covariance: readonly number[];
  readonly correlation: readonly number[];
  readonly cholesky: readonly number[];
  readonly ledoitWolf: { readonly shrinkage: number; readonly covariance: readonly number[] };
  readonly beta: number;
}
/** Made by risk_reference.py from outside packages. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'risk.json'), 'utf8')) as Reference;
/** Where the definition is closed. */
const CLOSED = 1e-9;
/** Where an optimiser is involved: arch stops at its own tolerance. */
const OPTIMISED = 1e-4;

const returns = reference.stocks.map((stock) => returnsOf(stock, reference.days));
const levels = Object.keys(reference.historical).map(Number);
const book = new ScenarioBook(returns, reference.days, levels);
reference.exposures.forEach((exposure, index) => {
  book.hold(index, exposure);
});
const { profits } = book;

function near(actual: number, expected: number, relative: number, what: string): void {
  expect(Math.abs(actual - expected), `${what}: ${actual} against ${expected}`).toBeLessThanOrEqual(
    Math.abs(expected) * relative,
  );
}
function allNear(actual: Float64Array, expected: readonly number[], what: string): void {
  const largest = Math.max(...expected.map(Math.abs));
  expect(actual.length, what).toBe(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs(actual[index]! - value), `${what}[${index}]`).toBeLessThanOrEqual(largest * CLOSED);
  });
}
function tailsNear(tail: (level: number) => Tail, expected: Tails, relative: number, what: string): void {
  for (const [level, { valueAtRisk, expectedShortfall }] of Object.entries(expected)) {
    const actual = tail(Number(level));
    near(actual.valueAtRisk, valueAtRisk, relative, `${what} VaR ${level}`);
    near(actual.expectedShortfall, expectedShortfall, relative, `${what} ES ${level}`);
  }
}

describe('risk against outside packages', () => {
  it('values the scenarios as numpy does', () => {
    allNear(profits, reference.profits, 'profits');
  });

  it('historical: numpy.quantile and empyrical', () => {
    tailsNear((level) => historicalTail(profits, level), reference.historical, CLOSED, 'historical');
    tailsNear((level) => book.tails()[levels.indexOf(level)]!, reference.historical, CLOSED, 'the live book');
  });

  it('age-weighted: numpy.quantile with weights', () => {
    tailsNear((level) => ageWeightedTail(profits, level), reference.ageWeighted, CLOSED, 'age-weighted');
  });

  it('normal: scipy, the shortfall by numerical integration', () => {
    const deviation = Math.sqrt(variance(profits));
    tailsNear((level) => normalTail(mean(profits), deviation, level), reference.normal, CLOSED, 'normal');
  });

  it('Student t: scipy, the shortfall by numerical integration', () => {
    for (const [freedom, expected] of Object.entries(reference.student))
      tailsNear(
        (level) => studentTTail(3, reference.bookScale, Number(freedom), level),
        expected,
        CLOSED,
        `t(${freedom})`,
      );
  });

  it('EWMA: arch', () => {
    near(ewmaVariance(profits), reference.ewmaVariance, CLOSED, 'EWMA variance');
  });

  it('GARCH(1,1) and filtered historical simulation: arch', () => {
    const cases = {
      sp500: returnsOf('SP500', reference.days).map((value) => value * 100),
      sp500All: returnsOf('SP500').map((value) => value * 100),
      book: profits.map((value) => value / reference.bookScale),
    };
    for (const [name, values] of Object.entries(cases)) {
      const expected = reference.garch[name as keyof typeof cases];
      const fit = fitGarch(values);
      // At a maximum the likelihood is flat: ours may be the higher one, never lower by more than arch's own tolerance.
      expect(fit.logLikelihood, name).toBeGreaterThanOrEqual(expected.logLikelihood - 1e-6);
      for (const parameter of ['mean', 'omega', 'alpha', 'beta', 'nextVariance'] as const)
        near(fit[parameter], expected[parameter], OPTIMISED, `${name} ${parameter}`);
      const outcomes = filteredOutcomes(values, fit, { horizonDays: 1, paths: 0, seed: '' });
      tailsNear((level) => historicalTail(outcomes, level), expected.filtered, OPTIMISED, `${name} filtered`);
    }
  });

  it('mean, variance, covariance, correlation, beta, Cholesky: numpy and empyrical', () => {
    near(mean(profits), reference.mean, CLOSED, 'mean');
    near(variance(profits), reference.variance, CLOSED, 'variance');
    const covariance = covarianceMatrix(returns);
    allNear(covariance.values, reference.covariance, 'covariance');
    allNear(correlationMatrix(covariance).values, reference.correlation, 'correlation');
    allNear(cholesky(covariance), reference.cholesky, 'Cholesky');
    near(
      beta(
        profits.map((profit) => profit / 1e5),
        returnsOf('SP500', reference.days),
      ),
      reference.beta,
      CLOSED,
      'beta',
    );
  });

  it('shrinkage: scikit-learn', () => {
    const { shrinkage, values } = ledoitWolf(returns);
    near(shrinkage, reference.ledoitWolf.shrinkage, CLOSED, 'shrinkage');
    allNear(values, reference.ledoitWolf.covariance, 'shrunk covariance');
  });
});
