import type { AvroSchema } from '../kit/avro.ts';
import type { RecordPosition } from '../kit/errors.ts';

/** A Kafka record header; the W3C trace context travels in those named `traceparent` and `tracestate`. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}
/** What a record carries through the graph. Values are immutable: a processor makes a new one instead of changing one. */
export interface StreamRecord<V = unknown> {
  /** UTF-8 string key; null where the record had none. */
  readonly key: string | null;
  /** Decoded value; null for a tombstone. */
  readonly value: V;
  /** Event time, milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number;
  /** The input record that this one descends from; of what a punctuator or `beforeCommit` emits: topic '' and offset -1. */
  readonly source: RecordPosition;
  /** Of the input record, or what a processor gave to `emit` or `forward`; empty where there are none. */
  readonly headers: readonly RecordHeader[];
}

/** Key-value state of one task. Values are immutable: put a new one. Every change goes to the changelog at the next commit. */
export interface KeyValueStore<V = unknown> {
  /** The present value, changes of the open transaction included; undefined where there is none. */
  get(key: string): V | undefined;
  /** Throws TypeError for null and undefined: delete instead. */
  put(key: string, value: V): void;
  /** Nothing where there is no such entry. */
  delete(key: string): void;
  /** All entries, in no particular order that survives a restart. */
  entries(): IterableIterator<[string, V]>;
  /** Entries with from <= key < to by code units, ascending; an open end where a bound is left out. Looks at every key. */
  range(from?: string, to?: string): IterableIterator<[string, V]>;
  /** Entries, those of the open transaction included. */
  readonly size: number;
}

/**
 * Values by key and time, of the last `retentionMs` of stream time; one per key and time. What is older is deleted at a commit, a 64th of
 * the retention late at most. Times of entries are whole milliseconds since 1970; others throw RangeError.
 */
export interface WindowStore<V = unknown> {
  /** The value of exactly this key and time; undefined where there is none. */
  get(key: string, startMs: number): V | undefined;
  /** Ignored, and false, when `startMs` is older than stream time less retention. Throws TypeError for null and undefined. */
  put(key: string, startMs: number, value: V): boolean;
  /** Nothing where there is no such entry. */
  delete(key: string, startMs: number): void;
  /** Values of a key with fromMs <= startMs <= toMs, by rising time. */
  fetch(key: string, fromMs: number, toMs: number): IterableIterator<[startMs: number, value: V]>;
  /** Every entry, by (startMs, key). */
  all(): IterableIterator<[key: string, startMs: number, value: V]>;
  /** Entries of all keys, those of the open transaction included. */
  readonly size: number;
}

/**
 * Values by key and session [startMs, endMs], both inclusive, of the last `retentionMs` of stream time; the end decides. What is older is
 * deleted, and times are checked, as in a window store.
 */
export interface SessionStore<V = unknown> {
  /** The value of exactly this session; undefined where there is none. */
  get(key: string, startMs: number, endMs: number): V | undefined;
  /** Ignored, and false, when `endMs` is older than stream time less retention. Throws RangeError where the end is before the start. */
  put(key: string, startMs: number, endMs: number, value: V): boolean;
  /** Nothing where there is no such session. */
  delete(key: string, startMs: number, endMs: number): void;
  /** Sessions of a key that end at or after `earliestEndMs` and start at or before `latestStartMs`, by rising start. */
  find(
    key: string,
    earliestEndMs: number,
    latestStartMs: number,
  ): IterableIterator<{ readonly startMs: number; readonly endMs: number; readonly value: V }>;
  /** Every session, by (endMs, startMs, key). */
  all(): IterableIterator<{
    readonly key: string;
    readonly startMs: number;
    readonly endMs: number;
    readonly value: V;
  }>;
  /** Sessions of all keys, those of the open transaction included. */
  readonly size: number;
}

/** Values by key as they were at any time within the last `historyMs` of stream time (Kafka Streams' versioned store, KIP-889). */
export interface VersionedStore<V = unknown> {
  /** The newest version; undefined where it is a deletion or there is none. */
  get(key: string): Version<V> | undefined;
  /** The version valid at a time: the newest with timestampMs <= asOfMs; undefined where it is a deletion or there is none. */
  getAsOf(key: string, asOfMs: number): Version<V> | undefined;
  /**
   * Null deletes from that time on; of two with the same time the one put last holds. Ignored, and false, when another version had taken
   * its place before the history began. Throws RangeError for a time that is not whole milliseconds since 1970.
   */
  put(key: string, value: V | null, timestampMs: number): boolean;
  /** Versions of all keys, deletions included. */
  readonly size: number;
}
/** A value and the time from which it holds. */
export interface Version<V> {
  readonly value: V;
  /** Since when it holds, milliseconds. */
  readonly timestampMs: number;
}

/** A whole topic, every partition of it, as every task sees it; read only. */
export interface GlobalTable<V = unknown> {
  /** The newest value; undefined where there is none or it was deleted. */
  get(key: string): V | undefined;
  /** As of an event time; of a table that is not versioned the newest value whatever the time. */
  getAsOf(key: string, asOfMs: number): Version<V> | undefined;
  /** The newest value of every key. */
  entries(): IterableIterator<[string, V]>;
  /** Keys that have a value now. */
  readonly size: number;
}

/** By which clock a punctuator goes. Event time fires at multiples of the interval as stream time passes them; a replay fires the same. */
export type PunctuationType = 'event-time' | 'wall-clock';
/** Called with the last multiple of the interval that was passed (event time) or with the clock's milliseconds (wall clock). */
export type Punctuator = (timestampMs: number) => void;

/** What a processor may do while it handles a record. */
export interface ProcessorContext {
  /** `<sub-topology>_<partition>`, as in Kafka Streams. */
  readonly taskId: string;
  /** Of every topic that the task reads. */
  readonly partition: number;
  /** Largest event time this task has seen, milliseconds; -1 before the first record. */
  readonly streamTimeMs: number;
  /** Wall clock, milliseconds; injected. Never read it where a replay must give the same bytes. */
  now(): number;
  /** A store that the processor declared; throws STORE_UNKNOWN, or STORE_KIND_WRONG where it is of another kind. */
  store<V>(name: string): KeyValueStore<V>;
  /** As `store`, of a window store. */
  windowStore<V>(name: string): WindowStore<V>;
  /** As `store`, of a session store. */
  sessionStore<V>(name: string): SessionStore<V>;
  /** As `store`, of a versioned store. */
  versionedStore<V>(name: string): VersionedStore<V>;
  /** A global table that the processor declared; throws GLOBAL_UNKNOWN. */
  global<V>(name: string): GlobalTable<V>;
  /**
   * Calls back at every interval, from now on; once where several have passed. To be called while the processor is made. Forwarding is
   * allowed in the callback. Throws INTERVAL_INVALID.
   */
  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): void;
  /** Hands a record to the named child (a processor, repartition or sink that lists this node as input). Throws CHILD_UNKNOWN. */
  forward<V>(child: string, key: string | null, value: V, timestampMs: number, headers?: readonly RecordHeader[]): void;
  /** Hands a record to every child. Headers are those of the record being processed unless given; in a punctuator there are none. */
  emit<V>(key: string | null, value: V, timestampMs: number, headers?: readonly RecordHeader[]): void;
  /** Adds one to a counter of this processor, shown on /metrics as `tidemark_processor_events_total{event}`. */
  count(event: string): void;
  /** Sends the record being processed to its source's poison policy with this reason. Nothing that it did so far is undone: call it first. */
  reject(code: string, reason: string): void;
  /** The record being processed came too late for (a part of) its work: it is counted, and kept in `<topology>.late-records`. */
  late(reason: string): void;
}

/** What a processor does with its records; one for each task. */
export interface Processor<V = unknown> {
  /**
   * Called for each record. What it throws rolls the transaction back, and the record goes to its source's poison policy
   * (PROCESSOR_FAILED). A TidemarkError of a code of its own stops the topology at its third try, unless it is retriable.
   */
  process(record: StreamRecord<V>): void;
  /**
   * Awaited before every commit, ahead of `beforeCommit`, with nothing processed meanwhile: for what cannot be had at once, such as a model's scores of
   * all records of the transaction. Nothing may be emitted or stored here. What it throws aborts the transaction.
   */
  prepareCommit?(): Promise<void>;
  /** Called once before every commit: emit here what was held back within the transaction (conflation). */
  beforeCommit?(): void;
}

/** Makes the processor of one task: called for each, and again after every abort. */
export type ProcessorSupplier<V = unknown> = (context: ProcessorContext) => Processor<V>;

/** What happens to a record that cannot be decoded, that a processor rejects or throws at, or whose outputs cannot be written. */
export const PoisonPolicy = {
  /** The topology stops; nothing is lost, nothing goes on. */
  FAIL: 'FAIL',
  /** The record goes to `<topology>.dead-letters` with error and position, and the stream goes on without it. */
  DEAD_LETTER: 'DEAD_LETTER',
  /** The record is counted and lost to this topology. */
  SKIP: 'SKIP',
} as const;
/** The name of a policy. */
export type PoisonPolicy = keyof typeof PoisonPolicy;

/** A topic that is read, with the schema of its values. */
export interface SourceNode {
  readonly topic: string;
  readonly value: AvroSchema;
  /** Default FAIL. */
  readonly onPoison?: PoisonPolicy;
  /**
   * Whether its records move stream time; default true. False where records are about other times than that of the stream, as reference data is:
   * one that is ahead would make everything else late.
   */
  readonly movesTime?: boolean;
}
/** A processor, the nodes it takes records from, and the stores and global tables that it may use. */
export interface ProcessorNode {
  readonly inputs: readonly string[];
  readonly stores?: readonly string[];
  readonly globals?: readonly string[];
  /** Makes the processor of one task. It may close over the context; all lasting state belongs in stores. */
  // biome-ignore lint/suspicious/noExplicitAny: each processor narrows its own value type
  readonly create: ProcessorSupplier<any>;
}
/** Which store of Kafka Streams it is like. */
export type StoreKind = 'key-value' | 'window' | 'session' | 'versioned';
/** A store: one for each task, with a changelog topic `<topology>.<name>.changelog`. Times are milliseconds of stream time. */
export type StoreNode =
  | {
      readonly kind?: 'key-value';
      readonly value: AvroSchema;
      /** Entries not written for this much stream time are deleted. Default: never. */
      readonly ttlMs?: number;
    }
  | { readonly kind: 'window' | 'session'; readonly value: AvroSchema; readonly retentionMs: number }
  | { readonly kind: 'versioned'; readonly value: AvroSchema; readonly historyMs: number };
/** A topic read whole by every task. */
export interface GlobalNode {
  readonly topic: string;
  readonly value: AvroSchema;
  /** Keeps versions of this much event time, so that a record of 1995 reads the value of 1995. Default: newest value only. */
  readonly historyMs?: number;
}
/** An internal topic `<topology>.<name>.repartition` that moves records to the task of their new key. */
export interface RepartitionNode {
  readonly inputs: readonly string[];
  readonly value: AvroSchema;
}
/** Keys must not be null where a record is routed by key; the runtime rejects such a record with KEY_MISSING. */
export interface SinkNode {
  readonly inputs: readonly string[];
  readonly topic: string;
  readonly value: AvroSchema;
  /** The part of the key that picks the partition; the whole key by default. */
  readonly partitionKey?: (key: string) => string;
}

/** A topology as data. Node names are lower-case words joined by hyphens, unique over all kinds. */
export interface TopologyDefinition {
  /** Prefix of the internal topics, and the consumer group; lower-case words joined by hyphens or dots. */
  readonly name: string;
  /** From 1 to 255; raised when stored state is no longer readable by the new graph. */
  readonly version: number;
  readonly sources: Readonly<Record<string, SourceNode>>;
  readonly processors: Readonly<Record<string, ProcessorNode>>;
  readonly stores?: Readonly<Record<string, StoreNode>>;
  readonly globals?: Readonly<Record<string, GlobalNode>>;
  readonly repartitions?: Readonly<Record<string, RepartitionNode>>;
  readonly sinks: Readonly<Record<string, SinkNode>>;
}
