import type { Bars } from './bars.ts';

const CHUNK = 1024;

/** What several indicators of a set look at: taken on once a bar, before them. */
export interface Shared {
  step(bars: Bars): void;
}

/**
 * What the indicators of a set remember. Numbers that change with each bar (scalars) lie side by side in a few arrays, so that all of them are
 * put back with one copy when the newest bar is replaced. Rings need no putting back: each has room for one value more than
 * is read, so the newest value can be written again and again while the one that leaves the window is still there.
 */
export class Memory {
  readonly #chunks: Float64Array[] = [new Float64Array(CHUNK)];
  readonly #saved: Float64Array[] = [new Float64Array(CHUNK)];
  readonly #initial: Float64Array[] = [new Float64Array(CHUNK)];
  readonly #rings: Float64Array[] = [];
  readonly #shared = new Map<string, Shared>();
  #used = 0;

  /** Scalars that begin with these values; at most 1,024. */
  scalars(...initial: readonly number[]): Float64Array {
    if (this.#used + initial.length > CHUNK) {
      for (const row of [this.#chunks, this.#saved, this.#initial]) row.push(new Float64Array(CHUNK));
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += initial.length;
    for (const row of [this.#chunks, this.#saved, this.#initial]) row.at(-1)!.set(initial, from);
    return this.#chunks.at(-1)!.subarray(from, this.#used);
  }

  /**
   * A ring for the newest `length` values and the one that left last. Indexed by `count & (ring.length - 1)`, where `count` is a
   * scalar that rises by one with each value.
   */
  ring(length: number): Float64Array {
    const ring = new Float64Array(2 ** Math.ceil(Math.log2(length + 1)));
    this.#rings.push(ring);
    return ring;
  }

  /** The one of this name; made when it is asked for first. */
  shared<T extends Shared>(name: string, make: () => T): T {
    let shared = this.#shared.get(name);
    if (!shared) {
      shared = make();
      this.#shared.set(name, shared);
    }
    return shared as T;
  }
  stepShared(bars: Bars): void {
    for (const shared of this.#shared.values()) shared.step(bars);
  }

  /** Takes the scalars as what `undo` goes back to. */
  save(): void {
    for (let index = 0; index < this.#chunks.length; index++) this.#saved[index]!.set(this.#chunks[index]!);
  }

  /** The scalars as they were when they were saved. */
  undo(): void {
    for (let index = 0; index < this.#chunks.length; index++) this.#chunks[index]!.set(this.#saved[index]!);
  }

  /** The scalars as they were in the beginning: what is in the rings is read no more. */
  reset(): void {
    for (let index = 0; index < this.#chunks.length; index++) this.#chunks[index]!.set(this.#initial[index]!);
  }

  /** All that `snapshot` has to keep, in the order in which it was asked for. */
  parts(): readonly Float64Array[] {
    const used = (rows: readonly Float64Array[]) => [...rows.slice(0, -1), rows.at(-1)!.subarray(0, this.#used)];
    return [...used(this.#chunks), ...used(this.#saved), ...this.#rings];
  }
}
