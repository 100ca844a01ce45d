import type { BookLevel, BookUpdate } from '#schemas/generated/types.ts';
import { type AvroSchema, avroType } from '#streams/kit/avro.ts';
import { Table } from '#streams/state/table.ts';
import { OrderBook } from '#topologies/book/order-book.ts';
import {
  BOOK_ROW_SCHEMA,
  Book,
  type BookRow,
  LEVELS_ROW_SCHEMA,
  type LevelsRow,
  StoredBooks,
} from '#topologies/book/stored.ts';
import type { BookWork } from './book.ts';

const UPDATES_A_COMMIT = [10, 100, 1_000] as const;
const COMMITS = 100;
const CHUNK_LEVELS = 64;

/** A way to keep a book's levels: called before each commit, after the changes since the last. */
interface Keeping {
  apply(levels: readonly BookLevel[]): void;
  save(): void;
  readonly tables: readonly Table[];
}

const table = <V>(name: string, schema: AvroSchema) => new Table<V>(name, avroType(schema), 1);

/** The topology's own: rows of what has changed, and now and then the whole book. */
function logKeeping(): Keeping {
  const books = table<BookRow>('books', BOOK_ROW_SCHEMA);
  const rows = table<LevelsRow>('levels', LEVELS_ROW_SCHEMA);
  const stored = new StoredBooks(books, rows, table<BookUpdate>('waiting', 'string'));
  const book = new Book('SYB001');
  return {
    tables: [books, rows] as Table[],
    apply: (levels) => book.levels.apply(levels),
    save: () => stored.save(book),
  };
}

function wholeKeeping(): Keeping {
  const rows = table<LevelsRow>('whole', LEVELS_ROW_SCHEMA);
  const book = new OrderBook();
  return {
    tables: [rows] as Table[],
    apply: (levels) => book.apply(levels),
    save: () => rows.put('SYB001', book.allLevels()),
  };
}

function rowPerLevelKeeping(): Keeping {
  const rows = table<number>('level', 'double');
  const book = new OrderBook();
  return {
    tables: [rows] as Table[],
    apply: (levels) => book.apply(levels),
    save: () => {
      const changes = book.takeChanges(1e6)!;
      for (let at = 0; at < changes.length; at += 2) {
        const key = `SYB001/${changes[at]}`;
        if (changes[at + 1] === 0) rows.delete(key);
        else rows.put(key, changes[at + 1]!);
      }
    },
  };
}

/** Rows of 64 levels counted from the worst, so that changes near the best move few of them. */
function chunkKeeping(): Keeping {
  const rows = table<LevelsRow>('chunk', LEVELS_ROW_SCHEMA);
  const book = new OrderBook();
  const before = new Map<string, string>();
  return {
    tables: [rows] as Table[],
    apply: (levels) => book.apply(levels),
    save: () => {
      const all = book.allLevels();
      const asks = all.findIndex((value) => value < 0);
      for (const [side, levels] of [all.slice(0, asks), all.slice(asks)].entries()) {
        for (let at = 0; at < levels.length; at += 2 * CHUNK_LEVELS) {
          const key = `SYB001/${side}/${at}`;
          const row = levels.slice(at, at + 2 * CHUNK_LEVELS);
          if (before.get(key) === row.join()) continue;
          before.set(key, row.join());
          rows.put(key, row);
        }
      }
    },
  };
}

const KEEPINGS = { log: logKeeping, rowPerLevel: rowPerLevelKeeping, chunksOf64: chunkKeeping, whole: wholeKeeping };

/** Bytes and rows that a commit writes, and microseconds that it takes, on average over 100 commits. */
export function changelogOf({ first, changes }: BookWork): object {
  const results = UPDATES_A_COMMIT.map((updates) => [
    `${updates} updates a commit`,
    Object.fromEntries(
      Object.entries(KEEPINGS).map(([name, make]) => [name, measure(make(), first, changes, updates)]),
    ),
  ]);
  return Object.fromEntries(results);
}

function measure(keeping: Keeping, first: BookWork['first'], changes: BookWork['changes'], updates: number) {
  let bytes = 0;
  let rows = 0;
  let nanos = 0n;
  const commit = () => {
    const start = process.hrtime.bigint();
    keeping.save();
    for (const each of keeping.tables) {
      rows += each.freeze((_key, keyStart, keyEnd, _value, valueStart, valueEnd) => {
        bytes += keyEnd - keyStart + valueEnd - valueStart;
      });
      each.commit();
    }
    nanos += process.hrtime.bigint() - start;
  };
  keeping.apply(first);
  commit();
  [bytes, rows, nanos] = [0, 0, 0n];
  const commits = Math.min(COMMITS, Math.floor(changes.length / updates));
  for (let index = 0; index < commits * updates; index++) {
    keeping.apply(changes[index]!);
    if (index % updates === updates - 1) commit();
  }
  return {
    bytesPerCommit: Math.round(bytes / commits),
    rowsPerCommit: Math.round((rows / commits) * 10) / 10,
    microsPerCommit: Math.round(Number(nanos) / commits / 1000),
  };
}
