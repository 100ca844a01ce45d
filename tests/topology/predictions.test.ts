import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BreachFeatures } from '#ml/features/breach.ts';
import { baselineOf } from '#ml/features/breach-model.ts';
import { IntradayMotion } from '#ml/features/intraday-motion.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { predictions } from '#topologies/predictions/graph.ts';
import { breachPnl, dayMicros, limitUtilisation } from '../unit/ml/features/records.ts';
import { dayOfSteps, featuresOf, marketReturn, PredictionsDesk, type Step } from './predictions-desk.ts';

const FIRST = 10_000;
const featuresAfter = (days: number, steps?: (day: number) => readonly Step[]) => featuresOf(FIRST, days, steps);

function closedForm(features: BreachFeatures, limitId: string): readonly (number | null)[] {
  const { values, isBroken } = features.peek(limitId);
  return values && !isBroken ? baselineOf(values) : [null, null, null];
}

describe('predictions', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(predictions())).toMatchFileSnapshot('../golden/predictions.topology.txt');
  });

  it('says the closed form of each limit without a model, with what it rests on', async () => {
    const desk = new PredictionsDesk().market(FIRST - 400, FIRST + 60);
    for (let day = FIRST; day < FIRST + 60; day++) await desk.steps(dayOfSteps(day)).commit();
    const records = desk.read();
    for (const limitId of ['value-at-risk', 'drawdown', 'leverage']) {
      const own = records.filter((record) => record.limitId === limitId);
      expect(own).toHaveLength(60);
      const known = own.findLast(({ state }) => state === 'PREDICTED')!;
      const { values } = featuresAfter(known.eventTime / 86_400e6 - FIRST).peek(limitId);
      expect([known.probability1, known.probability5, known.probability20]).toEqual(baselineOf(values!));
      expect(known).toMatchObject({
        portfolio: 'fund',
        type: limitId,
        state: 'PREDICTED',
        method: 'first-passage',
        modelVersion: null,
        contributions: [],
        utilisation: values![0],
      });
      for (const { state, reason, probability1, probability5, probability20 } of own) {
        if (state === 'PREDICTED') {
          expect(probability1! >= 0 && probability1! <= probability5! && probability5! <= probability20!).toBe(true);
          expect(probability20!).toBeLessThanOrEqual(1);
        } else {
          expect([probability1, probability5, probability20]).toEqual([null, null, null]);
          expect(reason).toBe(state === 'UNKNOWN' ? 'NO_FIGURE' : null);
        }
      }
      expect(new Set(own.map(({ state }) => state))).toEqual(new Set(['PREDICTED', 'UNKNOWN', 'BROKEN']));
    }
  });

  it('says nothing again that has not moved, until half a minute is over', async () => {
    const desk = new PredictionsDesk();
    const at = (seconds: number) => dayMicros(FIRST, 10) + seconds * 1e6;
    const stand = (seconds: number, value: number): Step => ({
      kind: 'utilisation',
      value: limitUtilisation('drawdown', at(seconds), value, 1),
    });
    const said = async (...steps: Step[]) => (await desk.steps(steps).commit()).read().length;
    expect(await said({ kind: 'pnl', value: breachPnl(at(0)) }, stand(0, 0.5))).toBe(1);
    expect(await said(stand(1, 0.5), stand(2, 0.500001))).toBe(0);
    // Past the limit: nothing to foresee, and that is news.
    expect(await said(stand(3, 1.1))).toBe(1);
    expect(await said(stand(4, 1.2))).toBe(0);
    expect(await said(stand(5, 0.9))).toBe(1);
    expect(await said({ kind: 'pnl', value: breachPnl(at(34)) })).toBe(0);
    expect(await said({ kind: 'pnl', value: breachPnl(at(35)) })).toBe(1);
  });

  it('says nothing of what orders and clocks move without a model of it', async () => {
    const desk = new PredictionsDesk().market(FIRST - 400, FIRST + 20);
    for (let day = FIRST; day < FIRST + 20; day++) {
      const eventTime = dayMicros(day, 16.3);
      const value = limitUtilisation('stale-data', eventTime, 0.5 + 0.4 * Math.sin(day), 1);
      await desk.steps([...dayOfSteps(day), { kind: 'utilisation', value }]).commit();
    }
    const records = desk.read();
    const stale = records.filter(({ limitId }) => limitId === 'stale-data');
    expect(stale).toHaveLength(20);
    for (const record of stale)
      expect(record).toMatchObject({ state: 'UNKNOWN', reason: 'NO_MODEL', probability20: null, method: null });
    expect(records.some(({ limitId, state }) => limitId === 'leverage' && state === 'PREDICTED')).toBe(true);
  });

  it('foresees minutes where a figure moves within the day, also after a process has ended, and of days nothing', async () => {
    const desk = new PredictionsDesk();
    const motion = new IntradayMotion();
    const stand = (minute: number, value: number): Step => ({
      kind: 'utilisation',
      value: limitUtilisation('leverage', dayMicros(FIRST + 1, 14) + minute * 60e6, value, 1),
    });
    await desk.steps(dayOfSteps(FIRST)).commit();
    await desk.steps([{ kind: 'pnl', value: breachPnl(dayMicros(FIRST + 1, 14)) }, stand(0, 0.9)]).commit();
    motion.take(dayMicros(FIRST + 1, 14), 0.9);
    for (let minute = 1; minute <= 90; minute++) {
      const value = 0.9 + 0.02 * Math.sin(minute);
      motion.take(dayMicros(FIRST + 1, 14) + minute * 60e6, value);
      await desk.steps([stand(minute, value)]).commit();
      if (minute === 45) desk.driver.abort();
    }
    const own = desk.read().filter(({ limitId }) => limitId === 'leverage');
    const minutesOf = ({ probability5m, probability30m, probability60m }: (typeof own)[number]) => [
      ...[probability5m, probability30m, probability60m],
    ];
    expect(own.map((record) => minutesOf(record)[0] === null)).toEqual(own.map((_, at) => at < 31));
    expect(minutesOf(own.at(-1)!)).toEqual(motion.ahead(0.9 + 0.02 * Math.sin(90)));
    expect(own.at(-1)!.probability60m).toBeGreaterThan(0.1);
  });

  it('forgets a limit that is taken away, and begins anew with one of its name', async () => {
    const desk = new PredictionsDesk().market(FIRST - 400, FIRST + 60);
    for (let day = FIRST; day < FIRST + 30; day++) desk.steps(dayOfSteps(day));
    desk.steps([{ kind: 'gone', limitId: 'leverage', eventTime: dayMicros(FIRST + 29, 17) }]);
    await desk.commit();
    const gone = desk.driver.read('risk.predictions').filter(({ value }) => value === null);
    expect(gone.map(({ key }) => key)).toEqual(['fund/leverage']);
    desk.driver.abort();
    for (let day = FIRST + 30; day < FIRST + 32; day++) await desk.steps(dayOfSteps(day)).commit();
    const last = desk.read().findLast(({ limitId }) => limitId === 'leverage')!;
    const fresh = featuresAfter(32, (day) =>
      day < FIRST + 30
        ? dayOfSteps(day).filter((step) => step.kind !== 'utilisation' || step.value.limitId !== 'leverage')
        : dayOfSteps(day),
    );
    expect([last.probability1, last.probability5, last.probability20]).toEqual(closedForm(fresh, 'leverage'));
  });

  it('comes to the same whatever is committed when, and wherever a process ends', async () => {
    const days = 300;
    const right = featuresAfter(days);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: days - 1 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, cuts, async (commits, restarts) => {
        const desk = new PredictionsDesk().market(FIRST - 400, FIRST + days);
        let uncommitted: Step[] = [];
        for (let day = 0; day < days; day++) {
          desk.steps(dayOfSteps(FIRST + day));
          uncommitted.push(...dayOfSteps(FIRST + day));
          if (commits.includes(day)) {
            await desk.commit();
            uncommitted = [];
          }
          if (!restarts.includes(day)) continue;
          desk.driver.abort();
          desk.steps(uncommitted);
        }
        const records = (await desk.commit()).read();
        for (const [limitId] of right.limits()) {
          const { probability1, probability5, probability20 } = records.findLast((each) => each.limitId === limitId)!;
          expect([probability1, probability5, probability20]).toEqual(closedForm(right, limitId));
        }
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  it('looks at nothing of the future: whatever comes later, what was said stays', async () => {
    const other = (day: number): Step[] =>
      day < FIRST + 100 ? dayOfSteps(day) : dayOfSteps(FIRST + ((day * 37) % 100)).map((step) => moved(step, day));
    const said = async (steps: (day: number) => Step[], returns: (day: number) => number) => {
      const desk = new PredictionsDesk().market(FIRST - 400, FIRST + 150, returns);
      for (let day = FIRST; day < FIRST + 150; day++) await desk.steps(steps(day)).commit();
      return desk.read().filter(({ eventTime }) => eventTime < dayMicros(FIRST + 100, 0));
    };
    const records = await said(dayOfSteps, marketReturn);
    expect(records.length).toBeGreaterThan(250);
    expect(await said(other, (day) => (day < FIRST + 99 ? marketReturn(day) : -5 * marketReturn(day)))).toEqual(
      records,
    );
  });

  it('sets aside what it cannot go by, and goes on', async () => {
    const desk = new PredictionsDesk();
    const at = dayMicros(FIRST);
    desk.steps([
      { kind: 'pnl', value: breachPnl(at, { equity: Number.NaN }) },
      { kind: 'utilisation', value: limitUtilisation('nonsense', at, 1, 2) },
      { kind: 'utilisation', value: { ...limitUtilisation('drawdown', at, 1, 2), utilisation: Number.NaN } },
    ]);
    desk.driver.pipe('portfolio.pnl', { key: 'fund', value: null, timestampMs: at / 1000 });
    desk.driver.pipe('portfolio.pnl', { key: 'other', value: breachPnl(at), timestampMs: at / 1000 });
    desk.driver.pipe('risk.utilisation', { key: 'fund', value: null, timestampMs: at / 1000 });
    desk.driver.pipe('risk.utilisation', {
      key: 'fund/leverage',
      value: limitUtilisation('drawdown', at, 1, 2),
      timestampMs: at / 1000,
    });
    expect(desk.driver.readRejected().map(({ code }) => code)).toEqual([
      'PNL_INVALID',
      'LIMIT_TYPE_UNKNOWN',
      'UTILISATION_INVALID',
      'VALUE_MISSING',
      'KEY_MISMATCH',
      'KEY_MISMATCH',
      'KEY_MISMATCH',
    ]);
    await desk.steps(dayOfSteps(FIRST)).commit();
    expect(desk.read()).toHaveLength(3);
  });
});

/** The same on another day. */
function moved(step: Step, day: number): Step {
  const shift = (eventTime: number) => (eventTime % 86_400e6) + day * 86_400e6;
  if (step.kind === 'gone') return { ...step, eventTime: shift(step.eventTime) };
  return { ...step, value: { ...step.value, eventTime: shift(step.value.eventTime) } } as Step;
}
