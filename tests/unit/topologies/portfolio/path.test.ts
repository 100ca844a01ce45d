import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, type Path, peakOf, START, WINDOW_INSTANTS } from '#topologies/portfolio/path.ts';

const DAY = 86_400_000_000;
type Update = { readonly time: number; readonly position: number; readonly profit: number };

/** The path after updates of several positions' profits, in the order given. */
function follow(updates: readonly Update[]): Path {
  const profits = new Map<number, number>();
  let path = START;
  for (const { time, position, profit } of updates) {
    const change = profit - (profits.get(position) ?? 0);
    profits.set(position, profit);
    path = advance(path, time, path.profit + change, change);
  }
  return path;
}
const ends = (path: Path) =>
  [...path.pastTimes, path.eventTime].map((time, n) => [time, [...path.pastProfits, path.profit][n]]);

describe('the path of a portfolio', () => {
  it('keeps the last profit of each instant', () => {
    const path = follow([
      { time: 1, position: 0, profit: 5 },
      { time: 2, position: 0, profit: 9 },
      { time: 2, position: 1, profit: -7 },
      { time: 3, position: 0, profit: 3 },
    ]);
    expect(ends(path)).toEqual([
      [1, 5],
      [2, 2],
      [3, -4],
    ]);
    expect(peakOf(path)).toBe(5);
  });

  it('counts the present instant as if it ended now, and starts at 0', () => {
    expect(peakOf(START)).toBe(0);
    expect(peakOf(follow([{ time: 1, position: 0, profit: -5 }]))).toBe(0);
    expect(peakOf(follow([{ time: 1, position: 0, profit: 5 }]))).toBe(5);
  });

  it('adds a late update to every instant since, or makes it an instant of its own', () => {
    const updates = [
      { time: 10, position: 0, profit: 1 },
      { time: 20, position: 0, profit: 2 },
      { time: 30, position: 0, profit: 3 },
    ];
    expect(ends(follow([...updates, { time: 20, position: 1, profit: 100 }]))).toEqual([
      [10, 1],
      [20, 102],
      [30, 103],
    ]);
    expect(ends(follow([...updates, { time: 15, position: 1, profit: 100 }]))).toEqual([
      [10, 1],
      [15, 101],
      [20, 102],
      [30, 103],
    ]);
    expect(ends(follow([...updates, { time: 5, position: 1, profit: 100 }]))[0]).toEqual([5, 100]);
  });

  it('keeps the peak of what leaves the window, and counts what is older from its oldest instant', () => {
    const updates = Array.from({ length: WINDOW_INSTANTS + 9 }, (_, time) => ({
      time,
      position: 0,
      profit: 100 - time,
    }));
    const path = follow(updates);
    expect(path.pastTimes).toHaveLength(WINDOW_INSTANTS);
    expect(peakOf(path)).toBe(100);
    const late = follow([...updates, { time: 3, position: 1, profit: 50 }]);
    expect(late.pastTimes).toEqual(path.pastTimes);
    expect(late.pastProfits).toEqual(path.pastProfits.map((profit) => profit + 50));
    expect(late.peakProfit).toBe(path.peakProfit);
  });

  it('starts the day at the last profit of an earlier one, late updates of that day included', () => {
    const updates = [
      { time: 1, position: 0, profit: 5 },
      { time: 2 * DAY, position: 0, profit: 9 },
      { time: 2 * DAY + 1, position: 0, profit: 11 },
    ];
    expect(follow(updates).dayStartProfit).toBe(5);
    expect(follow([...updates, { time: DAY, position: 1, profit: 3 }]).dayStartProfit).toBe(8);
    expect(follow([...updates, { time: 2 * DAY, position: 1, profit: 3 }]).dayStartProfit).toBe(5);
    expect(follow(updates.slice(0, 1)).dayStartProfit).toBe(0);
  });

  it('does not depend on which positions run ahead, while none is later than the window', () => {
    const update = fc.record({
      time: fc.integer({ min: 0, max: WINDOW_INSTANTS - 1 }).map((step) => step * (DAY / 3)),
      position: fc.integer({ min: 0, max: 4 }),
      profit: fc.integer({ min: -1000, max: 1000 }),
    });
    fc.assert(
      fc.property(
        fc.array(update, { maxLength: 80 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 4 })),
        (all, choice) => {
          const inOrder = [...all].sort((a, b) => a.time - b.time);
          const queues = [0, 1, 2, 3, 4].map((position) => inOrder.filter((item) => item.position === position));
          const skewed: Update[] = [];
          while (skewed.length < inOrder.length) {
            const next = queues[choice.next().value]!.shift();
            if (next) skewed.push(next);
          }
          const [expected, actual] = [follow(inOrder), follow(skewed)];
          expect(actual.dayStartProfit).toBe(expected.dayStartProfit);
          expect(actual.profit).toBe(expected.profit);
          expect(peakOf(actual)).toBe(peakOf(expected));
        },
      ),
    );
  });
});
