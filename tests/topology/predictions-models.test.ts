import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelRegistry } from '#ml/model/registry.ts';
import type { BreachPrediction } from '#schemas/generated/types.ts';
import { dayOfDate } from '#topologies/kit/days.ts';
import { ModelFiles } from '#topologies/predictions/model-files.ts';
import { root } from '../rules/sources.ts';
import { dayOfSteps, featuresOf, PredictionsDesk } from './predictions-desk.ts';

const SHIPPED = join(root, 'ml', 'models', 'breach');
const session = { providers: ['cpu'], threads: 1 };
const shipped = new ModelFiles({ shipped: SHIPPED, registry: null, session, now: () => 0 });
const folder = mkdtempSync(join(tmpdir(), 'tidemark-predictions-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DAYS = 40;
async function predicted(first: number, models: ModelFiles) {
  const desk = new PredictionsDesk({ models }).market(first - 400, first + DAYS);
  for (let day = first; day < first + DAYS; day++) await desk.steps(dayOfSteps(day)).commit();
  expect(desk.failures).toEqual([]);
  return desk.read().filter(({ state }) => state === 'PREDICTED');
}
const threeOf = ({ probability1, probability5, probability20 }: BreachPrediction) => [
  probability1!,
  probability5!,
  probability20!,
];
const logit = (p: number) => Math.log(p / (1 - p));

describe('predictions by models', () => {
  it('say what the model that could have been known says, and what that is made of', async () => {
    const first = dayOfDate('2009-06-01');
    const records = await predicted(first, shipped);
    expect(records.length).toBeGreaterThan(80);
    expect(new Set(records.map(({ method }) => method))).toEqual(new Set(['model']));
    const model = (await shipped.champion('2009-06-15', 'drawdown'))!;
    expect(new Date(model.trainedUntil / 1000).toISOString().slice(0, 4)).toBe('2008');
    const reference = (await model.score(model.medians, 1))[2]!;
    let explained = 0;
    for (const record of records) {
      expect([record.modelVersion, record.trainedUntil]).toEqual([model.version, model.trainedUntil]);
      const [day, week, month] = threeOf(record);
      expect(day! > 0 && day! <= week! && week! <= month! && month! < 1).toBe(true);
      expect(record.contributions.length).toBe(month! >= 0.01 ? 8 : 0);
      if (record.contributions.length === 0) continue;
      explained++;
      const sum = record.contributions.reduce((total, { logOdds }) => total + logOdds, 0);
      expect(sum).toBeCloseTo(logit(month!) - logit(reference), 4);
    }
    expect(explained).toBeGreaterThan(10);
    // The scores of a row that nobody but the features made.
    const last = records.at(-1)!;
    const features = featuresOf(first, Math.floor(last.eventTime / 86_400e6) - first + 1);
    const scores = await model.score(features.peek(last.limitId).values!, 1);
    expect(threeOf(last)).toEqual([...scores].map(Math.fround));
  }, 60_000);

  it('say the closed form before the first model, and of types that none has seen broken', async () => {
    const records = await predicted(dayOfDate('1993-06-01'), shipped);
    expect(new Set(records.map(({ method }) => method))).toEqual(new Set(['first-passage']));
    expect(await shipped.champion('2020-06-01', 'stale-data')).toBeNull();
  });

  it("go by the registry's champion from the day on that it may score, with the shadow beside it", async () => {
    const registry = new ModelRegistry({ folder, shipped: folder });
    const step = { by: 'cli:anna', reason: 'a trial', eventTime: 1_000_000 };
    const version = async (file: string) =>
      (await registry.register(readFileSync(join(SHIPPED, file)), step))[0]!.version!;
    const [old, young] = [await version('2000-12-29.onnx'), await version('2002-12-31.onnx')];
    await registry.promote('breach', old, step);
    await registry.toShadow('breach', young, step);
    let nowMs = 0;
    const models = new ModelFiles({ shipped: SHIPPED, registry, session, now: () => nowMs });
    // In 2009 there is a younger shipped model, but the champion counts.
    const records = await predicted(dayOfDate('2009-06-01'), models);
    for (const record of records) {
      expect([record.modelVersion, record.shadowVersion]).toEqual([old, young]);
      const shadow = [record.shadow1!, record.shadow5!, record.shadow20!];
      expect(shadow.every((p) => p > 0 && p < 1)).toBe(true);
    }
    expect(records.some((record) => record.shadow20 !== record.probability20)).toBe(true);
    // Before its own time it does not.
    const early = (await models.champion('1998-06-01', 'drawdown'))!;
    expect(early.version).toBe((await shipped.champion('1998-06-01', 'drawdown'))!.version);
    expect(await models.shadow('1998-06-01', 'drawdown')).toBeNull();
    // A promotion counts within a second.
    await registry.promote('breach', young, step);
    nowMs += 1001;
    expect((await models.champion('2009-06-01', 'drawdown'))!.version).toBe(young);
    expect(await models.shadow('2009-06-01', 'drawdown')).toBeNull();
  }, 60_000);

  it('are the closed form where a model cannot be read, with the reason', async () => {
    const first = dayOfDate('2009-06-01');
    const broken = new ModelFiles({
      shipped: SHIPPED,
      registry: null,
      session: { providers: ['nothing'], threads: 1 },
      now: () => 0,
    });
    const desk = new PredictionsDesk({ models: broken });
    await desk.steps(dayOfSteps(first)).commit();
    const said = desk.read().filter(({ state }) => state === 'PREDICTED');
    expect(new Set(said.map(({ method }) => method))).toEqual(new Set(['first-passage']));
    expect(desk.failures.join()).toContain('no execution provider "nothing"');
    expect(() => new ModelFiles({ shipped: folder, registry: null, session, now: () => 0 })).toThrow(
      /index\.json: it cannot be read/,
    );
  });
});
