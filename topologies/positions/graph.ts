import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { Book } from './book.ts';
import { ACTIONS_SCHEMA } from './corporate-actions.ts';
import { ACCEPTED_FILL_SCHEMA, acceptFills } from './fills.ts';
import { INSTRUMENT_INFO_SCHEMA } from './instruments.ts';
import { CHECKPOINT_SCHEMA, LISTED_FILL_SCHEMA, POSITION_LEDGER_SCHEMA } from './ledger-store.ts';
import { MARK_SCHEMA, MarkSharer } from './marks.ts';

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
const ACTIONS = TOPICS['reference.corporate-actions'].name;
const POSITIONS = TOPICS['portfolio.positions'].name;
const AUDIT = TOPICS['audit.trail'].name;
const MARKS = TOPICS['market.marks'].name;
/** Keys are <who decides the partition>/<instrument>. */
const beforeSlash = (key: string) => key.slice(0, key.indexOf('/'));

/**
 * Positions of every portfolio in every instrument: the exact ledger of its fills (ledger.ts), of what corrected them (ledger-store.ts) and of
 * splits and dividends (corporate-actions.ts), marked with the newest trade (book.ts), which every portfolio is told of (marks.ts).
 * Amounts are in the instrument's currency; nothing is converted.
 */
export const positions = ({ conflateMarks = false }: PositionsOptions = {}): TopologyDefinition => ({
  name: 'positions',
  version: 2,
  sources: {
    fills: { topic: FILLS, value: AVRO[FILLS], onPoison: 'DEAD_LETTER' },
    trades: { topic: TRADES, value: AVRO[TRADES], onPoison: 'DEAD_LETTER' },
    // Said of other times than that of the trades: far ahead of them, or years after.
    'corporate-actions': { topic: ACTIONS, value: AVRO[ACTIONS], onPoison: 'DEAD_LETTER', movesTime: false },
    'instrument-descriptions': { topic: INSTRUMENTS, value: AVRO[INSTRUMENTS], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    'accept-fills': { inputs: ['fills'], stores: ['seen-fills'], create: acceptFills },
    book: {
      inputs: ['fills-by-instrument', 'trades', 'instrument-descriptions', 'corporate-actions'],
      stores: ['marks', 'instruments', 'actions', 'ledgers', 'listed-fills', 'ledger-checkpoints', 'seen-amendments'],
      create: (context) =>
        new Book(context, { trades: TRADES, fills: FILLS, instruments: INSTRUMENTS, actions: ACTIONS }, conflateMarks),
    },
    'share-marks': { inputs: ['trades'], stores: ['marks'], create: (context) => new MarkSharer(context) },
  },
  stores: {
    // Instrument of the fill that bore the id; key portfolio/fillId.
    'seen-fills': { value: 'string' },
    marks: { value: MARK_SCHEMA },
    instruments: { value: INSTRUMENT_INFO_SCHEMA },
    actions: { value: ACTIONS_SCHEMA },
    ledgers: { value: POSITION_LEDGER_SCHEMA },
    'listed-fills': { value: LISTED_FILL_SCHEMA },
    'ledger-checkpoints': { value: CHECKPOINT_SCHEMA },
    // Event time of an amendment that was applied, microseconds; key portfolio/fillId/digest.
    'seen-amendments': { value: 'long' },
  },
  repartitions: { 'fills-by-instrument': { inputs: ['accept-fills'], value: ACCEPTED_FILL_SCHEMA } },
  sinks: {
    'to-positions': {
      inputs: ['book'],
      topic: POSITIONS,
      value: AVRO[POSITIONS],
      partitionKey: beforeSlash,
    },
    'to-marks': { inputs: ['share-marks', 'book'], topic: MARKS, value: AVRO[MARKS], partitionKey: beforeSlash },
    'to-audit': { inputs: ['book'], topic: AUDIT, value: AVRO[AUDIT] },
  },
});
