import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BreachFeatures } from '#ml/features/breach.ts';
import { FEATURE_NAMES } from '#ml/features/breach-table.ts';
import { firstPassage } from '#ml/features/first-passage.ts';
import { breachPnl, dayMicros, limitUtilisation } from '../unit/ml/features/records.ts';

interface Reference {
  readonly features: readonly string[];
  readonly book: Readonly<Record<'equity' | 'dayPnl' | 'drawdown' | 'gross', readonly number[]>>;
  readonly market: readonly number[];
  readonly limits: readonly {
    readonly type: string;
    readonly value: readonly (number | null)[];
    readonly threshold: readonly number[];
    /** Days that rows are of. */
    readonly days: readonly number[];
    readonly rows: readonly (readonly number[])[];
  }[];
  /** Barrier, drift, volatility, days, probability. */
  readonly passages: readonly (readonly [number, number, number, number, number])[];
}
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'breach_features.json'), 'utf8')) as Reference;
const { book, market, limits, passages } = reference;

/** Relative where figures are large. */
const close = (value: number, expected: number) => Math.abs(value - expected) <= 1e-9 * Math.max(1, Math.abs(expected));

describe('features of breach prediction against pandas', () => {
  it('have its columns, in its order', () => {
    expect(FEATURE_NAMES).toEqual(reference.features);
  });

  it('are its numbers to 1e-9, day by day, for every kind of limit', () => {
    const features = new BreachFeatures();
    const wrong: string[] = [];
    let compared = 0;
    for (let day = 0; day < market.length; day++) {
      const eventTime = dayMicros(day);
      features.advance(eventTime);
      if (day > 0) features.onMarket(day - 1, market[day - 1]!);
      const [equity, dayPnl, drawdown] = [book.equity[day]!, book.dayPnl[day]!, book.drawdown[day]!];
      features.onPnl(breachPnl(eventTime, { equity, dayPnl, drawdown, grossExposure: book.gross[day]! }));
      for (const { type, value, threshold, days, rows } of limits) {
        features.onUtilisation(type, limitUtilisation(type, eventTime, value[day]!, threshold[day]!));
        const row = days.indexOf(day);
        if (row < 0) continue;
        const { values } = features.peek(type);
        FEATURE_NAMES.forEach((name, at) => {
          compared++;
          const expected = rows[row]![at]!;
          if (!close(values![at]!, expected))
            wrong.push(`day ${day}, ${type}, ${name}: ${values![at]} for ${expected}`);
        });
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(4000);
  });

  it('holds the first passage to its closed form, into the far tail', () => {
    for (const [barrier, drift, volatility, days, expected] of passages)
      expect(Math.abs(firstPassage(barrier, drift, volatility, days) - expected)).toBeLessThan(1e-9);
  });
});
