import { setImmediate as immediate } from 'node:timers/promises';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { SubTopology } from '../topology/topology.ts';
import { applyChangelog, FETCH_BYTES, openChangelog, type RestoreOptions, restoreTask } from './restore.ts';
import type { Task } from './task.ts';

/** A task's state outside its processing. */
export interface HeldState {
  readonly task: Task;
  /** By store, up to which changelog offset its committed rows go. */
  readonly ends: Map<string, number>;
  /** The same of its checkpoint. */
  readonly saved: Map<string, number>;
}
export type StandbyOptions = Omit<RestoreOptions, 'task' | 'ends' | 'signal' | 'progress' | 'isStandby'> & {
  /** How long changelogs keep tombstones, milliseconds. */
  readonly deleteRetentionMs: number;
};
interface Standby extends HeldState {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** Of no use any more: it may have missed deletions, or its changelog cannot be read. */
  broken: boolean;
  readMs: number;
}

/** How long a poll of a quiet changelog waits. */
const MAX_WAIT_MS = 500;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;

/**
 * Copies of the state of tasks that others process, kept up to date from their changelogs, so that a task whose owner is gone goes on
 * here after reading only what came last. They process nothing and write nothing.
 */
export class StandbySet {
  readonly #options: StandbyOptions;
  #standbys: readonly Standby[] = [];

  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  get states(): readonly HeldState[] {
    return this.#standbys.filter(({ broken }) => !broken);
  }

  has(sub: SubTopology, partition: number): boolean {
    return this.#standbys.some(({ task }) => task.sub === sub && task.partition === partition);
  }
  /** Follows the changelogs of a task from where its state is; it must not be processed meanwhile. */
  follow({ task, ends, saved }: HeldState): void {
    const stop = new AbortController();
    const followed = { task, ends, saved, stop, broken: false, readMs: this.#options.clock.now() };
    const standby: Standby = Object.assign(followed, { ended: this.#run(followed) });
    this.#standbys = [...this.#standbys, standby];
    this.#options.log.info(`keeps a standby of task ${task.id}`);
    this.#count();
  }
  /** Gives the state of a task up to whoever processes it from now on; null where there is none, or none of use. */
  async take(sub: SubTopology, partition: number): Promise<HeldState | null> {
    const standby = this.#standbys.find(({ task }) => task.sub === sub && task.partition === partition);
    if (!standby) return null;
    await this.#end([standby]);
    return standby.broken || this.#hasSlept(standby) ? null : standby;
  }
  /** Ends all but those of these partitions. */
  async retain(partitions: readonly number[]): Promise<void> {
    await this.#end(this.#standbys.filter(({ task }) => !partitions.includes(task.partition)));
  }
  async close(): Promise<void> {
    await this.#end(this.#standbys);
  }

  async #end(standbys: readonly Standby[]): Promise<void> {
    this.#standbys = this.#standbys.filter((standby) => !standbys.includes(standby));
    this.#count();
    for (const { stop } of standbys) stop.abort();
    await Promise.all(standbys.map(({ ended }) => ended));
    for (const { task } of standbys)
      for (const { name } of task.sub.stores) this.#options.metrics.standbyLag(name, task.partition, null);
  }
  #count(): void {
    this.#options.metrics.standbys(this.#standbys.length);
  }

  /** Never rejects: a copy that cannot be kept is no harm to what is processed. */
  async #run(standby: Omit<Standby, 'ended'>): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = standby.stop;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
      try {
        await this.#follow(standby);
      } catch (error) {
        standby.broken = error instanceof TidemarkError && !error.retriable;
        const consequence = standby.broken ? 'it is given up' : `tried again in ${pauseMs} ms`;
        log.warn(`the standby of task ${standby.task.id} cannot follow (${consequence}): ${describeError(error)}`);
        if (standby.broken) return;
        await clock.sleep(pauseMs, signal);
      }
    }
  }

  async #follow(standby: Omit<Standby, 'ended'>): Promise<void> {
    const { kafka, metrics, clock, topology } = this.#options;
    const { task, ends, stop } = standby;
    const { signal } = stop;
    await restoreTask({ ...this.#options, task, ends, signal, isStandby: true, progress: () => undefined });
    const { partition, sub, stores } = task;
    const nameOf = new Map(sub.stores.map(({ name, changelog }) => [changelog, name]));
    const reader = await openChangelog(kafka, {
      positions: sub.stores.map(({ name, changelog }) => ({ changelog, from: ends.get(name) ?? 0 })),
      partition,
      maxBytes: FETCH_BYTES,
      maxWaitMs: MAX_WAIT_MS,
    });
    try {
      while (!signal.aborted) {
        for (const fetched of await reader.poll(signal)) {
          const name = nameOf.get(fetched.topic)!;
          applyChangelog(stores.get(name)!, fetched, topology);
          ends.set(name, fetched.nextOffset);
          metrics.standbyLag(name, partition, Math.max(0, fetched.endOffset - fetched.nextOffset));
        }
        if (this.#hasSlept(standby)) {
          throw new TidemarkError('STANDBY_STALE', 'it has not read for longer than its changelogs keep deletions');
        }
        standby.readMs = clock.now();
        await immediate();
      }
    } finally {
      await reader.close();
    }
  }
  #hasSlept({ readMs }: Omit<Standby, 'ended'>): boolean {
    return this.#options.clock.now() - readMs > this.#options.deleteRetentionMs;
  }
}
