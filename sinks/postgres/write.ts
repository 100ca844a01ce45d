import pg from 'pg';
import { systemClock } from '#streams/kit/clock.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { Advance, Offsets, Reject, SinkBatch, SinkRecord } from '../kit/feed.ts';
import { MAX_REJECT_BYTES } from '../kit/feed.ts';
import type { SinkStore } from '../kit/sink.ts';
import { INSERTS, POSTGRES_TOPICS, type PostgresTopic } from './tables.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** Longer than the server's own limit: for a server that does not answer at all. */
const QUERY_TIMEOUT_MS = 70_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** A transaction whose client died holds its row locks no longer than this. */
const IDLE_TRANSACTION_TIMEOUT_MS = 30_000;

/** Compare-and-set of all offsets of a batch: a row whose offset is not where the batch began is not updated. */
const ADVANCE_SQL = `
  update sink_offsets o set next_offset = a.next, updated_at = clock_timestamp()
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) as a(topic, partition, start, next)
  where o.topic = a.topic and o.partition = a.partition and o.next_offset = a.start`;

const REJECTS_SQL = `
  insert into sink_rejects
    (topic, record_partition, record_offset, record_time, error_code, error_message, key, value, value_bytes)
  select topic, partition, record_offset, timestamptz 'epoch' + time_ms * interval '1 millisecond', code, message, key,
    value, bytes
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
    $9::integer[])
    as r(topic, partition, record_offset, time_ms, code, message, key, value, bytes)`;

/**
 * PostgreSQL says the data is at fault (class 22), or that a value breaks a limit of the program, like an index row's
 * size (54000).
 */
const isDataError = (error: unknown): boolean => /^(22...|54000)$/.test((error as { code?: string }).code ?? '');

/** Opens the store: one connection, that a session of the sink owns. */
export async function openPostgresStore(databaseUrl: string): Promise<SinkStore> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'tidemark-sink',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
  });
  // A connection that breaks fails the next query; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  return {
    offsets: (earliest) => readOffsets(client, earliest),
    write: (batch) => writeBatch(client, batch),
    close: () => close(client),
  };
}

/** Says goodbye; to a server that does not answer no longer than a second. */
async function close(client: pg.Client): Promise<void> {
  const limit = new AbortController();
  await Promise.race([client.end().catch(() => {}), systemClock.sleep(CLOSE_TIMEOUT_MS, limit.signal)]);
  limit.abort();
}

/** Stored offsets; partitions seen for the first time are entered with their first offset. */
async function readOffsets(client: pg.ClientBase, earliest: Offsets): Promise<Offsets> {
  const rows = [...earliest].flatMap(([topic, offsets]) =>
    offsets.map((offset, partition) => ({ topic, partition, offset })),
  );
  await client.query(
    `insert into sink_offsets (topic, partition, next_offset)
    select * from unnest($1::text[], $2::integer[], $3::bigint[]) on conflict do nothing`,
    [rows.map((row) => row.topic), rows.map((row) => row.partition), rows.map((row) => row.offset)],
  );
  const stored = await client.query<{ topic: string; partition: number; next: string }>(
    'select topic, partition, next_offset as next from sink_offsets',
  );
  const known = new Map(stored.rows.map((row) => [`${row.topic}/${row.partition}`, Number(row.next)]));
  return new Map(
    [...earliest].map(([topic, offsets]) => [
      topic,
      offsets.map((first, partition) => known.get(`${topic}/${partition}`) ?? first),
    ]),
  );
}

/**
 * Writes rows, rejects and offsets in one transaction. When the database refuses a value, the batch is written record
 * by record and what is refused goes to sink_rejects. Throws SINK_FENCED when the offsets are not where the batch
 * began.
 */
async function writeBatch(client: pg.ClientBase, batch: SinkBatch): Promise<readonly Reject[]> {
  try {
    await transaction(client, async () => {
      await advance(client, batch.advances);
      for (const topic of POSTGRES_TOPICS) await insertAll(client, topic, batch.records.get(topic) ?? []);
      await insertRejects(client, batch.rejects);
    });
    return [];
  } catch (error) {
    if (!isDataError(error)) throw error;
  }
  const refused: Reject[] = [];
  await transaction(client, async () => {
    refused.length = 0;
    await advance(client, batch.advances);
    for (const topic of POSTGRES_TOPICS) {
      for (const record of batch.records.get(topic) ?? []) {
        const reject = await insertOne(client, topic, record);
        if (reject) refused.push(reject);
      }
    }
    await insertRejects(client, [...batch.rejects, ...refused]);
  });
  return refused;
}

async function transaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    await work();
    await client.query('commit');
  } catch (error) {
    // On a broken connection the server rolls back by itself.
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** First in the transaction: its row locks make a second sink wait here, and then find the offsets moved. */
async function advance(client: pg.ClientBase, advances: readonly Advance[]): Promise<void> {
  const result = await client.query(ADVANCE_SQL, [
    advances.map((step) => step.topic),
    advances.map((step) => step.partition),
    advances.map((step) => step.from),
    advances.map((step) => step.next),
  ]);
  if (result.rowCount === advances.length) return;
  const { topic, partition, from } = advances[0]!;
  throw new TidemarkError(
    'SINK_FENCED',
    'Another process writes to this database: an offset is not where this sink left it ' +
      `(at ${topic}/${partition} ${from}). Nothing of this batch was written. Run one sink-postgres a database.`,
    { position: { topic, partition, offset: from } },
  );
}

async function insertAll(client: pg.ClientBase, topic: PostgresTopic, records: readonly SinkRecord[]): Promise<void> {
  // Tombstones divide the batch: what came before one must be in the table when it removes the row.
  let begin = 0;
  for (let index = 0; index <= records.length; index++) {
    const record = records[index];
    if (record && record.value !== null) continue;
    const run = records.slice(begin, index);
    begin = index + 1;
    for (const insert of INSERTS[topic]) {
      const selected = insert.select(run);
      if (selected.length > 0) await client.query(insert.sql, insert.parameters(selected));
      if (record && insert.deleteSql) await client.query(insert.deleteSql, [String(record.raw.key), record.offset]);
    }
  }
}

async function insertOne(client: pg.ClientBase, topic: PostgresTopic, record: SinkRecord): Promise<Reject | null> {
  await client.query('savepoint record');
  try {
    await insertAll(client, topic, [record]);
    await client.query('release savepoint record');
    return null;
  } catch (error) {
    if (!isDataError(error)) throw error;
    await client.query('rollback to savepoint record');
    const { partition, raw } = record;
    return { topic, partition, record: raw, code: 'VALUE_REFUSED', message: describeError(error) };
  }
}

async function insertRejects(client: pg.ClientBase, rejects: readonly Reject[]): Promise<void> {
  if (rejects.length === 0) return;
  await client.query(REJECTS_SQL, [
    rejects.map((reject) => reject.topic),
    rejects.map((reject) => reject.partition),
    rejects.map((reject) => reject.record.offset),
    rejects.map((reject) => reject.record.timestampMs),
    rejects.map((reject) => reject.code),
    rejects.map((reject) => reject.message.replaceAll('\0', '')),
    rejects.map((reject) => reject.record.key),
    rejects.map((reject) => reject.record.value?.subarray(0, MAX_REJECT_BYTES) ?? null),
    rejects.map((reject) => reject.record.value?.length ?? null),
  ]);
}
