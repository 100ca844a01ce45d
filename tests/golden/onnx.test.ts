import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModel } from '#ml/model/metadata.ts';
import { Scorer } from '#ml/model/scorer.ts';

type Rows = readonly (readonly (number | null)[])[];

/** Made by onnx_reference.py: LightGBM's and scikit-learn's own scores of rows, on the thresholds of the trees too. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'onnx.json'), 'utf8')) as {
  readonly models: readonly { readonly name: string; readonly version: string; readonly metadata: object }[];
  readonly rows: Rows;
  readonly rowsWithGaps: Rows;
  readonly scores: Readonly<Record<string, readonly (readonly number[])[]>>;
};
const CPU = { providers: ['cpu'], threads: 1 };
const fileOf = (name: string) => readFileSync(join(import.meta.dirname, 'onnx', `${name}.onnx`));
const flat = (rows: Rows) => Float64Array.from(rows.flat(), (value) => value ?? Number.NaN);

describe('models against those who trained them', () => {
  it.each(golden.models)('$name says in Node what it says in Python, on every row', async ({ name }) => {
    const scorer = await Scorer.open(readModel(fileOf(name)), CPU);
    const rows = scorer.model.metadata.missing === 'learned' ? golden.rowsWithGaps : golden.rows;
    const scores = await scorer.score(flat(rows), rows.length);
    const expected = golden.scores[name]!.flat();
    expect(scores.length).toBe(expected.length);
    // Doubles from end to end: far within the 1e-6 that are asked for, with no row that takes another way at a threshold.
    scores.forEach((score, index) => {
      expect(Math.abs(score - expected[index]!), `score ${index}`).toBeLessThan(1e-14);
    });
    // One by one they say the same.
    const width = scorer.model.metadata.features.length;
    const outputs = scorer.model.metadata.outputs.length;
    for (const row of [0, 7, rows.length - 1]) {
      const alone = await scorer.score(flat(rows).slice(row * width, (row + 1) * width), 1);
      alone.forEach((score, output) => {
        expect(score).toBeCloseTo(scores[row * outputs + output]!, 14);
      });
    }
    await scorer.close();
  });

  it.each(golden.models)('$name says of itself what its training wrote', ({ name, version, metadata }) => {
    const model = readModel(fileOf(name));
    const { format: _format, ...written } = metadata as Record<string, unknown>;
    expect(model.metadata).toEqual({ details: {}, ...written });
    expect(model.version).toBe(version);
  });
});
