import { describe, expect, it } from 'vitest';
import { BreachSet } from '#ml/features/breach-set.ts';
import type { LivePrediction, Observation, Settled } from '#ml/life/limit-days.ts';
import { LimitWatch, type WatchedDay } from '#ml/life/limit-watch.ts';
import { FIRST_DAY, PORTFOLIOS, recordsOf, type WorldDay, world } from './world.ts';

const DAYS = [...world({ seed: 'watch', days: 120, shiftAt: 60 })];
const SCORES = [0.1, 0.2, 0.3];

function predictionsOf(day: WorldDay, portfolios = PORTFOLIOS): LivePrediction[] {
  return day.utilisation
    .filter(({ portfolio }) => portfolios.includes(portfolio))
    .map(({ portfolio, limitId }) => ({
      ...{ portfolio, limitId, eventTime: day.eventTime + 60e6, version: 'v1', scores: SCORES },
      shadow: { version: 'v2', scores: SCORES },
    }));
}
function feed(watch: LimitWatch, day: WorldDay, portfolios = PORTFOLIOS): void {
  watch.takeMarket({ day: day.day, simpleReturn: day.market.simpleReturn });
  for (const portfolio of portfolios) for (const record of recordsOf(day, portfolio)) watch.take(portfolio, record);
}
/** Day by day, as a live system comes. */
function watched(days: readonly WorldDay[], watch = new LimitWatch()): WatchedDay[] {
  return days.flatMap((day) => {
    feed(watch, day);
    return predictionsOf(day).flatMap((prediction) => watch.predict(prediction));
  });
}
const plain = (days: readonly WatchedDay[]) => JSON.parse(JSON.stringify(days));

describe('what is watched of limits', () => {
  it('has the rows and the outcomes of a training set of the same records', () => {
    const days = watched(DAYS);
    const rows = new Map<string, Observation>();
    for (const { day, observations } of days)
      for (const row of observations) rows.set(`${row.portfolio}/${row.limitId}/${day}`, row);
    const settled = new Map<string, Settled>();
    for (const { settled: all } of days)
      for (const row of all)
        settled.set(`${row.portfolio}/${row.limitId}/${Math.floor(row.eventTime / 86_400e6)}`, row);
    const market = DAYS.map(({ day, market: { simpleReturn } }) => ({ day, simpleReturn }));
    let [compared, outcomes, breaches] = [0, 0, 0];
    for (const portfolio of PORTFOLIOS) {
      const set = new BreachSet(market);
      for (const day of DAYS) for (const record of recordsOf(day, portfolio)) set.take(record);
      for (const { limitId, day, values, labels } of set.finish()) {
        // The last day is not over for who follows the stream.
        if (day === DAYS.at(-1)!.day) continue;
        const key = `${portfolio}/${limitId}/${day}`;
        expect([...rows.get(key)!.features], key).toEqual([...values]);
        compared++;
        const outcome = settled.get(key)?.outcomes;
        // A day that the training set knows the end of on its last day is open for one day more.
        if (labels.includes(null) || day === DAYS.at(-1)!.day - 20) continue;
        expect(outcome, key).toEqual(labels);
        outcomes++;
        breaches += labels[2]!;
      }
    }
    expect(compared).toBe(rows.size);
    expect(outcomes).toBe(settled.size);
    expect(compared).toBeGreaterThan(1_200);
    expect(breaches).toBeGreaterThan(200);
    expect(breaches).toBeLessThan(outcomes - 200);
  });

  it('is the same when the inputs are read ahead, and one portfolio after the other', () => {
    const watch = new LimitWatch();
    for (const portfolio of PORTFOLIOS.toReversed()) for (const day of DAYS) feed(watch, day, [portfolio]);
    const all = DAYS.flatMap((day) => predictionsOf(day, PORTFOLIOS.toReversed()));
    expect(plain(all.flatMap((prediction) => watch.predict(prediction)))).toEqual(plain(watched(DAYS)));
  });

  it('goes on from what it was saved as, at any day', () => {
    const whole = plain(watched(DAYS));
    for (const at of [1, 37, 90]) {
      const watch = new LimitWatch();
      const before = watched(DAYS.slice(0, at), watch);
      const restored = new LimitWatch(JSON.parse(JSON.stringify(watch.snapshot())));
      expect(plain([...before, ...watched(DAYS.slice(at), restored)])).toEqual(whole);
    }
  });

  it('leaves out what was said without a model, of broken limits, and of limits that went away', () => {
    const watch = new LimitWatch();
    const days: WatchedDay[] = [];
    for (const day of DAYS.slice(0, 40)) {
      feed(watch, day);
      const index = day.day - FIRST_DAY;
      if (index === 10) {
        const eventTime = day.eventTime + 2e6;
        watch.take('fund-a', { kind: 'utilisation', limitId: 'beta', value: null, eventTime });
      }
      for (const prediction of predictionsOf(day)) {
        if (index >= 9 && prediction.limitId === 'beta' && prediction.portfolio === 'fund-a') continue;
        const version = prediction.limitId === 'leverage' ? null : 'v1';
        days.push(...watch.predict({ ...prediction, version }));
      }
    }
    const all = days.flatMap(({ observations }) => observations);
    expect(all.length).toBeGreaterThan(200);
    expect(all.filter(({ limitId }) => limitId === 'leverage')).toEqual([]);
    const broken = new Set(
      DAYS.flatMap(({ day, utilisation }) =>
        utilisation
          .filter(({ state }) => state === 'BREACHED')
          .map((each) => `${each.portfolio}/${each.limitId}/${day}`),
      ),
    );
    for (const row of all)
      expect(broken.has(`${row.portfolio}/${row.limitId}/${Math.floor(row.eventTime / 86_400e6)}`)).toBe(false);
  });

  it('does not wait for a portfolio that is not predicted for any more, and passes over what is no sound record', () => {
    const watch = new LimitWatch();
    const days: WatchedDay[] = [];
    for (const day of DAYS.slice(0, 30)) {
      feed(watch, day);
      const { portfolio, limitId } = day.utilisation[0]!;
      const value = { ...day.utilisation[0]!, utilisation: Number.NaN };
      watch.take(portfolio, { kind: 'utilisation', limitId, value, eventTime: day.eventTime + 3e6 });
      const of = day.day - FIRST_DAY < 5 ? PORTFOLIOS : ['fund-a'];
      days.push(...predictionsOf(day, of).flatMap((prediction) => watch.predict(prediction)));
    }
    expect(days.at(-1)!.day).toBe(FIRST_DAY + 28);
    expect(watch.refused).toBeGreaterThan(25);
    expect(days.at(-1)!.observations.map(({ limitId }) => limitId)).toContain(DAYS[0]!.utilisation[0]!.limitId);
  });
});
