import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sum } from '#topologies/portfolio/sum.ts';

/** Exact sum of doubles as an integer of 2^-1074. */
const exact = (value: number): bigint => {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const exponent = Number((word >> 52n) & 0x7ffn);
  const mantissa = (word & 0xfffffffffffffn) | (exponent === 0 ? 0n : 1n << 52n);
  const size = mantissa << BigInt(Math.max(exponent - 1, 0));
  return value < 0 ? -size : size;
};
const money = fc.double({ min: -1e12, max: 1e12, noNaN: true });

describe('Sum', () => {
  it('is the exact sum to 100 bits of its largest terms', () => {
    fc.assert(
      fc.property(fc.array(money, { maxLength: 200 }), (terms) => {
        const sum = new Sum();
        for (const term of terms) sum.add(term);
        const truth = terms.reduce((total, term) => total + exact(term), 0n);
        const size = terms.reduce((total, term) => total + exact(Math.abs(term)), 0n);
        const error = exact(sum.high) + exact(sum.low) - truth;
        expect((error < 0n ? -error : error) << 95n <= size).toBe(true);
      }),
    );
  });

  it('returns to where it was when all that was added is taken away', () => {
    fc.assert(
      fc.property(money, fc.array(money, { maxLength: 100 }), (start, terms) => {
        const sum = new Sum();
        sum.add(start);
        for (const term of terms) sum.add(term);
        for (const term of terms) sum.add(-term);
        expect(Math.abs(sum.high - start)).toBeLessThanOrEqual(1e-14);
      }),
    );
  });

  it('goes on from a state that was stored', () => {
    const [a, b] = [new Sum(), new Sum()];
    for (const term of [0.1, 1e10, -1e10, 0.2]) a.add(term);
    b.load(a.high, a.low);
    for (const sum of [a, b]) sum.add(0.3);
    expect([b.high, b.low]).toEqual([a.high, a.low]);
  });
});
