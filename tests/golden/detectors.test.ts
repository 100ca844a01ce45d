import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Adwin } from '#ml/drift/adwin.ts';
import { PageHinkley } from '#ml/drift/page-hinkley.ts';
import { populationStability } from '#ml/drift/population-stability.ts';
import type { ColumnReference } from '#ml/drift/reference.ts';
import { referenceOf } from '../unit/ml/drift/simulated.ts';
import { returnsOf } from './history.ts';

interface Case {
  readonly kind: string;
  readonly seed: number;
  readonly delta: number;
  readonly alarms: readonly number[];
}
/** Made by detectors_reference.py: river's ADWIN and PageHinkley, and numpy. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'detectors.json'), 'utf8')) as {
  readonly adwin: readonly (Case & Record<'width' | 'total' | 'variance', number>)[];
  readonly pageHinkley: readonly (Case & { readonly threshold: number })[];
  readonly references: readonly (ColumnReference & { readonly seed: number })[];
  readonly psi: readonly Record<'seed' | 'count' | 'shift' | 'psi', number>[];
};
const COUNT = 4_000;

function uniforms(seed: number, count: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (1_664_525 * state + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  });
}
function series(kind: string, seed: number): number[] {
  const noise = uniforms(seed, COUNT);
  const changes: Record<string, (value: number, index: number) => number> = {
    uniform: (value) => value,
    jump: (value, index) => value + (index >= COUNT / 2 ? 0.3 : 0),
    fall: (value, index) => value - (index >= 1_000 ? 0.2 : 0) + (index >= 3_000 ? 0.2 : 0),
    trend: (value, index) => value + index / COUNT,
    binary: (value, index) => (value < (index < 1_500 ? 0.1 : 0.25) ? 1 : 0),
    constant: () => 0.5,
  };
  if (kind === 'returns') {
    const all = returnsOf('SP500', 8_312);
    return Array.from(all.slice(0, COUNT), (value) => Math.abs(value) * 10);
  }
  return noise.map(changes[kind]!);
}
function alarmsOf(detector: { update(value: number): boolean }, values: readonly number[]): number[] {
  return values.flatMap((value, index) => (detector.update(value) ? [index] : []));
}

describe('drift detectors against river', () => {
  it.each(golden.adwin)('ADWIN on $kind with delta $delta', ({ kind, seed, delta, alarms, width, total, variance }) => {
    const adwin = new Adwin(delta);
    expect(alarmsOf(adwin, series(kind, seed))).toEqual(alarms);
    expect(adwin.width).toBe(width);
    expect(adwin.total).toBeCloseTo(total, 8);
    // What river calls the variance is the sum of squares.
    expect(adwin.variance * width).toBeCloseTo(variance, 8);
  });

  it.each(golden.pageHinkley)(
    'Page and Hinkley on $kind with threshold $threshold',
    ({ kind, seed, alarms, ...parameters }) => {
      expect(alarmsOf(new PageHinkley(parameters), series(kind, seed))).toEqual(alarms);
    },
  );

  it.each(golden.psi)('population stability of $count rows shifted by $shift is numpy’s', (expected) => {
    const reference = uniforms(expected.seed, 2_000).sort((a, b) => a - b);
    const edges = Array.from({ length: 9 }, (_, index) => {
      const at = ((index + 1) / 10) * 1_999;
      const low = reference[Math.floor(at)]!;
      return low + (at - Math.floor(at)) * (reference[Math.ceil(at)]! - low);
    });
    const counts = new Array<number>(10).fill(0);
    for (const value of uniforms(expected.seed + 1, expected.count))
      counts[edges.filter((edge) => edge < value + expected.shift).length]!++;
    expect(populationStability(counts, new Array(10).fill(0.1))).toBeCloseTo(expected.psi, 12);
  });

  it.each(golden.references)('$name in training is what the simulations take it for', ({ seed, ...expected }) => {
    const found = referenceOf(expected.name, series(expected.name, seed));
    expect(found).toMatchObject({ name: expected.name, blocks: expected.blocks });
    for (const figure of ['mean', 'deviation', 'autocorrelation', 'levelPersistence', 'sizePersistence'] as const)
      expect(found[figure], figure).toBeCloseTo(expected[figure], 8);
    expected.quantiles.forEach((quantile, index) => {
      expect(found.quantiles[index], `quantile ${index}`).toBeCloseTo(quantile, 6);
    });
  });
});
