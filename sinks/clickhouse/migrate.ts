import type { ClickHouseClient } from '@clickhouse/client';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { databaseOf, openClient } from './client.ts';
import { CLICKHOUSE_TOPICS, TARGETS, tableColumns } from './tables.ts';
import { ANALYST_VIEWS, type View } from './views.ts';

const text = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * Creates the database, tables and views, and adds the columns that schemas have gained, and lets those hold null, or new symbols of an enum,
 * that schemas have made so; does nothing to what is there already. Tables derive from the Avro schemas, comments included. Throws MIGRATION_FAILED.
 */
export async function migrate(clickhouseUrl: string): Promise<void> {
  const database = databaseOf(clickhouseUrl);
  try {
    await commands(openClient(clickhouseUrl, null), [
      `CREATE DATABASE IF NOT EXISTS \`${database}\` COMMENT 'Tidemark: trades, fills, positions, P&L, exactly once.'`,
    ]);
    await commands(openClient(clickhouseUrl), statements());
  } catch (cause) {
    throw new TidemarkError('MIGRATION_FAILED', `ClickHouse could not be migrated: ${describeError(cause)}`, { cause });
  }
}

/** Every statement of the schema, in order. Each can be repeated. */
export function statements(): string[] {
  return [
    ...CLICKHOUSE_TOPICS.flatMap((topic) => {
      const { view, order, doc } = TARGETS[topic];
      const columns = tableColumns(topic);
      return [
        // The same record always has the same key, so however often it is inserted one row stays (FINAL sees it at
        // once).
        createTable(`${view}_raw`, `${doc} May hold a record twice for a while: query ${view}.`, columns, order),
        ...columns.map(
          ({ name, type, doc }) => `ALTER TABLE ${view}_raw ADD COLUMN IF NOT EXISTS ${definition(name, type, doc)}`,
        ),
        ...widening(view, columns),
        createView({
          name: view,
          doc,
          columns,
          sql: `SELECT ${columns.map(({ name }) => name).join(', ')} FROM ${view}_raw FINAL`,
        }),
      ];
    }),
    createTable(
      'sink_rejects',
      'Records that could not be stored: position, reason and the first 512 KiB.',
      REJECT_COLUMNS,
      ['_topic'],
    ),
    createOffsets(),
    ...ANALYST_VIEWS.map(createView),
  ];
}

/** Schemas let fields become null, and enums have more symbols, later on; of a column that can hold them this changes nothing. */
function widening(view: string, columns: Columns): string[] {
  const changes = columns
    .filter(({ type }) => /^(Nullable\(|Enum8\()/.test(type))
    .map(({ name, type, doc }) => `MODIFY COLUMN ${definition(name, type, doc)}`);
  return changes.length === 0 ? [] : [`ALTER TABLE ${view}_raw ${changes.join(', ')}`];
}

type Columns = readonly { readonly name: string; readonly type: string; readonly doc: string }[];

const definition = (name: string, type: string, doc: string) => `${name} ${type} COMMENT ${text(doc)}`;

function createTable(name: string, doc: string, columns: Columns, order: readonly string[]): string {
  const key = [...order, '_partition', '_offset'].join(', ');
  // No PARTITION BY: an insert is one part then, and a replay of thirty years does not make thirty parts a batch.
  const typed = columns.map((column) => definition(column.name, column.type, column.doc)).join(',\n  ');
  return `CREATE TABLE IF NOT EXISTS ${name} (\n  ${typed}\n)
ENGINE = ReplacingMergeTree ORDER BY (${key}) COMMENT ${text(doc)}`;
}

const REJECT_COLUMNS: Columns = [
  { name: '_topic', type: 'LowCardinality(String)', doc: 'Kafka topic of the record.' },
  { name: '_partition', type: 'UInt16', doc: 'Partition of the record.' },
  { name: '_offset', type: 'UInt64', doc: 'Offset of the record within its partition.' },
  { name: 'record_time', type: "DateTime64(3, 'UTC')", doc: 'Kafka timestamp of the record.' },
  { name: 'error_code', type: 'LowCardinality(String)', doc: 'Stable code of the reason.' },
  { name: 'error_message', type: 'String', doc: 'The reason in words.' },
  { name: 'key_base64', type: 'Nullable(String)', doc: 'Key bytes, base64.' },
  {
    name: 'value_base64',
    type: 'Nullable(String)',
    doc: 'First 512 KiB of the value bytes, base64; null for a tombstone.',
  },
  { name: 'value_bytes', type: 'Nullable(UInt32)', doc: 'Size of the whole value, bytes.' },
];

const createOffsets = () => `CREATE TABLE IF NOT EXISTS sink_offsets (
  _topic LowCardinality(String) COMMENT 'Kafka topic.',
  _partition UInt16 COMMENT 'Partition.',
  next_offset UInt64 COMMENT 'Everything before this offset has been written.',
  written_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'Wall clock of the write.'
)
ENGINE = ReplacingMergeTree(next_offset) ORDER BY (_topic, _partition)
COMMENT 'How far each topic is in this database; written after the rows. Query it with FINAL.'`;

function createView({ name, doc, columns, sql }: View): string {
  const typed = columns.map((column) => definition(column.name, column.type, column.doc)).join(',\n  ');
  return `CREATE OR REPLACE VIEW ${name} (\n  ${typed}\n) AS ${sql} COMMENT ${text(doc)}`;
}

async function commands(client: ClickHouseClient, queries: readonly string[]): Promise<void> {
  try {
    for (const query of queries) await client.command({ query });
  } finally {
    await client.close();
  }
}
