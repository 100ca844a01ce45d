import { describeError, TidemarkError } from '../kit/errors.ts';
import { MemoryStore } from '../state/memory-store.ts';
import type { CompiledOutput, CompiledProcessor, CompiledSource, SubTopology } from '../topology/topology.ts';
import type { Processor, ProcessorContext, StreamRecord } from '../topology/types.ts';

/** Where a task's outputs go: a Kafka transaction in production, memory in the TopologyTestDriver. */
export interface RecordCollector {
  send(output: CompiledOutput, key: string, value: unknown, timestampMs: number): void;
  count(processor: string, event: string): void;
}
export interface Rejection {
  readonly code: string;
  readonly reason: string;
}

type Child = { readonly process: (record: StreamRecord) => void } | { readonly output: CompiledOutput };

/** One instance of a sub-topology for one partition number: its processors and its state. Knows nothing of Kafka. */
export class Task {
  readonly id: string;
  readonly partition: number;
  readonly sub: SubTopology;
  readonly stores: ReadonlyMap<string, MemoryStore>;
  streamTimeMs = -1;
  #committedStreamTimeMs = -1;
  readonly #collector: RecordCollector;
  readonly #now: () => number;
  #processors = new Map<string, Processor<unknown>>();
  #current: StreamRecord | null = null;
  #rejection: Rejection | null = null;

  constructor(sub: SubTopology, partition: number, collector: RecordCollector, now: () => number) {
    this.id = `${sub.id}_${partition}`;
    this.partition = partition;
    this.sub = sub;
    this.stores = new Map(sub.stores.map(({ name }) => [name, new MemoryStore(name)]));
    this.#collector = collector;
    this.#now = now;
    this.#createProcessors();
  }

  /**
   * Runs one record through the graph. Returns the rejection when a processor refused it, null otherwise. A processor that
   * throws leaves the stores half changed: PROCESSOR_FAILED, and the caller must roll back.
   */
  process(source: CompiledSource, record: StreamRecord): Rejection | null {
    const before = this.streamTimeMs;
    if (record.timestampMs > before) this.streamTimeMs = record.timestampMs;
    this.#current = record;
    this.#rejection = null;
    for (const child of source.children) this.#run(child, record);
    this.#current = null;
    // A record that is refused must not move time: one of the year 3000 would make everything after it late.
    if (this.#rejection) this.streamTimeMs = before;
    return this.#rejection;
  }

  /** Lets processors emit what they held back; to be called before every commit. */
  beforeCommit(): void {
    for (const node of this.sub.processors) {
      const processor = this.#processors.get(node.name)!;
      if (processor.beforeCommit) this.#guard(node.name, null, () => processor.beforeCommit!());
    }
  }
  commit(): void {
    for (const store of this.stores.values()) store.commit();
    this.#committedStreamTimeMs = this.streamTimeMs;
  }
  /** Back to the last commit: stores, stream time and whatever processors held in memory. */
  rollback(): void {
    for (const store of this.stores.values()) store.rollback();
    this.streamTimeMs = this.#committedStreamTimeMs;
    this.#createProcessors();
  }
  /** Stream time as it was committed with the offsets. */
  restoreStreamTime(streamTimeMs: number): void {
    this.streamTimeMs = Math.max(this.streamTimeMs, streamTimeMs);
    this.#committedStreamTimeMs = this.streamTimeMs;
  }

  #createProcessors(): void {
    this.#processors = new Map(
      this.sub.processors.map((node) => [node.name, node.create(this.#context(node)) as Processor<unknown>]),
    );
  }

  #run(name: string, record: StreamRecord): void {
    const processor = this.#processors.get(name)!;
    this.#guard(name, record, () => processor.process(record));
  }

  #guard(name: string, record: StreamRecord | null, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      const at = record ? ` at ${record.source.topic}/${record.source.partition}@${record.source.offset}` : '';
      const message = `Processor ${name} of task ${this.id} failed${at}: ${describeError(error)}`;
      throw new TidemarkError('PROCESSOR_FAILED', message, {
        cause: error,
        ...(record ? { position: record.source } : {}),
      });
    }
  }

  #context(node: CompiledProcessor): ProcessorContext {
    const task = this;
    const children = new Map<string, Child>();
    for (const child of node.children) {
      const output = this.sub.outputs.find((candidate) => candidate.name === child);
      children.set(child, output ? { output } : { process: (record) => task.#run(child, record) });
    }
    return {
      taskId: this.id,
      partition: this.partition,
      get streamTimeMs() {
        return task.streamTimeMs;
      },
      now: this.#now,
      store: <V>(name: string) => {
        const store = node.stores?.includes(name) ? task.stores.get(name) : undefined;
        if (!store) throw new TidemarkError('STORE_UNKNOWN', `Processor ${node.name} did not declare store "${name}"`);
        return store as unknown as MemoryStore<V>;
      },
      forward: (name, key, value, timestampMs) => {
        const child = children.get(name);
        if (!child)
          throw new TidemarkError(
            'CHILD_UNKNOWN',
            `Processor ${node.name} forwards to "${name}", which does not list it as input`,
          );
        if ('output' in child) task.#collector.send(child.output, key, value, timestampMs);
        else
          child.process({
            key,
            value,
            timestampMs,
            source: task.#current?.source ?? { topic: '', partition: task.partition, offset: -1 },
          });
      },
      count: (event) => task.#collector.count(node.name, event),
      reject: (code, reason) => {
        task.#rejection ??= { code, reason };
      },
    };
  }
}
