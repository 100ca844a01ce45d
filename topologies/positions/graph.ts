import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { Book, MARK_SCHEMA } from './book.ts';
import { acceptFills } from './fills.ts';
import { INSTRUMENT_INFO_SCHEMA } from './instruments.ts';
import { LEDGER_SCHEMA } from './ledger.ts';

export interface PositionsOptions {
  /**
   * Emit at most one mark per portfolio and instrument and commit interval: the newest. Fills always come out one by one. Default
   * false: one output per holder and trade.
   */
  readonly conflateMarks?: boolean;
}

const TRADES = TOPICS['market.trades'].name;
const FILLS = TOPICS['orders.fills'].name;
const INSTRUMENTS = TOPICS['reference.instruments'].name;
const POSITIONS = TOPICS['portfolio.positions'].name;

/**
 * Positions of every portfolio in every instrument: the exact ledger of its fills (ledger.ts), marked with the newest trade (book.ts).
 * Amounts are in the instrument's currency; nothing is converted.
 */
export const positions = ({ conflateMarks = false }: PositionsOptions = {}): TopologyDefinition => ({
  name: 'positions',
  version: 1,
  sources: {
    fills: { topic: FILLS, value: AVRO[FILLS], onPoison: 'DEAD_LETTER' },
    trades: { topic: TRADES, value: AVRO[TRADES], onPoison: 'DEAD_LETTER' },
    'instrument-descriptions': { topic: INSTRUMENTS, value: AVRO[INSTRUMENTS], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    'accept-fills': { inputs: ['fills'], stores: ['seen-fills'], create: acceptFills },
    book: {
      inputs: ['fills-by-instrument', 'trades', 'instrument-descriptions'],
      stores: ['marks', 'instruments', 'ledgers'],
      create: (context) => new Book(context, { trades: TRADES, fills: FILLS, instruments: INSTRUMENTS }, conflateMarks),
    },
  },
  stores: {
    // Event time of the fill that bore the id, microseconds; key portfolio/fillId.
    'seen-fills': { value: 'long' },
    marks: { value: MARK_SCHEMA },
    instruments: { value: INSTRUMENT_INFO_SCHEMA },
    ledgers: { value: LEDGER_SCHEMA },
  },
  repartitions: { 'fills-by-instrument': { inputs: ['accept-fills'], value: AVRO[FILLS] } },
  sinks: {
    'to-positions': {
      inputs: ['book'],
      topic: POSITIONS,
      value: AVRO[POSITIONS],
      partitionKey: (key) => key.slice(0, key.indexOf('/')),
    },
  },
});
