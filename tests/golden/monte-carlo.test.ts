import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MonteCarloGraph } from '#ml/model/monte-carlo.ts';
import { monteCarloProfits, quadraticForm } from '#quant/monte-carlo.ts';
import { ledoitWolf } from '#quant/statistics.ts';
import { historicalTail, type Tail } from '#quant/tail.ts';
import { returnsOf } from './history.ts';

/** Of the distribution, and the standard deviation of what a simulation says, for one pair of paths. */
interface Expected extends Tail {
  readonly valueAtRiskError: number;
  readonly expectedShortfallError: number;
}
interface Reference {
  readonly stocks: readonly string[];
  readonly days: number;
  readonly exposures: readonly number[];
  readonly variance: number;
  readonly cases: readonly {
    readonly freedom: number | null;
    readonly horizonDays: number;
    readonly levels: Readonly<Record<string, Expected>>;
  }[];
}
/** Made by monte_carlo_reference.py from outside packages. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'monte-carlo.json'), 'utf8')) as Reference;
const PATHS = 400_000;
/** So many standard errors happen by chance in one of 16,000 figures; there are 72. */
const ERRORS = 4;

const exposures = Float64Array.from(reference.exposures);
const covariance = ledoitWolf(reference.stocks.map((stock) => returnsOf(stock, reference.days)));

describe('twenty stocks, simulated by the ONNX graph', () => {
  let graph: MonteCarloGraph;
  beforeAll(async () => {
    graph = await MonteCarloGraph.open({ providers: ['cpu'], threads: 1 });
  });
  afterAll(() => graph.close());

  it('have the variance that scikit-learn says', () => {
    const variance = quadraticForm(exposures, covariance);
    expect(Math.abs(variance / reference.variance - 1)).toBeLessThan(1e-9);
  });

  it.each(reference.cases)('meet the closed forms, freedom $freedom over $horizonDays days', async (expected) => {
    const { freedom, horizonDays, levels } = expected;
    const options = { paths: PATHS, seed: 'golden', freedom, horizonDays };
    const drawn = await graph.profits(exposures, covariance, options);
    const typescript = monteCarloProfits(exposures, covariance, { ...options, sampling: 'full-cholesky' });
    for (const [level, exact] of Object.entries(levels)) {
      const here = historicalTail(drawn, Number(level));
      const there = historicalTail(typescript, Number(level));
      for (const [figure, error] of [
        ['valueAtRisk', exact.valueAtRiskError],
        ['expectedShortfall', exact.expectedShortfallError],
      ] as const) {
        const one = error / Math.sqrt(PATHS / 2);
        const off = [here[figure] - exact[figure], (here[figure] - there[figure]) / Math.SQRT2].map((by) => by / one);
        for (const errors of off) expect(Math.abs(errors), `${figure} at ${level}: ${off}`).toBeLessThan(ERRORS);
        // Sharp enough that a wrong variance or another distribution would show.
        expect((ERRORS * one) / exact[figure]).toBeLessThan(0.04);
      }
    }
  });
});
