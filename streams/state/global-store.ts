import type { GlobalTable, Version } from '../topology/types.ts';

/**
 * A global table's contents in memory: the newest value by key, or with a history every version of the last `historyMs`
 * before the newest event time seen. Fed in any order of event times; of equal times the later record holds.
 */
export class GlobalStore<V = unknown> implements GlobalTable<V> {
  readonly #historyMs: number | null;
  /** Versions of a key by rising time; without a history just one. A value of null is a deletion. */
  readonly #versions = new Map<string, { readonly timestampMs: number; readonly value: V | null }[]>();
  #newestMs = -1;
  #size = 0;

  /** Null: newest values only, in the order of the topic. */
  constructor(historyMs: number | null) {
    this.#historyMs = historyMs;
  }

  get size(): number {
    return this.#size;
  }
  get(key: string): V | undefined {
    return this.#versions.get(key)?.at(-1)?.value ?? undefined;
  }
  getAsOf(key: string, asOfMs: number): Version<V> | undefined {
    const versions = this.#versions.get(key);
    if (!versions) return undefined;
    const at = this.#historyMs === null ? versions.length - 1 : indexAfter(versions, asOfMs) - 1;
    const version = versions[at];
    return version && version.value !== null ? { value: version.value, timestampMs: version.timestampMs } : undefined;
  }
  *entries(): IterableIterator<[string, V]> {
    for (const [key, versions] of this.#versions) {
      const value = versions.at(-1)!.value;
      if (value !== null) yield [key, value];
    }
  }

  /** Takes a record of the topic; null deletes from its time on. */
  apply(key: string, value: V | null, timestampMs: number): void {
    if (timestampMs > this.#newestMs) this.#newestMs = timestampMs;
    const before = this.get(key) !== undefined;
    if (this.#historyMs === null) {
      if (value === null) this.#versions.delete(key);
      else this.#versions.set(key, [{ timestampMs, value }]);
    } else this.#insert(key, value, timestampMs);
    const after = this.get(key) !== undefined;
    this.#size += Number(after) - Number(before);
  }

  #insert(key: string, value: V | null, timestampMs: number): void {
    let versions = this.#versions.get(key);
    if (!versions) {
      versions = [];
      this.#versions.set(key, versions);
    }
    const at = indexAfter(versions, timestampMs);
    if (versions[at - 1]?.timestampMs === timestampMs) versions[at - 1] = { timestampMs, value };
    else versions.splice(at, 0, { timestampMs, value });
    // One version at or before the horizon stays, deletions too: it is what held there, also for a record that comes late.
    const surplus = indexAfter(versions, this.#newestMs - this.#historyMs!) - 1;
    if (surplus > 0) versions.splice(0, surplus);
  }
}

/** How many versions are at or before a time. */
function indexAfter(versions: readonly { readonly timestampMs: number }[], timestampMs: number): number {
  let low = 0;
  for (let high = versions.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (versions[middle]!.timestampMs <= timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
