/** The stages of a model's versions, as its log of events tells them. */
import type { MlEvent } from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { ModelMetadata } from './metadata.ts';

export type Stage = NonNullable<MlEvent['toStage']>;

/** A version of a model in a registry. */
export interface ModelEntry {
  readonly name: string;
  readonly version: string;
  readonly stage: Stage;
  /** True of one that was refused: it cannot come back. */
  readonly rejected: boolean;
  /** True of one that is or was champion. */
  readonly wasChampion: boolean;
  /** Of the file that was registered, hexadecimal. */
  readonly sha256: string;
  /** Event times of its registration and of its newest stage, microseconds UTC. */
  readonly registeredAt: number;
  readonly stagedAt: number;
  /** Without the reference. */
  readonly metadata: Omit<ModelMetadata, 'reference'>;
}

/** An event as the log has it. */
export interface Logged {
  readonly event: MlEvent;
  /** Of the registered file, in REGISTERED. */
  readonly sha256?: string;
}

/** What all events of one model come to. */
export interface Life {
  /** In the order of their registration. */
  readonly versions: ReadonlyMap<string, ModelEntry>;
  /** Champions to the present one, each the one that a rollback from the next goes to; empty: there never was one. */
  readonly champions: readonly string[];
  /** Event time of the newest event; 0 before the first. */
  readonly newest: number;
}

/** Folds a log. Throws REGISTRY_DAMAGED where an event is of a version that was not registered. */
export function lifeOf(log: readonly Logged[]): Life {
  const versions = new Map<string, ModelEntry>();
  const champions: string[] = [];
  let newest = 0;
  for (const { event, sha256 } of log) {
    const { model: name, version, type, toStage: stage, eventTime } = event;
    newest = Math.max(newest, eventTime);
    if (version === null || stage === null) continue;
    if (type === 'REGISTERED') {
      versions.set(version, {
        ...{ name, version, stage, rejected: false, wasChampion: false, sha256: sha256 ?? '' },
        ...{ registeredAt: eventTime, stagedAt: eventTime, metadata: JSON.parse(event.metadata ?? '{}') },
      });
      continue;
    }
    const before = versions.get(version);
    if (!before) throw new TidemarkError('REGISTRY_DAMAGED', `${name} ${version} is ${stage} and was never registered`);
    if (type === 'PROMOTED') champions.push(version);
    if (type === 'ROLLED_BACK') champions.pop();
    versions.set(version, {
      ...before,
      stage,
      stagedAt: eventTime,
      rejected: before.rejected || type === 'REJECTED',
      wasChampion: before.wasChampion || stage === 'CHAMPION',
    });
  }
  return { versions, champions, newest };
}

/** The version in a stage of which there is at most one; null: there is none. */
export const only = ({ versions }: Life, stage: 'SHADOW' | 'CHAMPION'): ModelEntry | null =>
  [...versions.values()].find((entry) => entry.stage === stage) ?? null;

/** A change of stage. */
export interface Change {
  readonly entry: ModelEntry;
  readonly type: MlEvent['type'];
  readonly to: Stage;
}

/** CANDIDATE → SHADOW. Throws STAGE_INVALID, SHADOW_TAKEN. */
export function toShadow(life: Life, entry: ModelEntry): Change[] {
  if (entry.stage !== 'CANDIDATE') throw invalid(entry, 'only a candidate goes into the shadow');
  const shadow = only(life, 'SHADOW');
  if (shadow) {
    const hint = 'promote or reject it first';
    throw new TidemarkError('SHADOW_TAKEN', `${shadow.version} is in the shadow of ${entry.name}: ${hint}`);
  }
  return [{ entry, type: 'SHADOWED', to: 'SHADOW' }];
}

/** To CHAMPION, from candidate, shadow, or retired after having been champion; the champion until now retires. Throws STAGE_INVALID. */
export function toChampion(life: Life, entry: ModelEntry): Change[] {
  if (entry.stage === 'CHAMPION') throw invalid(entry, 'there is nothing to promote it to');
  if (entry.rejected) throw invalid(entry, 'it was rejected: train another one');
  return [...retireChampion(life), { entry, type: 'PROMOTED', to: 'CHAMPION' }];
}

/** A candidate or shadow is refused for good. Throws STAGE_INVALID. */
export function toRejected(entry: ModelEntry): Change[] {
  if (entry.stage === 'CHAMPION') throw invalid(entry, 'promote another version, or roll back');
  if (entry.stage === 'RETIRED') throw invalid(entry, 'it counts for nothing already');
  return [{ entry, type: 'REJECTED', to: 'RETIRED' }];
}

/** The champion before is champion again. Throws NO_PREVIOUS_CHAMPION. */
export function toPrevious(life: Life, name: string): Change[] {
  const previous = life.champions.at(-2);
  if (previous === undefined)
    throw new TidemarkError('NO_PREVIOUS_CHAMPION', `${name} has had no champion before the present one`);
  return [...retireChampion(life), { entry: life.versions.get(previous)!, type: 'ROLLED_BACK', to: 'CHAMPION' }];
}

function retireChampion(life: Life): Change[] {
  const champion = only(life, 'CHAMPION');
  return champion ? [{ entry: champion, type: 'RETIRED', to: 'RETIRED' }] : [];
}

const invalid = ({ name, version, stage, rejected }: ModelEntry, why: string) =>
  new TidemarkError('STAGE_INVALID', `${name} ${version} is ${rejected ? 'REJECTED' : stage}: ${why}`);
