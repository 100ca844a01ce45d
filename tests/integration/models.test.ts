import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '#api/main.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { modelOf, NAME, versionOf } from '../unit/ml/model/models.ts';
import { CommandLine } from './cli.ts';
import { until } from './harness.ts';
import { FIRST_DAY, pnl, SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const [A, B] = [versionOf(1), versionOf(2)];

describe('what people do to models', () => {
  let world: SinkWorld;
  let database: pg.Pool;
  let api: Awaited<ReturnType<typeof startApi>>;
  let cli: CommandLine;
  let registry: ModelRegistry;
  const rows = async (sql: string) => (await database.query<Record<string, unknown>>(sql)).rows;
  const analyst = async (query: string) => {
    const client = openClient(world.services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    } finally {
      await client.close();
    }
  };

  beforeAll(async () => {
    world = await SinkWorld.open();
    const { kafkaBrokers, registryUrl, databaseUrl, home } = world.services;
    database = new pg.Pool({ connectionString: databaseUrl });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
    cli = new CommandLine(world.services);
    registry = new ModelRegistry({ folder: join(home, 'models'), shipped: join(home, 'nothing') });
    const step = { by: 'tidemark', reason: 'trained', eventTime: FIRST_DAY };
    await registry.register(modelOf(1), step);
    await registry.register(modelOf(2), step);
    // The system is in the year 1990, and so is what people do in it.
    await world.send('portfolio.pnl', 'p', pnl('p', 60));
    await world.producer.flush();
    api = await startApi(
      { log: silentLog, metrics: new Metrics() },
      {
        KAFKA_BROKERS: kafkaBrokers.join(','),
        SCHEMA_REGISTRY_URL: registryUrl,
        TIDEMARK_HOME: home,
        DATABASE_URL: databaseUrl,
        TIDEMARK_HTTP_PORT: '0',
      },
    );
  }, LIMIT_MS);
  afterAll(async () => {
    await api?.stop();
    await database?.end();
    await world?.close();
  }, LIMIT_MS);

  it('is in both stores, in the audit trail and in GraphQL, once', { timeout: LIMIT_MS }, async () => {
    const why = ['--by', 'anna', '--reason', 'it beats the other one'];
    for (const args of [
      ['promote', NAME, A],
      ['promote', NAME, B],
      ['rollback', NAME],
    ])
      expect(await cli.run('models', ...args, ...why)).toMatchObject({ code: 0, stderr: '' });
    expect(registry.unsent()).toEqual([]);
    // As after a crash between sending and writing that down: the same events come again, and change nothing.
    const again = registry.events(NAME).slice(-2);
    for (const event of again) await world.send('ml.events', NAME, event);
    await world.producer.flush();

    await until('PostgreSQL', async () => (await rows('select * from audit_trail')).length === 7, LIMIT_MS);
    await until(
      'the repeated events',
      async () => Number((await rows('select max(record_offset) from ml_events'))[0]!.max) >= 8,
      LIMIT_MS,
    );
    expect(await rows('select count(*)::int from ml_events')).toEqual([{ count: 7 }]);
    expect(await rows('select version, to_stage, by from models order by to_stage')).toEqual([
      { version: A, to_stage: 'CHAMPION', by: 'cli:anna' },
      { version: B, to_stage: 'RETIRED', by: 'cli:anna' },
    ]);
    const audited = await rows(`select portfolio, subject, subject_id, action, before, after, source_offset::int,
      e.event_id is not null as found from audit_trail a
      left join ml_events e on e.type = a.action and a.subject_id = e.model || '/' || e.version order by a.record_offset`);
    expect(audited[2]).toMatchObject({
      ...{ portfolio: '*', subject: 'MODEL', subject_id: `${NAME}/${A}`, action: 'PROMOTED', found: true },
      before: '{"stage":"CANDIDATE"}',
      after: '{"stage":"CHAMPION","by":"cli:anna","reason":"it beats the other one"}',
      source_offset: 2,
    });
    expect(audited.map(({ action }) => action)).toEqual([
      ...['REGISTERED', 'REGISTERED', 'PROMOTED', 'RETIRED', 'PROMOTED', 'RETIRED', 'ROLLED_BACK'],
    ]);

    const models = 'SELECT version, stage, trained_from, out_of_sample FROM models ORDER BY stage';
    await until('ClickHouse', async () => (await analyst('SELECT 1 FROM ml_events')).length === 9, LIMIT_MS);
    expect(await analyst(models)).toMatchObject([
      { version: A, stage: 'CHAMPION', out_of_sample: { brier: expect.any(Number) } },
      { version: B, stage: 'RETIRED', trained_from: expect.stringMatching(/^199\d-/) },
    ]);

    const query = `{ models { version stage since } mlEvents(last: 2) { type eventTime } }`;
    const response = await fetch(`http://127.0.0.1:${api.port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const { data } = (await response.json()) as { data: Record<'models' | 'mlEvents', unknown[]> };
    expect(data.models).toMatchObject([{ version: A, stage: 'CHAMPION', since: /^1990-01-02T22:00/ }, { version: B }]);
    expect(data.mlEvents).toMatchObject([{ type: 'ROLLED_BACK' }, { type: 'RETIRED' }]);
  });
});
