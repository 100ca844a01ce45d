import fc from 'fast-check';
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

const code = (expected: string) => expect.objectContaining({ code: expected });
const tails = fc.double({ min: -12, max: Math.log10(0.5), noNaN: true }).map((exponent) => 10 ** exponent);
const freedoms = fc.double({ min: 0, max: 9, noNaN: true }).map((exponent) => 2.1 * 10 ** exponent);

describe('distributions', () => {
  it('have quantiles that lead back to their probability, whatever the degrees of freedom', () => {
    fc.assert(
      fc.property(tails, freedoms, (p, freedom) => {
        expect(normalCdf(normalQuantile(p)) / p).toBeCloseTo(1, 11);
        expect(studentTCdf(studentTQuantile(p, freedom), freedom) / p).toBeCloseTo(1, 11);
      }),
    );
  });

  it('are symmetric', () => {
    fc.assert(
      // 1 - p of these has lost nothing.
      fc.property(fc.integer({ min: 1, max: 1023 }), freedoms, (share, freedom) => {
        const p = share / 1024;
        expect(normalQuantile(1 - p)).toBe(0 - normalQuantile(p));
        expect(studentTQuantile(1 - p, freedom)).toBe(0 - studentTQuantile(p, freedom));
      }),
    );
  });

  it('of Student go over into the normal one without a step', () => {
    const below = studentTCdf(-4, 1e5 - 1e-6);
    expect(studentTCdf(-4, 1e5) / below).toBeCloseTo(1, 11);
    // By integration with 50 digits.
    expect(Math.abs(studentTCdf(-2.8645199999999997, 99_000) / 0.0020886479760363944 - 1)).toBeLessThan(8e-12);
    expect(studentTCdf(-2, 1e15) / normalCdf(-2)).toBeCloseTo(1, 11);
    expect(studentTCdf(-2, Number.MAX_VALUE)).toBeCloseTo(normalCdf(-2), 14);
    expect(studentTDensity(-2, 1e15) / normalDensity(-2)).toBeCloseTo(1, 11);
  });

  it("of Student with one degree of freedom are Cauchy's, with two have a closed form", () => {
    for (const x of [-1e9, -40, -1, -0.001]) {
      expect(studentTCdf(x, 1) / (Math.atan(-1 / x) / Math.PI)).toBeCloseTo(1, 12);
      expect(studentTCdf(x, 2) / (1 / (2 + x * x - x * Math.sqrt(2 + x * x)))).toBeCloseTo(1, 12);
    }
  });

  it('reach the end of what a double can hold, and no further', () => {
    expect(normalCdf(1e200)).toBe(1);
    expect(normalCdf(-1e200)).toBe(0);
    expect(normalQuantile(Number.MIN_VALUE)).toBeCloseTo(-38.467_405_617_144_34, 12);
    expect(chiSquareSurvival(Number.MAX_VALUE, 1)).toBe(0);
    expect(logGamma(Number.MIN_VALUE)).toBeCloseTo(744.440_071_921_381_3, 9);
    // Beyond 1e150 a square is no number: no quantile rather than a wrong one.
    expect(() => studentTQuantile(1e-12, 0.06)).toThrow(code('PARAMETER_INVALID'));
    expect(() => logGamma(1e306)).toThrow(code('PARAMETER_INVALID'));
  });

  it('say so when they would take too long', () => {
    expect(() => binomialCdf(5e14, 1e15, 0.5)).toThrow(code('NOT_CONVERGED'));
    expect(() => chiSquareSurvival(1e12, 1e12)).toThrow(code('NOT_CONVERGED'));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('have no value at %s', (x) => {
    for (const value of [
      () => normalDensity(x),
      () => normalCdf(x),
      () => studentTDensity(x, 5),
      () => studentTCdf(x, 5),
      () => chiSquareSurvival(x, 1),
      () => binomialCdf(x, 10, 0.5),
    ])
      expect(value).toThrow(code('PARAMETER_INVALID'));
  });

  it('know whole numbers of trials only', () => {
    for (const trials of [0, -1, 2.5, Number.NaN])
      expect(() => binomialCdf(1, trials, 0.5)).toThrow(code('PARAMETER_INVALID'));
    expect(binomialCdf(-1, 10, 0.5)).toBe(0);
    expect(binomialCdf(10, 10, 0.5)).toBe(1);
  });
});
