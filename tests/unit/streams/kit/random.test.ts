import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Random } from '#streams/kit/random.ts';

/** xoshiro128** as its authors print it, on BigInts. */
function reference(seed: string, count: number): number[] {
  const mask = 0xffffffffn;
  const digest = createHash('sha256').update(seed).digest();
  const state = [0, 4, 8, 12].map((at) => BigInt(digest.readUInt32LE(at))) as [bigint, bigint, bigint, bigint];
  state[3] |= 1n;
  const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (32n - by))) & mask;
  return Array.from({ length: count }, () => {
    const result = (rotate((state[1] * 5n) & mask, 7n) * 9n) & mask;
    const shifted = (state[1] << 9n) & mask;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11n);
    return Number(result);
  });
}
const draw = <T>(count: number, one: () => T) => Array.from({ length: count }, one);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('Random', () => {
  it.each(['', '1', 'order:é'])('gives the numbers of xoshiro128** for the seed "%s"', (seed) => {
    const random = new Random(seed);
    expect(draw(100, () => random.uint32())).toEqual(reference(seed, 100));
  });

  it('takes a number as the text it prints as', () => {
    expect(new Random(7).uint32()).toBe(new Random('7').uint32());
  });

  it('draws uniform numbers below one, evenly', () => {
    const random = new Random(1);
    const values = draw(100_000, () => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((value) => (value - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
  });

  it('draws every whole number below a bound equally often', () => {
    const random = new Random(1);
    const counts = new Array<number>(6).fill(0);
    for (const value of draw(60_000, () => random.below(6))) counts[value]!++;
    // Five standard deviations.
    expect(counts.every((count) => Math.abs(count - 10_000) < 460)).toBe(true);
    expect(random.below(1)).toBe(0);
  });

  it('draws normal and exponential numbers', () => {
    const random = new Random(1);
    const normal = draw(100_000, () => random.normal());
    expect(Math.abs(mean(normal))).toBeLessThan(0.02);
    expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(mean(normal.map((value) => value ** 4))).toBeCloseTo(3, 0);
    const exponential = draw(100_000, () => random.exponential(4));
    expect(exponential.every((value) => value >= 0 && Number.isFinite(value))).toBe(true);
    expect(mean(exponential)).toBeCloseTo(4, 0);
  });
});
