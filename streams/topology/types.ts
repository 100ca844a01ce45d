import type { AvroSchema } from '../kit/avro.ts';
import type { RecordPosition } from '../kit/errors.ts';

/** What a record carries through the graph. Values are immutable: a processor makes a new one instead of changing one. */
export interface StreamRecord<V = unknown> {
  /** UTF-8 string key; null where the record had none. */
  readonly key: string | null;
  /** Decoded value; null for a tombstone. */
  readonly value: V;
  /** Event time, milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  /** The input record that this one descends from. */
  readonly source: RecordPosition;
}

/** Key-value state of one task. Values are immutable: put a new one. Every change goes to the changelog at the next commit. */
export interface KeyValueStore<V = unknown> {
  get(key: string): V | undefined;
  put(key: string, value: V): void;
  delete(key: string): void;
  /** All entries in insertion order. */
  entries(): IterableIterator<[string, V]>;
  readonly size: number;
}

/** What a processor may do while it handles a record. */
export interface ProcessorContext {
  readonly taskId: string;
  readonly partition: number;
  /** Largest event time this task has seen, milliseconds; -1 before the first record. */
  readonly streamTimeMs: number;
  /** Wall clock, milliseconds; injected. Never read it where a replay must give the same bytes. */
  now(): number;
  /** A store that the processor declared. */
  store<V>(name: string): KeyValueStore<V>;
  /** Hands a record to the named child (a processor, repartition or sink that lists this node as input). */
  forward<V>(child: string, key: string, value: V, timestampMs: number): void;
  /** Adds one to a counter of this processor, shown on /metrics as `tidemark_processor_events_total{event}`. */
  count(event: string): void;
  /** Sends the record being processed to its source's poison policy with this reason. Nothing that it did so far is undone: call it first. */
  reject(code: string, reason: string): void;
}

export interface Processor<V = unknown> {
  process(record: StreamRecord<V>): void;
  /** Called once before every commit: emit here what was held back within the transaction (conflation). */
  beforeCommit?(): void;
}

/** What happens to a record that cannot be decoded or that a processor rejects. */
export const PoisonPolicy = {
  /** The topology stops; nothing is lost, nothing goes on. */
  FAIL: 'FAIL',
  /** The record goes to `<topology>.dead-letters` with error and position, and the stream goes on without it. */
  DEAD_LETTER: 'DEAD_LETTER',
  /** The record is counted and lost to this topology. */
  SKIP: 'SKIP',
} as const;
export type PoisonPolicy = keyof typeof PoisonPolicy;

export interface SourceNode {
  readonly topic: string;
  readonly value: AvroSchema;
  /** Default FAIL. */
  readonly onPoison?: PoisonPolicy;
}
export interface ProcessorNode {
  readonly inputs: readonly string[];
  readonly stores?: readonly string[];
  /** Makes the processor of one task. It may close over the context; all lasting state belongs in stores. */
  // biome-ignore lint/suspicious/noExplicitAny: each processor narrows its own value type
  readonly create: (context: ProcessorContext) => Processor<any>;
}
export interface StoreNode {
  readonly value: AvroSchema;
}
/** An internal topic `<topology>.<name>.repartition` that moves records to the task of their new key. */
export interface RepartitionNode {
  readonly inputs: readonly string[];
  readonly value: AvroSchema;
}
export interface SinkNode {
  readonly inputs: readonly string[];
  readonly topic: string;
  readonly value: AvroSchema;
  /** The part of the key that picks the partition; the whole key by default. */
  readonly partitionKey?: (key: string) => string;
}

/** A topology as data. Node names are unique over all kinds. */
export interface TopologyDefinition {
  readonly name: string;
  /** Raised when stored state is no longer readable by the new graph. */
  readonly version: number;
  readonly sources: Readonly<Record<string, SourceNode>>;
  readonly processors: Readonly<Record<string, ProcessorNode>>;
  readonly stores?: Readonly<Record<string, StoreNode>>;
  readonly repartitions?: Readonly<Record<string, RepartitionNode>>;
  readonly sinks: Readonly<Record<string, SinkNode>>;
}
