import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import {
  type CheckpointIdentity,
  loadCheckpoint,
  readCheckpointHeader,
  setAside,
  writeCheckpoint,
} from '../state/checkpoint.ts';
import type { StateStore } from '../state/store.ts';

export interface CheckpointsOptions {
  /** Belongs to one thread. */
  readonly folder: string;
  readonly clusterId: string;
  /** By changelog topic. */
  readonly topicIds: ReadonlyMap<string, string>;
  readonly fingerprint: string;
  /** How long changelogs keep tombstones, milliseconds: an older checkpoint may hold keys whose deletion is forgotten. */
  readonly deleteRetentionMs: number;
  readonly log: Log;
  readonly now: () => number;
}

/** The checkpoints of a thread's stores, one file for each store and partition. They save time, never more: what is wrong with one is logged. */
export class Checkpoints {
  readonly #options: CheckpointsOptions;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  /**
   * Fills a store from its checkpoint where that belongs to this changelog and lies within [begin, end]. Returns where to go on in the
   * changelog and the number of rows, or null.
   */
  async load(
    store: StateStore,
    topic: string,
    partition: number,
    begin: number,
    end: number,
  ): Promise<{ readonly offset: number; readonly rows: number } | null> {
    const { log, now } = this.#options;
    const file = this.#file(topic, partition);
    try {
      const header = await readCheckpointHeader(file);
      if (!header) return null;
      const { offset, writtenAtMs, ...identity } = header;
      const problem = this.#problem(identity, topic, partition, offset, writtenAtMs, begin, end);
      if (problem) {
        log.info(`the checkpoint of ${topic}/${partition} is of no use: ${problem}`);
        await rm(file, { force: true });
        return null;
      }
      return { offset, rows: await loadCheckpoint(file, store) };
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error;
      const place = await setAside(file, now());
      log.warn(`${describeError(error)}; it is kept as ${place}, and the state is read from its changelog`);
      return null;
    }
  }

  /** By partition number the sum of the changelog offsets that are here: a partition is best sent where most of its state is. */
  async freshness(): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    const names = await readdir(this.#options.folder).catch(() => []);
    for (const name of names.filter((file) => file.endsWith('.checkpoint'))) {
      // What is wrong with one is said when it is loaded.
      const header = await readCheckpointHeader(join(this.#options.folder, name)).catch(() => null);
      if (header) found.set(header.partition, (found.get(header.partition) ?? 0) + header.offset);
    }
    return found;
  }

  /** Writes a store's committed rows, in the background of what else goes on. `offset`: of the changelog, before the first row is read. */
  async save(store: StateStore, topic: string, partition: number, offset: number): Promise<void> {
    const { log, now } = this.#options;
    const startMs = performance.now();
    const header = { ...this.#identity(topic, partition), offset, writtenAtMs: now() };
    try {
      const rows = await writeCheckpoint(this.#file(topic, partition), header, store);
      log.debug(`checkpoint of ${topic}/${partition}: ${rows} rows in ${Math.round(performance.now() - startMs)} ms`);
    } catch (error) {
      log.warn(`the checkpoint of ${topic}/${partition} could not be written: ${describeError(error)}`);
    }
  }

  #problem(
    identity: CheckpointIdentity,
    topic: string,
    partition: number,
    offset: number,
    writtenAtMs: number,
    begin: number,
    end: number,
  ): string | null {
    const { now, deleteRetentionMs } = this.#options;
    if (JSON.stringify(identity) !== JSON.stringify(this.#identity(topic, partition)))
      return 'it belongs to another cluster, topic or graph';
    if (offset < begin || offset > end) return `its offset ${offset} is outside ${begin} to ${end}`;
    if (now() - writtenAtMs > deleteRetentionMs) return 'it is older than the tombstones that the changelog keeps';
    return null;
  }
  #identity(topic: string, partition: number): CheckpointIdentity {
    const { clusterId, topicIds, fingerprint } = this.#options;
    return { clusterId, topicId: topicIds.get(topic) ?? '', topic, partition, fingerprint };
  }
  #file(topic: string, partition: number): string {
    return join(this.#options.folder, `${topic}-${partition}.checkpoint`);
  }
}
