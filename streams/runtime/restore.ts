import { setImmediate as immediate } from 'node:timers/promises';
import type { Kafka } from '../kafka/index.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { StateStore } from '../state/store.ts';
import type { CompiledTopology } from '../topology/topology.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { Task } from './task.ts';

export interface RestoreOptions {
  readonly kafka: Kafka;
  readonly topology: CompiledTopology;
  readonly task: Task;
  readonly log: Log;
  readonly metrics: RuntimeMetrics;
  readonly checkpoints?: Checkpoints | null;
  readonly progress: (text: string) => void;
  /** Ends it: the task has gone elsewhere, or the thread ends. */
  readonly signal: AbortSignal;
}

export interface Restored {
  /** Rows of checkpoints and records of changelogs. */
  readonly rows: number;
  /** By store, up to which changelog offset it goes. */
  readonly ends: Map<string, number>;
}

/** Bytes of one fetch: what is taken in at a time must not hold up the tasks that run. */
const FETCH_BYTES = 1024 * 1024;

/**
 * Fills a task's stores from their checkpoints, and from there on from their changelogs. The end is taken read_uncommitted after the
 * stable offset fetch, then read read_committed until the position reaches it: a commit marker may still be on its way.
 */
export async function restoreTask(options: RestoreOptions): Promise<Restored> {
  const { kafka, task, checkpoints, log, metrics, signal } = options;
  const { partition } = task;
  const ends = new Map<string, number>();
  let total = 0;
  for (const { name, changelog } of task.sub.stores) {
    const end = (await kafka.offsets(changelog, 'latest'))[partition]!;
    const begin = (await kafka.offsets(changelog, 'earliest'))[partition]!;
    ends.set(name, end);
    if (begin >= end) continue;
    const store = task.stores.get(name)!;
    const startMs = performance.now();
    const loaded = (await checkpoints?.load(store, changelog, partition, begin, end)) ?? null;
    const from = loaded?.offset ?? begin;
    const records = from < end ? await readChangelog(options, store, changelog, from, end) : 0;
    if (signal.aborted) break;
    total += records + (loaded?.rows ?? 0);
    metrics.restoring(name, partition, 0);
    const source = loaded ? `${loaded.rows} rows of its checkpoint and ` : '';
    log.info(
      `restored ${store.size} keys of ${name}/${partition} from ${source}${records} changelog records in ${Math.round(performance.now() - startMs)} ms`,
    );
  }
  return { rows: total, ends };
}

async function readChangelog(
  { kafka, task, topology, metrics, progress, signal }: RestoreOptions,
  store: StateStore,
  topic: string,
  from: number,
  end: number,
): Promise<number> {
  const { partition } = task;
  const offsets: number[] = [];
  offsets[partition] = from;
  const reader = await kafka.openReader({
    topics: [{ topic, partitions: [partition], from: offsets }],
    maxBytes: FETCH_BYTES,
  });
  let records = 0;
  try {
    while (reader.position(topic, partition) < end && !signal.aborted) {
      const remaining = end - reader.position(topic, partition);
      metrics.restoring(store.name, partition, remaining);
      progress(`restoring store ${store.name}/${partition}: ${remaining} changelog records to go`);
      for (const fetched of await reader.poll(signal)) {
        for (const { key, value, offset } of fetched.records) {
          if (value) checkVersion(value, topology, { topic, partition, offset });
          store.restore(key!, 0, key!.length, value, 0, value?.length ?? 0);
          records++;
        }
      }
      await immediate();
    }
  } finally {
    await reader.close();
  }
  return records;
}

function checkVersion(
  value: Buffer,
  topology: CompiledTopology,
  position: { topic: string; partition: number; offset: number },
): void {
  const version = value[0];
  if (version !== topology.version) {
    throw new TidemarkError(
      'STATE_VERSION_MISMATCH',
      `${position.topic} was written by version ${version} of topology ${topology.name}, this is version ${topology.version}: run that version, or reset the topology to rebuild its state`,
      { position },
    );
  }
}
