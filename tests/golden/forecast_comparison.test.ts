import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareForecasts } from '#quant/forecast-comparison.ts';
import { returnsOf } from './history.ts';

/** Made by forecast_comparison_reference.py: statsmodels' HAC errors, corrected as Harvey, Leybourne and Newbold say. */
const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, 'forecast_comparison.json'), 'utf8')) as {
  readonly cases: readonly (Record<'horizon' | 'count' | 'lag' | 'meanDifference' | 'statistic' | 'p', number> & {
    readonly decays: readonly [number, number];
  })[];
};
const squares = returnsOf('SP500').map((value) => value ** 2 * 1e4);

function losses(decay: number, horizon: number, count: number): Float64Array {
  let level = squares[0]!;
  const forecasts = squares.map((value) => {
    level = decay * level + (1 - decay) * value;
    return level;
  });
  const days = squares.length - horizon;
  const errors = Float64Array.from({ length: days }, (_, day) => {
    let ahead = 0;
    for (let step = 1; step <= horizon; step++) ahead += squares[day + step]! / horizon;
    return (ahead - forecasts[day]!) ** 2;
  });
  return errors.slice(-count);
}
const near = (actual: number, expected: number, what: string) =>
  expect(Math.abs(actual - expected), `${what}: ${actual} against ${expected}`).toBeLessThanOrEqual(
    1e-9 * Math.max(Math.abs(expected), 1e-3),
  );

describe('forecasts compared, against statsmodels', () => {
  it.each(cases)('decays $decays, horizon $horizon, $count days, lag $lag', (expected) => {
    const { decays, horizon, count, lag } = expected;
    const found = compareForecasts(losses(decays[0], horizon, count), losses(decays[1], horizon, count), lag);
    near(found.meanDifference, expected.meanDifference, 'mean');
    near(found.statistic, expected.statistic, 'statistic');
    near(found.p, expected.p, 'p');
  });
});
