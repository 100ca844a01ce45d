import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type BreachModel, modelFor } from '#ml/features/breach-model.ts';
import { FEATURE_NAMES, HORIZONS_DAYS } from '#ml/features/breach-table.ts';
import { root } from '../rules/sources.ts';

const FOLDER = join(root, 'ml', 'models', 'breach');
interface Reference {
  readonly rows: readonly (readonly number[])[];
  readonly models: readonly { readonly file: string; readonly scores: readonly (readonly number[])[] }[];
}
interface Index {
  readonly features: readonly string[];
  readonly outputs: readonly string[];
  readonly models: readonly (BreachModel & {
    readonly sha256: string;
    readonly training: { readonly labelsUntil: number };
  })[];
}
const reference = JSON.parse(readFileSync(join(import.meta.dirname, 'breach_model.json'), 'utf8')) as Reference;
const index = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as Index;

async function scoresOf(file: string, rows: readonly (readonly number[])[]): Promise<number[][]> {
  const session = await InferenceSession.create(join(FOLDER, file));
  const features = new Tensor('float64', Float64Array.from(rows.flat()), [rows.length, FEATURE_NAMES.length]);
  const { scores } = await session.run({ features });
  const count = HORIZONS_DAYS.length;
  return rows.map((_, row) => [...(scores!.data as Float64Array).subarray(row * count, (row + 1) * count)]);
}

describe('models of breach prediction', () => {
  it("give LightGBM's calibrated scores to 1e-9", async () => {
    for (const { file, scores } of reference.models) {
      const found = await scoresOf(file, reference.rows);
      const wrong = found.flatMap((row, at) => row.map((p, horizon) => Math.abs(p - scores[at]![horizon]!)));
      expect(Math.max(...wrong)).toBeLessThan(1e-9);
    }
  });

  it('never call a longer horizon less likely, and are not one model', async () => {
    const all = await Promise.all(reference.models.map(({ file }) => scoresOf(file, reference.rows)));
    for (const row of all.flat()) {
      expect(row[0]).toBeGreaterThan(0);
      expect(row[1]).toBeGreaterThanOrEqual(row[0]!);
      expect(row[2]).toBeGreaterThanOrEqual(row[1]!);
      expect(row[2]).toBeLessThan(1);
    }
    expect(all[0]).not.toEqual(all[1]);
  });

  it('take the features of the table, and are the files that the index names', () => {
    expect(index.features).toEqual(FEATURE_NAMES);
    expect(index.outputs).toEqual(HORIZONS_DAYS.map((days) => `breach${days}`));
    let bytes = 0;
    for (const { file, sha256, medians } of index.models) {
      const content = readFileSync(join(FOLDER, file));
      bytes += content.length;
      expect(createHash('sha256').update(content).digest('hex'), file).toBe(sha256);
      expect(medians.length).toBe(FEATURE_NAMES.length);
    }
    expect(bytes).toBeLessThan(2.5e6);
  });

  it('score no day before twenty trading days after the last that they learned from', () => {
    for (const { scoresFrom, training } of index.models) {
      const days = (Date.parse(scoresFrom) - training.labelsUntil / 1000) / 86_400_000;
      expect(days).toBeGreaterThan(27);
    }
    const [first, second] = index.models;
    const before = new Date(Date.parse(first!.scoresFrom) - 86_400_000).toISOString().slice(0, 10);
    expect(modelFor(index.models, before, 'drawdown')).toBeNull();
    expect(modelFor(index.models, first!.scoresFrom, 'drawdown')).toBe(first);
    expect(modelFor(index.models, second!.scoresFrom, 'drawdown')).toBe(second);
    // Nobody has shown it a breach of that.
    expect(modelFor(index.models, '2022-01-03', 'stale-data')).toBeNull();
  });
});
