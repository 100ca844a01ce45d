import { describe, expect, it } from 'vitest';
import { decimalsOf, ladderOf } from '#ui/src/ladder.ts';

const level = (price: number, size: number) => ({ price, size });

describe('ladderOf', () => {
  it('has the highest price on top, and bars against the largest size', () => {
    const rows = ladderOf([level(99, 4), level(98, 1)], [level(100, 2), level(101, 3)]);
    expect(rows.map(({ side, price, share }) => `${side} ${price} ${share}`)).toEqual([
      'ASK 101 0.75',
      'ASK 100 0.5',
      'BID 99 1',
      'BID 98 0.25',
    ]);
  });

  it('has nothing of an empty book, and one side of a book with one', () => {
    expect(ladderOf([], [])).toEqual([]);
    expect(ladderOf([], [level(1, 5)])).toEqual([{ side: 'ASK', price: 1, size: 5, share: 1 }]);
  });
});

describe('decimalsOf', () => {
  it('is enough for every number, so that no two levels look the same', () => {
    expect(decimalsOf([99.5, 99.25, 100], 2)).toBe(2);
    expect(decimalsOf([0.00001234, 1], 2)).toBe(8);
    expect(decimalsOf([1e-9], 0)).toBe(9);
    expect(decimalsOf([3, 40], 0)).toBe(0);
    expect(decimalsOf([], 2)).toBe(2);
  });
});
