import { describeError, TidemarkError } from '../kit/errors.ts';
import { createStore } from '../state/create.ts';
import type { StateStore } from '../state/store.ts';
import type { CompiledOutput, CompiledSource, SubTopology } from '../topology/topology.ts';
import type { GlobalTable, Processor, RecordHeader, StreamRecord } from '../topology/types.ts';
import { type Child, NodeContext } from './node-context.ts';
import { Punctuation } from './punctuation.ts';

/** Takes what a task sends to one topic. */
export interface OutputPort {
  /** Throws RECORD_TOO_LARGE, TIMESTAMP_INVALID, KEY_MISSING. */
  send(key: string | null, value: unknown, timestampMs: number, headers: readonly RecordHeader[]): void;
}
/** Where a task's outputs go: a Kafka transaction in production, memory in the TopologyTestDriver. */
export interface RecordCollector {
  port(output: CompiledOutput): OutputPort;
  count(processor: string, event: string): void;
}
/** Why a record goes to its poison policy. */
export interface Rejection {
  /** As the processor gave it to `context.reject`, or of the error. */
  readonly code: string;
  readonly reason: string;
  /** Of the exception that a processor threw. */
  readonly stack?: string;
}
export interface TaskOptions {
  readonly sub: SubTopology;
  readonly partition: number;
  /** The topology's version, first byte of every row of state. */
  readonly version: number;
  readonly collector: RecordCollector;
  readonly now: () => number;
  readonly globals?: ReadonlyMap<string, GlobalTable>;
}

export const NO_HEADERS: readonly RecordHeader[] = [];

/** One instance of a sub-topology for one partition number: its processors and its state. Knows nothing of Kafka. */
export class Task {
  readonly id: string;
  readonly partition: number;
  readonly sub: SubTopology;
  readonly stores: ReadonlyMap<string, StateStore>;
  streamTimeMs = -1;
  /** Why the record processed last was too late for a part of its work, or null. */
  lateReason: string | null = null;
  #frozenStreamTimeMs = -1;
  #committedStreamTimeMs = -1;
  readonly #options: TaskOptions;
  #punctuation!: Punctuation;
  #processors: { readonly name: string; readonly processor: Processor<unknown> }[] = [];
  #children = new Map<string, Child[]>();
  #current: StreamRecord | null = null;
  #rejection: Rejection | null = null;
  /** The node that runs, for the message of an error. */
  #running = '';

  constructor(options: TaskOptions) {
    const { sub, partition, version } = options;
    this.id = `${sub.id}_${partition}`;
    this.partition = partition;
    this.sub = sub;
    this.#options = options;
    const streamTimeMs = () => this.streamTimeMs;
    this.stores = new Map(
      sub.stores.map(({ name, node }) => [name, createStore({ name, node, version, streamTimeMs })]),
    );
    this.#createProcessors();
  }

  /** The record being processed; null within a punctuator and before a commit. */
  get current(): StreamRecord | null {
    return this.#current;
  }

  /**
   * Runs one record through the graph. Returns the rejection when a processor refused it, null otherwise. A processor that
   * throws leaves the stores half changed: PROCESSOR_FAILED, and the caller must roll back.
   */
  process(source: CompiledSource, record: StreamRecord): Rejection | null {
    const before = this.streamTimeMs;
    if (source.movesTime && record.timestampMs > before) this.streamTimeMs = record.timestampMs;
    this.#current = record;
    this.#rejection = null;
    this.lateReason = null;
    try {
      for (const child of this.#children.get(source.name)!) child.accept(record);
      this.#current = null;
      // A record that is refused must not move time: one of the year 3000 would make everything after it late.
      if (this.#rejection) this.streamTimeMs = before;
      else if (this.streamTimeMs > before) this.#punctuation.advance(before, this.streamTimeMs);
    } catch (error) {
      this.#current = null;
      throw this.#failed(error, record);
    }
    return this.#rejection;
  }
  /** Fires the wall-clock punctuators that are due; true when there were any. */
  punctuateWallClock(nowMs: number): boolean {
    try {
      return this.#punctuation.tick(nowMs);
    } catch (error) {
      throw this.#failed(error, null);
    }
  }

  /** What processors wait for before a cut, all at once; null where none waits for anything. */
  prepareCommit(): Promise<void> | null {
    const waiting = this.#processors.flatMap(({ name, processor }) =>
      processor.prepareCommit ? [this.#prepare(name, () => processor.prepareCommit!())] : [],
    );
    return waiting.length === 0 ? null : Promise.all(waiting).then(() => undefined);
  }
  async #prepare(name: string, prepare: () => Promise<void>): Promise<void> {
    try {
      await prepare();
    } catch (error) {
      this.#running = name;
      throw this.#failed(error, null);
    }
  }

  /** Lets processors emit what they held back, and ends what retention ends; to be called before every cut. */
  beforeCommit(): void {
    for (const { name, processor } of this.#processors) {
      if (!processor.beforeCommit) continue;
      this.#running = name;
      try {
        processor.beforeCommit();
      } catch (error) {
        throw this.#failed(error, null);
      }
    }
    for (const store of this.stores.values()) store.expire(this.streamTimeMs);
  }
  /** The cut: stream time and, by the caller, the stores are frozen here. */
  freeze(): void {
    this.#frozenStreamTimeMs = this.streamTimeMs;
  }
  commit(): void {
    for (const store of this.stores.values()) store.commit();
    this.#committedStreamTimeMs = this.#frozenStreamTimeMs;
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

  reject(rejection: Rejection): void {
    this.#rejection ??= rejection;
  }

  #createProcessors(): void {
    const { sub, now, collector, globals } = this.#options;
    this.#punctuation = new Punctuation(now());
    const processors = new Map<string, Processor<unknown>>();
    this.#processors = [];
    this.#children = new Map();
    const child = (name: string): Child => {
      const output = sub.outputs.find((candidate) => candidate.name === name);
      if (output) {
        const port = collector.port(output);
        return { name, accept: ({ key, value, timestampMs, headers }) => port.send(key, value, timestampMs, headers) };
      }
      return {
        name,
        accept: (record) => {
          const outer = this.#running;
          this.#running = name;
          processors.get(name)!.process(record);
          this.#running = outer;
        },
      };
    };
    for (const node of sub.processors) {
      const context = new NodeContext({
        task: this,
        node,
        children: node.children.map(child),
        punctuation: this.#punctuation,
        enter: (name) => {
          this.#running = name;
        },
        now,
        globals: globals ?? new Map(),
        count: (event) => collector.count(node.name, event),
      });
      this.#running = node.name;
      const processor = node.create(context);
      processors.set(node.name, processor);
      this.#processors.push({ name: node.name, processor });
    }
    for (const source of sub.sources) this.#children.set(source.name, source.children.map(child));
  }

  #failed(error: unknown, record: StreamRecord | null): unknown {
    const position = record ? { position: record.source } : {};
    if (error instanceof TidemarkError) {
      if (error.position || !record) return error;
      const { code, message, cause, retriable } = error;
      return new TidemarkError(code, message, { cause, retriable, ...position });
    }
    const at = record ? ` at ${record.source.topic}/${record.source.partition}@${record.source.offset}` : '';
    const message = `Processor ${this.#running} of task ${this.id} failed${at}: ${describeError(error)}`;
    return new TidemarkError('PROCESSOR_FAILED', message, { cause: error, ...position });
  }
}
