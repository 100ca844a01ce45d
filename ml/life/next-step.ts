/** What is to be done for a model: a function of what happened to it so far, so that a restart goes on where it was. Pure. */
import type { MlEvent } from '#schemas/generated/types.ts';
import { type Life, type ModelEntry, only } from '../model/life.ts';
import { figuresOf, type Verdict } from '../model/promotion.ts';

export interface LifeSettings {
  /** Who promotes what is better: a person, or it goes by itself. */
  readonly promotion: 'approval' | 'automatic';
  readonly retrainOnDrift: boolean;
  /** Days of event time from one retraining to the next; null: none by schedule. */
  readonly retrainEveryDays: number | null;
}
export interface Situation {
  /** Every event of the model, oldest first. */
  readonly events: readonly MlEvent[];
  readonly life: Life;
  /** Event time that the world has reached, microseconds UTC; null before the first record. */
  readonly now: number | null;
  /** A training runs. */
  readonly isTraining: boolean;
  /** What the outcomes say of a version in the shadow; null: there are too few yet. */
  readonly judge: (shadow: ModelEntry) => Verdict | null;
}
type Figures = MlEvent['figures'];
export type LifeStep =
  | { readonly kind: 'interrupted'; readonly version: string | null }
  /** `to`: event time up to which records are learned from, microseconds; null: all. */
  | { readonly kind: 'train'; readonly to: number | null; readonly reason: string }
  | { readonly kind: 'shadow'; readonly version: string; readonly reason: string }
  | {
      readonly kind: 'await' | 'promote' | 'reject';
      readonly version: string;
      readonly reason: string;
      readonly figures: Figures;
    };

/** Figures of events that later steps go by. */
export const TO = 'to';
export const INTERRUPTED = 'interrupted';

const DAY_MICROS = 86_400e6;
/** A training that was interrupted this often in a row is not begun again. */
const INTERRUPTIONS = 3;

/** The one next step, or null. After it has been done, and written down, comes the next one. */
export function nextStep(situation: Situation, settings: LifeSettings): LifeStep | null {
  const { events, isTraining } = situation;
  const started = events.findLastIndex(({ type }) => type === 'RETRAINING_STARTED');
  const ended = events.findLastIndex(({ type }) => type === 'RETRAINING_ENDED' || type === 'RETRAINING_FAILED');
  if (started > ended && !isTraining) return { kind: 'interrupted', version: events[started]!.version };
  return stepOfShadow(situation, settings) ?? (isTraining ? null : stepOfTraining(situation, settings));
}

function stepOfShadow({ events, life, judge }: Situation, { promotion }: LifeSettings): LifeStep | null {
  const shadow = only(life, 'SHADOW');
  if (!shadow) {
    const candidate = waitingCandidate(events, life);
    return (
      candidate && {
        kind: 'shadow',
        version: candidate.version,
        reason: 'it was trained and is compared with the champion',
      }
    );
  }
  const { version } = shadow;
  const awaited = events.findLast((event) => event.type === 'APPROVAL_AWAITED' && event.version === version);
  if (awaited) {
    const { reason, figures } = awaited;
    return promotion === 'automatic' ? { kind: 'promote', version, reason, figures } : null;
  }
  const verdict = judge(shadow);
  if (!verdict) return null;
  const { reason, promote } = verdict;
  const kind = !promote ? 'reject' : promotion === 'automatic' ? 'promote' : 'await';
  return { kind, version, reason, figures: figuresOf(verdict) };
}

/** What the newest retraining made, while nothing has become of it. */
function waitingCandidate(events: readonly MlEvent[], { versions }: Life): ModelEntry | null {
  const made = events.findLast(({ type }) => type === 'RETRAINING_ENDED')?.version ?? null;
  const entry = made === null ? undefined : versions.get(made);
  return entry?.stage === 'CANDIDATE' ? entry : null;
}

function stepOfTraining(situation: Situation, settings: LifeSettings): LifeStep | null {
  const { events, life, now } = situation;
  const failed = events.findLastIndex(({ type }) => type === 'RETRAINING_FAILED');
  const started = events.findLastIndex(({ type }) => type === 'RETRAINING_STARTED');
  const answered = Math.max(started, failed);
  const requested = events.findLastIndex(({ type }) => type === 'RETRAINING_REQUESTED');
  if (requested > answered) {
    const { by, reason } = events[requested]!;
    return { kind: 'train', to: figureOf(events[requested]!, TO), reason: `${by} asks for it: ${reason}` };
  }
  const isInterrupted = failed > started && figureOf(events[failed]!, INTERRUPTED) !== null;
  if (isInterrupted && interruptionsOf(events) < INTERRUPTIONS) {
    const { reason, ...event } = events[started]!;
    return { kind: 'train', to: figureOf({ reason, ...event }, TO), reason };
  }
  // One at a time: another would be compared with a champion that may be about to go.
  if (now === null || only(life, 'SHADOW') || waitingCandidate(events, life)) return null;
  const drifted = events.findLastIndex(({ type }) => type === 'DRIFT_DETECTED');
  const promoted = events.findLastIndex(({ type }) => type === 'PROMOTED');
  if (settings.retrainOnDrift && drifted > Math.max(answered, promoted))
    return { kind: 'train', to: now, reason: `drift: ${events[drifted]!.reason}` };
  const { retrainEveryDays: days } = settings;
  const champion = only(life, 'CHAMPION');
  if (days === null || !champion) return null;
  const since = Math.max(champion.stagedAt, events[answered]?.eventTime ?? 0);
  return now - since >= days * DAY_MICROS ? { kind: 'train', to: now, reason: `every ${days} days` } : null;
}

const figureOf = ({ figures }: MlEvent, name: string): number | null =>
  figures.find((figure) => figure.name === name)?.value ?? null;

/** Interruptions since a training last ended otherwise, or was asked for. */
function interruptionsOf(events: readonly MlEvent[]): number {
  let count = 0;
  for (const event of events.toReversed()) {
    if (event.type === 'RETRAINING_ENDED' || event.type === 'RETRAINING_REQUESTED') break;
    if (event.type !== 'RETRAINING_FAILED') continue;
    if (figureOf(event, INTERRUPTED) === null) break;
    count++;
  }
  return count;
}
