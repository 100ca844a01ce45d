import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_POINTS, type Point, Series, thin } from '#ui/src/series.ts';

const point = (time: number, equity = time): Point => ({ time, equity, drawdown: 0 });
const times = (series: Series) => series.points.map(({ time }) => time);

describe('thinning', () => {
  it('keeps the first and the last point and every extreme, in order, within the target', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 5, max: 100 }),
        (equities, target) => {
          const points = equities.map((equity, index) => point(index, equity));
          const kept = thin(points, target);
          expect(kept.length).toBeLessThanOrEqual(Math.max(target, 1));
          expect(kept[0]).toBe(points[0]);
          expect(kept.at(-1)).toBe(points.at(-1));
          expect(kept.every((one, index) => index === 0 || one.time > kept[index - 1]!.time)).toBe(true);
          expect(Math.max(...kept.map(({ equity }) => equity))).toBe(Math.max(...equities));
          expect(Math.min(...kept.map(({ equity }) => equity))).toBe(Math.min(...equities));
        },
      ),
    );
  });
});

describe('a curve', () => {
  it('grows at its end; values of one second replace each other, older ones change nothing', () => {
    const series = new Series();
    expect(series.append(point(1))).toBe('last');
    expect(series.append(point(3, 5))).toBe('last');
    expect(series.append(point(3, 6))).toBe('last');
    expect(series.append(point(2))).toBe('none');
    expect(series.points).toEqual([point(1), point(3, 6)]);
  });

  it('is filled in behind by history: what a lost connection or conflation left out appears', () => {
    const series = new Series();
    for (const time of [1, 2, 7, 9]) series.append(point(time));
    expect(series.merge([2, 3, 4, 5, 6, 7, 8].map((time) => point(time)))).toBe('all');
    expect(times(series)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(series.merge([])).toBe('none');
  });

  it('takes the end-of-instant value from history, but never puts the live end back', () => {
    const series = new Series();
    series.append(point(1, 10));
    series.append(point(2, 20));
    series.merge([point(1, 11), point(2, 19)]);
    expect(series.points).toEqual([point(1, 11), point(2, 20)]);
  });

  it('stays in strict time order whatever comes', () => {
    const step = fc.oneof(fc.nat(50), fc.array(fc.nat(50), { maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const series = new Series();
        for (const one of steps) {
          if (typeof one === 'number') series.append(point(one));
          else series.merge(one.sort((a, b) => a - b).map((time) => point(time)));
          expect(times(series)).toEqual([...new Set(times(series))].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('is bounded: a week of ticks keeps its newest points whole and its extremes', () => {
    const series = new Series();
    for (let time = 0; time < 200_000; time++) series.append(point(time, time === 77_777 ? -1e9 : time));
    expect(series.points.length).toBeLessThanOrEqual(MAX_POINTS);
    expect(times(series).slice(-1000)).toEqual(Array.from({ length: 1000 }, (_, index) => 199_000 + index));
    expect(series.points.some(({ equity }) => equity === -1e9)).toBe(true);
  });
});
