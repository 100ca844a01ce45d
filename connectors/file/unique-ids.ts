import { TidemarkError } from '#streams/kit/errors.ts';

/** Bound of the memory for one file's ids. */
const MAX_IDS = 10_000_000;

/**
 * Which rows of a file have an id that an earlier row has. Ids are held during the first pass only; later passes know by row
 * number.
 */
export class UniqueIds {
  #rows: Map<string, number> | null = new Map();
  /** Row that repeats an id, and the row that had it first. */
  readonly #repeated = new Map<number, number>();

  /** The earlier row with this id, or null. Throws FILE_TOO_LARGE. */
  earlierRow(id: string, row: number): number | null {
    const rows = this.#rows;
    if (rows === null) return this.#repeated.get(row) ?? null;
    const earlier = rows.get(id);
    if (earlier !== undefined) {
      this.#repeated.set(row, earlier);
      return earlier;
    }
    if (rows.size >= MAX_IDS)
      throw new TidemarkError('FILE_TOO_LARGE', `The file has more than ${MAX_IDS} ids of its own: split it`);
    rows.set(id, row);
    return null;
  }

  /** The file was read to its end: the ids are not needed any more. */
  settle(): void {
    this.#rows = null;
  }
}
