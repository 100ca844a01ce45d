import type { StateStore } from '#streams/state/store.ts';
import type { SessionStore, WindowStore } from '#streams/topology/types.ts';

interface Row {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly value: unknown;
}

/** A window and session store without bytes, for tests of what stands on one. */
export class NaiveStore implements StateStore {
  readonly name: string;
  readonly bytes = 0;
  #rows = new Map<string, Row>();
  #committed = new Map<string, Row>();
  readonly #retentionMs: number;

  constructor(name: string, retentionMs: number) {
    this.name = name;
    this.#retentionMs = retentionMs;
  }
  get size(): number {
    return this.#rows.size;
  }
  row(key: string, startMs: number, endMs: number): unknown {
    return this.#rows.get(JSON.stringify([key, startMs, endMs]))?.value;
  }
  set(key: string, startMs: number, endMs: number, value: unknown): boolean {
    this.#rows.set(JSON.stringify([key, startMs, endMs]), { key, startMs, endMs, value });
    return true;
  }
  remove(key: string, startMs: number, endMs: number): void {
    this.#rows.delete(JSON.stringify([key, startMs, endMs]));
  }
  rows(): Row[] {
    return [...this.#rows.values()].sort((a, b) => a.startMs - b.startMs || (a.key < b.key ? -1 : 1));
  }
  expire(streamTimeMs: number): void {
    for (const { key, startMs, endMs } of this.rows())
      if (endMs < streamTimeMs - this.#retentionMs) this.remove(key, startMs, endMs);
  }
  freeze(): number {
    return 0;
  }
  commit(): void {
    this.#committed = new Map(this.#rows);
  }
  rollback(): void {
    this.#rows = new Map(this.#committed);
  }
  restore(): void {}
  *committedRows(): IterableIterator<number> {}
}

export class NaiveWindowStore extends NaiveStore implements WindowStore<unknown> {
  get = (key: string, startMs: number) => this.row(key, startMs, startMs);
  put = (key: string, startMs: number, value: unknown) => this.set(key, startMs, startMs, value);
  delete = (key: string, startMs: number) => this.remove(key, startMs, startMs);
  *fetch(key: string, fromMs: number, toMs: number): IterableIterator<[number, unknown]> {
    for (const row of this.rows())
      if (row.key === key && row.startMs >= fromMs && row.startMs <= toMs) yield [row.startMs, row.value];
  }
  *all(): IterableIterator<[string, number, unknown]> {
    for (const { key, startMs, value } of this.rows()) yield [key, startMs, value];
  }
}

export class NaiveSessionStore extends NaiveStore implements SessionStore<unknown> {
  get = (key: string, startMs: number, endMs: number) => this.row(key, startMs, endMs);
  put = (key: string, startMs: number, endMs: number, value: unknown) => this.set(key, startMs, endMs, value);
  delete = (key: string, startMs: number, endMs: number) => this.remove(key, startMs, endMs);
  *find(key: string, earliestEndMs: number, latestStartMs: number): IterableIterator<Row> {
    for (const row of this.rows())
      if (row.key === key && row.endMs >= earliestEndMs && row.startMs <= latestStartMs) yield row;
  }
  all(): IterableIterator<Row> {
    return this.rows().values();
  }
}
