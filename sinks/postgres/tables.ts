import { type Column, columnsOf } from '#schemas/columns.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import { LANES, TOPICS, type TopicName } from '#schemas/topics.ts';
import type { SinkRecord } from '../kit/feed.ts';

/** Where a topic goes: appended record by record, or the newest record per key, or both. */
interface Target {
  readonly table: string;
  /** Columns of the key of which the newest record is kept; none: every record is a row. */
  readonly newestBy: readonly string[];
  /** Records that are rows; the others are left out. Default: all. */
  readonly takes?: (value: NonNullable<SinkRecord['value']>, partition: number) => boolean;
  /** What is before those columns in the record's key. */
  readonly keyPrefix?: string;
  /** Has a column `day`, the UTC day of the event time, and keeps the newest record of each. */
  readonly byDay?: true;
}

const DAY_MICROS = 86_400_000_000;

export const TARGETS = {
  'reference.portfolios': [{ table: 'portfolios', newestBy: ['portfolio'] }],
  'reference.instruments': [{ table: 'instruments', newestBy: ['instrument'] }],
  'reference.corporate-actions': [{ table: 'corporate_actions', newestBy: ['instrument', 'action_id'] }],
  'market.bars': [
    {
      table: 'market_bars',
      newestBy: ['instrument', 'interval', 'start_time'],
      // What charts and reports read. Provisional bars are for live readers, seconds for ClickHouse.
      takes: ({ final, interval }) => final === true && interval !== 'SECOND',
    },
  ],
  'market.indicators': [
    {
      table: 'indicators_latest',
      newestBy: ['instrument', 'interval'],
    },
  ],
  'market.regimes': [{ table: 'market_regimes', newestBy: ['instrument', 'date'] }],
  'market.depth': [{ table: 'order_books', newestBy: ['instrument'] }],
  'orders.fills': [{ table: 'fills', newestBy: [] }],
  'portfolio.cash': [{ table: 'cash_movements', newestBy: [] }],
  'portfolio.positions': [
    { table: 'positions', newestBy: ['portfolio', 'instrument'] },
    { table: 'position_days', newestBy: ['portfolio', 'instrument', 'day'], byDay: true },
  ],
  'audit.trail': [{ table: 'audit_trail', newestBy: [] }],
  'portfolio.pnl': [
    { table: 'portfolio_pnl', newestBy: [] },
    { table: 'portfolio_pnl_latest', newestBy: ['portfolio'] },
  ],
  'risk.measures': [
    { table: 'risk_measures_latest', newestBy: ['portfolio'], takes: ({ dayEnd }) => dayEnd === false },
    { table: 'risk_day_ends', newestBy: [], takes: ({ dayEnd }) => dayEnd === true },
  ],
  'risk.backtests': [{ table: 'risk_backtests', newestBy: [] }],
  'risk.limits': [{ table: 'risk_limits', newestBy: ['portfolio', 'limit_id'] }],
  'risk.utilisation': [{ table: 'risk_utilisation', newestBy: ['portfolio', 'limit_id'] }],
  'risk.predictions': [{ table: 'risk_predictions', newestBy: ['portfolio', 'limit_id'] }],
  'risk.breaches': [{ table: 'risk_breaches', newestBy: ['breach_id'] }],
  // That for all portfolios comes in every partition: offsets of one of them can be compared.
  'risk.controls': [
    {
      table: 'risk_controls',
      newestBy: ['portfolio'],
      takes: ({ portfolio }, lane) => portfolio !== null || lane === 0,
    },
  ],
  'risk.actions': [{ table: 'risk_actions', newestBy: ['action_id'] }],
  'risk.acknowledgements': [{ table: 'risk_acknowledgements', newestBy: ['portfolio', 'acknowledgement_id'] }],
  // Every partition has all of them.
  'risk.workflows': [
    {
      table: 'risk_workflows',
      newestBy: ['workflow_id'],
      takes: (_, lane) => lane === 0,
      keyPrefix: `${LANES[0]}/`,
    },
  ],
  'orders.decisions': [{ table: 'order_decisions', newestBy: ['portfolio', 'order_id'] }],
  'execution.quality': [{ table: 'execution_quality', newestBy: ['portfolio', 'order_id'] }],
  'ml.events': [
    { table: 'ml_events', newestBy: ['event_id'] },
    { table: 'models', newestBy: ['model', 'version'], takes: ({ toStage }) => toStage !== null },
  ],
} as const satisfies Partial<Record<TopicName, readonly Target[]>>;

export type PostgresTopic = keyof typeof TARGETS;
export const POSTGRES_TOPICS = Object.keys(TARGETS) as PostgresTopic[];

const ARRAY_TYPES = {
  decimal: 'numeric',
  micros: 'bigint',
  double: 'double precision',
  long: 'bigint',
  int: 'integer',
  boolean: 'boolean',
  string: 'text',
  enum: 'text',
  list: 'jsonb',
} as const satisfies Record<Column['kind'], string>;

/** A statement that writes many records at once, its parameters one array a column. */
export interface Insert {
  readonly table: string;
  readonly sql: string;
  parameters(records: readonly SinkRecord[]): unknown[][];
  /** The records that the statement is given: of several with one key the last, since it may touch a row only once. */
  select(records: readonly SinkRecord[]): readonly SinkRecord[];
  /** Removes the row of a tombstone by its record key; null for tables that keep every record. */
  readonly deleteSql: string | null;
}

/** The statements of each topic. */
export const INSERTS = Object.fromEntries(
  POSTGRES_TOPICS.map((topic) => [topic, TARGETS[topic].map((target: Target) => insertOf(topic, target))]),
) as Record<PostgresTopic, Insert[]>;

function insertOf(topic: TopicName, { table, newestBy, takes = () => true, keyPrefix = '', byDay }: Target): Insert {
  const columns = columnsOf(topic);
  const given = [...columns.map((column) => column.name), 'record_partition', 'record_offset'];
  const names = byDay ? [...given, 'day'] : given;
  const types = [...columns.map((column) => ARRAY_TYPES[column.kind]), 'integer', 'bigint'];
  const values = [
    ...columns.map(({ name, kind }) =>
      kind === 'micros' ? `timestamptz 'epoch' + r.${name} * interval '1 microsecond'` : `r.${name}`,
    ),
    'r.record_partition',
    'r.record_offset',
    ...(byDay ? [`date '1970-01-01' + floor(r.event_time::numeric / ${DAY_MICROS})::integer`] : []),
  ];
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`);
  const changed = names.filter((name) => !newestBy.includes(name)).map((name) => `${name} = excluded.${name}`);
  const newest = `on conflict (${newestBy.join(', ')}) do update set ${changed.join(', ')}
    where ${table}.record_offset < excluded.record_offset`;
  const keyFields = columns.filter((column) => newestBy.includes(column.name)).map((column) => column.field);
  return {
    table,
    sql: `insert into ${table} (${names.join(', ')})
    select ${values.join(', ')} from unnest(${arrays.join(', ')}) as r(${given.join(', ')})
    ${newestBy.length > 0 ? newest : ''}`,
    parameters: (records) => [
      ...columns.map(({ field }) => records.map((record) => parameter(record.value![field]))),
      records.map((record) => record.partition),
      records.map((record) => record.offset),
    ],
    select: (all) => {
      const records = all.filter((record) => takes(record.value!, record.partition));
      if (keyFields.length === 0) return records;
      const last = new Map<string, SinkRecord>();
      for (const record of records) {
        const key = keyFields.map((field) => record.value![field]);
        if (byDay) key.push(Math.floor((record.value!.eventTime as number) / DAY_MICROS));
        last.set(JSON.stringify(key), record);
      }
      return [...last.values()];
    },
    deleteSql:
      TOPICS[topic].cleanup === 'compact' && newestBy.length > 0
        ? `delete from ${table} where '${keyPrefix}' || ${newestBy.join(" || '/' || ")} = $1 and record_offset < $2`
        : null,
  };
}

function parameter(value: unknown): unknown {
  if (typeof value === 'bigint') return numeric(value);
  return Array.isArray(value) ? JSON.stringify(value, jsonItem) : value;
}

/**
 * What JSON has no number for is text within a list: a decimal, which would be read as a double, and NaN and the
 * infinities, of which JSON would make null; as PostgreSQL's own to_jsonb has them, so that a cast gives them back.
 */
function jsonItem(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return formatDecimal(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Units of 1e-9 as PostgreSQL reads a numeric: digits and an exponent, no arithmetic. */
const numeric = (units: bigint): string => `${units}e-9`;
