import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { BarBuilder } from './builder.ts';
import { INTERVALS } from './intervals.ts';
import { DAY_CLOSES_SCHEMA, DailyReturns, KNOWN_ACTIONS_SCHEMA } from './returns.ts';
import { BAR_ROW_SCHEMA } from './running-bar.ts';

const TRADES = TOPICS['market.trades'].name;
const ACTIONS = TOPICS['reference.corporate-actions'].name;
const BARS = TOPICS['market.bars'].name;
const RETURNS = TOPICS['market.returns'].name;

/**
 * Bars of every instrument's trades (builder.ts), as they were traded; of the final daily ones returns from day to day,
 * with splits and dividends (returns.ts).
 */
export const bars = (): TopologyDefinition => ({
  name: 'bars',
  version: 2,
  sources: {
    trades: { topic: TRADES, value: AVRO[TRADES], onPoison: 'DEAD_LETTER' },
    // Said of other times than that of the trades: far ahead of them, or years after.
    'corporate-actions': { topic: ACTIONS, value: AVRO[ACTIONS], onPoison: 'DEAD_LETTER', movesTime: false },
  },
  processors: {
    'build-bars': {
      inputs: ['trades'],
      stores: INTERVALS.map(({ store }) => store),
      create: (context) => new BarBuilder(context, TRADES),
    },
    'daily-returns': {
      inputs: ['build-bars', 'corporate-actions'],
      stores: ['day-closes', 'actions'],
      create: (context) => new DailyReturns(context, ACTIONS),
    },
  },
  stores: {
    ...Object.fromEntries(
      INTERVALS.map(({ store, keptMs }) => [
        store,
        { kind: 'window', value: BAR_ROW_SCHEMA, retentionMs: keptMs } as const,
      ]),
    ),
    'day-closes': { value: DAY_CLOSES_SCHEMA },
    actions: { value: KNOWN_ACTIONS_SCHEMA },
  },
  sinks: {
    'to-bars': { inputs: ['build-bars'], topic: BARS, value: AVRO[BARS] },
    'to-returns': {
      inputs: ['daily-returns'],
      topic: RETURNS,
      value: AVRO[RETURNS],
      partitionKey: (key) => key.slice(0, key.indexOf('/')),
    },
  },
});
