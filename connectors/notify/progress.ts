/** How far each partition is done: everything before an offset, while what comes behind it may be done already. */
export class Progress {
  readonly #open: Set<number>[];
  readonly #next: number[];

  constructor(from: readonly number[]) {
    this.#next = [...from];
    this.#open = from.map(() => new Set());
  }

  /** A record was read; `isOpen`: it is not done with that. */
  read(partition: number, offset: number, isOpen: boolean): void {
    this.#next[partition] = Math.max(this.#next[partition]!, offset + 1);
    if (isOpen) this.#open[partition]!.add(offset);
  }
  done(partition: number, offset: number): void {
    this.#open[partition]!.delete(offset);
  }

  /** By partition, the offset before which all is done. Offsets open in the order of reading, so the first is the lowest. */
  get offsets(): number[] {
    return this.#next.map((next, partition) => this.#open[partition]!.values().next().value ?? next);
  }
}
