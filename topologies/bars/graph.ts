import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { BarBuilder } from './builder.ts';
import { INTERVALS } from './intervals.ts';
import { DAY_CLOSES_SCHEMA, DailyReturns } from './returns.ts';
import { BAR_ROW_SCHEMA } from './running-bar.ts';

const TRADES = TOPICS['market.trades'].name;
const BARS = TOPICS['market.bars'].name;
const RETURNS = TOPICS['market.returns'].name;

/** Bars of every instrument's trades (builder.ts), and returns from day to day of the final daily ones (returns.ts). */
export const bars = (): TopologyDefinition => ({
  name: 'bars',
  version: 2,
  sources: { trades: { topic: TRADES, value: AVRO[TRADES], onPoison: 'DEAD_LETTER' } },
  processors: {
    'build-bars': {
      inputs: ['trades'],
      stores: INTERVALS.map(({ store }) => store),
      create: (context) => new BarBuilder(context, TRADES),
    },
    'daily-returns': {
      inputs: ['build-bars'],
      stores: ['day-closes'],
      create: (context) => new DailyReturns(context),
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
