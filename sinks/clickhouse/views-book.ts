import type { View } from './views.ts';

const column = (name: string, type: string, doc: string) => ({ name, type, doc });
const ID = 'LowCardinality(String)';
const TIME = "DateTime64(6, 'UTC')";
const FIGURE = 'Nullable(Float64)';
const IF_SOUND = 'null unless SOUND';
/** Columns of depth_latest after the instrument. */
const LATEST = [
  column('event_time', TIME, 'Newest event time of the updates behind it.'),
  column('state', 'String', 'SOUND, STALE, CROSSED, LOCKED, ONE_SIDED or EMPTY. Only a SOUND book has figures.'),
  column('stale_reason', 'Nullable(String)', 'Why it is STALE: NO_SNAPSHOT, GAP or REJECTED.'),
  column('source', 'String', 'Which feed the book is of.'),
  column('sequence', 'Nullable(Int64)', 'Last sequence that is in the book.'),
  column('gaps', 'Int64', 'How often the book has lost its place in the sequence so far.'),
  column('best_bid', FIGURE, 'Highest price bid.'),
  column('best_bid_size', FIGURE, 'Units bid there.'),
  column('best_ask', FIGURE, 'Lowest price asked.'),
  column('best_ask_size', FIGURE, 'Units asked there.'),
  column('spread_bps', FIGURE, `Spread over mid, basis points; ${IF_SOUND}.`),
  column('mid', FIGURE, `Half way between best bid and best ask; ${IF_SOUND}.`),
  column('microprice', FIGURE, `Mid weighted by the sizes of the other side; ${IF_SOUND}.`),
  column('imbalance', FIGURE, `(bid - ask) / (bid + ask) of the best sizes, from -1 to 1; ${IF_SOUND}.`),
];

/** What analysts ask of order books, over the deduplicated views. */
export const BOOK_VIEWS: readonly View[] = [
  {
    name: 'depth_latest',
    doc: 'Every order book as it stands: the newest record of market.depth.',
    columns: [column('instrument', ID, 'Instrument id.'), ...LATEST],
    sql: `SELECT instrument, ${LATEST.map(({ name }, index) => `newest.${index + 1} AS ${name}`).join(', ')}
FROM (
  SELECT instrument, argMax((${LATEST.map(({ name }) => (name === 'state' ? 'toString(state)' : name)).join(', ')}), _offset) AS newest
  FROM market_depth GROUP BY instrument
)`,
  },
  {
    name: 'depth_minutes',
    doc: 'Order books by UTC minute, over the records of market.depth that were SOUND; each record counts alike, however long it stood.',
    columns: [
      column('instrument', ID, 'Instrument id.'),
      column('minute', "DateTime('UTC')", 'Beginning of the minute.'),
      column('records', 'UInt64', 'Records of the minute, in any state.'),
      column('sound_records', 'UInt64', 'Those that were SOUND.'),
      column('mid', FIGURE, 'Mid of the last SOUND record; null without one.'),
      column('microprice', FIGURE, 'Microprice of the last SOUND record; null without one.'),
      column('average_spread_bps', FIGURE, 'Average spread, basis points; null without a SOUND record.'),
      column('average_imbalance', FIGURE, 'Average imbalance of the best levels; null without a SOUND record.'),
      column('gaps', 'Int64', 'Highest number of gaps so far.'),
    ],
    sql: `SELECT instrument, toDateTime(toStartOfMinute(event_time), 'UTC') AS minute, count() AS records,
  countIf(state = 'SOUND') AS sound_records, argMaxIf(market_depth.mid, _offset, state = 'SOUND') AS mid,
  argMaxIf(market_depth.microprice, _offset, state = 'SOUND') AS microprice, avgIf(spread_bps, state = 'SOUND') AS average_spread_bps,
  avgIf(imbalance, state = 'SOUND') AS average_imbalance, max(market_depth.gaps) AS gaps
FROM market_depth GROUP BY instrument, minute`,
  },
  {
    name: 'book_levels',
    doc: 'Levels of order books as the venue gave them: a row for each level in every record of market.book.',
    columns: [
      column('instrument', ID, 'Instrument id.'),
      column('event_time', TIME, 'When it happened.'),
      column('kind', 'String', 'SNAPSHOT: the whole book; DELTA: what changed.'),
      column('source', 'String', 'Which feed it is.'),
      column('epoch', 'Int64', 'Sequences count within one epoch.'),
      column('sequence', 'Int64', 'Number of the update.'),
      column('side', 'String', 'BID or ASK.'),
      column('price', 'Float64', 'Price per unit.'),
      column('size', 'Float64', 'All units offered there now; 0 removes the level.'),
    ],
    sql: `SELECT instrument, event_time, toString(kind) AS kind, source, epoch, sequence, toString(level.side) AS side,
  level.price AS price, level.size AS size
FROM book_updates ARRAY JOIN levels AS level`,
  },
];
