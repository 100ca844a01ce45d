/**
 * Items of one key in the order of their times, for what is made of them one after the other (indicators of bars, regimes of returns) and must be
 * the same whatever came late, was changed, or was kept by another process: states of the making each so many items, and the items
 * since the older of two. What is made begins again from the last state before a change.
 */
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore } from '#streams/topology/types.ts';

/** What an item has besides its own. */
export interface Placed {
  /** Which item of its key this is, counted from 0. */
  readonly number: number;
  /** What items are ordered by, e.g. a day or a beginning. */
  readonly time: number;
  /** How often what is made of it was made anew. */
  readonly revision: number;
}

/** What was made of so many items; key KEY/0 or KEY/1. */
export interface KeptState {
  /** Number of the first item that is not in it. */
  readonly next: number;
  /** What makes it: another maker cannot go on from it. */
  readonly maker: string;
  /** Doubles, little endian. */
  readonly state: Uint8Array;
}
export const KEPT_STATE_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'KeptState',
  namespace: 'tidemark',
  doc: 'What was made of so many items; key of the items, then /0 or /1.',
  fields: [
    { name: 'next', type: 'long' },
    { name: 'maker', type: 'string' },
    { name: 'state', type: 'bytes' },
  ],
};

export interface JournalOptions<Item> {
  readonly key: string;
  readonly items: KeyValueStore<Item>;
  readonly states: KeyValueStore<KeptState>;
  readonly maker: string;
  /** Items between two states. Late ones are taken at least so far back. */
  readonly stateEvery: number;
}

export class Journal<Item extends Placed> {
  readonly #options: JournalOptions<Item>;
  readonly #places: number;
  /** Since the older state, by rising number. */
  readonly #items: Item[] = [];

  constructor(options: JournalOptions<Item>) {
    this.#options = options;
    this.#places = 2 * options.stateEvery;
    for (let place = 0; place < this.#places; place++) {
      const item = options.items.get(`${options.key}/${place}`);
      if (item) this.#items.push(item);
    }
    this.#items.sort((a, b) => a.number - b.number);
  }

  /** Since the older state at least, by rising number and time. */
  get items(): readonly Item[] {
    return this.#items;
  }
  get newest(): Item | undefined {
    return this.#items.at(-1);
  }
  /** Number of the next item. */
  get next(): number {
    return (this.newest?.number ?? -1) + 1;
  }

  /** The item of a time. */
  find(time: number): Item | undefined {
    return this.#items.findLast((item) => item.time === time);
  }

  /**
   * Puts an item in its place: behind the newest, between two, or instead of the one of its time. Gives its number: what is made of it and of those
   * behind is made anew. Null where it is too late for that, and nothing is changed.
   */
  put(item: Omit<Item, keyof Placed> & { readonly time: number }): number | null {
    const index = this.#items.findIndex(({ time }) => time >= item.time);
    if (index < 0) {
      const number = this.next;
      this.#keep({ ...item, number, revision: 0 } as unknown as Item);
      return number;
    }
    const old = this.#items[index]!;
    const known = old.time === item.time ? old : null;
    if (!this.#canBeginBefore(old.number, known ? 0 : 1)) return null;
    const later = this.#items.splice(index);
    this.#keep({ ...item, number: old.number, revision: known ? known.revision + 1 : 0 } as unknown as Item);
    const shift = known ? 0 : 1;
    for (const other of known ? later.slice(1) : later)
      this.#keep({ ...other, number: other.number + shift, revision: other.revision + 1 });
    return old.number;
  }

  /** Whether `put` can put an item of this time, behind `more` others that are new and not behind the newest. */
  reaches(time: number, more = 0): boolean {
    const item = this.#items.find((each) => each.time >= time);
    return item === undefined || this.#canBeginBefore(item.number, (item.time === time ? 0 : 1) + more);
  }

  /** Another one with the same number and time: what is known of it has grown. */
  replace(item: Item): void {
    this.#items[this.#items.findIndex(({ number }) => number === item.number)] = item;
    this.#options.items.put(`${this.#options.key}/${item.number % this.#places}`, item);
  }

  /** The last state before item `number`, and the items since. Without a state, the items that there are. */
  startBefore(number: number): { readonly state: Float64Array | null; readonly items: readonly Item[] } {
    const kept = this.#stateBefore(number);
    return {
      state: kept && doublesOf(kept.state),
      items: kept ? this.#items.filter((item) => item.number >= kept.next) : this.#items,
    };
  }

  /** Whether `startBefore` has all that was ever made, in a state or as items. */
  isWholeBefore(number: number): boolean {
    return this.#items.length === 0 || this.#items[0]!.number === 0 || this.#stateBefore(number) !== null;
  }

  /** To be called after each item, in their order: keeps a state now and then. */
  keepStateAfter(number: number, snapshot: () => Float64Array): void {
    if ((number + 1) % this.#options.stateEvery === 0) this.keepState(number + 1, snapshot());
  }
  /** `next`: number of the first item that is not in it. */
  keepState(next: number, { buffer, byteOffset, byteLength }: Float64Array): void {
    const { states, key, stateEvery, maker } = this.#options;
    const slot = Math.floor(next / stateEvery) % 2;
    states.put(`${key}/${slot}`, { next, maker, state: Buffer.from(buffer, byteOffset, byteLength) });
  }

  #keep(item: Item): void {
    this.#items.push(item);
    if (this.#items.length > this.#places) this.#items.shift();
    this.#options.items.put(`${this.#options.key}/${item.number % this.#places}`, item);
  }

  /** There is a state, or the very first item, from which making can begin; still so when there are `added` items more. */
  #canBeginBefore(number: number, added: number): boolean {
    const hasAll = this.#items[0]!.number === 0 && this.#items.length + added <= this.#places;
    return hasAll || this.#stateBefore(number) !== null;
  }

  /** The newest state that does not have item `number` yet, of this maker, and of items that are followed by those here. */
  #stateBefore(number: number): KeptState | null {
    const { states, key, maker } = this.#options;
    const first = this.#items[0]?.number ?? 0;
    let found: KeptState | null = null;
    for (const slot of [0, 1]) {
      const state = states.get(`${key}/${slot}`);
      if (!state || state.maker !== maker || state.next > number || state.next < first) continue;
      if (!found || state.next > found.next) found = state;
    }
    return found;
  }
}

/** In memory of their own: the bytes may stand anywhere. */
const doublesOf = (bytes: Uint8Array): Float64Array => new Float64Array(Uint8Array.from(bytes).buffer);
