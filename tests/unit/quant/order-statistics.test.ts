import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowest, quantile } from '#quant/order-statistics.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('order statistics', () => {
  it('gives the lowest values in ascending order, repeated ones as often as they are there', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 300 }), fc.nat(), (values, pick) => {
        const count = 1 + (pick % values.length);
        const out = new Float64Array(count);
        lowest(Float64Array.from(values), values.length, count, out);
        // A heap does not tell 0 from -0.
        const plain = (numbers: Iterable<number>) => [...numbers].map((value) => value + 0);
        expect(plain(out)).toEqual(plain(Float64Array.from(values).sort().slice(0, count)));
      }),
    );
  });

  it('interpolates between neighbours and never leaves them', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 0)).toBe(1);
    expect(quantile([4, 1, 3, 2], 1)).toBe(4);
    expect(quantile([7], 0.3)).toBe(7);
  });

  it('refuses nothing and what is no number', () => {
    expect(() => quantile([], 0.5)).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_SHORT' }));
    expect(() => quantile([1, Number.NaN], 0.5)).toThrow(/value 1 is NaN/);
  });
});
