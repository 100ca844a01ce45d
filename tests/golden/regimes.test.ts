import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ChangePointDetector, type SegmentPrior } from '#quant/regimes/change-point.ts';
import { fitHiddenMarkov, HiddenMarkovFilter, type HiddenMarkovModel } from '#quant/regimes/hidden-markov.ts';
import { returnsOf } from './history.ts';

interface Markov {
  readonly start: HiddenMarkovModel;
  readonly startLogLikelihood: number;
  readonly steps: number;
  readonly logLikelihoods: readonly number[];
  readonly fitted: HiddenMarkovModel;
  readonly filtered: readonly (readonly [number, readonly number[]])[];
}
interface ChangePoints {
  readonly prior: SegmentPrior;
  readonly expectedLength: number;
  /** Day, log density, probability of a change within five values, expected run, expected mean. */
  readonly shown: readonly (readonly [number, number, number, number, number])[];
}
const golden = JSON.parse(readFileSync(new URL('regimes.json', import.meta.url), 'utf8')) as {
  from: number;
  to: number;
  hiddenMarkov: Record<string, Markov>;
  changePoints: ChangePoints[];
};
const returns = returnsOf('SP500').slice(golden.from, golden.to);
const logLikelihood = (model: HiddenMarkovModel) => {
  const filter = new HiddenMarkovFilter(model);
  return returns.reduce((sum, value) => sum + filter.update(value), 0);
};
const expectAll = (actual: readonly number[], expected: readonly number[], relative: number) =>
  expected.forEach((value, index) => {
    expect(Math.abs(actual[index]! - value)).toBeLessThanOrEqual(relative * Math.max(Math.abs(value), 1e-9));
  });

describe.each(Object.entries(golden.hiddenMarkov))('a hidden Markov model of %s states', (_, expected) => {
  it('gives a series the likelihood that hmmlearn does', () => {
    expectAll([logLikelihood(expected.start)], [expected.startLogLikelihood], 1e-12);
  });

  it("comes to hmmlearn's parameters in as many steps", () => {
    const {
      model,
      logLikelihood: last,
      steps,
    } = fitHiddenMarkov(returns, expected.start, {
      maxSteps: expected.steps,
      tolerance: Number.NEGATIVE_INFINITY,
    });
    expect(steps).toBe(expected.steps);
    expectAll([last], [expected.logLikelihoods.at(-1)!], 1e-9);
    expectAll(model.means, expected.fitted.means, 1e-6);
    expectAll(model.variances, expected.fitted.variances, 1e-6);
    expectAll(model.transitions.flat(), expected.fitted.transitions.flat(), 1e-6);
    // Of a state that the series does not begin in next to nothing is left.
    model.initial.forEach((value, state) => {
      expect(value).toBeCloseTo(expected.fitted.initial[state]!, 9);
    });
  });

  it('knows of the present what hmmlearn knows of the last day of the series so far', () => {
    const filter = new HiddenMarkovFilter(expected.fitted);
    const known = new Map<number, number[]>();
    returns.forEach((value, day) => {
      filter.update(value);
      known.set(day, [...filter.probabilities]);
    });
    for (const [day, probabilities] of expected.filtered)
      known.get(day)!.forEach((value, state) => {
        expect(value).toBeCloseTo(probabilities[state]!, 9);
      });
  });
});

describe.each(golden.changePoints.map((entry) => [entry.expectedLength, entry] as const))(
  'change points, one in %i values',
  (expectedLength, { prior, shown }) => {
    it('are what the definition gives', () => {
      const detector = new ChangePointDetector({ prior, expectedLength, maxRuns: 10_000 });
      const expected = new Map(shown.map(([day, ...rest]) => [day, rest]));
      let compared = 0;
      returns.forEach((value, day) => {
        const log = detector.update(value);
        const row = expected.get(day);
        if (!row) return;
        compared++;
        const { weights, means } = detector.snapshot();
        const mean = weights.reduce((sum, weight, run) => sum + weight * means[run]!, 0);
        expectAll([log, detector.changedWithin(5), detector.expectedRun], row.slice(0, 3), 1e-9);
        expect(mean).toBeCloseTo(row[3]!, 12);
      });
      expect(compared).toBe(shown.length);
    });

    it('are nearly the same of the two hundred likeliest runs', () => {
      const whole = new ChangePointDetector({ prior, expectedLength, maxRuns: 10_000 });
      const bounded = new ChangePointDetector({ prior, expectedLength, maxRuns: 200 });
      returns.forEach((value, day) => {
        whole.update(value);
        bounded.update(value);
        expect(Math.abs(whole.changedWithin(20) - bounded.changedWithin(20)), `day ${day}`).toBeLessThan(0.02);
      });
      expect(bounded.snapshot().weights).toHaveLength(200);
    });
  },
);
