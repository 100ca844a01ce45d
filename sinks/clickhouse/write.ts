import { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';
import { describeError } from '#streams/kit/errors.ts';
import { MAX_REJECT_BYTES, type Offsets, type Reject, type SinkBatch, type SinkRecord } from '../kit/feed.ts';
import type { SinkStore } from '../kit/sink.ts';
import { openClient } from './client.ts';
import { escapeText, lineWriter } from './rows.ts';
import { CLICKHOUSE_TOPICS, type ClickHouseTopic, TARGETS, type Target, tableColumns } from './tables.ts';

const LINE_WRITERS = Object.fromEntries(CLICKHOUSE_TOPICS.map((topic) => [topic, lineWriter(topic)])) as Record<
  ClickHouseTopic,
  (record: SinkRecord) => string
>;

/**
 * Opens the store. ClickHouse has no transactions: the offsets follow the rows, and rows written twice are one to the
 * views.
 */
export async function openClickHouseStore(url: string): Promise<SinkStore> {
  const client = openClient(url);
  return {
    offsets: (earliest) => readOffsets(client, earliest),
    write: (batch) => writeBatch(client, batch),
    close: () => client.close(),
  };
}

/**
 * Where to read on. The stored offset says that everything before it was written; the newest row says what is still
 * there, should the server have lost what it had not yet flushed. The smaller one is right: reading a record twice
 * changes nothing.
 */
async function readOffsets(client: ClickHouseClient, earliest: Offsets): Promise<Offsets> {
  const stored = await positions(
    client,
    'SELECT _topic, _partition, max(next_offset) AS next FROM sink_offsets GROUP BY ALL',
  );
  const tables = [...CLICKHOUSE_TOPICS.map((topic) => `${TARGETS[topic].view}_raw`), 'sink_rejects'];
  const newest = await positions(
    client,
    `SELECT _topic, _partition, max(next) AS next FROM (
    ${tables.map(newestOf).join(' UNION ALL ')}
    ) GROUP BY ALL`,
  );
  return new Map(
    [...earliest].map(([topic, offsets]) => [
      topic,
      offsets.map((first, partition) => {
        const key = `${topic}/${partition}`;
        return Math.max(first, Math.min(stored.get(key) ?? 0, newest.get(key) ?? 0));
      }),
    ]),
  );
}

const newestOf = (table: string) => `SELECT _topic, _partition, max(_offset) + 1 AS next FROM ${table} GROUP BY ALL`;

async function positions(client: ClickHouseClient, query: string): Promise<Map<string, number>> {
  const result = await client.query({ query, format: 'JSONEachRow' });
  const rows = await result.json<{ _topic: string; _partition: number; next: string | number }>();
  return new Map(rows.map((row) => [`${row._topic}/${row._partition}`, Number(row.next)]));
}

async function writeBatch(client: ClickHouseClient, batch: SinkBatch): Promise<readonly Reject[]> {
  const refused: Reject[] = [];
  for (const topic of CLICKHOUSE_TOPICS) {
    const lines = linesOf(topic, batch.records.get(topic) ?? [], refused);
    const columns = tableColumns(topic).map(({ name }) => name);
    await insert(client, `${TARGETS[topic].view}_raw`, columns, lines);
  }
  const rejects = [...batch.rejects, ...refused].map(rejectLine);
  await insert(client, 'sink_rejects', REJECT_COLUMNS, rejects);
  const offsets = batch.advances.map(({ topic, partition, next }) => `${topic}\t${partition}\t${next}\n`);
  await insert(client, 'sink_offsets', ['_topic', '_partition', 'next_offset'], offsets);
  return refused;
}

function linesOf(topic: ClickHouseTopic, records: readonly SinkRecord[], refused: Reject[]): string[] {
  const lines: string[] = [];
  const { takesAllPartitions = true }: Target = TARGETS[topic];
  for (const record of records) {
    // A tombstone says nothing of what was: tables here are histories.
    if (record.value === null || (record.partition !== 0 && !takesAllPartitions)) continue;
    try {
      lines.push(LINE_WRITERS[topic](record));
    } catch (error) {
      const { partition, raw } = record;
      refused.push({ topic, partition, record: raw, code: 'VALUE_REFUSED', message: describeError(error) });
    }
  }
  return lines;
}

const REJECT_COLUMNS = [
  '_topic',
  '_partition',
  '_offset',
  'record_time',
  'error_code',
  'error_message',
  'key_base64',
  'value_base64',
  'value_bytes',
];

function rejectLine({ topic, partition, record, code, message }: Reject): string {
  const { offset, timestampMs, key, value } = record;
  const time = new Date(Math.max(timestampMs, Date.UTC(1900, 0, 1))).toISOString().replace('T', ' ').slice(0, 23);
  const cells = [
    topic,
    partition,
    offset,
    time,
    code,
    escapeText(message),
    key?.toString('base64') ?? '\\N',
    value?.subarray(0, MAX_REJECT_BYTES).toString('base64') ?? '\\N',
    value?.length ?? '\\N',
  ];
  return `${cells.join('\t')}\n`;
}

async function insert(
  client: ClickHouseClient,
  table: string,
  columns: readonly string[],
  lines: readonly string[],
): Promise<void> {
  if (lines.length === 0) return;
  await client.insert({
    table,
    columns: columns as [string, ...string[]],
    // Acknowledged means written: an asynchronous insert could be lost with the server.
    clickhouse_settings: { async_insert: 0 },
    values: Readable.from([lines.join('')], { objectMode: false }),
    format: 'TabSeparated',
  });
}
