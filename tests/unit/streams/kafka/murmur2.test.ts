import { describe, expect, it } from 'vitest';
import { murmur2, murmur2Partition } from '#streams/kafka/murmur2.ts';

describe('murmur2', () => {
  // Apache Kafka's own test vectors (UtilsTest.testMurmur2).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what Java computes', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('gives every producer the same partition', () => {
    expect(murmur2Partition('foobar', 4)).toBe((-790332482 & 0x7fffffff) % 4);
    expect(murmur2Partition(Buffer.from('foobar'), 4)).toBe(murmur2Partition('foobar', 4));
    expect(murmur2Partition('anything', 1)).toBe(0);
    const seen = new Set(Array.from({ length: 200 }, (_, index) => murmur2Partition(`key-${index}`, 4)));
    expect(seen).toEqual(new Set([0, 1, 2, 3]));
  });
});
