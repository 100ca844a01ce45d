import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelFile, readModel } from '#ml/model/metadata.ts';
import { Scorer } from '#ml/model/scorer.ts';
import { knownProviders } from '#ml/model/session.ts';

const CPU = { providers: ['cpu'], threads: 1 };
const model = (name: string): ModelFile =>
  readModel(readFileSync(join(import.meta.dirname, `../../../golden/onnx/${name}.onnx`)));
const WIDTH = 8;

describe('a scorer', () => {
  let scorer: Scorer;
  beforeAll(async () => {
    scorer = await Scorer.open(model('falls-logistic'), CPU);
  });
  afterAll(() => scorer.close());

  it('gives no score to a row with a missing or infinite feature, and scores the others', async () => {
    const rows = new Float64Array(4 * WIDTH);
    rows[1 * WIDTH + 3] = Number.NaN;
    rows[2 * WIDTH] = Number.POSITIVE_INFINITY;
    const scores = await scorer.score(rows, 4);
    expect([...scores].map(Number.isFinite)).toEqual([true, false, false, true]);
    expect(scores[3]).toBe(scores[0]);
  });

  it('takes missing features where the model has learned what they mean, never infinite ones', async () => {
    const learned = await Scorer.open(model('states-hist'), CPU);
    const rows = new Float64Array(2 * WIDTH);
    rows[0] = Number.NaN;
    rows[WIDTH] = Number.NEGATIVE_INFINITY;
    const scores = await learned.score(rows, 2);
    expect(scores.slice(0, 3).reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
    expect([...scores.slice(3)]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    await learned.close();
  });

  it('refuses rows of another width', async () => {
    for (const [length, count] of [
      [WIDTH - 1, 1],
      [WIDTH, 2],
      [WIDTH, 0.5],
      [0, -1],
      [WIDTH, Number.NaN],
    ] as const)
      expect(() => scorer.score(new Float64Array(length), count)).toThrow(
        expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
      );
    expect(await scorer.score(new Float64Array(0), 0)).toHaveLength(0);
  });

  it('answers calls that come at once in their order, and waits for them when it is closed', async () => {
    const own = await Scorer.open(model('falls-logistic'), CPU);
    const calls = [1, 1000, 3].map((count) => own.score(new Float64Array(count * WIDTH), count));
    const closed = own.close();
    expect((await Promise.all(calls)).map((scores) => scores.length)).toEqual([1, 1000, 3]);
    await closed;
    await own.close();
    expect(() => own.score(new Float64Array(WIDTH), 1)).toThrow(expect.objectContaining({ code: 'SCORER_CLOSED' }));
  });

  it('refuses providers that there are not, and says which there are', async () => {
    expect(knownProviders()).toContain('cpu');
    const open = (providers: string[]) => Scorer.open(model('falls-logistic'), { providers, threads: 1 });
    await expect(open(['cuba'])).rejects.toMatchObject({ code: 'PROVIDER_UNKNOWN', message: /did you mean cuda/ });
    await expect(open(['quantum-computer'])).rejects.toMatchObject({ message: /there are .*cpu/ });
    await expect(open([])).rejects.toMatchObject({ code: 'PROVIDER_UNKNOWN' });
  });

  it('refuses a graph that is not what its metadata say', async () => {
    const sound = model('falls-logistic');
    const { metadata } = sound;
    const cases: ModelFile[] = [
      { ...sound, metadata: { ...metadata, features: metadata.features.slice(1) } },
      { ...sound, metadata: { ...metadata, outputs: ['a', 'b'] } },
    ];
    for (const wrong of cases) await expect(Scorer.open(wrong, CPU)).rejects.toMatchObject({ code: 'MODEL_SHAPE' });
    const broken = { ...sound, bytes: sound.bytes.slice(0, 400) };
    await expect(Scorer.open(broken, CPU)).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
  });
});
