/** Watches what a model says: for drift, and whether the one in its shadow says it better. Pure. */

import { type DriftAlarm, DriftMonitor, type DriftReference, type DriftSnapshot } from '../drift/monitor.ts';
import { HORIZONS_DAYS } from '../features/breach-table.ts';
import type { ModelEntry } from '../model/life.ts';
import { judgeCandidate, type Verdict } from '../model/promotion.ts';
import type { Observation, Settled } from './limit-days.ts';
import type { WatchedDay } from './limit-watch.ts';

/** What is needed of a version to watch it. */
export interface WatchedVersion {
  readonly reference: DriftReference;
  /** Event time of the last label, microseconds UTC: what is before was learned. */
  readonly labelsUntil: number;
}
export interface KeeperOptions {
  /** Null: nobody knows the version. What it says decides nothing. */
  readonly versionOf: (version: string) => WatchedVersion | null;
  /** Days with outcomes after which a shadow is judged, once. */
  readonly shadowDays: number;
}
export interface KeeperSnapshot {
  readonly version: string | null;
  readonly monitor: DriftSnapshot | null;
  readonly settled: readonly Settled[];
}
export interface Drift extends DriftAlarm {
  readonly version: string;
}

const DAY_MICROS = 86_400e6;
const LONGEST = HORIZONS_DAYS[HORIZONS_DAYS.length - 1]!;

/** Takes whole days in their order. The same days give the same alarms and verdicts, to the bit, also after a restart. */
export class ModelKeeper {
  readonly #options: KeeperOptions;
  #version: string | null;
  #monitor: DriftMonitor | null = null;
  #watched: WatchedVersion | null = null;
  #settled: Settled[];

  constructor(options: KeeperOptions, from?: KeeperSnapshot) {
    this.#options = options;
    this.#version = from?.version ?? null;
    this.#settled = [...(from?.settled ?? [])];
    if (this.#version !== null) this.#watch(this.#version, from?.monitor ?? null);
  }

  /** The version that is watched: the one that predicted last. */
  get version(): string | null {
    return this.#version;
  }

  /** Takes a day; tells of a drift that the day before has shown. */
  take({ day, observations, settled }: WatchedDay, shadow: string | null): Drift | null {
    // What was said beside a shadow that is gone decides nothing any more.
    if (this.#settled.some((each) => each.shadow !== shadow))
      this.#settled = this.#settled.filter((each) => each.shadow === shadow);
    for (const each of settled) if (each.shadow === shadow) this.#settled.push(each);
    const version = versionOf(observations);
    if (version === null) return null;
    if (version !== this.#version) this.#watch(version, null);
    const own = observations.filter(
      (row) => row.version === version && row.eventTime > (this.#watched?.labelsUntil ?? 0),
    );
    const alarm = this.#monitor?.observe(
      day * DAY_MICROS,
      flat(own.map(({ features }) => features)),
      flat(own.map(({ scores }) => scores)),
      own.length,
    );
    return alarm ? { ...alarm, version } : null;
  }

  /**
   * What the outcomes say of a version in the shadow; null while there are too few days. It is compared with whatever counted at
   * the time, and only after the labels of both.
   */
  judge({ version, metadata }: ModelEntry): Verdict | null {
    const after = new Map<string, number>();
    const labelsUntil = (champion: string) => {
      if (!after.has(champion))
        after.set(champion, this.#options.versionOf(champion)?.labelsUntil ?? Number.POSITIVE_INFINITY);
      return Math.max(after.get(champion)!, metadata.training.labelsUntil);
    };
    const rows = this.#settled.filter((row) => row.shadow === version && row.eventTime > labelsUntil(row.version));
    const days = new Set(rows.map(({ eventTime }) => Math.floor(eventTime / DAY_MICROS)));
    if (days.size < this.#options.shadowDays) return null;
    // All horizons together: a day's loss is the mean over what was said of it.
    const paired = {
      eventTimes: rows.flatMap(({ eventTime, outcomes }) => outcomes.map(() => eventTime)),
      champion: rows.flatMap(({ champion }) => champion),
      candidate: rows.flatMap(({ candidate }) => candidate),
      outcomes: rows.flatMap(({ outcomes }) => outcomes),
    };
    return judgeCandidate(paired, { loss: 'brier', horizonDays: LONGEST, after: metadata.training.labelsUntil });
  }

  snapshot(): KeeperSnapshot {
    return { version: this.#version, monitor: this.#monitor?.snapshot() ?? null, settled: this.#settled };
  }

  #watch(version: string, from: DriftSnapshot | null): void {
    this.#version = version;
    this.#watched = this.#options.versionOf(version);
    this.#monitor = this.#watched && new DriftMonitor(this.#watched.reference, from);
  }
}

/** The version that most of a day's predictions are of, the last in order of equals: it changes within a day. */
function versionOf(observations: readonly Observation[]): string | null {
  const counts = new Map<string, number>();
  for (const { version } of observations) counts.set(version, (counts.get(version) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  return [...counts].findLast(([, count]) => count === most)?.[0] ?? null;
}

function flat(rows: readonly ArrayLike<number>[]): Float64Array {
  const width = rows[0]?.length ?? 0;
  const all = new Float64Array(rows.length * width);
  rows.forEach((row, at) => {
    all.set(row, at * width);
  });
  return all;
}

/** An alarm in words. */
export const driftReason = ({ columns }: DriftAlarm): string =>
  columns.map(({ name, detectors }) => `${name} (${detectors.join(' and ')})`).join(', ');

/** An alarm's numbers, for an event. */
export const driftFigures = ({ columns }: DriftAlarm): { name: string; value: number }[] =>
  columns.flatMap(({ name, stability }) => (stability === null ? [] : [{ name: `${name} psi`, value: stability }]));
