import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REGIME_FEATURE_NAMES, regimeRow } from '#ml/features/regime.ts';
import { LABEL_DAYS, labelOf } from '#quant/regimes/labels.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';

interface Reference {
  readonly instrument: string;
  readonly names: readonly string[];
  readonly returns: readonly number[];
  readonly rows: readonly { readonly day: number; readonly values: readonly number[] }[];
  readonly labels: readonly { readonly day: number; readonly label: string | null }[];
}
const path = join(import.meta.dirname, 'regime_features.json');
const { series } = JSON.parse(readFileSync(path, 'utf8')) as { readonly series: readonly Reference[] };

describe('features and labels of regimes', () => {
  for (const { instrument, names, returns, rows, labels } of series)
    it(`are those of pandas on ${instrument}`, () => {
      expect(REGIME_FEATURE_NAMES).toEqual(names);
      const window = new ReturnWindow();
      const [features, found] = [new Map<number, Float64Array>(), new Map<number, string | null>()];
      for (const [day, value] of returns.entries()) {
        window.push(value);
        const row = regimeRow(window);
        if (row) features.set(day, row);
        found.set(day - LABEL_DAYS, labelOf(window));
      }
      expect(rows.length).toBeGreaterThan(100);
      for (const { day, values } of rows)
        for (const [column, value] of values.entries()) {
          const own = features.get(day)![column]!;
          const error = Math.abs(own - value) / Math.max(1, Math.abs(value));
          expect(error, `${names[column]} of day ${day}: ${own}, ${value}`).toBeLessThan(1e-9);
        }
      expect(new Set(labels.map(({ label }) => label)).size).toBe(7);
      for (const { day, label } of labels) expect(found.get(day) ?? null, `day ${day}`).toBe(label);
    });
});
