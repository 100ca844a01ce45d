import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Adwin } from '#ml/drift/adwin.ts';
import { PageHinkley } from '#ml/drift/page-hinkley.ts';
import { populationStability } from '#ml/drift/population-stability.ts';

const HINKLEY = { delta: 0.01, threshold: 3 };
/** A level that jumps, now and then, and noise around it. */
const series = fc
  .array(fc.record({ level: fc.double({ min: -1, max: 1, noNaN: true }), length: fc.integer({ min: 1, max: 200 }) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) =>
    parts.flatMap(({ level, length }, part) =>
      Array.from({ length }, (_, index) => level + ((index * 7919 + part) % 101) / 101),
    ),
  );
const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('drift detectors', () => {
  it('go on from a snapshot at any value as if nothing had been', () => {
    fc.assert(
      fc.property(series, fc.nat(1_200), (values, at) => {
        const [adwin, hinkley] = [new Adwin(0.05), new PageHinkley(HINKLEY)];
        let [otherAdwin, otherHinkley] = [new Adwin(0.05), new PageHinkley(HINKLEY)];
        values.forEach((value, index) => {
          if (index === at % values.length) {
            otherAdwin = Adwin.restore(0.05, throughJson(otherAdwin.snapshot()));
            otherHinkley = PageHinkley.restore(HINKLEY, throughJson(otherHinkley.snapshot()));
          }
          expect(otherAdwin.update(value)).toBe(adwin.update(value));
          expect(otherHinkley.update(value)).toBe(hinkley.update(value));
        });
        expect(otherAdwin.total).toBe(adwin.total);
        expect(otherAdwin.variance).toBe(adwin.variance);
      }),
    );
  });

  it('keep a window whose figures are those of its values, in buckets that grow with its logarithm', () => {
    const adwin = new Adwin(1e-9);
    const values: number[] = [];
    for (let index = 0; index < 20_000; index++) {
      const value = ((index * 7919) % 1_009) / 1_009;
      values.push(value);
      adwin.update(value);
    }
    expect(adwin.width).toBe(values.length);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(adwin.total / adwin.width).toBeCloseTo(mean, 10);
    expect(adwin.variance).toBeCloseTo(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length, 8);
    const buckets = adwin.snapshot().levels.reduce((sum, { totals }) => sum + totals.length, 0);
    expect(buckets).toBeLessThan(6 * Math.log2(20_000));
  });

  it('refuse what is no number, and parameters that make no test', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new Adwin(0.1).update(value)).toThrow(expect.objectContaining({ code: 'VALUE_NOT_FINITE' }));
      expect(() => new PageHinkley(HINKLEY).update(value)).toThrow(
        expect.objectContaining({ code: 'VALUE_NOT_FINITE' }),
      );
    }
    const invalid = expect.objectContaining({ code: 'PARAMETER_INVALID' });
    for (const delta of [0, 1, -1, Number.NaN]) expect(() => new Adwin(delta)).toThrow(invalid);
    expect(() => new PageHinkley({ delta: -1, threshold: 1 })).toThrow(invalid);
    expect(() => new PageHinkley({ delta: 0, threshold: 0 })).toThrow(invalid);
    expect(() => populationStability([1, 2], [0.5, 0])).toThrow(invalid);
    expect(() => populationStability([-1, 2], [0.5, 0.5])).toThrow(invalid);
    expect(() => populationStability([1], [0.5, 0.5])).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
    expect(() => populationStability([1], [1])).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_SHORT' }));
  });

  it('find a population that moved, and none where it is as expected', () => {
    expect(populationStability([100, 100, 100, 100], [0.25, 0.25, 0.25, 0.25])).toBe(0);
    expect(populationStability([400, 0, 0, 0], [0.25, 0.25, 0.25, 0.25])).toBeGreaterThan(1);
    expect(populationStability([0, 0], [0.5, 0.5])).toBe(0);
  });
});
