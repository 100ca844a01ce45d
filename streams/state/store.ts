/** Takes one row of state: key and value are ranges of buffers that are only valid during the call; a null value is a deletion. */
export type RowVisitor = (
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  value: Buffer | null,
  valueStart: number,
  valueEnd: number,
) => void;

/**
 * What the runtime needs of a store, whatever its kind. Its rows are bytes: the changelog's key and value. Life of a change: made in the
 * open transaction, frozen at the cut, committed when the transaction is. At most one cut is frozen at a time, and processing may go
 * on behind it. An abort undoes everything since the last commit, frozen or not.
 */
export interface StateStore {
  readonly name: string;
  /** Entries, those of the open transaction included. */
  readonly size: number;
  /** Memory outside the JavaScript heap, bytes. */
  readonly bytes: number;
  /** Deletes what retention or TTL ends at this stream time; called before `freeze`. */
  expire(streamTimeMs: number): void;
  /** The cut: hands every row that changed since the last one to the changelog, and returns how many. */
  freeze(write: RowVisitor): number;
  /** The frozen cut is committed. */
  commit(): void;
  /** Everything is as it was at the last commit. */
  rollback(): void;
  /** A row of the changelog or of a checkpoint, taken as committed. Null deletes. */
  restore: RowVisitor;
  /** All committed rows (frozen and open changes left out), `perStep` at a time: a caller may pause between steps and the store may change. */
  committedRows(visit: RowVisitor, perStep: number): IterableIterator<number>;
}

/** A store that can be asked from outside its task: it shows what is committed, never what may still be undone. */
export interface QueryableStore<V = unknown> {
  readonly size: number;
  getCommitted(key: string): V | undefined;
  /** Entries with from <= key < to by code units, ascending; an open end where a bound is left out. */
  committedRange(from?: string, to?: string): IterableIterator<[string, V]>;
}
export const isQueryable = (store: StateStore): store is StateStore & QueryableStore => 'getCommitted' in store;
