import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { root } from '../../../rules/sources.ts';

interface Fold {
  readonly trained_until: number;
  readonly labels_until: number;
  readonly test_from: number;
  readonly test_until: number;
  /** Positions of days by horizon. */
  readonly train: Readonly<Record<string, readonly number[]>>;
  readonly calibrate: Readonly<Record<string, readonly number[]>>;
  readonly test: readonly number[];
}
const dates = loadHistory()
  .map(({ date }) => date)
  .slice(0, 1500);
const split = (days: readonly string[], ends: readonly string[]) => {
  const script = join(root, 'ml', 'train', 'breach_split.py');
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return JSON.parse(execFileSync('python3', [script, days.join(), ends.join()], { stdio, encoding: 'utf8' })) as Fold[];
};
const HORIZONS = [1, 5, 20];

describe('walk-forward splits', () => {
  const folds = split(dates, ['1991-12-31', '1993-12-31', '1994-12-31']);

  it('never train or calibrate on a row whose label reaches into the rows that are calibrated on or tested', () => {
    for (const { train, calibrate, test, labels_until } of folds) {
      for (const horizon of HORIZONS) {
        const reach = (rows: readonly number[]) => Math.max(...rows) + horizon;
        expect(train[horizon]!.length).toBeGreaterThan(200);
        expect(calibrate[horizon]!.length).toBeGreaterThan(50);
        expect(reach(train[horizon]!)).toBeLessThan(Math.min(...calibrate[horizon]!));
        expect(reach(calibrate[horizon]!)).toBeLessThanOrEqual(labels_until);
        // And a longest horizon more lies between: features of a test row are made of no day of a label's.
        expect(labels_until + 20).toBeLessThan(Math.min(...test));
      }
    }
  });

  it('test every day once, from the first model on, by the newest model that may', () => {
    const tested = folds.flatMap(({ test }) => test);
    expect(tested).toEqual(Array.from({ length: dates.length - tested[0]! }, (_, index) => tested[0]! + index));
    for (const { test, test_from, test_until } of folds) {
      expect(test[0]).toBe(test_from);
      expect(test.at(-1)).toBe(test_until - 1);
    }
  });

  it('end labels on the last trading day of the year that was asked for', () => {
    expect(folds.map(({ labels_until }) => dates[labels_until])).toEqual(['1991-12-31', '1993-12-31', '1994-12-30']);
  });

  it('refuse days that are not rising, and an end before there is anything', () => {
    expect(() => split(['1990-01-03', '1990-01-02'], ['1990-12-31'])).toThrow(/not rising/);
    expect(() => split(dates, ['1990-02-01'])).toThrow(/too few days/);
  });
});
