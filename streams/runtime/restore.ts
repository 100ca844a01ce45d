import { setImmediate as immediate } from 'node:timers/promises';
import type { FetchedRecords, Kafka, Reader } from '../kafka/index.ts';
import type { Clock } from '../kit/clock.ts';
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
  /** By store, up to which changelog offset its rows go; none where there are no rows yet. Moves on with what is read. */
  readonly ends: Map<string, number>;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: RuntimeMetrics;
  readonly checkpoints?: Checkpoints | null;
  readonly progress: (text: string) => void;
  /** A copy is kept, nothing is processed from it. */
  readonly isStandby?: boolean;
  /** Ends it: the task has gone elsewhere, or the thread ends. */
  readonly signal: AbortSignal;
}

/** Bytes of one fetch: what is taken in at a time must not hold up the tasks that run. */
export const FETCH_BYTES = 1024 * 1024;

/** A restore that has stood still for so long says why, and again. */
const OPEN_TRANSACTION_MS = 20_000;

/**
 * Fills a task's stores from where they are, or from their checkpoints, and from there on from their changelogs. The end is taken
 * read_uncommitted after the stable offset fetch, then read read_committed until the position reaches it: a commit marker may still be
 * on its way. Returns how many rows of checkpoints and records of changelogs were read.
 */
export async function restoreTask(options: RestoreOptions): Promise<number> {
  const { kafka, task, checkpoints, log, metrics, ends, signal, isStandby = false } = options;
  const { partition } = task;
  let total = 0;
  for (const { name, changelog } of task.sub.stores) {
    const end = (await kafka.offsets(changelog, 'latest'))[partition]!;
    const begin = (await kafka.offsets(changelog, 'earliest'))[partition]!;
    const held = ends.get(name) ?? null;
    if (held === null && begin >= end) {
      ends.set(name, end);
      continue;
    }
    const store = task.stores.get(name)!;
    const startMs = performance.now();
    const loaded = held === null ? ((await checkpoints?.load(store, changelog, partition, begin, end)) ?? null) : null;
    ends.set(name, held ?? loaded?.offset ?? begin);
    const records = await readChangelog(options, store, changelog, end);
    total += records + (loaded?.rows ?? 0);
    if (signal.aborted) break;
    metrics.restoring(name, partition, 0);
    const sources = [
      ...(held === null ? [] : [isStandby ? 'before' : 'its standby']),
      ...(loaded ? [`${loaded.rows} rows of its checkpoint`] : []),
      `${records} changelog records`,
    ];
    log.info(
      `${isStandby ? 'copied' : 'restored'} ${store.size} keys of ${name}/${partition} from ${sources.join(' and ')} in ${Math.round(performance.now() - startMs)} ms`,
    );
  }
  return total;
}

async function readChangelog(
  { kafka, task, topology, metrics, progress, ends, signal, log, clock }: RestoreOptions,
  store: StateStore,
  topic: string,
  end: number,
): Promise<number> {
  const { partition } = task;
  const from = ends.get(store.name)!;
  if (from >= end) return 0;
  const reader = await openChangelog(kafka, {
    positions: [{ changelog: topic, from }],
    partition,
    maxBytes: FETCH_BYTES,
  });
  let records = 0;
  let lastMoveMs = clock.now();
  try {
    for (let position = from; position < end && !signal.aborted; position = reader.position(topic, partition)) {
      metrics.restoring(store.name, partition, end - position);
      progress(`restoring store ${store.name}/${partition}: ${end - position} changelog records to go`);
      for (const fetched of await reader.poll(signal)) {
        applyChangelog(store, fetched, topology);
        records += fetched.records.length;
        ends.set(store.name, fetched.nextOffset);
      }
      const now = clock.now();
      if (reader.position(topic, partition) > position) lastMoveMs = now;
      else if (now - lastMoveMs > OPEN_TRANSACTION_MS) {
        log.warn(
          `store ${store.name}/${partition} waits at offset ${position} of ${topic} for the end of a transaction. One whose producer is gone ends after the producer's transaction timeout; one that stays was left open by the broker: look for it by kafka-transactions.sh find-hanging`,
        );
        lastMoveMs = now;
      }
      await immediate();
    }
  } finally {
    await reader.close();
  }
  return records;
}

/** Reads one partition of changelogs from these offsets, read_committed. */
export function openChangelog(
  kafka: Kafka,
  options: {
    readonly positions: readonly { readonly changelog: string; readonly from: number }[];
    readonly partition: number;
    readonly maxBytes: number;
    readonly maxWaitMs?: number;
  },
): Promise<Reader> {
  const { positions, partition, ...limits } = options;
  const topics = positions.map(({ changelog, from }) => {
    const offsets: number[] = [];
    offsets[partition] = from;
    return { topic: changelog, partitions: [partition], from: offsets };
  });
  return kafka.openReader({ topics, ...limits });
}

/** Takes what was fetched as committed rows. Throws STATE_VERSION_MISMATCH. */
export function applyChangelog(store: StateStore, fetched: FetchedRecords, topology: CompiledTopology): void {
  const { topic, partition, records } = fetched;
  for (const { key, value, offset } of records) {
    if (value) checkVersion(value, topology, { topic, partition, offset });
    store.restore(key!, 0, key!.length, value, 0, value?.length ?? 0);
  }
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
