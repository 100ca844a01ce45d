import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDecimal } from '#schemas/decimal.ts';
import type { TopicName } from '#schemas/topics.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { CLICKHOUSE_TOPICS, TARGETS as VIEWS } from '#sinks/clickhouse/tables.ts';
import { POSTGRES_TOPICS, TARGETS as TABLES } from '#sinks/postgres/tables.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { until } from './harness.ts';
import { fill, pnl, position, SinkWorld, trade } from './sinks-support.ts';

const START_LIMIT_MS = 120_000;
/** Generous: on a busy machine a killed process takes half a minute to be back. */
const LIMIT_MS = 120_000;
const PORTFOLIOS = 5;
const INSTRUMENTS = 7;
/** Tables that hold one row a record. */
const AUDIT = {
  'orders.fills': 'fills',
  'portfolio.cash': 'cash_movements',
  'portfolio.pnl': 'portfolio_pnl',
} as const;

describe('the sinks', () => {
  let world: SinkWorld;
  let database: pg.Pool;
  let produced = 0;

  beforeAll(async () => {
    world = await SinkWorld.open();
    database = new pg.Pool({ connectionString: world.services.databaseUrl });
    database.on('error', () => {});
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, START_LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.close();
  }, LIMIT_MS);

  const one = async (sql: string) => (await database.query(sql)).rows[0] as Record<string, string>;
  const clickhouse = async (query: string) => (await clickhouseRows(query))[0] ?? {};
  const clickhouseRows = async <R = Record<string, string>>(query: string): Promise<R[]> => {
    const client = openClient(world.services.clickhouseUrl);
    try {
      const result = await client.query({
        query,
        format: 'JSONEachRow',
        clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
      });
      return await result.json<R>();
    } finally {
      await client.close();
    }
  };
  const ends = (topic: TopicName) => world.kafka.offsets(topic, 'latest-stable');

  const behind = (rows: { partition: number; next: string }[], limits: number[]) =>
    limits.some((limit, partition) => Number(rows.find((row) => row.partition === partition)?.next ?? 0) < limit);
  /** Every topic has been written up to its end, transaction markers included. */
  const caughtUp = async (): Promise<boolean> => {
    for (const topic of new Set<TopicName>([...POSTGRES_TOPICS, ...CLICKHOUSE_TOPICS])) {
      const limits = await ends(topic);
      const where = `WHERE topic = '${topic}'`;
      const sql = `SELECT partition, max(next_offset) AS next FROM sink_offsets ${where} GROUP BY partition`;
      if (topic in TABLES && behind((await database.query(sql)).rows, limits)) return false;
      const query = sql
        .replaceAll('topic', '_topic')
        .replaceAll('partition', '_partition')
        .replace('_partition,', '_partition AS partition,');
      if (topic in VIEWS && behind(await clickhouseRows(query), limits)) return false;
    }
    return true;
  };
  const settle = () =>
    until('both sinks to reach the ends of all topics', () => caughtUp().catch(() => false), LIMIT_MS);

  const produce = async (count: number) => {
    for (const last = produced + count; produced < last; produced++) {
      const portfolio = `p${produced % PORTFOLIOS}`;
      const instrument = `I${produced % INSTRUMENTS}`;
      await world.send('market.trades', instrument, trade(instrument, produced));
      await world.send('portfolio.pnl', portfolio, pnl(portfolio, produced));
      await world.send('portfolio.positions', `${portfolio}/${instrument}`, position(portfolio, instrument, produced));
      if (produced % 10 === 0) await world.send('orders.fills', portfolio, fill(portfolio, instrument, produced));
    }
    await world.producer.flush();
  };

  /** Counts and exact sums in both stores equal what was produced. */
  const verify = async () => {
    const n = BigInt(produced);
    const sum = (n * (n - 1n)) / 2n;
    const cash = sum * 1_000_000_000n + n * 123_456_789n;
    const history = await one(
      'select count(*) as rows, count(distinct (record_partition, record_offset)) as distinct, sum(cash)::text as cash from portfolio_pnl',
    );
    expect([history.rows, history.distinct, parseDecimal(history.cash!)]).toEqual([String(n), String(n), cash]);
    expect((await one('select count(*) as rows from fills')).rows).toBe(String((n + 9n) / 10n));
    const latest = await one('select max(equity) as equity, count(*) as rows from portfolio_pnl_latest');
    expect([Number(latest.equity), latest.rows]).toEqual([1_000_000 + produced - 1, String(PORTFOLIOS)]);
    const current = await one('select max(fills) as fills, count(*) as rows from positions');
    expect([current.fills, current.rows]).toEqual([String(produced - 1), String(PORTFOLIOS * INSTRUMENTS)]);
    for (const view of ['trades', 'positions', 'pnl']) {
      const row = await clickhouse(`SELECT count() AS rows, uniqExact(_partition, _offset) AS distinct FROM ${view}`);
      expect([view, row.rows, row.distinct]).toEqual([view, String(n), String(n)]);
    }
    expect(parseDecimal((await clickhouse('SELECT toString(sum(cash)) AS cash FROM pnl')).cash!)).toBe(cash);
    expect((await clickhouse('SELECT count() AS rows, sum(fills) AS fills FROM fills_summary')).fills).toBe(
      String((n + 9n) / 10n),
    );
    expect(
      await clickhouse(
        "SELECT toString(quantity) AS q FROM positions_latest WHERE portfolio = 'p0' AND instrument = 'I0'",
      ),
    ).toEqual({
      q: String(Math.floor((produced - 1) / 35) * 35),
    });
  };

  it(
    'store every record once, whatever is killed in mid-stream',
    async () => {
      await produce(5_000);
      await until(
        'the first rows',
        async () => Number((await one('select count(*) as rows from portfolio_pnl')).rows) > 0,
        LIMIT_MS,
      );
      for (const victim of ['sink-postgres', 'sink-clickhouse', 'sink-postgres', 'sink-clickhouse']) {
        await produce(5_000);
        world.kill(victim);
      }
      await settle();
      await verify();
      expect(world.services.supervisor.restarts('sink-postgres')).toBeGreaterThan(0);
      expect(world.services.supervisor.restarts('sink-clickhouse')).toBeGreaterThan(0);
    },
    2 * LIMIT_MS,
  );

  it(
    'wait for a database that went away, without ending, and lose nothing',
    async () => {
      const { supervisor } = world.services;
      const restarts = ['sink-postgres', 'sink-clickhouse'].map((name) => supervisor.restarts(name));
      const began = async () => (await one('select pg_postmaster_start_time()::text as time')).time;
      const before = await began();
      world.kill('clickhouse');
      world.kill('postgres');
      await produce(3_000);
      await until('another PostgreSQL', async () => (await began().catch(() => before)) !== before, LIMIT_MS);
      await produce(1_000);
      await settle();
      await verify();
      expect(['sink-postgres', 'sink-clickhouse'].map((name) => supervisor.restarts(name))).toEqual(restarts);
    },
    2 * LIMIT_MS,
  );

  it(
    'never show what an aborted transaction wrote',
    async () => {
      const client = new KafkaJs({
        clientId: 'abort',
        brokers: [...world.services.kafkaBrokers],
        logLevel: logLevel.NOTHING,
      });
      const producer = client.producer({ transactionalId: 'sinks-abort', idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      const transaction = await producer.transaction();
      const value = world.encode('portfolio.pnl', pnl('aborted', 1));
      await transaction.send({ topic: 'portfolio.pnl', messages: [{ key: 'aborted', value }] });
      await transaction.abort();
      await producer.disconnect();
      await settle();
      await verify();
    },
    LIMIT_MS,
  );

  it(
    'keep poisoned records apart, with position, reason and bytes, and go on',
    async () => {
      const unknownSchema = Buffer.from([0, 0, 0x0f, 0x42, 0x40, 1, 2, 3]);
      const good = world.encode('orders.fills', fill('poison', 'I', 1));
      // 38 digits in 16 bytes, and with another first byte 39.
      const largest = 10n ** 38n - 1n;
      const tooLarge = world.encode('orders.fills', { ...fill('poison', 'I', 1), quantity: largest });
      tooLarge[tooLarge.indexOf(Buffer.from(largest.toString(16), 'hex'))] = 0x7f;
      const poison: [TopicName, Buffer | null, string][] = [
        ['orders.fills', Buffer.from('this is no Avro'), 'RECORD_CORRUPT'],
        ['orders.fills', Buffer.concat([good, Buffer.from([0])]), 'RECORD_CORRUPT'],
        ['orders.fills', unknownSchema, 'SCHEMA_UNKNOWN'],
        ['orders.fills', null, 'RECORD_EMPTY'],
        ['orders.fills', tooLarge, 'RECORD_CORRUPT'],
      ];
      for (const [topic, value] of poison) await world.raw(topic, 'poison', value);
      // PostgreSQL's text holds no NUL and its index no long key; ClickHouse takes both.
      const strange = [
        { ...fill('poison', 'I', 1), venue: 'a\0b' },
        {
          ...fill('poison', 'I', 1),
          fillId: randomBytes(9_000).toString('hex'),
        },
      ];
      for (const value of strange) await world.send('orders.fills', 'poison', value);
      await world.send('orders.fills', 'poison', fill('poison', 'I', 2));
      await world.producer.flush();
      await settle();
      const codes = (
        await database.query('select error_code as code from sink_rejects order by record_offset')
      ).rows.map((row) => row.code);
      expect(codes).toEqual([...poison.map(([, , code]) => code), 'VALUE_REFUSED', 'VALUE_REFUSED']);
      const kept = await database.query<{ value: Buffer; key: Buffer }>(
        'select key, value from sink_rejects order by record_offset limit 1',
      );
      expect([String(kept.rows[0]!.key), String(kept.rows[0]!.value)]).toEqual(['poison', 'this is no Avro']);
      expect((await one("select count(*) as rows from fills where portfolio = 'poison'")).rows).toBe('1');
      const rejected = await clickhouse(
        'SELECT groupArray(error_code) AS codes FROM (SELECT * FROM sink_rejects FINAL ORDER BY _offset)',
      );
      expect(rejected.codes).toEqual(poison.map(([, , code]) => code));
      expect((await clickhouse("SELECT count() AS rows FROM fills WHERE portfolio = 'poison'")).rows).toBe('3');
    },
    LIMIT_MS,
  );

  const account = async () => {
    for (const [topic, table] of Object.entries(AUDIT)) {
      const read = await countCommitted(topic as TopicName);
      const row = await one(
        `select (select count(*) from ${table}) + (select count(*) from sink_rejects where topic = '${topic}') as rows`,
      );
      expect([topic, Number(row.rows)]).toEqual([topic, read]);
    }
    for (const topic of CLICKHOUSE_TOPICS) {
      const row = await clickhouse(
        `SELECT (SELECT count() FROM ${VIEWS[topic].view}) + (SELECT count() FROM sink_rejects FINAL WHERE _topic = '${topic}') AS rows`,
      );
      expect([topic, Number(row.rows)]).toEqual([topic, await countCommitted(topic)]);
    }
  };

  it('account for every record of a topic: a row or a reject', account, LIMIT_MS);

  const countCommitted = async (topic: TopicName): Promise<number> => {
    const limits = await ends(topic);
    const reader = await world.kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    let count = 0;
    while (limits.some((limit, partition) => reader.position(topic, partition) < limit)) {
      for (const { records } of await reader.poll()) count += records.length;
    }
    await reader.close();
    return count;
  };

  it(
    'end when another process has moved their offsets, with nothing written, and go on when they are put right',
    async () => {
      const second = await openPostgresStore(world.services.databaseUrl);
      const { supervisor, home } = world.services;
      const [partition, end] = [...(await ends('portfolio.cash')).entries()].at(-1)!;
      const step = { topic: 'portfolio.cash', partition, from: end, next: end + 1 } as const;
      const batch = { records: new Map(), rejects: [], advances: [step] };
      await second.offsets(new Map([['portfolio.cash', [0, 0, 0, 0]]]));
      await second.write(batch);
      await expect(second.write(batch)).rejects.toMatchObject({ code: 'SINK_FENCED' });
      await second.close();
      const restarts = supervisor.restarts('sink-postgres');
      const key = await keyOf(partition);
      const amount = { amount: parseDecimal('1'), currency: null };
      const movement = { eventTime: 1, cashId: 'c', portfolio: key, ...amount, source: 'test' };
      await world.send('portfolio.cash', key, movement);
      await world.producer.flush();
      await until('the sink to end', () => supervisor.restarts('sink-postgres') > restarts, LIMIT_MS);
      expect(readFileSync(join(home, 'logs', 'sink-postgres.log'), 'utf8')).toContain(
        'Another process writes to this database',
      );
      expect((await one('select count(*) as rows from cash_movements')).rows).toBe('0');
      // The offset as the other process should have left it; the sink, started again, goes on from there.
      await database.query('update sink_offsets set next_offset = $1 where topic = $2 and partition = $3', [
        end,
        'portfolio.cash',
        partition,
      ]);
      await settle();
      expect((await one('select count(*) as rows from cash_movements')).rows).toBe('1');
    },
    LIMIT_MS,
  );

  /** A portfolio whose records go to that partition. */
  const keyOf = async (partition: number): Promise<string> => {
    const { murmur2Partition } = await import('#streams/kafka/index.ts');
    return Array.from({ length: 100 }, (_, index) => `cash${index}`).find(
      (key) => murmur2Partition(key, 4) === partition,
    )!;
  };

  it(
    'go on by themselves when the broker was killed',
    async () => {
      const { supervisor } = world.services;
      await until('both sinks to run', () => Boolean(supervisor.pid('sink-postgres')), LIMIT_MS);
      await settle();
      const restarts = ['sink-postgres', 'sink-clickhouse'].map((name) => supervisor.restarts(name));
      const broker = supervisor.pid('kafka');
      await produce(1_000);
      world.kill('kafka');
      await until('another broker', () => ![broker, undefined].includes(supervisor.pid('kafka')), LIMIT_MS);
      await produce(1_000);
      await settle();
      await account();
      expect(['sink-postgres', 'sink-clickhouse'].map((name) => supervisor.restarts(name))).toEqual(restarts);
    },
    2 * LIMIT_MS,
  );
});
