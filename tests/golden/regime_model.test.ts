import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REGIME_FEATURE_NAMES } from '#ml/features/regime.ts';
import { DatedModels } from '#ml/model/dated.ts';
import { REGIME_NAMES } from '#quant/regimes/regimes.ts';
import { root } from '../rules/sources.ts';

const FOLDER = join(root, 'ml', 'models', 'regimes');
interface Reference {
  readonly rows: readonly (readonly number[])[];
  readonly models: readonly { readonly file: string; readonly scores: readonly (readonly number[])[] }[];
}
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'regime_model.json'), 'utf8')) as Reference;
const models = new DatedModels(FOLDER, { providers: ['cpu'], threads: 1 });
const timeOf = (date: string) => Date.parse(date) * 1000;

describe('classifiers of regimes', () => {
  it("give LightGBM's probabilities and variance to 1e-9, for rows of all regimes", async () => {
    for (const { file, scores } of reference.models) {
      const found = await (await models.scorer(file)).score(
        Float64Array.from(reference.rows.flat()),
        reference.rows.length,
      );
      const right = scores.flat();
      expect(found.length).toBe(right.length);
      expect(Math.max(...found.map((score, at) => Math.abs(score - right[at]!)))).toBeLessThan(1e-9);
    }
  });

  it('take the features of the table and give the regimes in their order', async () => {
    const { metadata } = (await models.scorer(reference.models[0]!.file)).model;
    expect(metadata.features).toEqual(REGIME_FEATURE_NAMES);
    expect(metadata.outputs).toEqual([...REGIME_NAMES, 'variance']);
  });

  it('score nothing that any of their labels looked at', async () => {
    expect(models.fileAt(timeOf('1994-12-30'))).toBeUndefined();
    for (let year = 1995; year <= 2024; year++) {
      const now = timeOf(`${year}-06-30`);
      const { training } = (await models.scorer(models.fileAt(now)!)).model.metadata;
      expect(training.labelsUntil).toBeLessThan(now);
      expect(now - training.labelsUntil).toBeLessThan(2.6 * 366 * 86_400e6);
    }
  });

  it('are refused where the index is not one', () => {
    expect(() => new DatedModels('/nowhere', { providers: ['cpu'], threads: 1 })).toThrow(
      /index\.json: it cannot be read/,
    );
  });
});
