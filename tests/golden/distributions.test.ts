import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  binomialCdf,
  chiSquareSurvival,
  normalCdf,
  normalDensity,
  normalQuantile,
  studentTCdf,
  studentTDensity,
  studentTQuantile,
} from '#quant/distributions.ts';
import { logGamma } from '#quant/special-functions.ts';

const FUNCTIONS = {
  binomialCdf,
  chiSquareSurvival,
  logGamma,
  normalCdf,
  normalDensity,
  normalQuantile,
  studentTCdf,
  studentTDensity,
  studentTQuantile,
};

type Reference = Record<keyof typeof FUNCTIONS, readonly (readonly number[])[]>;
/** Made by distributions_reference.py: arguments, then the value of scipy. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'distributions.json'), 'utf8')) as Reference;

/** Relative. */
const TOLERANCE = 1e-12;

describe('distributions against scipy', () => {
  const names = Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[];

  it.each(names)('%s', (name) => {
    for (const row of reference[name]) {
      const expected = row.at(-1)!;
      const actual = (FUNCTIONS[name] as (...args: number[]) => number)(...row.slice(0, -1));
      expect(
        Math.abs(actual - expected),
        `${name}(${row.slice(0, -1)}) = ${actual}, not ${expected}`,
      ).toBeLessThanOrEqual(Math.abs(expected) * TOLERANCE);
    }
  });

  it.each([Number.NaN, 0, 1, -0.1, 1.1])('has no quantile of %s', (p) => {
    expect(() => normalQuantile(p)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
    expect(() => studentTQuantile(p, 5)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
  });

  it.each([Number.NaN, 0, -1])('knows no %s degrees of freedom', (freedom) => {
    expect(() => studentTCdf(1, freedom)).toThrow(/degrees of freedom/);
    expect(() => chiSquareSurvival(1, freedom)).toThrow(/degrees of freedom/);
  });
});
