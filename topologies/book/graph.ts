import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { BookKeeper } from './keeper.ts';
import { BOOK_ROW_SCHEMA, LEVELS_ROW_SCHEMA } from './stored.ts';

const BOOK = TOPICS['market.book'].name;
const DEPTH = TOPICS['market.depth'].name;

/** Order books from snapshots and changes (keeper.ts), and what they say (figures.ts). */
export const book = (): TopologyDefinition => ({
  name: 'book',
  version: 1,
  sources: { updates: { topic: BOOK, value: AVRO[BOOK], onPoison: 'DEAD_LETTER' } },
  processors: {
    'keep-books': {
      inputs: ['updates'],
      stores: ['books', 'levels', 'waiting'],
      create: (context) => new BookKeeper(context, BOOK),
    },
  },
  stores: {
    books: { value: BOOK_ROW_SCHEMA },
    levels: { value: LEVELS_ROW_SCHEMA },
    // Updates as they came; key instrument/number.
    waiting: { value: AVRO[BOOK] },
  },
  sinks: { 'to-depth': { inputs: ['keep-books'], topic: DEPTH, value: AVRO[DEPTH] } },
});
