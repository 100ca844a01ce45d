import type { KeyValueStore } from '../topology/types.ts';

/**
 * A key-value store in memory with before-images: a transaction's changes can be undone exactly. Values are immutable
 * (a processor puts a new one), so a before-image is just the old reference.
 */
export class MemoryStore<V = unknown> implements KeyValueStore<V> {
  readonly name: string;
  readonly #values = new Map<string, V>();
  /** Value before this transaction of every key it changed; `undefined`: the key was absent. */
  readonly #before = new Map<string, V | undefined>();

  constructor(name: string) {
    this.name = name;
  }
  get size(): number {
    return this.#values.size;
  }
  get(key: string): V | undefined {
    return this.#values.get(key);
  }
  put(key: string, value: V): void {
    if (value === undefined || value === null)
      throw new TypeError(`store ${this.name}: put(${key}) needs a value; use delete`);
    if (!this.#before.has(key)) this.#before.set(key, this.#values.get(key));
    this.#values.set(key, value);
  }
  delete(key: string): void {
    if (!this.#values.has(key)) return;
    if (!this.#before.has(key)) this.#before.set(key, this.#values.get(key));
    this.#values.delete(key);
  }
  entries(): IterableIterator<[string, V]> {
    return this.#values.entries();
  }

  /** Keys changed since the last commit with their present values; `undefined`: deleted. A key that came and went within the transaction is left out. */
  *dirty(): IterableIterator<[string, V | undefined]> {
    for (const [key, before] of this.#before) {
      const value = this.#values.get(key);
      if (value !== before) yield [key, value];
    }
  }
  /** The transaction is committed: its changes stay. */
  commit(): void {
    this.#before.clear();
  }
  /** The transaction is aborted: every key is as it was at the last commit. */
  rollback(): void {
    for (const [key, value] of this.#before) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
    this.#before.clear();
  }
  /** Sets a value read from the changelog; not a change of the transaction. */
  restore(key: string, value: V | undefined): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}
