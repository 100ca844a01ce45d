import type { BookUpdate, Depth } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore } from '#streams/topology/types.ts';
import { OrderBook } from './order-book.ts';

const TIME = { type: 'long', logicalType: 'timestamp-micros' } as const;

/** Everything about a book but its levels; key instrument. */
export interface BookRow {
  readonly source: string;
  readonly epoch: number;
  /** Last sequence in the book; null before the first snapshot. */
  readonly sequence: number | null;
  readonly depth: number | null;
  /** Null: nothing is missing. */
  readonly staleReason: string | null;
  readonly gaps: number;
  readonly eventTime: number;
  readonly sourceEventTime: number;
  /** State that was published last. */
  readonly publishedState: string;
  /** Rows of levels, from first (included) to next (excluded). */
  readonly firstRow: number;
  readonly nextRow: number;
  /** Levels in the rows that came after the last whole book. */
  readonly addedLevels: number;
  /** Rows of updates that wait for a snapshot, likewise, and the levels in them. */
  readonly firstWaiting: number;
  readonly nextWaiting: number;
  readonly waitingLevels: number;
}

export const BOOK_ROW_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'BookRow',
  namespace: 'tidemark.book',
  doc: 'Everything about a book but its levels; key instrument.',
  fields: [
    { name: 'source', type: 'string' },
    { name: 'epoch', type: 'long' },
    { name: 'sequence', type: ['null', 'long'] },
    { name: 'depth', type: ['null', 'int'] },
    { name: 'staleReason', type: ['null', 'string'] },
    { name: 'gaps', type: 'long' },
    { name: 'eventTime', type: TIME },
    { name: 'sourceEventTime', type: TIME },
    { name: 'publishedState', type: 'string' },
    { name: 'firstRow', type: 'long' },
    { name: 'nextRow', type: 'long' },
    { name: 'addedLevels', type: 'int' },
    { name: 'firstWaiting', type: 'long' },
    { name: 'nextWaiting', type: 'long' },
    { name: 'waitingLevels', type: 'int' },
  ],
};

/** Price and size of levels, one after the other, asks with a negative price; size 0: gone. Key instrument/row. */
export type LevelsRow = readonly number[];
export const LEVELS_ROW_SCHEMA: AvroSchema = { type: 'array', items: 'double' };

/** Levels in one row of a whole book: 32 KB. */
const ROW_LEVELS = 2_048;
/** A book is written whole again when the changes added since are so many times as long. */
const ADDED_BOOKS = 2;
/** A book that is shorter counts as one of so many levels. */
const FEW_LEVELS = 128;

/** An instrument's book in memory. */
export class Book {
  readonly instrument: string;
  readonly levels = new OrderBook();
  source = '';
  epoch = 0;
  sequence: number | null = null;
  staleReason: string | null = 'NO_SNAPSHOT';
  gaps = 0;
  eventTime = 0;
  sourceEventTime = 0;
  publishedState = '';
  firstRow = 0;
  nextRow = 0;
  addedLevels = 0;
  firstWaiting = 0;
  nextWaiting = 0;
  waitingLevels = 0;
  /** Has changed since it was last written to the stores, and since it was last published. */
  isUnsaved = false;
  isUnpublished = false;

  constructor(instrument: string) {
    this.instrument = instrument;
  }

  get state(): Depth['state'] {
    return this.staleReason === null ? this.levels.condition() : 'STALE';
  }
}

/**
 * Books in their stores. The levels of one are a log: rows of the whole book, then a row a commit with what has changed. When twice as much
 * has been added as the book is long it is written whole again and the rows before go: so a commit costs what has changed and on average half as
 * much again, and a restart reads at most three books. A row a level would be fewer bytes, but some hundred rows a commit and several times the
 * work; chunks of levels by place are rewritten as levels move (measured: docs/order-book.md).
 */
export class StoredBooks {
  readonly #books: KeyValueStore<BookRow>;
  readonly #rows: KeyValueStore<LevelsRow>;
  readonly #waiting: KeyValueStore<BookUpdate>;

  constructor(books: KeyValueStore<BookRow>, rows: KeyValueStore<LevelsRow>, waiting: KeyValueStore<BookUpdate>) {
    this.#books = books;
    this.#rows = rows;
    this.#waiting = waiting;
  }

  /** The book as it was saved last; undefined where there is none. */
  load(instrument: string): Book | undefined {
    const row = this.#books.get(instrument);
    if (!row) return undefined;
    const book = new Book(instrument);
    const { depth, ...rest } = row;
    Object.assign(book, rest);
    book.levels.depth = depth;
    for (let index = row.firstRow; index < row.nextRow; index++)
      book.levels.restore(this.#rows.get(`${instrument}/${index}`)!);
    return book;
  }

  save(book: Book): void {
    const { instrument, levels } = book;
    const length = Math.max(levels.count, FEW_LEVELS);
    const changes = levels.takeChanges(Math.min(length, ADDED_BOOKS * length - book.addedLevels));
    if (changes === null) this.#writeWhole(book);
    else if (changes.length > 0) {
      this.#append(book, changes);
      book.addedLevels += changes.length / 2;
    }
    this.#books.put(instrument, {
      source: book.source,
      epoch: book.epoch,
      sequence: book.sequence,
      depth: levels.depth,
      staleReason: book.staleReason,
      gaps: book.gaps,
      eventTime: book.eventTime,
      sourceEventTime: book.sourceEventTime,
      publishedState: book.publishedState,
      firstRow: book.firstRow,
      nextRow: book.nextRow,
      addedLevels: book.addedLevels,
      firstWaiting: book.firstWaiting,
      nextWaiting: book.nextWaiting,
      waitingLevels: book.waitingLevels,
    });
    book.isUnsaved = false;
  }

  /** Keeps an update for later, behind those that wait already. */
  wait(book: Book, update: BookUpdate): void {
    this.#waiting.put(`${book.instrument}/${book.nextWaiting}`, update);
    book.nextWaiting++;
    book.waitingLevels += update.levels.length;
  }
  /** The oldest update that waits; undefined where none does. */
  firstWaiting(book: Book): BookUpdate | undefined {
    if (book.firstWaiting === book.nextWaiting) return undefined;
    return this.#waiting.get(`${book.instrument}/${book.firstWaiting}`)!;
  }
  /** Forgets the oldest update that waits. */
  dropWaiting(book: Book): void {
    const update = this.firstWaiting(book)!;
    this.#waiting.delete(`${book.instrument}/${book.firstWaiting}`);
    book.firstWaiting++;
    book.waitingLevels -= update.levels.length;
  }

  #writeWhole(book: Book): void {
    for (let index = book.firstRow; index < book.nextRow; index++) this.#rows.delete(`${book.instrument}/${index}`);
    book.firstRow = book.nextRow;
    book.addedLevels = 0;
    const all = book.levels.allLevels();
    for (let at = 0; at < all.length; at += 2 * ROW_LEVELS) this.#append(book, all.slice(at, at + 2 * ROW_LEVELS));
  }

  #append(book: Book, levels: LevelsRow): void {
    this.#rows.put(`${book.instrument}/${book.nextRow}`, levels);
    book.nextRow++;
  }
}
