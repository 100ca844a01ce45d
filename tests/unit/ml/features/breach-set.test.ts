import { describe, expect, it } from 'vitest';
import { type BreachRecord, BreachSet } from '#ml/features/breach-set.ts';
import { FEATURE_NAMES } from '#ml/features/breach-table.ts';
import { breachOf, breachPnl, dayMicros, limitUtilisation } from './records.ts';

const pnl = (day: number): BreachRecord => ({ kind: 'pnl', value: breachPnl(dayMicros(day)) });
const utilisation = (day: number, figure: number | null, hours = 16): BreachRecord => {
  const eventTime = dayMicros(day, hours);
  return {
    kind: 'utilisation',
    limitId: 'drawdown',
    value: limitUtilisation('drawdown', eventTime, figure, 1),
    eventTime,
  };
};
const breach = (day: number, hours = 16): BreachRecord => ({
  kind: 'breach',
  value: breachOf('drawdown', dayMicros(day, hours)),
});

/** Thirty days of a limit at half, with more records on some. */
function rowsOf(more: Readonly<Record<number, readonly BreachRecord[]>>, days = 30) {
  const set = new BreachSet([]);
  for (let day = 0; day < days; day++)
    for (const record of [pnl(day), utilisation(day, 0.5), ...(more[day] ?? [])]) set.take(record);
  return set.finish();
}
const labels = (rows: ReturnType<typeof rowsOf>, horizon: 0 | 1 | 2) => rows.map((row) => row.labels[horizon]);

describe('the training set of breach prediction', () => {
  it('labels the days before a breach, by horizon, and those that cannot be known with nothing', () => {
    const rows = rowsOf({ 10: [breach(10, 17)] });
    expect(labels(rows, 0)).toEqual([...Array(9).fill(0), 1, ...Array(19).fill(0), null]);
    expect(labels(rows, 1)).toEqual([
      ...Array(5).fill(0),
      ...Array(5).fill(1),
      ...Array(15).fill(0),
      ...Array(5).fill(null),
    ]);
    expect(labels(rows, 2)).toEqual(
      [...Array(10).fill(1), ...Array(20).fill(null)].map((label, day) => (day < 10 && day + 20 > 29 ? null : label)),
    );
  });

  it('counts a breach within the day too, and says nothing of the breach of the row itself', () => {
    const rows = rowsOf({ 10: [utilisation(10, 1.2, 17), breach(10, 17), utilisation(10, 0.6, 18)] });
    expect(rows.find(({ day }) => day === 9)!.labels[0]).toBe(1);
    expect(rows.find(({ day }) => day === 10)!.labels[0]).toBe(0);
  });

  it('has no rows of a limit in breach, or without a figure', () => {
    const rows = rowsOf({ 10: [utilisation(10, 1.2, 17), breach(10, 17)], 12: [utilisation(12, null, 17)] });
    expect(rows.map(({ day }) => day)).toEqual([...Array(30).keys()].filter((day) => day !== 10 && day !== 12));
  });

  it('knows nothing of a limit after it was taken away, and begins anew when it is set again', () => {
    const removed: BreachRecord = {
      kind: 'utilisation',
      limitId: 'drawdown',
      value: null,
      eventTime: dayMicros(14, 18),
    };
    const set = new BreachSet([]);
    for (let day = 0; day < 20; day++) {
      set.take(pnl(day));
      if (day < 15) set.take(utilisation(day, 0.5));
      if (day === 14) set.take(removed);
      if (day >= 17) set.take(utilisation(day, 0.4));
      if (day === 18) set.take(breach(18));
    }
    const rows = set.finish();
    expect(rows.map(({ day }) => day)).toEqual([...Array(14).keys(), 17, 18, 19]);
    // The last day that it was watched to its end is the 13th: five days on from the 9th nobody looked.
    expect(labels(rows, 1).slice(0, 14)).toEqual([...Array(9).fill(0), ...Array(5).fill(null)]);
    expect(rows.at(-3)!.labels[0]).toBe(1);
    expect(rows.at(-3)!.values[FEATURE_NAMES.indexOf('historyDays')]).toBe(1);
  });

  it('gives the market of a day only to the days after it', () => {
    const market = [0, 1, 2, 3].map((day) => ({ day, simpleReturn: day === 2 ? -0.2 : 0.001 }));
    const set = new BreachSet(market);
    for (let day = 0; day < 4; day++) for (const record of [pnl(day), utilisation(day, 0.5)]) set.take(record);
    const drawdowns = set.finish().map(({ values }) => values[FEATURE_NAMES.indexOf('marketDrawdown')]!);
    expect(drawdowns.slice(0, 3)).toEqual([0, 0, 0].map((value) => expect.closeTo(value, 12)));
    expect(drawdowns[3]).toBeCloseTo(0.2, 12);
  });
});
