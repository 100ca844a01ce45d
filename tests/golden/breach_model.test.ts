import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { type BreachModel, breachDetails, modelFor } from '#ml/features/breach-model.ts';
import { FEATURE_NAMES, HORIZONS_DAYS } from '#ml/features/breach-table.ts';
import { readModel } from '#ml/model/metadata.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
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
    expect(bytes).toBeLessThan(2.3e6);
  });

  it('say of themselves what every model does, and the newest is adopted as champion', async () => {
    for (const { file, sha256, types, scoresFrom } of index.models) {
      const { metadata, version } = readModel(readFileSync(join(FOLDER, file)));
      expect(version).toBe(sha256.slice(0, 12));
      expect(metadata).toMatchObject({ name: 'breach', features: FEATURE_NAMES, missing: 'refused' });
      expect(breachDetails(metadata.details)).toMatchObject({ types, scoresFrom });
      // Enough to compare with: features since 1990, scores on the quarter that the trees have not seen.
      for (const { name, blocks } of metadata.reference.columns)
        expect(blocks, `${file} ${name}`).toBeGreaterThan(FEATURE_NAMES.includes(name) ? 1_200 : 300);
    }
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-adopt-'));
    try {
      const registry = new ModelRegistry({ folder });
      // Before the first record: as of the beginning of the history, so that a replay of it comes after.
      const events = await registry.adoptShipped(null);
      expect(events.map(({ type }) => type)).toEqual(['REGISTERED', 'PROMOTED']);
      expect(new Date(events[0]!.eventTime / 1000).getUTCFullYear()).toBe(1990);
      expect(registry.champion('breach')).toMatchObject({ sha256: index.models.at(-1)!.sha256 });
      const first = index.models[0]!.sha256.slice(0, 12);
      expect(registry.find('breach', first)?.sha256).toBe(index.models[0]!.sha256);
      expect(registry.find('breach', '000000000000')).toBeNull();
    } finally {
      rmSync(folder, { recursive: true });
    }
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
