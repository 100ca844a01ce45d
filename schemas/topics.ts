import type { Types } from './generated/types.ts';

/** Every topic of Tidemark, once. Broker settings, subjects, docs and the CLI's listing derive from this table. */
export interface TopicDefinition {
  readonly name: keyof Types;
  /** What the UTF-8 record key is. */
  readonly key: string;
  /** The part of the key that picks the partition (murmur2, as in Java); the whole key unless said otherwise. */
  readonly partitionBy: 'key' | 'key-before-slash';
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  /** Who writes it. */
  readonly owner: string;
  readonly doc: string;
}

/** Partition count of every co-partitioned topic. Changing it re-maps keys: only on an empty system. */
export const PARTITIONS = 4;
/** One key for each partition, in order: what is sent with all of them is in every partition. */
export const LANES = ['0', '4', '5', '1'] as const;
/** Largest record the brokers take, bytes. What is larger is refused at the producer with RECORD_TOO_LARGE. */
export const MAX_MESSAGE_BYTES = 1_048_588;

const topic = (name: keyof Types, key: string, owner: string, doc: string, rest: Partial<TopicDefinition> = {}) =>
  ({ name, key, partitionBy: 'key', partitions: PARTITIONS, cleanup: 'delete', owner, doc, ...rest }) as const;

export const TOPICS = {
  'market.trades': topic(
    'market.trades',
    'instrument',
    'connectors/*',
    'Trades and replayed closes, as the source gave them.',
  ),
  'market.book': topic(
    'market.book',
    'instrument',
    'connectors/*',
    'Order books as the venue gave them: snapshots and changes of price levels.',
  ),
  'market.depth': topic(
    'market.depth',
    'instrument',
    'topologies/book',
    'Order books as they stand: best prices, spread, microprice, imbalance, depth.',
  ),
  'market.bars': topic(
    'market.bars',
    'instrument',
    'topologies/bars',
    'Bars of a second, a minute, an hour and a day; provisional and final.',
  ),
  'market.returns': topic(
    'market.returns',
    'instrument/date',
    'topologies/bars',
    'Returns from day to day, of final daily bars.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'market.indicators': topic(
    'market.indicators',
    'instrument',
    'topologies/indicators',
    'Technical indicators as of each bar; provisional and final.',
  ),
  'market.regimes': topic(
    'market.regimes',
    'instrument/date',
    'topologies/regimes',
    'Market regimes of instruments day by day, with probabilities and a forecast of volatility.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'market.marks': topic(
    'market.marks',
    'lane/instrument',
    'topologies/positions',
    'The newest price of every instrument, in every partition.',
    { partitionBy: 'key-before-slash' },
  ),
  'market.sessions': topic(
    'market.sessions',
    'market',
    'connectors/replay',
    "A replayed day's progress: closed, settled.",
    {
      partitions: 1,
    },
  ),
  'reference.instruments': topic('reference.instruments', 'instrument', 'connectors/*', 'What an instrument is.', {
    cleanup: 'compact',
  }),
  'reference.portfolios': topic('reference.portfolios', 'portfolio', 'connectors/*', 'What a portfolio is called.', {
    cleanup: 'compact',
  }),
  'reference.corporate-actions': topic(
    'reference.corporate-actions',
    'instrument/action',
    'connectors/file',
    'Splits and dividends.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'orders.requests': topic('orders.requests', 'portfolio', 'connectors/demo', 'Orders asked for.'),
  'orders.fills': topic(
    'orders.fills',
    'portfolio',
    'connectors/paper, connectors/file',
    'Executions, in offset order.',
  ),
  'portfolio.cash': topic(
    'portfolio.cash',
    'portfolio',
    'connectors/demo, connectors/file',
    'Deposits and withdrawals.',
  ),
  'portfolio.positions': topic(
    'portfolio.positions',
    'portfolio/instrument',
    'topologies/positions',
    'A position after each fill and mark.',
    { partitionBy: 'key-before-slash' },
  ),
  'portfolio.pnl': topic(
    'portfolio.pnl',
    'portfolio',
    'topologies/portfolio',
    'Equity, cash, P&L, exposure and drawdown.',
  ),
  'audit.trail': topic(
    'audit.trail',
    'portfolio',
    'topologies/positions, topologies/limits, connectors/models',
    'Corrections and cancellations of fills, corporate actions, limits, the kill switch and models, with what was before and after.',
  ),
  'risk.measures': topic(
    'risk.measures',
    'portfolio',
    'topologies/risk',
    'VaR and ES by method, what each position adds, stress, exposure and concentration.',
  ),
  'risk.backtests': topic(
    'risk.backtests',
    'portfolio',
    'topologies/risk',
    'How VaR and ES forecasts have done: exceptions, tests, traffic lights.',
  ),
  'risk.limits': topic('risk.limits', 'portfolio/limit', 'api, connectors/demo', 'Limits as people set them.', {
    partitionBy: 'key-before-slash',
    cleanup: 'compact',
  }),
  'risk.utilisation': topic('risk.utilisation', 'portfolio/limit', 'topologies/limits', 'What each limit stands at.', {
    partitionBy: 'key-before-slash',
    cleanup: 'compact',
  }),
  'risk.predictions': topic(
    'risk.predictions',
    'portfolio/limit',
    'topologies/predictions',
    'How probable it is that each limit is broken within 1, 5 and 20 trading days.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'risk.breaches': topic(
    'risk.breaches',
    'portfolio',
    'topologies/limits',
    'Incidents of limits from opening to closing, with evidence.',
  ),
  'risk.controls': topic(
    'risk.controls',
    'portfolio, or lane/* for all',
    'api, topologies/response',
    'The kill switch.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'risk.workflows': topic(
    'risk.workflows',
    'lane/workflow',
    'ops/cli, api, connectors/demo',
    'What is done about incidents, as people set it; in every partition.',
    { partitionBy: 'key-before-slash', cleanup: 'compact' },
  ),
  'risk.acknowledgements': topic(
    'risk.acknowledgements',
    'portfolio',
    'ops/cli, api',
    'What people say to incidents: known, or overridden until a time.',
  ),
  'risk.actions': topic(
    'risk.actions',
    'portfolio',
    'topologies/response, connectors/notify',
    'What was done about each incident, and what came of it.',
  ),
  'risk.notifications': topic(
    'risk.notifications',
    'portfolio',
    'connectors/notify',
    'Notifications of workflows whose channel is a topic, such as those of the demo.',
  ),
  'orders.decisions': topic(
    'orders.decisions',
    'portfolio',
    'topologies/limits',
    'What the pre-trade check said to each order, with what-if figures.',
  ),
  'execution.quality': topic(
    'execution.quality',
    'portfolio',
    'topologies/execution',
    'What executing each order has cost: slippage, implementation shortfall, venues.',
  ),
  'ml.events': topic(
    'ml.events',
    'model',
    'connectors/models',
    'Steps in the life of models: registered, promoted, rolled back, drifted, retrained.',
  ),
} as const satisfies Record<keyof Types, TopicDefinition>;

export type TopicName = keyof typeof TOPICS;

/** The part of a key that picks the partition, for a producer's `partitionKey`. */
export function partitionKeyOf(topic: TopicName, key: string): string {
  const slash = TOPICS[topic].partitionBy === 'key' ? -1 : key.indexOf('/');
  return slash < 0 ? key : key.slice(0, slash);
}

/**
 * Broker settings of a topic of ours. Retention goes by record timestamp and ours may be from 1990, so nothing expires by
 * time and segments roll by bytes: with Kafka's defaults replayed records are deleted within minutes (DESIGN.md, Topics).
 */
export function topicConfig(cleanup: 'delete' | 'compact'): Record<string, string> {
  const century = '3153600000000';
  return {
    'cleanup.policy': cleanup,
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'segment.ms': century,
    'segment.bytes': cleanup === 'compact' ? '67108864' : '1073741824',
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'max.message.bytes': String(MAX_MESSAGE_BYTES),
  };
}
