import type { SessionStore } from '../topology/types.ts';
import type { Table } from './table.ts';
import { firstAfter, keyBehind, TimeIndex, timeAt, timeDigits } from './time-index.ts';
import { TimedStore } from './timed-store.ts';

interface Session<V> {
  readonly startMs: number;
  readonly endMs: number;
  readonly value: V;
}
/** By key and end the starts: sessions of a key rarely share an end, but a caller may put what it likes. */
interface SessionIndex {
  readonly ends: TimeIndex;
  readonly starts: Map<string, number[]>;
}

/**
 * Values by key and session. Rows, and so the changelog, have the key `<end><start><key>`, both times as twelve hexadecimal digits of
 * milliseconds. A session ends its life when its end is older than stream time less retention, a 64th of the retention later at
 * the latest.
 */
export class TableSessionStore<V = unknown> extends TimedStore<V, SessionIndex> implements SessionStore<V> {
  readonly #retentionMs: number;
  readonly #streamTimeMs: () => number;

  constructor(table: Table<V>, retentionMs: number, streamTimeMs: () => number) {
    super(table);
    this.#retentionMs = retentionMs;
    this.#streamTimeMs = streamTimeMs;
  }

  get(key: string, startMs: number, endMs: number): V | undefined {
    return this.table.get(rowKey(key, startMs, endMs));
  }
  put(key: string, startMs: number, endMs: number, value: V): boolean {
    if (startMs > endMs) throw new RangeError(`store ${this.name}: a session cannot end before it starts`);
    if (endMs < this.#streamTimeMs() - this.#retentionMs) return false;
    this.table.put(rowKey(key, startMs, endMs), value);
    add(this.index, key, startMs, endMs);
    return true;
  }
  delete(key: string, startMs: number, endMs: number): void {
    this.table.delete(rowKey(key, startMs, endMs));
    const { ends, starts } = this.index;
    const place = timeDigits(endMs) + key;
    const left = (starts.get(place) ?? []).filter((start) => start !== startMs);
    if (left.length > 0) starts.set(place, left);
    else {
      starts.delete(place);
      ends.remove(key, endMs);
    }
  }
  *find(key: string, earliestEndMs: number, latestStartMs: number): IterableIterator<Session<V>> {
    const { ends, starts } = this.index;
    const times = ends.times(key);
    const found: Session<V>[] = [];
    for (const endMs of times.slice(firstAfter(times, earliestEndMs - 1))) {
      for (const startMs of starts.get(timeDigits(endMs) + key) ?? []) {
        if (startMs <= latestStartMs) found.push({ startMs, endMs, value: this.get(key, startMs, endMs)! });
      }
    }
    yield* found.sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
  }
  *all(): IterableIterator<Session<V> & { readonly key: string }> {
    for (const [row, value] of this.table.range())
      yield { key: keyBehind(row, 2), startMs: timeAt(row, 1), endMs: timeAt(row, 0), value };
  }

  expire(streamTimeMs: number): void {
    const { ends, starts } = this.index;
    const horizonMs = ends.horizon(streamTimeMs - this.#retentionMs);
    for (const key of ends.takeBefore(horizonMs)) {
      for (const endMs of [...ends.times(key)]) {
        if (endMs >= horizonMs) break;
        for (const startMs of starts.get(timeDigits(endMs) + key) ?? []) this.delete(key, startMs, endMs);
      }
    }
  }

  protected build(): SessionIndex {
    const index: SessionIndex = { ends: new TimeIndex(this.#retentionMs), starts: new Map() };
    for (const [row] of this.table.range()) add(index, keyBehind(row, 2), timeAt(row, 1), timeAt(row, 0));
    return index;
  }
}

const rowKey = (key: string, startMs: number, endMs: number) => timeDigits(endMs) + timeDigits(startMs) + key;

function add({ ends, starts }: SessionIndex, key: string, startMs: number, endMs: number): void {
  ends.add(key, endMs);
  const place = timeDigits(endMs) + key;
  const known = starts.get(place);
  if (!known) starts.set(place, [startMs]);
  else if (!known.includes(startMs)) known.push(startMs);
}
