import type { Kafka } from '../kafka/index.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { CompiledTopology } from '../topology/topology.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { Task } from './task.ts';

export interface RestoreOptions {
  readonly kafka: Kafka;
  readonly topology: CompiledTopology;
  readonly task: Task;
  readonly log: Log;
  readonly metrics: RuntimeMetrics;
  readonly progress: (text: string) => void;
  /** Ends it: the task has gone elsewhere, or the thread ends. */
  readonly signal: AbortSignal;
}

/**
 * Fills a task's stores from their changelogs. The end is taken read_uncommitted after the stable offset fetch, then read
 * read_committed until the position reaches it: a commit marker may still be on its way. Returns the number of records.
 */
export async function restoreTask(options: RestoreOptions): Promise<number> {
  const { kafka, task, topology, log, metrics, progress, signal } = options;
  let total = 0;
  for (const { name, changelog } of task.sub.stores) {
    const { partition } = task;
    const end = (await kafka.offsets(changelog, 'latest'))[partition]!;
    const begin = (await kafka.offsets(changelog, 'earliest'))[partition]!;
    if (begin >= end) continue;
    const store = task.stores.get(name)!;
    const startMs = performance.now();
    const reader = await kafka.openReader({
      topics: [{ topic: changelog, partitions: [partition], from: 'earliest' }],
    });
    try {
      while (reader.position(changelog, partition) < end) {
        if (signal.aborted) return total;
        const remaining = end - reader.position(changelog, partition);
        metrics.restoring(name, partition, remaining);
        progress(`restoring store ${name}/${partition}: ${remaining} changelog records to go`);
        for (const fetched of await reader.poll(signal)) {
          for (const { key, value, offset } of fetched.records) {
            if (value) checkVersion(value, topology, { topic: changelog, partition, offset });
            store.restore(key!, 0, key!.length, value, 0, value?.length ?? 0);
            total++;
          }
        }
      }
    } finally {
      await reader.close();
    }
    metrics.restoring(name, partition, 0);
    log.info(
      `restored ${store.size} keys of ${name}/${partition} from ${end - begin} changelog offsets in ${Math.round(performance.now() - startMs)} ms`,
    );
  }
  return total;
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
