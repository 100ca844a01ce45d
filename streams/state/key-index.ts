import { copyBytes, Slab } from './slab.ts';

/** Where a key lies. One object is used again for every answer. */
export interface KeyBytes {
  buffer: Buffer;
  offset: number;
  length: number;
}

/**
 * Numbers keys: a hash table with open addressing whose keys (UTF-8) and slots lie outside the JavaScript heap. A key keeps its row
 * number until it is removed; numbers of removed keys are given again.
 */
export class KeyIndex {
  /** Row + 1, or 0 where empty. Never more than half full. */
  #slots = new Int32Array(128);
  #hashes = new Int32Array(64);
  #keyAt = new Uint32Array(64);
  /** -1: the row is free. */
  #keyLength = new Int32Array(64).fill(-1);
  readonly #keys = new Slab();
  readonly #freeRows: number[] = [];
  readonly #answer: KeyBytes = { buffer: Buffer.alloc(0), offset: 0, length: 0 };
  #scratch = Buffer.allocUnsafe(1024);
  #scratchLength = 0;
  #count = 0;
  #rows = 0;

  /** One more than the highest row number in use so far. */
  get rows(): number {
    return this.#rows;
  }
  get bytes(): number {
    return this.#keys.bytes + this.#slots.length * 4 + this.#hashes.length * 12;
  }
  has(row: number): boolean {
    return this.#keyLength[row]! >= 0;
  }
  key(row: number): string {
    const { buffer, offset, length } = this.keyBytes(row);
    return buffer.toString('utf8', offset, offset + length);
  }
  /** Valid until the next call. */
  keyBytes(row: number): KeyBytes {
    const answer = this.#answer;
    const place = this.#keyAt[row]!;
    answer.buffer = this.#keys.buffer(place);
    answer.offset = this.#keys.offset(place);
    answer.length = this.#keyLength[row]!;
    return answer;
  }

  /** The key's row, or -1. */
  find(key: string): number {
    const hash = this.#toScratch(key);
    return this.#slots[this.#slot(this.#scratch, 0, this.#scratchLength, hash)]! - 1;
  }
  findBytes(key: Buffer, start: number, end: number): number {
    return this.#slots[this.#slot(key, start, end, hashBytes(key, start, end))]! - 1;
  }
  /** The key's row, given now if it has none. */
  add(key: string): number {
    const hash = this.#toScratch(key);
    return this.#add(this.#scratch, 0, this.#scratchLength, hash);
  }
  addBytes(key: Buffer, start: number, end: number): number {
    return this.#add(key, start, end, hashBytes(key, start, end));
  }
  remove(row: number): void {
    const mask = this.#slots.length - 1;
    let hole = this.#hashes[row]! & mask;
    while (this.#slots[hole] !== row + 1) hole = (hole + 1) & mask;
    // Entries behind the hole that would no longer be found move into it.
    for (let at = (hole + 1) & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashes[this.#slots[at]! - 1]! & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        this.#slots[hole] = this.#slots[at]!;
        hole = at;
      }
    }
    this.#slots[hole] = 0;
    this.#keys.free(this.#keyAt[row]!, this.#keyLength[row]!);
    this.#keyLength[row] = -1;
    this.#freeRows.push(row);
    this.#count--;
  }

  #add(key: Buffer, start: number, end: number, hash: number): number {
    let slot = this.#slot(key, start, end, hash);
    const found = this.#slots[slot]! - 1;
    if (found >= 0) return found;
    if ((this.#count + 1) * 2 > this.#slots.length) {
      this.#rehash();
      slot = this.#slot(key, start, end, hash);
    }
    const row = this.#freeRows.pop() ?? this.#rows++;
    if (row >= this.#hashes.length) this.#growRows();
    const place = this.#keys.allocate(end - start);
    copyBytes(key, start, end, this.#keys.buffer(place), this.#keys.offset(place));
    this.#keyAt[row] = place;
    this.#keyLength[row] = end - start;
    this.#hashes[row] = hash;
    this.#slots[slot] = row + 1;
    this.#count++;
    return row;
  }

  /** The slot of the key, or the empty one where it belongs. */
  #slot(key: Buffer, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hash & mask;
    for (let row = slots[at]!; row !== 0; row = slots[at]!) {
      if (this.#hashes[row - 1] === hash && this.#isKey(row - 1, key, start, end)) return at;
      at = (at + 1) & mask;
    }
    return at;
  }
  #isKey(row: number, key: Buffer, start: number, end: number): boolean {
    if (this.#keyLength[row] !== end - start) return false;
    const place = this.#keyAt[row]!;
    const own = this.#keys.buffer(place);
    let at = this.#keys.offset(place);
    for (let index = start; index < end; index++) if (own[at++] !== key[index]) return false;
    return true;
  }
  /** Writes the key to the scratch buffer and returns its hash. */
  #toScratch(key: string): number {
    if (key.length * 3 > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(key.length * 6);
    const scratch = this.#scratch;
    let hash = SEED;
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(index);
      if (code > 127) {
        this.#scratchLength = scratch.write(key);
        return hashBytes(scratch, 0, this.#scratchLength);
      }
      scratch[index] = code;
      hash = Math.imul(hash ^ code, PRIME);
    }
    this.#scratchLength = key.length;
    return finish(hash);
  }
  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#rows; row++) {
      if (this.#keyLength[row]! < 0) continue;
      let at = this.#hashes[row]! & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = row + 1;
    }
    this.#slots = slots;
  }
  #growRows(): void {
    const length = this.#hashes.length * 2;
    const hashes = new Int32Array(length);
    hashes.set(this.#hashes);
    const keyAt = new Uint32Array(length);
    keyAt.set(this.#keyAt);
    const keyLength = new Int32Array(length).fill(-1, this.#keyLength.length);
    keyLength.set(this.#keyLength);
    this.#hashes = hashes;
    this.#keyAt = keyAt;
    this.#keyLength = keyLength;
  }
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo), with murmur3's final mix so that the low bits depend on all. */
const SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
function hashBytes(bytes: Buffer, start: number, end: number): number {
  let hash = SEED;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ bytes[index]!, PRIME);
  return finish(hash);
}
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
