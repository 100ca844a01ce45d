import { afterEach, describe, expect, it } from 'vitest';
import { type Drift, ModelKeeper, type WatchedVersion } from '#ml/life/keeper.ts';
import { LimitWatch } from '#ml/life/limit-watch.ts';
import { readModel } from '#ml/model/metadata.ts';
import { CYCLE, cycleModel } from './cycle.ts';
import { Serving } from './serving.ts';
import { FIRST_DAY, PORTFOLIOS, recordsOf, world } from './world.ts';

const champion = cycleModel('champion');
const { metadata, version } = readModel(champion);
const WATCHED: WatchedVersion = { reference: metadata.reference, labelsUntil: metadata.training.labelsUntil };
const servings: Serving[] = [];
afterEach(async () => {
  for (const serving of servings.splice(0)) await serving.close();
});

/** Drifts by the day in the world, as the keeper finds them; with `restarts` it is saved and restored every 50 days. */
async function drifts(
  seed: string,
  days: number,
  shiftAt: number | null,
  restarts = false,
): Promise<[number, Drift][]> {
  const serving = new Serving(() => champion);
  servings.push(serving);
  const options = { versionOf: (each: string) => (each === version ? WATCHED : null), shadowDays: 60 };
  let [watch, keeper] = [new LimitWatch(), new ModelKeeper(options)];
  const found: [number, Drift][] = [];
  for (const day of world({ seed, days, shiftAt })) {
    const index = day.day - FIRST_DAY;
    if (restarts && index % 50 === 0) {
      const text = JSON.stringify([watch.snapshot(), keeper.snapshot()]);
      const [one, other] = JSON.parse(text);
      [watch, keeper] = [new LimitWatch(one), new ModelKeeper(options, other)];
    }
    watch.takeMarket({ day: day.day, simpleReturn: day.market.simpleReturn });
    for (const portfolio of PORTFOLIOS) for (const record of recordsOf(day, portfolio)) watch.take(portfolio, record);
    for (const prediction of await serving.predict(day, index < CYCLE.trainedAt ? null : version, null))
      for (const closed of watch.predict(prediction)) {
        const drift = keeper.take(closed, null);
        if (drift) found.push([closed.day - FIRST_DAY, drift]);
      }
  }
  return found;
}

describe('drift of what a model sees and says', { timeout: 120_000 }, () => {
  // A year after what it was trained on, of worlds that are like it and that it has not seen.
  it.each(['cycle', 'another', 'a third', 'a fourth'])('is not found in a stationary year (%s)', async (seed) => {
    expect(await drifts(seed, CYCLE.trainedAt + 260, null)).toEqual([]);
  });

  it.each(['cycle', 'another', 'a third'])('is found within 120 days of a change (%s)', async (seed) => {
    const [first] = await drifts(seed, CYCLE.shiftAt + 121, CYCLE.shiftAt);
    expect(first![0]).toBeGreaterThan(CYCLE.shiftAt + 20);
    expect(first![1].version).toBe(version);
    for (const { detectors } of first![1].columns) expect(detectors.length).toBeGreaterThanOrEqual(2);
  });

  it('is the same after any number of restarts', async () => {
    const whole = await drifts(CYCLE.seed, CYCLE.shiftAt + 121, CYCLE.shiftAt);
    expect(whole).toHaveLength(1);
    expect(await drifts(CYCLE.seed, CYCLE.shiftAt + 121, CYCLE.shiftAt, true)).toEqual(whole);
  });
});
