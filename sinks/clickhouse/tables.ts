import { type Column, columnsOf, isPlainList } from '#schemas/columns.ts';
import type { TopicName } from '#schemas/topics.ts';

/**
 * Where a topic goes. `order` is how analysts look for rows; the record's position completes it and makes rows unique.
 */
export interface Target {
  /** The view people query; the table behind it is `<view>_raw`. */
  readonly view: string;
  readonly order: readonly string[];
  readonly doc: string;
  /** False: only what is in partition 0, since every partition has all of it. */
  readonly takesAllPartitions?: boolean;
}

export const TARGETS = {
  'market.trades': {
    view: 'trades',
    order: ['instrument', 'event_time'],
    doc: 'Trades and replayed closes: one row per record of market.trades.',
  },
  'market.bars': {
    view: 'market_bars',
    order: ['instrument', 'interval', 'start_time'],
    doc: 'Every state of every bar: one row per record of market.bars. Current ones: bars_latest.',
  },
  'market.indicators': {
    view: 'indicators',
    order: ['instrument', 'interval', 'start_time'],
    doc: 'Technical indicators as of every state of every bar: one row per record of market.indicators. A row a value of final bars: indicator_values.',
  },
  'market.regimes': {
    view: 'market_regimes',
    order: ['instrument', 'date'],
    doc: 'What every day of every instrument was said to be: one row per record of market.regimes. As it is now: regimes_latest.',
  },
  'market.book': {
    view: 'book_updates',
    order: ['instrument', 'event_time'],
    doc: 'Order books as the venue gave them: one row per record of market.book. book_levels has a row for each level.',
  },
  'market.depth': {
    view: 'market_depth',
    order: ['instrument', 'event_time'],
    doc: 'Every published state of every order book: one row per record of market.depth. Current ones: depth_latest; by minute: depth_minutes.',
  },
  'reference.corporate-actions': {
    view: 'corporate_actions',
    order: ['instrument', 'ex_time'],
    doc: 'Splits and dividends as people have said them over time: one row each time. What was taken back stays here.',
  },
  'orders.fills': {
    view: 'fills',
    order: ['portfolio', 'instrument', 'event_time'],
    doc: 'Executions: one row per record of orders.fills, amendments and repeated fill_ids included. Those that count: fills_in_force.',
  },
  'portfolio.positions': {
    view: 'positions',
    order: ['portfolio', 'instrument', 'event_time'],
    doc: 'Every state of every position: one row per record of portfolio.positions. Current ones: positions_latest.',
  },
  'audit.trail': {
    view: 'audit_trail',
    order: ['portfolio', 'subject_id', 'event_time'],
    doc: 'What was changed afterwards, with the figures before and after: one row per record of audit.trail.',
  },
  'portfolio.pnl': {
    view: 'pnl',
    order: ['portfolio', 'event_time'],
    doc: 'Every value of every portfolio: one row per record of portfolio.pnl. pnl_daily has one a day.',
  },
  'risk.measures': {
    view: 'risk_measures',
    order: ['portfolio', 'event_time'],
    doc: 'Risk of every portfolio: one row per record of risk.measures. risk_tails has a row for each VaR and ES.',
  },
  'risk.backtests': {
    view: 'risk_backtests',
    order: ['portfolio', 'date'],
    doc: 'How forecasts have done: one row per record of risk.backtests. risk_verdicts has a row for each method and level.',
  },
  'risk.utilisation': {
    view: 'risk_utilisation',
    order: ['portfolio', 'limit_id', 'event_time'],
    doc: 'What limits stood at: one row per record of risk.utilisation. As they are now: utilisation_latest.',
  },
  'risk.predictions': {
    view: 'risk_predictions',
    order: ['portfolio', 'limit_id', 'event_time'],
    doc: 'How probable a breach of each limit was said to be over time: one row per record of risk.predictions. Current ones: predictions_latest.',
  },
  'risk.breaches': {
    view: 'risk_breaches',
    order: ['portfolio', 'limit_id', 'event_time'],
    doc: 'Incidents of limits: one row per record of risk.breaches. One row an incident: incidents.',
  },
  'risk.actions': {
    view: 'risk_actions',
    order: ['portfolio', 'breach_id', 'event_time'],
    doc: 'What was done about incidents: one row per record of risk.actions..',
  },
  'risk.acknowledgements': {
    view: 'risk_acknowledgements',
    order: ['portfolio', 'breach_id', 'event_time'],
    doc: 'What people said to incidents: one row per record of risk.acknowledgements.',
  },
  'risk.workflows': {
    view: 'risk_workflows',
    order: ['workflow_id', 'event_time'],
    doc: 'Workflows as people have set them over time: one row each time. What was taken away stays here.',
    takesAllPartitions: false,
  },
  'orders.decisions': {
    view: 'order_decisions',
    order: ['portfolio', 'event_time'],
    doc: 'What the pre-trade check said: one row per record of orders.decisions. order_checks has a row for each limit.',
  },
  'execution.quality': {
    view: 'execution_quality',
    order: ['portfolio', 'order_id', 'event_time'],
    doc: 'What executing orders has cost: one row per record of execution.quality. As it is now: execution_latest, execution_venues.',
  },
  'ml.events': {
    view: 'ml_events',
    order: ['model', 'event_time'],
    doc: 'Steps in the life of models: one row per record of ml.events; the same event_id may come twice. Versions as they are now: models.',
  },
} as const satisfies Partial<Record<TopicName, Target>>;

export type ClickHouseTopic = keyof typeof TARGETS;
export const CLICKHOUSE_TOPICS = Object.keys(TARGETS) as ClickHouseTopic[];

/** Few different values: stored as a dictionary. Ids, which never repeat, are not. */
const REPEATED = /^(instrument|portfolio|source|venue|source_topic)$/;

export interface ClickHouseColumn {
  readonly name: string;
  readonly type: string;
  readonly doc: string;
}

function typeOf(column: Column): string {
  const { kind, name, nullable, symbols } = column;
  if (kind === 'list') return `Array(${itemType(column)})`;
  const plain = {
    decimal: 'Decimal(38, 9)',
    micros: "DateTime64(6, 'UTC')",
    double: 'Float64',
    long: 'Int64',
    int: 'Int32',
    boolean: 'Bool',
    string: 'String',
    enum: `Enum8(${symbols.map((symbol, index) => `'${symbol}' = ${index + 1}`).join(', ')})`,
  }[kind];
  const type = nullable ? `Nullable(${plain})` : plain;
  return kind === 'string' && REPEATED.test(name) ? `LowCardinality(${type})` : type;
}

function itemType(list: Column): string {
  if (isPlainList(list)) return typeOf(list.items[0]!);
  return `Tuple(${list.items.map((item) => `${item.name} ${typeOf(item)}`).join(', ')})`;
}

/** Columns of a topic's table in order: the value's fields with their documentation, then where the record stands. */
export function tableColumns(topic: ClickHouseTopic): ClickHouseColumn[] {
  return [
    ...columnsOf(topic).map((column) => ({ name: column.name, type: typeOf(column), doc: column.doc })),
    { name: '_topic', type: 'LowCardinality(String)', doc: 'Kafka topic of the record.' },
    { name: '_partition', type: 'UInt16', doc: 'Partition of the record.' },
    { name: '_offset', type: 'UInt64', doc: 'Offset of the record within its partition.' },
  ];
}
