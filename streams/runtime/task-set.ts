import type { AvroSerde, Kafka } from '../kafka/index.ts';
import type { TransactionalProducer, TransactionOffset } from '../kafka/transactions.ts';
import { type AvroType, avroType } from '../kit/avro.ts';
import type { Clock } from '../kit/clock.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { CompiledTopology } from '../topology/topology.ts';
import type { OutputTopic } from './collector.ts';
import { PartitionInput } from './input.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { restoreTask } from './restore.ts';
import { type RecordCollector, Task } from './task.ts';

/** The topics of a running topology: counted, with their serdes. */
export interface TopicTable {
  readonly inputTopics: readonly string[];
  readonly sources: ReadonlyMap<string, AvroSerde<unknown>>;
  readonly outputs: ReadonlyMap<string, OutputTopic>;
}
export interface TaskSetOptions {
  readonly topology: CompiledTopology;
  readonly kafka: Kafka;
  readonly collector: RecordCollector;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: RuntimeMetrics;
}

/** The tasks of one thread with their input positions: assigned, committed and rolled back together. */
export class TaskSet {
  readonly #options: TaskSetOptions;
  readonly #types = new Map<string, AvroType>();
  #tasks: Task[] = [];
  #inputs: readonly PartitionInput[] = [];
  #scratch = Buffer.allocUnsafe(64 * 1024);

  constructor(options: TaskSetOptions) {
    this.#options = options;
    for (const sub of options.topology.subTopologies)
      for (const { name, value } of sub.stores) this.#types.set(name, avroType(value));
  }

  /** All input partitions, ordered by (topic, partition). A new array with every change of the assignment. */
  get inputs(): readonly PartitionInput[] {
    return this.#inputs;
  }
  /** Readable records that are not committed as processed. */
  get lagRecords(): number {
    return this.#inputs.reduce((sum, input) => sum + Math.max(0, input.stableOffset - input.committedOffset), 0);
  }
  /** True when something was consumed since the last commit. */
  get dirty(): boolean {
    return this.#inputs.some((input) => input.position !== input.committedOffset);
  }

  /**
   * Takes up new partitions and drops those that are gone; tasks that stay are left as they are. Throws
   * STATE_WITHOUT_OFFSETS when a store has data and its inputs no committed offsets.
   */
  async assign(partitions: readonly number[], progress: (text: string) => void): Promise<void> {
    const { topology, collector, clock } = this.#options;
    const kept = await this.#current(this.#tasks.filter((task) => partitions.includes(task.partition)));
    const added: { task: Task; inputs: PartitionInput[] }[] = [];
    for (const sub of topology.subTopologies) {
      for (const partition of partitions) {
        if (kept.some((task) => task.sub === sub && task.partition === partition)) continue;
        const task = new Task(sub, partition, collector, () => clock.now());
        added.push({ task, inputs: sub.sources.map((source) => new PartitionInput(task, source)) });
      }
    }
    if (added.length === 0 && kept.length === this.#tasks.length) return;
    await this.#startPositions(added.flatMap(({ inputs }) => inputs));
    for (const { task, inputs } of added) await this.#restore(task, inputs, progress);
    this.#tasks = [...kept, ...added.map(({ task }) => task)];
    const inputs = [
      ...this.#inputs.filter((input) => kept.includes(input.task)),
      ...added.flatMap((entry) => entry.inputs),
    ];
    this.#inputs = inputs.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
  }

  beforeCommit(): void {
    for (const task of this.#tasks) task.beforeCommit();
  }
  /** Appends every changed key of every store to its changelog; returns how many. */
  writeChangelogs(producer: TransactionalProducer): number {
    let records = 0;
    for (const task of this.#tasks) {
      for (const { name, changelog } of task.sub.stores) {
        const type = this.#types.get(name)!;
        const timestampMs = Math.max(0, task.streamTimeMs);
        for (const [key, value] of task.stores.get(name)!.dirty()) {
          const keyBytes = Buffer.from(key);
          records++;
          if (value === undefined)
            producer.append(changelog, task.partition, keyBytes, 0, keyBytes.length, null, 0, 0, timestampMs);
          else {
            const end = this.#encode(type, value);
            producer.append(
              changelog,
              task.partition,
              keyBytes,
              0,
              keyBytes.length,
              this.#scratch,
              0,
              end,
              timestampMs,
            );
          }
        }
      }
    }
    return records;
  }
  /** The positions that moved; stream time travels with them. */
  offsets(): TransactionOffset[] {
    const offsets: TransactionOffset[] = [];
    for (const input of this.#inputs) {
      const offset = input.position;
      if (offset !== input.committedOffset) {
        offsets.push({
          topic: input.topic,
          partition: input.partition,
          offset,
          metadata: String(input.task.streamTimeMs),
        });
      }
    }
    return offsets;
  }
  committed(offsets: readonly TransactionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      const input = this.#inputs.find((candidate) => candidate.topic === topic && candidate.partition === partition);
      if (!input) continue;
      input.committedOffset = offset;
      input.hasCommit = true;
    }
    for (const task of this.#tasks) {
      task.commit();
      for (const [name, store] of task.stores) this.#options.metrics.stateSize(name, task.partition, store.size);
    }
  }
  /** Every store, stream time and input position as it was at the last commit. */
  rollback(): void {
    for (const task of this.#tasks) task.rollback();
    for (const input of this.#inputs) input.seek(input.committedOffset);
  }

  #encode(type: AvroType, value: unknown): number {
    this.#scratch[0] = this.#options.topology.version;
    for (;;) {
      const end = type.encode(value, this.#scratch, 1);
      if (end >= 0) return end;
      this.#scratch = Buffer.allocUnsafe((this.#scratch.length - end) * 2);
      this.#scratch[0] = this.#options.topology.version;
    }
  }

  /**
   * Those tasks whose committed offsets are still what they committed. A member that was silent too long may be given the
   * same partitions back after another has worked on them: its memory of them is then out of date.
   */
  async #current(tasks: readonly Task[]): Promise<Task[]> {
    const { kafka, topology } = this.#options;
    const stale = new Set<Task>();
    const inputs = this.#inputs.filter((input) => tasks.includes(input.task));
    for (const [topic, group] of Map.groupBy(inputs, (input) => input.topic)) {
      const committed = await kafka.cluster.committed(topology.name, topic, { requireStable: true });
      for (const input of group) {
        if (committed[input.partition]!.offset !== (input.hasCommit ? input.committedOffset : -1))
          stale.add(input.task);
      }
    }
    return tasks.filter((task) => !stale.has(task));
  }

  /** The group's committed offsets, or the beginning where there are none. */
  async #startPositions(inputs: readonly PartitionInput[]): Promise<void> {
    const { kafka, topology } = this.#options;
    for (const [topic, group] of Map.groupBy(inputs, (input) => input.topic)) {
      const committed = await kafka.cluster.committed(topology.name, topic, { requireStable: true });
      const earliest = await kafka.offsets(topic, 'earliest');
      for (const input of group) {
        const { offset, metadata } = committed[input.partition]!;
        input.seek(offset >= 0 ? offset : earliest[input.partition]!);
        input.committedOffset = input.fetchOffset;
        if (offset >= 0 && metadata) input.task.restoreStreamTime(Number(metadata));
        input.hasCommit = offset >= 0;
      }
    }
  }

  async #restore(task: Task, inputs: readonly PartitionInput[], progress: (text: string) => void): Promise<void> {
    const { kafka, topology, log, metrics } = this.#options;
    const restored = await restoreTask({ kafka, task, topology, types: this.#types, log, metrics, progress });
    if (restored > 0 && inputs.every((input) => !input.hasCommit)) {
      throw new TidemarkError(
        'STATE_WITHOUT_OFFSETS',
        `Task ${topology.name} ${task.id} has ${restored} changelog records but group "${topology.name}" has no committed offsets: ` +
          'processing from the beginning would count everything twice. Restore the offsets, or reset the topology with its changelogs.',
      );
    }
  }
}
