import type { RowVisitor, StateStore } from './store.ts';
import type { Table } from './table.ts';

/**
 * What stores with a time in their rows' keys have in common: a table of rows, and an index of it in memory that is built when it
 * is needed and thrown away where rows change behind its back (an abort, a restore).
 */
export abstract class TimedStore<Row, Index> implements StateStore {
  readonly name: string;
  protected readonly table: Table<Row>;
  #index: Index | null = null;

  constructor(table: Table<Row>) {
    this.name = table.name;
    this.table = table;
  }

  abstract expire(streamTimeMs: number): void;
  protected abstract build(): Index;

  get size(): number {
    return this.table.size;
  }
  get bytes(): number {
    return this.table.bytes;
  }
  freeze(write: RowVisitor): number {
    return this.table.freeze(write);
  }
  commit(): void {
    this.table.commit();
  }
  rollback(): void {
    this.table.rollback();
    this.#index = null;
  }
  restore(...row: Parameters<RowVisitor>): void {
    this.table.restore(...row);
    this.#index = null;
  }
  committedRows(visit: RowVisitor, perStep: number): IterableIterator<number> {
    return this.table.committedRows(visit, perStep);
  }

  protected get index(): Index {
    this.#index ??= this.build();
    return this.#index;
  }
}
