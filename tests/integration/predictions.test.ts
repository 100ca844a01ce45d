import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';
import { AVRO } from '#schemas/avro.ts';
import type { BreachPrediction } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import { silentLog } from '#streams/kit/log.ts';
import { dayOfDate } from '#topologies/kit/days.ts';
import { ModelFiles } from '#topologies/predictions/model-files.ts';
import { root } from '../rules/sources.ts';
import { dayOfSteps, featuresOf, marketReturn, TYPES } from '../topology/predictions-desk.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const FIRST = dayOfDate('2009-06-01');
const DAYS = 60;
const KILLS = 2;
const DAY_MICROS = 86_400_000_000;

describe('predictions of a process that is killed again and again', () => {
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
    await sendMarket();
    const statusPort = await freePort();
    supervisor.start({ name: 'predictions', file: 'topologies/main.ts', args: ['predictions'], env, statusPort });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['predictions']);
    await world?.close();
  }, LIMIT_MS);

  async function sendMarket(): Promise<void> {
    for (let day = FIRST - 400; day < FIRST + DAYS; day++) {
      const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
      const value = {
        eventTime: (day + 1) * DAY_MICROS,
        instrument: 'SP500',
        date,
        close: 100,
        previousClose: 100,
        previousDate: date,
        simpleReturn: marketReturn(day),
        splitFactor: 1,
        dividend: 0,
        turnover: null,
        revision: 0,
        sourceTopic: 'market.trades',
        sourceEventTime: day * DAY_MICROS,
      };
      await world.send('market.returns', `SP500/${date}`, value);
    }
    await world.producer.flush();
  }
  async function sendDay(day: number): Promise<void> {
    for (const step of dayOfSteps(day)) {
      if (step.kind === 'pnl') await world.send('portfolio.pnl', 'fund', step.value);
      else if (step.kind === 'breach') await world.send('risk.breaches', 'fund', step.value);
      else if (step.kind === 'utilisation')
        await world.send('risk.utilisation', `fund/${step.value.limitId}`, step.value);
    }
    await world.producer.flush();
  }
  const caughtUp = async (): Promise<boolean> => {
    for (const topic of ['portfolio.pnl', 'risk.utilisation', 'risk.breaches']) {
      const ends = await world.kafka.offsets(topic, 'latest-stable');
      const committed = await world.kafka.committedOffsets('predictions', topic);
      if (!ends.every((end, partition) => end === 0 || committed[partition]! >= end)) return false;
    }
    return true;
  };
  async function read(): Promise<BreachPrediction[]> {
    const topic = 'risk.predictions';
    const serde = await topicSerde<BreachPrediction>(
      new SchemaRegistry(world.services.registryUrl),
      topic,
      AVRO[topic],
    );
    const tail = await LogTail.open(world.kafka, { topic, serde, from: 'earliest', log: silentLog });
    const values: BreachPrediction[] = [];
    await tail.readTo(await world.kafka.offsets(topic, 'latest'), ({ value }) => void (value && values.push(value)));
    await tail.close();
    return values;
  }

  it('end at what models say of the whole past', { timeout: LIMIT_MS }, async () => {
    for (let day = 0; day < DAYS; day++) {
      await sendDay(FIRST + day);
      if (day > 0 && day % (DAYS / (KILLS + 1)) === 0) world.kill('predictions');
    }
    await until('the predictions of all days', () => caughtUp().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('predictions')).toBeGreaterThan(0);
    const records = await read();
    const models = new ModelFiles({
      shipped: join(root, 'ml', 'models', 'breach'),
      registry: null,
      session: { providers: ['cpu'], threads: 1 },
      now: () => 0,
    });
    const features = featuresOf(FIRST, DAYS);
    for (const type of TYPES) {
      const last = records.findLast(({ limitId }) => limitId === type)!;
      const { values, isBroken } = features.peek(type);
      const said = [last.probability1, last.probability5, last.probability20];
      if (isBroken || !values) expect(said).toEqual([null, null, null]);
      else {
        const model = (await models.champion('2009-07-30', type))!;
        expect([last.modelVersion, ...said]).toEqual([
          model.version,
          ...[...(await model.score(values, 1))].map(Math.fround),
        ]);
      }
    }
    expect(records.some(({ method }) => method === 'model')).toBe(true);
  });

  it('are in both stores, and leave PostgreSQL with their limit', { timeout: LIMIT_MS }, async () => {
    const records = await read();
    const newest = TYPES.map((type) => records.findLast(({ limitId }) => limitId === type)!);
    const inOrder = newest.toSorted((a, b) => (a.limitId < b.limitId ? -1 : 1));
    const store = openReadStore(world.services.databaseUrl);
    const timesOf = (all: readonly BreachPrediction[]) => all.map(({ eventTime }) => eventTime).join();
    const isThere = async () => timesOf(await store.predictions('fund')) === timesOf(inOrder);
    await until('PostgreSQL', isThere, LIMIT_MS);
    expect(await store.predictions('fund')).toEqual(inOrder);

    const client = openClient(world.services.clickhouseUrl);
    const ask = async (query: string) =>
      (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    const count = async () => (await ask('SELECT toUInt32(count()) AS rows FROM risk_predictions'))[0]?.rows;
    await until('ClickHouse', async () => (await count()) === records.length, LIMIT_MS);
    const fields = 'limit_id, state, probability1, probability20, model_version';
    expect(await ask(`SELECT ${fields} FROM predictions_latest ORDER BY limit_id`)).toEqual(
      inOrder.map(({ limitId, state, probability1, probability20, modelVersion }) => ({
        limit_id: limitId,
        state,
        probability1,
        probability20,
        model_version: modelVersion,
      })),
    );
    await client.close();

    await world.raw('risk.utilisation', 'fund/leverage', null, (FIRST + DAYS) * 86_400_000);
    await world.producer.flush();
    await until('the limit to go', async () => (await store.predictions('fund')).length === 2, LIMIT_MS);
    await store.close();
  });
});
