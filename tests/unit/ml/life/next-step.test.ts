import { describe, expect, it } from 'vitest';
import { INTERRUPTED, type LifeSettings, type LifeStep, nextStep, TO } from '#ml/life/next-step.ts';
import { lifeOf } from '#ml/model/life.ts';
import type { Verdict } from '#ml/model/promotion.ts';
import type { MlEvent } from '#schemas/generated/types.ts';

const DAY = 86_400e6;
const SETTINGS: LifeSettings = { promotion: 'approval', retrainOnDrift: true, retrainEveryDays: null };
const AUTOMATIC: LifeSettings = { ...SETTINGS, promotion: 'automatic' };
const verdict = (promote: boolean): Verdict => ({
  ...{ promote, refusal: promote ? null : 'NOT_BETTER', reason: promote ? 'it is better' : 'it is not better' },
  ...{ rows: 10, days: 70, championLoss: 0.2, candidateLoss: 0.1, statistic: 3, p: 0.001, lag: 5 },
  ...{ championCalibrationError: 0.01, candidateCalibrationError: 0.01 },
});

const event = (type: MlEvent['type'], rest: Partial<MlEvent> = {}): MlEvent => ({
  ...{ eventTime: 0, eventId: type, model: 'breach', version: null, type, fromStage: null, toStage: null },
  ...{ by: 'tidemark', reason: `because of ${type}`, figures: [], metadata: '{}', ...rest },
});
const stage = (type: MlEvent['type'], version: string, toStage: NonNullable<MlEvent['toStage']>, eventTime = 0) =>
  event(type, { version, toStage, eventTime });
const CHAMPION = [stage('REGISTERED', 'A', 'CANDIDATE'), stage('PROMOTED', 'A', 'CHAMPION')];
const STARTED = event('RETRAINING_STARTED', { version: 'A', figures: [{ name: TO, value: 7 }] });
const TRAINED = [STARTED, stage('REGISTERED', 'B', 'CANDIDATE'), event('RETRAINING_ENDED', { version: 'B' })];
const SHADOWED = [...CHAMPION, ...TRAINED, stage('SHADOWED', 'B', 'SHADOW')];
const DRIFT = event('DRIFT_DETECTED', { version: 'A' });
const REQUEST = event('RETRAINING_REQUESTED', { by: 'cli:anna', figures: [{ name: TO, value: 5 }] });
const FAILED = event('RETRAINING_FAILED');
const CUT = event('RETRAINING_FAILED', { figures: [{ name: INTERRUPTED, value: 1 }] });

function step(
  events: readonly MlEvent[],
  settings = SETTINGS,
  rest: { now?: number; isTraining?: boolean; judged?: boolean } = {},
): LifeStep | null {
  const { now = DAY, isTraining = false, judged } = rest;
  const life = lifeOf(events.map((each) => ({ event: each })));
  const judge = () => (judged === undefined ? null : verdict(judged));
  return nextStep({ events, life, now, isTraining, judge }, settings);
}

describe('what is next for a model', () => {
  it('is nothing while nothing happens', () => {
    expect(step(CHAMPION)).toBeNull();
    expect(step([])).toBeNull();
  });

  it('is a training after a drift, once, and none where that is not wanted', () => {
    const drifted = [...CHAMPION, DRIFT];
    expect(step(drifted)).toMatchObject({ kind: 'train', to: DAY, reason: expect.stringContaining('drift') });
    expect(step(drifted, { ...SETTINGS, retrainOnDrift: false })).toBeNull();
    expect(step([...drifted, STARTED], SETTINGS, { isTraining: true })).toBeNull();
    expect(step([...drifted, STARTED, FAILED])).toBeNull();
    expect(step([...drifted, FAILED])).toBeNull();
    expect(step([...drifted, FAILED, DRIFT])).toMatchObject({ kind: 'train' });
    // The champion that drifted is not champion any more.
    const other = stage('REGISTERED', 'B', 'CANDIDATE');
    expect(step([...drifted, other, stage('RETIRED', 'A', 'RETIRED'), stage('PROMOTED', 'B', 'CHAMPION')])).toBeNull();
  });

  it('is a training by schedule, counted from the champion or from the training before', () => {
    const weekly = { ...SETTINGS, retrainEveryDays: 7 };
    expect(step(CHAMPION, weekly, { now: 6 * DAY })).toBeNull();
    expect(step(CHAMPION, weekly, { now: 7 * DAY })).toMatchObject({ kind: 'train', to: 7 * DAY });
    const failed = [...CHAMPION, event('RETRAINING_FAILED', { eventTime: 7 * DAY })];
    expect(step(failed, weekly, { now: 13 * DAY })).toBeNull();
    expect(step(failed, weekly, { now: 14 * DAY })).toMatchObject({ kind: 'train' });
  });

  it('is the training that a person asks for, also while another model is in the shadow', () => {
    expect(step([...SHADOWED, REQUEST])).toEqual({
      ...{ kind: 'train', to: 5 },
      reason: 'cli:anna asks for it: because of RETRAINING_REQUESTED',
    });
    expect(step([...SHADOWED, DRIFT])).toBeNull();
    expect(step([...CHAMPION, REQUEST, STARTED], SETTINGS, { isTraining: true })).toBeNull();
    expect(step([...CHAMPION, REQUEST, FAILED])).toBeNull();
  });

  it('begins a training again that was cut off by a stop, to the same day, and gives up after the third time', () => {
    const cut = [...CHAMPION, STARTED];
    expect(step(cut)).toEqual({ kind: 'interrupted', version: 'A' });
    expect(step(cut, SETTINGS, { isTraining: true })).toBeNull();
    expect(step([...cut, CUT])).toEqual({ kind: 'train', to: 7, reason: STARTED.reason });
    const often = [...cut, CUT, STARTED, CUT, STARTED, CUT];
    expect(step(often)).toBeNull();
    expect(step([...often, REQUEST])).toMatchObject({ kind: 'train', to: 5 });
    expect(step([...often, REQUEST, STARTED, CUT])).toMatchObject({ kind: 'train' });
  });

  it('puts what was trained into the shadow, and waits while there is one', () => {
    expect(step([...CHAMPION, ...TRAINED])).toMatchObject({ kind: 'shadow', version: 'B' });
    expect(step(SHADOWED)).toBeNull();
    const second = [STARTED, stage('REGISTERED', 'C', 'CANDIDATE'), event('RETRAINING_ENDED', { version: 'C' })];
    expect(step([...SHADOWED, ...second])).toBeNull();
    expect(step([...SHADOWED, ...second, stage('REJECTED', 'B', 'RETIRED')])).toMatchObject({ version: 'C' });
    // What nobody trained here is left to people.
    expect(step([...CHAMPION, stage('REGISTERED', 'D', 'CANDIDATE')])).toBeNull();
  });

  it('promotes what is better by itself or leaves it to a person, once, and refuses what is not', () => {
    expect(step(SHADOWED, AUTOMATIC, { judged: true })).toMatchObject({
      ...{ kind: 'promote', version: 'B', reason: 'it is better' },
      figures: expect.arrayContaining([{ name: 'p', value: 0.001 }]),
    });
    for (const settings of [SETTINGS, AUTOMATIC])
      expect(step(SHADOWED, settings, { judged: false })).toMatchObject({ kind: 'reject', version: 'B' });
    expect(step(SHADOWED, SETTINGS, { judged: true })).toMatchObject({ kind: 'await', version: 'B' });
    const awaited = event('APPROVAL_AWAITED', { version: 'B', figures: [{ name: 'p', value: 0.02 }] });
    // It was judged: another look would be another chance.
    expect(step([...SHADOWED, awaited], SETTINGS, { judged: false })).toBeNull();
    expect(step([...SHADOWED, awaited], AUTOMATIC, { judged: false })).toMatchObject({
      ...{ kind: 'promote', version: 'B', figures: awaited.figures },
    });
  });
});
