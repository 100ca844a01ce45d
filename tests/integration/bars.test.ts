import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { tradesOf } from '#connectors/replay/parse.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { AVRO } from '#schemas/avro.ts';
import type { Bar, DailyReturn, Trade, Types } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import { silentLog } from '#streams/kit/log.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const KILLS = 3;
/** Five years of daily closes. */
const TRADES = loadHistory()
  .filter(({ date }) => date < '1995-01-01')
  .flatMap(tradesOf);
const byInstrument = Map.groupBy(TRADES, ({ instrument }) => instrument);
const dateOf = ({ eventTime }: Trade) => new Date(eventTime / 1000).toISOString().slice(0, 10);
/** Of a history's trades all but the last, whose bars nothing has ended yet. */
const ended = [...byInstrument.values()].flatMap((trades) => trades.slice(0, -1));

describe('bars of a process that is killed again and again', () => {
  let world: SinkWorld;
  let database: pg.Pool;

  beforeAll(async () => {
    world = await SinkWorld.open();
    database = new pg.Pool({ connectionString: world.services.databaseUrl });
    const { supervisor, kafkaBrokers, registryUrl, home } = world.services;
    const env = {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      TIDEMARK_HOME: home,
    };
    supervisor.start({ name: 'bars', file: 'topologies/main.ts', args: ['bars'], env, statusPort: await freePort() });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['bars']);
    await world?.close();
  }, LIMIT_MS);

  const read = async <T extends 'market.bars' | 'market.returns'>(topic: T): Promise<Types[T][]> => {
    const { kafkaBrokers, registryUrl } = world.services;
    const kafka = await openKafka({ brokers: kafkaBrokers, clientId: 'bars-test' });
    const serde = await topicSerde<Types[T]>(new SchemaRegistry(registryUrl), topic, AVRO[topic]);
    const tail = await LogTail.open(kafka, { topic, serde, from: 'earliest', log: silentLog });
    const values: Types[T][] = [];
    // Not the stable end: a transaction that is committed may still have its markers on their way.
    await tail.readTo(await kafka.offsets(topic, 'latest'), ({ value }) => void (value && values.push(value)));
    await tail.close();
    await kafka.close();
    return values;
  };
  const clickhouse = async (query: string): Promise<Record<string, unknown>[]> => {
    const client = openClient(world.services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    } finally {
      await client.close();
    }
  };
  const caughtUp = async (): Promise<boolean> => {
    const ends = await world.kafka.offsets('market.trades', 'latest-stable');
    const committed = await world.kafka.committedOffsets('bars', 'market.trades');
    return ends.every((end, partition) => committed[partition]! >= end);
  };

  it('end once each, and give every return once', { timeout: LIMIT_MS }, async () => {
    const part = Math.ceil(TRADES.length / (KILLS + 1));
    for (let kill = 0; kill <= KILLS; kill++) {
      for (const trade of TRADES.slice(kill * part, (kill + 1) * part))
        await world.send('market.trades', trade.instrument, trade);
      await world.producer.flush();
      if (kill < KILLS) world.kill('bars');
    }
    await until('the bars of all trades', () => caughtUp().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('bars')).toBeGreaterThan(0);

    const final = (await read('market.bars')).filter((bar: Bar) => bar.final);
    const keys = final.map(({ instrument, interval, startTime }) => `${instrument} ${interval} ${startTime}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(final.length).toBe(4 * ended.length);
    const days = final.filter(({ interval }) => interval === 'DAY');
    expect(days.map(({ instrument, close, volume }) => `${instrument} ${close} ${volume}`).sort()).toEqual(
      ended.map(({ instrument, price, size }) => `${instrument} ${price} ${size}`).sort(),
    );

    const returns = await read('market.returns');
    for (const [instrument, trades] of byInstrument) {
      const found: DailyReturn[] = returns.filter((value) => value.instrument === instrument);
      const expected = trades
        .slice(1, -1)
        .map((trade, index) => [dateOf(trade), trade.price / trades[index]!.price - 1]);
      expect(found.map(({ date, simpleReturn }) => [date, simpleReturn])).toEqual(expected);
    }
  });

  it('are in both stores', { timeout: LIMIT_MS }, async () => {
    const select =
      'select instrument, interval, count(*)::int as bars, sum(trades)::int as trades, sum(close) as close';
    const stored = async () =>
      (await database.query(`${select} from market_bars group by 1, 2 order by 1, 2`)).rows as Record<
        string,
        unknown
      >[];
    const intervals = ['DAY', 'HOUR', 'MINUTE'];
    const expected = [...byInstrument]
      .map(([instrument, trades]) => ({ instrument, bars: trades.length - 1 }))
      .sort((a, b) => (a.instrument < b.instrument ? -1 : 1))
      .flatMap((row) => intervals.map((interval) => ({ ...row, interval, trades: row.bars })));
    const total = async () => (await stored()).reduce((sum, { bars }) => sum + Number(bars), 0);
    await until('PostgreSQL', async () => (await total()) === 3 * ended.length, LIMIT_MS);
    expect(await stored()).toMatchObject(expected);

    const count = 'SELECT toUInt32(count()) AS bars, toUInt32(countIf(final)) AS final FROM bars_latest';
    const wanted = { bars: 4 * TRADES.length, final: 4 * ended.length };
    await until('ClickHouse', async () => (await clickhouse(count))[0]!.final === wanted.final, LIMIT_MS);
    expect(await clickhouse(count)).toEqual([wanted]);
    const newest = await clickhouse(
      `SELECT interval, toString(start_time) AS start, open, close, toUInt32(trades) AS trades, final, revision
       FROM bars_latest WHERE instrument = 'AAPL' AND start_time < '1990-01-04' ORDER BY start_time, interval LIMIT 2`,
    );
    const [first] = byInstrument.get('AAPL')!;
    const bar = { open: first!.price, close: first!.price, trades: 1, final: true, revision: 0 };
    expect(newest).toEqual([
      { interval: 'DAY', start: `${dateOf(first!)} 00:00:00.000000`, ...bar },
      { interval: 'SECOND', start: `${dateOf(first!)} 21:00:00.000000`, ...bar },
    ]);
  });
});
