import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { tradesOf } from '#connectors/replay/parse.ts';
import { regimeRow } from '#ml/features/regime.ts';
import { DatedModels } from '#ml/model/dated.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { RegimeEnsemble } from '#quant/regimes/ensemble.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import { AVRO } from '#schemas/avro.ts';
import type { DailyReturn, MarketRegime } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { silentLog } from '#streams/kit/log.ts';
import { root } from '../rules/sources.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const PYTHON = process.env.TIDEMARK_PYTHON ?? 'python3';
const NOTEBOOK_PACKAGES = ['confluent_kafka', 'fastavro', 'ipykernel', 'matplotlib', 'nbclient', 'pandas'];
const KILLS = 3;
const INSTRUMENTS = new Set(['SP500', 'JPM']);
/** A crisis in it. */
const TRADES = loadHistory()
  .filter(({ date }) => date >= '2006-06-01' && date < '2009-01-01')
  .flatMap(tradesOf)
  .filter(({ instrument }) => INSTRUMENTS.has(instrument));

describe('regimes of a process that is killed again and again', () => {
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
    for (const name of ['bars', 'regimes'])
      supervisor.start({ name, file: 'topologies/main.ts', args: [name], env, statusPort: await freePort() });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['bars', 'regimes']);
    await world?.close();
  }, LIMIT_MS);

  const caughtUp = async (group: string, topic: string): Promise<boolean> => {
    const ends = await world.kafka.offsets(topic, 'latest-stable');
    const committed = await world.kafka.committedOffsets(group, topic);
    return ends.every((end, partition) => end === 0 || committed[partition]! >= end);
  };
  async function read<V>(topic: string, schema: AvroSchema): Promise<V[]> {
    const serde = await topicSerde<V>(new SchemaRegistry(world.services.registryUrl), topic, schema);
    const tail = await LogTail.open(world.kafka, { topic, serde, from: 'earliest', log: silentLog });
    const values: V[] = [];
    await tail.readTo(await world.kafka.offsets(topic, 'latest'), ({ value }) => void (value && values.push(value)));
    await tail.close();
    return values;
  }
  /** What the parts give by themselves for the returns of the topic, by date. */
  async function expected(returns: readonly DailyReturn[]): Promise<Map<string, string>> {
    const models = new DatedModels(join(root, 'ml', 'models', 'regimes'), { providers: ['cpu'], threads: 1 });
    const [ensemble, window] = [new RegimeEnsemble(), new ReturnWindow()];
    const found = new Map<string, string>();
    for (const { date, simpleReturn, eventTime } of returns) {
      window.push(Math.log1p(simpleReturn));
      const row = regimeRow(window);
      const scores = row && (await (await models.scorer(models.fileAt(eventTime)!)).score(row, 1)).map(Math.fround);
      const day = ensemble.take(Math.log1p(simpleReturn), scores);
      if (day) found.set(date, `${day.regime} ${day.days} ${Math.sqrt(252 * day.variance)}`);
    }
    return found;
  }

  it('are given once for each day, as if nothing had happened', { timeout: LIMIT_MS }, async () => {
    const part = Math.ceil(TRADES.length / (KILLS + 1));
    for (let kill = 0; kill <= KILLS; kill++) {
      for (const trade of TRADES.slice(kill * part, (kill + 1) * part))
        await world.send('market.trades', trade.instrument, trade);
      await world.producer.flush();
      if (kill < KILLS) world.kill('regimes');
    }
    const isDone = async () =>
      (await caughtUp('bars', 'market.trades')) && (await caughtUp('regimes', 'market.returns'));
    await until('the regimes of all days', () => isDone().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('regimes')).toBeGreaterThan(0);

    const [returns, records] = [
      await read<DailyReturn>('market.returns', AVRO['market.returns']),
      await read<MarketRegime>('market.regimes', AVRO['market.regimes']),
    ];
    for (const instrument of INSTRUMENTS) {
      const own = records.filter((record) => record.instrument === instrument);
      const wanted = await expected(returns.filter((each) => each.instrument === instrument));
      expect(wanted.size).toBeGreaterThan(300);
      expect(own.map(({ date, regime, days, volatility }) => [date, `${regime} ${days} ${volatility}`])).toEqual([
        ...wanted,
      ]);
      expect(own.every(({ revision }) => revision === 0)).toBe(true);
      expect(own.some(({ regime }) => regime === 'CRISIS')).toBe(true);
    }
  });

  it('are in both stores', { timeout: LIMIT_MS }, async () => {
    const records = await read<MarketRegime>('market.regimes', AVRO['market.regimes']);
    const own = records.filter(({ instrument }) => instrument === 'SP500');
    const count = async () => (await database.query('select count(*)::int as rows from market_regimes')).rows[0].rows;
    await until('PostgreSQL', async () => (await count()) === records.length, LIMIT_MS);
    const store = openReadStore(world.services.databaseUrl);
    expect((await store.regimes()).map(({ instrument, date }) => [instrument, date])).toEqual([
      ['JPM', own.at(-1)!.date],
      ['SP500', own.at(-1)!.date],
    ]);
    expect(await store.regimeHistory('SP500', '2008-10-01', '2008-10-31', 1000)).toEqual(
      own.filter(({ date }) => date.startsWith('2008-10')),
    );
    const spans = await store.regimeSpans('SP500');
    await store.close();
    expect(spans.reduce((sum, { days }) => sum + days, 0)).toBe(own.length);
    expect([spans[0]!.from, spans.at(-1)!.to]).toEqual([own[0]!.date, own.at(-1)!.date]);
    for (const [index, { regime, from, to }] of spans.entries()) {
      expect(regime).not.toBe(spans[index + 1]?.regime);
      for (const day of own.filter(({ date }) => date >= from && date <= to)) expect(day.regime).toBe(regime);
    }

    const client = openClient(world.services.clickhouseUrl);
    const query = `SELECT toString(date) AS date, regime, days, volatility, crisis, bull_calm, classifier
      FROM regimes_latest WHERE instrument = 'SP500' ORDER BY date`;
    const rows = async () => (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    await until('ClickHouse', async () => (await rows()).length === own.length, LIMIT_MS);
    expect(await rows()).toEqual(
      own.map(({ date, regime, days, volatility, probabilities, classifier }) => ({
        date,
        regime,
        days,
        volatility,
        crisis: probabilities[4]!.probability,
        bull_calm: probabilities[0]!.probability,
        classifier,
      })),
    );
    await client.close();
  });

  it('are what the notebook draws, from Kafka and from ClickHouse', { timeout: LIMIT_MS }, async (context) => {
    const { status } = spawnSync(PYTHON, ['-c', `import ${NOTEBOOK_PACKAGES.join(', ')}`]);
    context.skip(status !== 0, `"${PYTHON}" has not the packages of notebooks/requirements.txt`);
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-notebook-'));
    const out = join(folder, 'executed.ipynb');
    const { kafkaBrokers, registryUrl, clickhouseUrl } = world.services;
    const env = {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      CLICKHOUSE_URL: clickhouseUrl,
    };
    await promisify(execFile)(PYTHON, [join(root, 'notebooks', 'run.py'), '--out', out], { env });
    const executed = readFileSync(out, 'utf8');
    rmSync(folder, { recursive: true });
    expect(executed.match(/"image\/png"/g)).toHaveLength(3);
    expect(executed).toContain('SP500: first day of CRISIS since 2008-09-01: 2008-09-15');
    expect(executed).toContain('no CRISIS since 2020-02-01');
  });
});
