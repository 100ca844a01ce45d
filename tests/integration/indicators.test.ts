import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { tradesOf } from '#connectors/replay/parse.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import { AVRO } from '#schemas/avro.ts';
import type { IndicatorValues } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import { silentLog } from '#streams/kit/log.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const KILLS = 3;
const TEXTS = 'SMA(20) EMA(50) SMA(5;volume)';
/** Three years of daily closes: bars beyond what the first kept states hold. */
const TRADES = loadHistory()
  .filter(({ date }) => date >= '2016-01-01' && date < '2019-01-01')
  .flatMap(tradesOf);
const byInstrument = Map.groupBy(TRADES, ({ instrument }) => instrument);

describe('indicators of a process that is killed again and again', () => {
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
      TIDEMARK_INDICATORS: TEXTS,
    };
    for (const name of ['bars', 'indicators'])
      supervisor.start({ name, file: 'topologies/main.ts', args: [name], env, statusPort: await freePort() });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['bars', 'indicators']);
    await world?.close();
  }, LIMIT_MS);

  const caughtUp = async (group: string, topic: string): Promise<boolean> => {
    const ends = await world.kafka.offsets(topic, 'latest-stable');
    const committed = await world.kafka.committedOffsets(group, topic);
    return ends.every((end, partition) => committed[partition]! >= end);
  };
  const read = async (): Promise<IndicatorValues[]> => {
    const registry = new SchemaRegistry(world.services.registryUrl);
    const serde = await topicSerde<IndicatorValues>(registry, 'market.indicators', AVRO['market.indicators']);
    const tail = await LogTail.open(world.kafka, {
      topic: 'market.indicators',
      serde,
      from: 'earliest',
      log: silentLog,
    });
    const values: IndicatorValues[] = [];
    // Not the stable end: a transaction that is committed may still have its markers on their way.
    await tail.readTo(
      await world.kafka.offsets('market.indicators', 'latest'),
      ({ value }) => void (value && values.push(value)),
    );
    await tail.close();
    return values;
  };

  it('are given once for each final bar, as if nothing had happened', { timeout: LIMIT_MS }, async () => {
    const part = Math.ceil(TRADES.length / (KILLS + 1));
    for (let kill = 0; kill <= KILLS; kill++) {
      for (const trade of TRADES.slice(kill * part, (kill + 1) * part))
        await world.send('market.trades', trade.instrument, trade);
      await world.producer.flush();
      if (kill < KILLS) world.kill('indicators');
    }
    const isDone = async () =>
      (await caughtUp('bars', 'market.trades')) && (await caughtUp('indicators', 'market.bars'));
    await until('the indicators of all bars', () => isDone().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('indicators')).toBeGreaterThan(0);

    const records = await read();
    for (const [instrument, trades] of byInstrument) {
      const set = new IndicatorSet(TEXTS.split(' ').map(parseIndicator));
      // The last bar is not over: nothing came after it.
      const expected = trades.map(({ price, size }) => {
        set.update(price, price, price, price, size ?? Number.NaN);
        return [...set.values].map((value) => (Number.isFinite(value) ? value : null));
      });
      const own = records.filter((record) => record.instrument === instrument);
      const finals = own.filter(({ final }) => final);
      expect(finals.map(({ values }) => values.map(({ value }) => value))).toEqual(expected.slice(0, -1));
      expect(own.at(-1)).toMatchObject({ final: false, bars: trades.length });
      expect(own.at(-1)!.values.map(({ value }) => value)).toEqual(expected.at(-1));
    }
  });

  it('are in both stores', { timeout: LIMIT_MS }, async () => {
    const names = TEXTS.split(' ');
    const latest = 'select count(*)::int as rows, sum(bars)::int as bars from indicators_latest';
    const wanted = { rows: byInstrument.size, bars: TRADES.length };
    await until('PostgreSQL', async () => (await database.query(latest)).rows[0].bars === wanted.bars, LIMIT_MS);
    expect((await database.query(latest)).rows[0]).toEqual(wanted);
    const store = openReadStore(world.services.databaseUrl);
    const [first] = await store.indicators();
    await store.close();
    expect(first!.values.map(({ name }) => name)).toEqual(names);

    const client = openClient(world.services.clickhouseUrl);
    const rows = async () => {
      const query = `SELECT indicator, toUInt32(count()) AS bars, toUInt32(count(value)) AS defined
        FROM indicator_values WHERE instrument = 'AAPL' GROUP BY indicator ORDER BY indicator`;
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    };
    const bars = byInstrument.get('AAPL')!.length - 1;
    await until('ClickHouse', async () => (await rows())[0]?.bars === bars, LIMIT_MS);
    expect(await rows()).toEqual([
      { indicator: 'EMA(50)', bars, defined: bars - 49 },
      { indicator: 'SMA(20)', bars, defined: bars - 19 },
      // Closes of stocks have no size.
      { indicator: 'SMA(5;volume)', bars, defined: 0 },
    ]);
    await client.close();
  });
});
