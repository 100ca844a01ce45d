import { type AvroSchema, type AvroType, avroType } from '../kit/avro.ts';
import type { KeyValueStore } from '../topology/types.ts';
import type { QueryableStore, RowVisitor, StateStore } from './store.ts';
import type { Table } from './table.ts';

export interface Stamped<V> {
  readonly writtenMs: number;
  readonly value: V;
}
/** A row with the stream time at which it was written, so that a restart knows its age. */
export const stampedType = (value: AvroSchema): AvroType =>
  avroType({
    type: 'record',
    name: 'Stamped',
    namespace: 'tidemark.state',
    fields: [
      { name: 'writtenMs', type: 'long' },
      { name: 'value', type: value },
    ],
  });

/** Into how many steps a time to live is cut: entries live at most that part of it too long. */
const STEPS = 64;

/**
 * Key-value state whose entries end when they were not written for `ttlMs` of stream time. They are deleted, with tombstones, at the
 * first cut after the step of time they were written in is too old: a matter of stream time and contents alone, so a replay
 * deletes the same.
 */
export class TtlStore<V = unknown> implements StateStore, KeyValueStore<V>, QueryableStore<V> {
  readonly name: string;
  readonly #table: Table<Stamped<V>>;
  readonly #ttlMs: number;
  readonly #stepMs: number;
  readonly #streamTimeMs: () => number;
  /** Keys by the step in which they were written, or earlier if they were written again. Null: to be built from the table. */
  #steps: Map<number, Set<string>> | null = null;

  constructor(table: Table<Stamped<V>>, ttlMs: number, streamTimeMs: () => number) {
    this.name = table.name;
    this.#table = table;
    this.#ttlMs = ttlMs;
    this.#stepMs = Math.max(1, Math.ceil(ttlMs / STEPS));
    this.#streamTimeMs = streamTimeMs;
  }

  get size(): number {
    return this.#table.size;
  }
  get bytes(): number {
    return this.#table.bytes;
  }
  get(key: string): V | undefined {
    return this.#table.get(key)?.value;
  }
  put(key: string, value: V): void {
    if (value === undefined || value === null)
      throw new TypeError(`store ${this.name}: put(${key}) needs a value; use delete`);
    const writtenMs = Math.max(0, this.#streamTimeMs());
    if (this.#steps && this.#table.get(key) === undefined) this.#remember(this.#steps, key, writtenMs);
    this.#table.put(key, { writtenMs, value });
  }
  delete(key: string): void {
    this.#table.delete(key);
  }
  *entries(): IterableIterator<[string, V]> {
    for (const [key, { value }] of this.#table.entries()) yield [key, value];
  }
  *range(from?: string, to?: string): IterableIterator<[string, V]> {
    for (const [key, { value }] of this.#table.range(from, to)) yield [key, value];
  }

  getCommitted(key: string): V | undefined {
    return this.#table.getCommitted(key)?.value;
  }
  *committedRange(from?: string, to?: string): IterableIterator<[string, V]> {
    for (const [key, { value }] of this.#table.committedRange(from, to)) yield [key, value];
  }

  expire(streamTimeMs: number): void {
    const steps = this.#steps ?? this.#build();
    const firstAlive = Math.floor((streamTimeMs - this.#ttlMs) / this.#stepMs);
    for (const [step, keys] of steps) {
      if (step >= firstAlive) continue;
      steps.delete(step);
      for (const key of keys) {
        const row = this.#table.get(key);
        if (!row) continue;
        if (Math.floor(row.writtenMs / this.#stepMs) < firstAlive) this.#table.delete(key);
        else this.#remember(steps, key, row.writtenMs);
      }
    }
  }
  freeze(write: RowVisitor): number {
    return this.#table.freeze(write);
  }
  commit(): void {
    this.#table.commit();
  }
  rollback(): void {
    this.#table.rollback();
    this.#steps = null;
  }
  restore(...row: Parameters<RowVisitor>): void {
    this.#table.restore(...row);
    this.#steps = null;
  }
  committedRows(visit: RowVisitor, perStep: number): IterableIterator<number> {
    return this.#table.committedRows(visit, perStep);
  }

  #remember(steps: Map<number, Set<string>>, key: string, writtenMs: number): void {
    const step = Math.floor(writtenMs / this.#stepMs);
    const keys = steps.get(step);
    if (keys) keys.add(key);
    else steps.set(step, new Set([key]));
  }
  #build(): Map<number, Set<string>> {
    const steps = new Map<number, Set<string>>();
    for (const [key, { writtenMs }] of this.#table.entries()) this.#remember(steps, key, writtenMs);
    this.#steps = steps;
    return steps;
  }
}
