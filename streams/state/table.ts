import type { AvroType } from '../kit/avro.ts';
import type { KeyValueStore } from '../topology/types.ts';
import { KeyIndex } from './key-index.ts';
import { copyBytes, Slab } from './slab.ts';
import type { QueryableStore, RowVisitor, StateStore } from './store.ts';

/** Up to this many entries, values once read stay decoded; of a larger table only those of the open transaction do. */
const DECODED_ENTRIES = 65_536;
const OPEN = 1;
const FROZEN = 2;
const DELETED = Symbol('deleted');

/**
 * Key-value state whose committed rows are bytes outside the JavaScript heap, just as the changelog has them: one byte of
 * topology version and the Avro body. The open transaction's values are objects; the cut encodes each once, an abort forgets
 * them. So a million keys cost the garbage collector nothing, and a restore copies bytes.
 *
 * Values are immutable: put a new one.
 */
export class Table<V = unknown> implements StateStore, KeyValueStore<V>, QueryableStore<V> {
  readonly name: string;
  readonly #type: AvroType;
  readonly #version: number;
  readonly #index = new KeyIndex();
  readonly #values = new Slab();
  /** By row: where the committed value lies, and its length; -1: there is none. */
  #valueAt = new Uint32Array(64);
  #valueLength = new Int32Array(64).fill(-1);
  #flags = new Uint8Array(64);
  /** By row: the present value, decoded. Always there for rows of the open or the frozen transaction. */
  readonly #objects: (V | typeof DELETED | undefined)[] = [];
  #open: number[] = [];
  /** Row, start and end in `#frozenBytes` of each change, one after the other: objects would live just long enough to cost the collector. */
  #frozen: number[] = [];
  #frozenBytes = Buffer.allocUnsafe(4096);
  #size = 0;
  /** A processor mostly puts what it has just got: the key asked for last, and its row. */
  #lastKey: string | null = null;
  #lastRow = -1;

  constructor(name: string, type: AvroType, version: number) {
    this.name = name;
    this.#type = type;
    this.#version = version;
  }

  get size(): number {
    return this.#size;
  }
  /** Memory outside the heap, bytes. */
  get bytes(): number {
    return this.#values.bytes + this.#index.bytes + this.#valueAt.length * 9;
  }

  get(key: string): V | undefined {
    const row = this.#find(key);
    return row < 0 ? undefined : this.#read(row);
  }
  put(key: string, value: V): void {
    if (value === undefined || value === null)
      throw new TypeError(`store ${this.name}: put(${key}) needs a value; use delete`);
    const row = this.#row(key);
    const before = this.#objects[row];
    if (before === value) return;
    if (before === DELETED || (before === undefined && this.#valueLength[row]! < 0)) this.#size++;
    this.#objects[row] = value;
    this.#touch(row);
  }
  delete(key: string): void {
    const row = this.#find(key);
    if (row < 0) return;
    const before = this.#objects[row];
    if (before === DELETED || (before === undefined && this.#valueLength[row]! < 0)) return;
    this.#size--;
    this.#objects[row] = DELETED;
    this.#touch(row);
  }
  *entries(): IterableIterator<[string, V]> {
    for (let row = 0; row < this.#index.rows; row++) {
      if (!this.#index.has(row)) continue;
      const value = this.#read(row);
      if (value !== undefined) yield [this.#index.key(row), value];
    }
  }
  /** Sorted for the call: the cost is that of all entries. */
  *range(from?: string, to?: string): IterableIterator<[string, V]> {
    const keys: string[] = [];
    for (let row = 0; row < this.#index.rows; row++) {
      if (!this.#index.has(row)) continue;
      const key = this.#index.key(row);
      if ((from === undefined || key >= from) && (to === undefined || key < to)) keys.push(key);
    }
    for (const key of keys.sort((a, b) => (a < b ? -1 : 1))) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  getCommitted(key: string): V | undefined {
    const row = this.#index.find(key);
    return row < 0 ? undefined : this.#readCommitted(row);
  }
  *committedRange(from?: string, to?: string): IterableIterator<[string, V]> {
    const found: [string, V][] = [];
    for (let row = 0; row < this.#index.rows; row++) {
      if (!this.#index.has(row)) continue;
      const key = this.#index.key(row);
      if ((from !== undefined && key < from) || (to !== undefined && key >= to)) continue;
      const value = this.#readCommitted(row);
      if (value !== undefined) found.push([key, value]);
    }
    yield* found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  expire(_streamTimeMs: number): void {}

  freeze(write: RowVisitor): number {
    if (this.#frozen.length > 0) throw new Error(`store ${this.name}: the last cut is not committed yet`);
    let end = 0;
    let written = 0;
    for (const row of this.#open) {
      const value = this.#objects[row]!;
      const start = end;
      const isDeleted = value === DELETED;
      if (!isDeleted) end = this.#encode(value, start);
      this.#flags[row] = FROZEN;
      this.#frozen.push(row, start, end);
      // What came and went within the transaction was never there.
      if (isDeleted && this.#valueLength[row]! < 0) continue;
      const { buffer, offset, length } = this.#index.keyBytes(row);
      write(buffer, offset, offset + length, isDeleted ? null : this.#frozenBytes, start, end);
      written++;
    }
    this.#open = [];
    return written;
  }
  commit(): void {
    const keepDecoded = this.#size <= DECODED_ENTRIES;
    const frozen = this.#frozen;
    for (let at = 0; at < frozen.length; at += 3) {
      const row = frozen[at]!;
      const start = frozen[at + 1]!;
      const end = frozen[at + 2]!;
      const isOpen = (this.#flags[row]! & OPEN) !== 0;
      this.#flags[row]! &= OPEN;
      if (end > start) this.#store(row, this.#frozenBytes, start, end);
      else this.#drop(row);
      if (isOpen) continue;
      if (end === start) this.#remove(row);
      else if (!keepDecoded) this.#objects[row] = undefined;
    }
    this.#frozen = [];
  }
  rollback(): void {
    for (let at = 0; at < this.#frozen.length; at += 3) this.#undo(this.#frozen[at]!);
    for (const row of this.#open) if (this.#flags[row] !== 0) this.#undo(row);
    this.#frozen = [];
    this.#open = [];
  }
  restore(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer | null,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (value === null) {
      const row = this.#index.findBytes(key, keyStart, keyEnd);
      if (row < 0) return;
      this.#drop(row);
      this.#remove(row);
      this.#size--;
      return;
    }
    const row = this.#index.addBytes(key, keyStart, keyEnd);
    this.#ensure(row);
    if (this.#valueLength[row]! < 0) this.#size++;
    this.#objects[row] = undefined;
    this.#store(row, value, valueStart, valueEnd);
  }
  *committedRows(visit: RowVisitor, perStep: number): IterableIterator<number> {
    let visited = 0;
    for (let row = 0; row < this.#index.rows; row++) {
      if (this.#index.has(row) && this.#valueLength[row]! >= 0) {
        const { buffer, offset, length } = this.#index.keyBytes(row);
        const at = this.#values.offset(this.#valueAt[row]!);
        const bytes = this.#values.buffer(this.#valueAt[row]!);
        visit(buffer, offset, offset + length, bytes, at, at + this.#valueLength[row]!);
        visited++;
      }
      if ((row + 1) % perStep === 0) yield visited;
    }
    yield visited;
  }

  #read(row: number): V | undefined {
    const value = this.#objects[row];
    if (value !== undefined) return value === DELETED ? undefined : value;
    const decoded = this.#readCommitted(row);
    if (decoded !== undefined && this.#size <= DECODED_ENTRIES) this.#objects[row] = decoded;
    return decoded;
  }
  #readCommitted(row: number): V | undefined {
    if (this.#valueLength[row]! < 0) return undefined;
    const place = this.#valueAt[row]!;
    return this.#type.decode(this.#values.buffer(place), this.#values.offset(place) + 1).value as V;
  }
  /** The key's row, or -1. */
  #find(key: string): number {
    if (key === this.#lastKey) return this.#lastRow;
    const row = this.#index.find(key);
    if (row >= 0) {
      this.#lastKey = key;
      this.#lastRow = row;
    }
    return row;
  }
  /** The key's row, given now if it has none. */
  #row(key: string): number {
    if (key === this.#lastKey) return this.#lastRow;
    const row = this.#index.add(key);
    this.#ensure(row);
    this.#lastKey = key;
    this.#lastRow = row;
    return row;
  }
  #touch(row: number): void {
    if ((this.#flags[row]! & OPEN) !== 0) return;
    this.#flags[row]! |= OPEN;
    this.#open.push(row);
  }
  /** Back to the committed value. */
  #undo(row: number): void {
    const value = this.#objects[row];
    const committed = this.#valueLength[row]! >= 0;
    if (value === DELETED) this.#size += committed ? 1 : 0;
    else if (!committed) this.#size--;
    this.#flags[row] = 0;
    this.#objects[row] = undefined;
    if (!committed) this.#removeKey(row);
  }
  #remove(row: number): void {
    this.#objects[row] = undefined;
    this.#removeKey(row);
  }
  /** The row's number may be another key's from now on. */
  #removeKey(row: number): void {
    if (row === this.#lastRow) this.#lastKey = null;
    this.#index.remove(row);
  }
  #store(row: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const before = this.#valueLength[row]!;
    if (before < 0 || !this.#values.fits(length, before)) {
      this.#drop(row);
      this.#valueAt[row] = this.#values.allocate(length);
    }
    this.#valueLength[row] = length;
    const place = this.#valueAt[row]!;
    copyBytes(bytes, start, end, this.#values.buffer(place), this.#values.offset(place));
  }
  /** Forgets the committed value. */
  #drop(row: number): void {
    const length = this.#valueLength[row]!;
    if (length >= 0) this.#values.free(this.#valueAt[row]!, length);
    this.#valueLength[row] = -1;
  }
  #encode(value: V, start: number): number {
    for (;;) {
      if (start < this.#frozenBytes.length) {
        this.#frozenBytes[start] = this.#version;
        const end = this.#type.encode(value, this.#frozenBytes, start + 1);
        if (end >= 0) return end;
      }
      const grown = Buffer.allocUnsafeSlow(this.#frozenBytes.length * 2);
      this.#frozenBytes.copy(grown, 0, 0, start);
      this.#frozenBytes = grown;
    }
  }
  #ensure(row: number): void {
    const length = this.#valueAt.length;
    if (row < length) return;
    const valueAt = new Uint32Array(length * 2);
    valueAt.set(this.#valueAt);
    const valueLength = new Int32Array(length * 2).fill(-1, length);
    valueLength.set(this.#valueLength);
    const flags = new Uint8Array(length * 2);
    flags.set(this.#flags);
    this.#valueAt = valueAt;
    this.#valueLength = valueLength;
    this.#flags = flags;
  }
}
