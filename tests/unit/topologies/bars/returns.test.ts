import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEPT_DAYS } from '#topologies/bars/intervals.ts';
import { addClose, type DayClose, prune } from '#topologies/bars/returns.ts';

const closesFrom = (...steps: readonly (readonly [day: number, close: number])[]) => {
  let days: readonly DayClose[] = [];
  let changed: readonly number[] = [];
  for (const [day, close] of steps) ({ days, changed } = addClose({ days }, day, close, day * 100));
  return { days, changed };
};

describe('daily closes', () => {
  it('give no return to the first day', () => {
    expect(closesFrom([5, 10])).toEqual({ days: [{ day: 5, close: 10, turnover: 500, revision: -1 }], changed: [] });
  });

  it('change the return of a day and of the day after', () => {
    const { days, changed } = closesFrom([5, 10], [6, 11], [7, 12], [6, 13]);
    expect(changed).toEqual([1, 2]);
    expect(days).toEqual([
      { day: 5, close: 10, turnover: 500, revision: -1 },
      { day: 6, close: 13, turnover: 600, revision: 1 },
      { day: 7, close: 12, turnover: 700, revision: 1 },
    ]);
  });

  it('change nothing when the close is as it was, or of a day that is forgotten', () => {
    const { days } = closesFrom([50, 10], [51, 11]);
    for (const [day, close] of [
      [51, 11],
      [50 - KEPT_DAYS, 9],
    ] as const)
      expect(addClose({ days }, day, close, 1)).toEqual({ days, changed: [] });
  });

  it('are kept as long as they can be revised, and the one before', () => {
    const many = Array.from({ length: 30 }, (_, index) => [index * 3, index + 1] as const);
    expect(prune(closesFrom(...many).days).map(({ day }) => day)).toEqual([75, 78, 81, 84, 87]);
    expect(prune(closesFrom([5, 1], [500, 2]).days).map(({ day }) => day)).toEqual([5, 500]);
    expect(prune(closesFrom([5, 1]).days).map(({ day }) => day)).toEqual([5]);
  });

  it('end as the closes by day whatever their order', () => {
    const steps = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 100, max: 100 + KEPT_DAYS }), fc.double({ min: 1, max: 9 })),
      {
        selector: ([day]) => day,
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(steps, (input) => {
        const { days } = closesFrom(...(input as [number, number][]));
        expect(days.map(({ day, close }) => [day, close])).toEqual(input.toSorted(([a], [b]) => a - b));
        // Every day but the first has a return by now.
        expect(days.findIndex(({ revision }) => revision >= 0)).toBe(days.length > 1 ? 1 : -1);
      }),
    );
  });
});
