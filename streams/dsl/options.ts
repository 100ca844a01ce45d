import type { AvroSchema } from '../kit/avro.ts';
import type { StreamRecord } from '../topology/types.ts';
import type { Windowed } from './windows.ts';

/** What a record's key is to mapping functions: null only where the topic may have records without one. */
export type Key = string | null | Windowed;

/** Called with the value, the key and the whole record (event time, headers, position). */
export type Mapper<V, K extends Key, R> = (value: V, key: K, record: StreamRecord<V>) => R;

/** Of every step. */
export interface NodeOptions {
  /**
   * Lower-case words joined by hyphens. Default: the kind of step and a running number, or of a topic as in `to-text-totals`. A step throws
   * NAME_TAKEN where another node has the name.
   */
  readonly name?: string;
}
/** Of steps that make new values. */
export interface ValueOptions extends NodeOptions {
  /** Schema of the values that come out. Needed where they are then stored, re-keyed or written (SCHEMA_MISSING), unless given there. */
  readonly value?: AvroSchema;
}
/** Where a table's rows are kept. */
export interface StoreOptions extends ValueOptions {
  /** Name of the store; default: the node's name and `-store`. Name it to read it from outside or to keep it when the graph grows. */
  readonly store?: string;
}
/** Of steps that keep the newest value of each key. */
export interface TableOptions extends StoreOptions {
  /** Rows not written for so much stream time are deleted; default never. */
  readonly ttlMs?: number;
}
/** Of a table made of records: with `ttlMs` or with `historyMs`, not with both (TABLE_INVALID). */
export interface SourceTableOptions extends TableOptions {
  /** Keeps versions of so much event time, for joins as of a record's time. Default: newest value only. */
  readonly historyMs?: number;
}
/** Of aggregates by window. */
export interface WindowOptions extends StoreOptions {
  /** Windows stay readable for so much stream time; at least as long as they can change (RETENTION_TOO_SHORT), which is the default. */
  readonly retentionMs?: number;
}
/** Of a processor of one's own. */
export interface ProcessOptions extends ValueOptions {
  /** Stores it uses, declared with `builder.store`. */
  readonly stores?: readonly string[];
  /** Global tables it uses, by the names of their nodes. */
  readonly globals?: readonly string[];
}
/** Of what is written to a topic. */
export interface SinkOptions extends ValueOptions {
  /** The part of the key that picks the partition; the whole key by default. */
  readonly partitionKey?: (key: string) => string;
}
