import { type AvroSchema, type AvroType, avroType } from '../kit/avro.ts';
import type { Version, VersionedStore } from '../topology/types.ts';
import type { Table } from './table.ts';
import { firstAfter, keyBehind, TimeIndex, timeAt, timeDigits } from './time-index.ts';
import { TimedStore } from './timed-store.ts';

/** A version's row: its value, or none where it is a deletion. A tombstone in the changelog would be compacted away. */
export interface VersionRow<V> {
  readonly value: readonly V[];
}
export const versionType = (value: AvroSchema): AvroType =>
  avroType({
    type: 'record',
    name: 'Version',
    namespace: 'tidemark.state',
    fields: [{ name: 'value', type: { type: 'array', items: value } }],
  });

/**
 * Values by key as of any time within the history (KIP-889). Rows, and so the changelog, have the key `<since><key>`, the time as twelve
 * hexadecimal digits of milliseconds. Of the versions that are too old the newest stays, a deletion too: it is what held when the history
 * began, and without it one that comes late and is older still would take its place.
 */
export class TableVersionedStore<V = unknown>
  extends TimedStore<VersionRow<V>, TimeIndex>
  implements VersionedStore<V>
{
  readonly #historyMs: number;
  readonly #streamTimeMs: () => number;

  constructor(table: Table<VersionRow<V>>, historyMs: number, streamTimeMs: () => number) {
    super(table);
    this.#historyMs = historyMs;
    this.#streamTimeMs = streamTimeMs;
  }

  get(key: string): Version<V> | undefined {
    const times = this.index.times(key);
    return this.#version(key, times[times.length - 1]);
  }
  getAsOf(key: string, asOfMs: number): Version<V> | undefined {
    const times = this.index.times(key);
    return this.#version(key, times[firstAfter(times, asOfMs) - 1]);
  }
  put(key: string, value: V | null, timestampMs: number): boolean {
    const times = this.index.times(key);
    const horizonMs = this.#streamTimeMs() - this.#historyMs;
    // Another one has taken its place before the history began: nobody could see it.
    const next = times[firstAfter(times, timestampMs)];
    if (next !== undefined && next <= horizonMs) return false;
    this.table.put(timeDigits(timestampMs) + key, { value: value === null ? [] : [value] });
    this.index.add(key, timestampMs);
    return true;
  }

  expire(streamTimeMs: number): void {
    const horizonMs = this.index.horizon(streamTimeMs - this.#historyMs);
    for (const key of this.index.takeBefore(horizonMs)) {
      const times = [...this.index.times(key)];
      const held = firstAfter(times, horizonMs) - 1;
      for (const timeMs of times.slice(0, Math.max(0, held))) this.#remove(key, timeMs);
    }
  }

  protected build(): TimeIndex {
    const index = new TimeIndex(this.#historyMs);
    for (const [row] of this.table.range()) index.add(keyBehind(row), timeAt(row));
    return index;
  }

  #version(key: string, timestampMs: number | undefined): Version<V> | undefined {
    if (timestampMs === undefined) return undefined;
    const row = this.table.get(timeDigits(timestampMs) + key);
    return row && row.value.length > 0 ? { value: row.value[0]!, timestampMs } : undefined;
  }
  #remove(key: string, timestampMs: number): void {
    this.table.delete(timeDigits(timestampMs) + key);
    this.index.remove(key, timestampMs);
  }
}
