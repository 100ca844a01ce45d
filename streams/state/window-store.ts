import type { WindowStore } from '../topology/types.ts';
import type { Table } from './table.ts';
import { firstAfter, keyBehind, TimeIndex, timeAt, timeDigits } from './time-index.ts';
import { TimedStore } from './timed-store.ts';

/**
 * Values by key and start of window. Rows, and so the changelog, have the key `<start><key>`, the start as twelve hexadecimal digits of
 * milliseconds. What starts before stream time less retention is not taken; what is there is deleted, with tombstones, a
 * 64th of the retention later at the latest.
 */
export class TableWindowStore<V = unknown> extends TimedStore<V, TimeIndex> implements WindowStore<V> {
  readonly #retentionMs: number;
  readonly #streamTimeMs: () => number;

  constructor(table: Table<V>, retentionMs: number, streamTimeMs: () => number) {
    super(table);
    this.#retentionMs = retentionMs;
    this.#streamTimeMs = streamTimeMs;
  }

  get(key: string, startMs: number): V | undefined {
    return this.table.get(timeDigits(startMs) + key);
  }
  put(key: string, startMs: number, value: V): boolean {
    if (startMs < this.#streamTimeMs() - this.#retentionMs) return false;
    this.table.put(timeDigits(startMs) + key, value);
    this.index.add(key, startMs);
    return true;
  }
  delete(key: string, startMs: number): void {
    this.table.delete(timeDigits(startMs) + key);
    this.index.remove(key, startMs);
  }
  *fetch(key: string, fromMs: number, toMs: number): IterableIterator<[startMs: number, value: V]> {
    // A copy of the part asked for: the caller may put and delete while it reads.
    const times = this.index.times(key);
    for (const startMs of times.slice(firstAfter(times, fromMs - 1), firstAfter(times, toMs))) {
      const value = this.get(key, startMs);
      if (value !== undefined) yield [startMs, value];
    }
  }
  *all(): IterableIterator<[key: string, startMs: number, value: V]> {
    for (const [row, value] of this.table.range()) yield [keyBehind(row), timeAt(row), value];
  }

  expire(streamTimeMs: number): void {
    const horizonMs = this.index.horizon(streamTimeMs - this.#retentionMs);
    for (const key of this.index.takeBefore(horizonMs)) {
      for (const startMs of [...this.index.times(key)]) {
        if (startMs >= horizonMs) break;
        this.delete(key, startMs);
      }
    }
  }

  protected build(): TimeIndex {
    const index = new TimeIndex(this.#retentionMs);
    for (const [row] of this.table.range()) index.add(keyBehind(row), timeAt(row));
    return index;
  }
}
