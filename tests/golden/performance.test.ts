import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { maxDrawdown } from '#quant/drawdown.ts';
import { moneyWeightedReturn } from '#quant/money-weighted.ts';
import {
  alphaBeta,
  annualReturn,
  annualVolatility,
  calmarRatio,
  capture,
  cumulativeReturn,
  downsideRisk,
  informationRatio,
  omegaRatio,
  sharpeRatio,
  sortinoRatio,
  tailRatio,
} from '#quant/performance.ts';
import { returnsOf } from './history.ts';

interface Reference {
  readonly cases: Record<string, Record<string, number>>;
  readonly flows: readonly (readonly [number, number])[];
  readonly moneyWeighted: number;
  readonly moneyWeightedQuantLib: number;
}
/** Made by performance_reference.py: empyrical-reloaded, scipy, QuantLib. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'performance.json'), 'utf8')) as Reference;
const TOLERANCE = 1e-9;
const near = (actual: number, expected: number, what: string) =>
  expect(Math.abs(actual - expected), `${what}: ${actual} against ${expected}`).toBeLessThanOrEqual(
    Math.abs(expected) * TOLERANCE,
  );

describe('performance against empyrical', () => {
  it.each(Object.keys(reference.cases))('of %s', (name) => {
    const [stock, range] = name.split('/') as [string, string];
    const count = range === 'all' ? undefined : 500;
    const returns = returnsOf(stock, count);
    const market = returnsOf('SP500', count);
    const actual = {
      cumulativeReturn: cumulativeReturn(returns),
      annualReturn: annualReturn(returns),
      annualVolatility: annualVolatility(returns),
      sharpeRatio: sharpeRatio(returns, 0.0001),
      downsideRisk: downsideRisk(returns, 0.0002),
      sortinoRatio: sortinoRatio(returns, 0.0002),
      calmarRatio: calmarRatio(returns),
      omegaRatio: omegaRatio(returns, 0.05),
      informationRatio: informationRatio(returns, market),
      ...alphaBeta(returns, market, 0.0001),
      tailRatio: tailRatio(returns),
      upCapture: capture(returns, market, 'up'),
      downCapture: capture(returns, market, 'down'),
      maxDrawdown: maxDrawdown(returns),
    };
    const expected = reference.cases[name]!;
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const [figure, value] of Object.entries(actual)) near(value, expected[figure]!, figure);
  });
});

it('the money-weighted return: scipy and QuantLib', () => {
  const actual = moneyWeightedReturn(reference.flows.map(([day, amount]) => ({ day, amount })));
  near(actual, reference.moneyWeighted, 'scipy');
  near(actual, reference.moneyWeightedQuantLib, 'QuantLib');
});
