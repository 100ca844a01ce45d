import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOW_INSTANTS } from '#topologies/portfolio/path.ts';
import { begin, put, raise, type Series, valueAt } from '#topologies/portfolio/series.ts';

const MOST = WINDOW_INSTANTS + 1;

describe('a series', () => {
  it('has the value of the newest change as of a time, and what was before the first', () => {
    const series = put(begin(null, 10, 1.5), 20, 2.5);
    expect([9, 10, 19, 20, 99].map((time) => valueAt(series, time))).toEqual([null, 1.5, 1.5, 2.5, 2.5]);
  });

  it('keeps the last of two values of one time', () => {
    expect(put(begin(null, 10, 1), 10, 2)).toEqual({ before: null, times: [10], values: [2] });
  });

  it('forgets the oldest change, and keeps what it was', () => {
    let series = begin(null, 0, 0);
    for (let n = 1; n <= MOST; n++) series = put(series, n, n);
    expect(series.times).toHaveLength(MOST);
    expect([valueAt(series, -1), valueAt(series, 1), valueAt(series, MOST)]).toEqual([0, 1, MOST]);
  });

  it('raised from a past time is larger from then on, and only from then on', () => {
    const series = raise(put(begin(0, 10, 1), 20, 2), 15, 5);
    expect([9, 10, 14, 15, 19, 20].map((time) => valueAt(series, time))).toEqual([0, 1, 1, 6, 6, 7]);
    expect(valueAt(raise(series, 5, 1), 5)).toBe(1);
    expect(valueAt(raise(series, 30, 1), 30)).toBe(8);
  });

  it('is what all changes sum to, in whatever order they come, within its window', () => {
    const changes = fc.array(fc.record({ time: fc.integer({ min: 1, max: 99 }), by: fc.integer() }), {
      maxLength: MOST,
    });
    fc.assert(
      fc.property(changes, (all) => {
        const start: Series = { before: 0, times: [], values: [] };
        const series = all.reduce((sum, { time, by }) => raise(sum, time, by), start);
        for (let time = 0; time < 100; time++)
          expect(valueAt(series, time)).toBe(all.reduce((sum, each) => (each.time <= time ? sum + each.by : sum), 0));
      }),
    );
  });
});
