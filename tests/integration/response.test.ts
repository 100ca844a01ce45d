import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';
import { AVRO } from '#schemas/avro.ts';
import type { RiskAction, RiskNotification } from '#schemas/generated/types.ts';
import { type AvroSerde, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { breach, OPEN, step, workflow } from '../topology/response-desk.ts';
import { HookServer, MailServer } from '../unit/connectors/notify/servers.ts';
import { CommandLine } from './cli.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;

describe('response to breaches, while what delivers is killed', { timeout: 2 * LIMIT_MS }, () => {
  let world: SinkWorld;
  let hook: HookServer;
  let mails: MailServer;
  let tidemark: CommandLine;
  let database: pg.Pool;
  let actionSerde: AvroSerde<RiskAction>;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-response-'));
  /** What the webhook answers to each request of an action. */
  const asked = new Map<string, number>();
  let answer: (nth: number, id: string) => number | null = () => 200;

  beforeAll(async () => {
    world = await SinkWorld.open();
    hook = await HookServer.start((_, { headers }) => {
      const id = String(headers['idempotency-key']);
      asked.set(id, (asked.get(id) ?? 0) + 1);
      return answer(asked.get(id)!, id);
    });
    mails = await MailServer.start();
    tidemark = new CommandLine(world.services);
    const { supervisor, kafkaBrokers, registryUrl, home } = world.services;
    database = new pg.Pool({ connectionString: world.services.databaseUrl });
    actionSerde = await topicSerde(new SchemaRegistry(registryUrl), 'risk.actions', AVRO['risk.actions']);
    const env = {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      TIDEMARK_HOME: home,
      SMTP_URL: mails.url,
      ALERT_FROM: 'Tidemark <risk@desk.example>',
      TIDEMARK_NOTIFY_TIMEOUT_MS: '2000',
      TIDEMARK_NOTIFY_RETRY_MS: '50',
    };
    const run = async (name: string, file: string, ...args: string[]) =>
      supervisor.start({ name, file, args, env, statusPort: await freePort() });
    await run('response', 'topologies/main.ts', 'response');
    await run('notify', 'connectors/notify/main.ts');
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['notify', 'response']);
    await world?.close();
    await hook?.stop();
    await mails?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  async function read<V>(topic: 'risk.actions' | 'risk.notifications', serde: AvroSerde<V>): Promise<V[]> {
    const ends = await world.kafka.offsets(topic, 'latest-stable');
    const reader = await world.kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const found: V[] = [];
    while (ends.some((end, partition) => reader.position(topic, partition) < end))
      for (const { records } of await reader.poll()) found.push(...records.map(({ value }) => serde.decode(value!)));
    await reader.close();
    return found;
  }
  const actions = () => read('risk.actions', actionSerde);
  const settled = async (kind: 'DELIVERED' | 'DELIVERY_FAILED') =>
    (await actions()).filter((one) => one.kind === kind).map(({ actionId }) => actionId);
  const send = (number: number, rest = {}) =>
    world.send(
      'risk.breaches',
      'fund',
      breach({ breachId: `fund/gross/${number}`, eventTime: OPEN + number, ...rest }),
    );

  it('sets a workflow of a file, and says what is wrong with another', async () => {
    const steps = [
      step('hook', 'NOTIFY', { channel: 'WEBHOOK', target: hook.url }),
      step('mail', 'NOTIFY', { channel: 'EMAIL', target: 'anna@desk.example' }),
      step('topic', 'NOTIFY', { channel: 'TOPIC', target: 'risk.notifications' }),
      step('halt', 'HALT'),
    ];
    const { eventTime, setBy, ...input } = workflow('all', steps);
    const file = join(folder, 'all.json');
    writeFileSync(file, JSON.stringify({ ...input, steps: [{ stepId: 'x', kind: 'SHOUT' }] }));
    const wrong = await tidemark.run('workflows', 'set', file, '--by', 'anna');
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      `${file}: kind: "SHOUT" is not one of NOTIFY, REDUCE, HALT, ESCALATE\n`,
    ]);
    writeFileSync(file, JSON.stringify(input));
    expect(await tidemark.run('workflows', 'set', file, '--by', 'anna')).toMatchObject({ code: 0 });
    const { stdout } = await tidemark.run('workflows', 'list');
    expect(stdout).toMatch(/^all +on +all +all +NOTIFY, NOTIFY, NOTIFY, HALT +Workflow all$/m);
    const committed = async () =>
      (await world.kafka.committedOffsets('response', 'risk.workflows')).every((offset) => offset >= 1);
    await until('the workflow to be read', () => committed().catch(() => false), LIMIT_MS);
  });

  it('delivers by every way, tries again, and not again what is recorded', async () => {
    answer = (nth) => (nth < 3 ? 503 : 200);
    await send(1);
    await world.producer.flush();
    await until('three deliveries', async () => (await settled('DELIVERED')).length === 3, LIMIT_MS);
    expect([...asked]).toEqual([['fund/gross/1/all/hook', 3]]);
    expect(mails.mails).toHaveLength(1);
    expect(mails.mails[0]!.text).toContain('HARD limit gross of fund: BREACH');
    const outcome = (await actions()).find(({ actionId }) => actionId === 'fund/gross/1/all/hook:delivery');
    expect(outcome).toMatchObject({ attempt: 3, channel: 'WEBHOOK', status: 'DONE' });

    world.kill('notify');
    answer = () => 200;
    await send(2);
    await world.producer.flush();
    await until('six deliveries', async () => (await settled('DELIVERED')).length === 6, LIMIT_MS);
    expect([...asked]).toEqual([
      ['fund/gross/1/all/hook', 3],
      ['fund/gross/2/all/hook', 1],
    ]);
    expect(mails.mails).toHaveLength(2);
    const serde = await topicSerde<RiskNotification>(
      new SchemaRegistry(world.services.registryUrl),
      'risk.notifications',
      AVRO['risk.notifications'],
    );
    expect((await read('risk.notifications', serde)).map(({ actionId }) => actionId)).toEqual([
      'fund/gross/1/all/topic',
      'fund/gross/2/all/topic',
    ]);
  });

  it('delivers again, with the same id, what a kill left without a record; a refusal is final', async () => {
    answer = () => null;
    await send(3);
    await world.producer.flush();
    await until('the webhook to be asked', () => asked.has('fund/gross/3/all/hook'), LIMIT_MS);
    world.kill('notify');
    answer = (_, id) => (id.startsWith('fund/gross/4') ? 410 : 200);
    await send(4);
    await world.producer.flush();
    await until('its end', async () => (await settled('DELIVERY_FAILED')).length === 1, LIMIT_MS);
    await until('the others', async () => (await settled('DELIVERED')).length === 11, LIMIT_MS);
    expect(asked.get('fund/gross/3/all/hook')).toBeGreaterThan(1);
    expect(asked.get('fund/gross/4/all/hook')).toBe(1);
    expect(await settled('DELIVERY_FAILED')).toEqual(['fund/gross/4/all/hook:delivery']);
    expect(world.services.supervisor.restarts('notify')).toBeGreaterThan(1);
    // Each once, though its processor is killed too.
    world.kill('response');
    await send(4, { event: 'WORSENED', eventTime: OPEN + 1_000_000, utilisation: 2 });
    await send(5);
    await world.producer.flush();
    await until('the next', async () => (await settled('DELIVERED')).length === 14, LIMIT_MS);
    const ids = (await actions()).filter(({ kind }) => !kind.startsWith('DELIVER')).map(({ actionId }) => actionId);
    expect(ids).toHaveLength(5 * 4);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('takes the word of a person, right behind what is known', async () => {
    const said = (...args: string[]) =>
      tidemark.run('breaches', ...args, '--portfolio', 'fund', '--by', 'anna', '--reason', 'hedged');
    const unknown = await said('ack', 'fund/gross/9');
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('fund has no incident "fund/gross/9"')]);
    const late = await said('override', 'fund/gross/2', '--until', '1999-01-01T00:00:00Z');
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('needs an until after its own time')]);
    expect(await said('ack', 'fund/gross/1')).toMatchObject({ code: 0 });
    for (const number of [1, 2, 3, 4, 5])
      expect(await said('override', `fund/gross/${number}`, '--until', '2023-01-04T00:00:00Z')).toMatchObject({
        code: 0,
      });
    await until(
      'the switch to be lifted',
      async () => (await actions()).some(({ kind, status }) => kind === 'RESUMED' && status === 'DONE'),
      LIMIT_MS,
    );
    const known = (await actions()).filter(({ by }) => by !== null);
    expect(known.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'ACKNOWLEDGED DONE',
      ...Array.from({ length: 4 }, () => ['OVERRIDDEN DONE', 'RESUMED UNCHANGED']).flat(),
      'OVERRIDDEN DONE',
      'RESUMED DONE',
    ]);
    expect(known[0]).toMatchObject({ by: 'cli:anna', reason: 'hedged', eventTime: OPEN + 1_001_000 });
    expect((await tidemark.run('breaches', 'list', '--portfolio', 'fund')).stdout).toContain('fund/gross/3');
  });

  it('is in both stores', async () => {
    const rows = async (sql: string) => (await database.query<Record<string, unknown>>(sql)).rows;
    const count = async () => (await rows("select count(*)::int as n from risk_actions where kind = 'RESUMED'"))[0]!.n;
    await until('PostgreSQL', async () => (await count()) === 5, LIMIT_MS);
    expect(await rows('select workflow_id, steps -> 3 as halt from risk_workflows')).toEqual([
      { workflow_id: 'all', halt: expect.objectContaining({ kind: 'HALT', channel: null }) },
    ]);
    expect(await rows('select distinct by, reason from risk_acknowledgements')).toEqual([
      { by: 'cli:anna', reason: 'hedged' },
    ]);
    expect(await tidemark.run('workflows', 'remove', 'al')).toMatchObject({
      code: 1,
      stderr: 'There is no workflow "al"; did you mean all?\n',
    });
    expect(await tidemark.run('workflows', 'remove', 'all')).toMatchObject({ code: 0 });
    await until('its row to go', async () => (await rows('select 1 from risk_workflows')).length === 0, LIMIT_MS);
    const query = `SELECT (SELECT count() FROM risk_workflows), (SELECT uniqExact(acknowledgement_id) FROM
      risk_acknowledgements), (SELECT count() FROM risk_actions WHERE kind = 'HALT'), (SELECT count() FROM sink_rejects)`;
    const clickhouse = async () => {
      const url = `${world.services.clickhouseUrl}/?database=tidemark&query=${encodeURIComponent(query)}`;
      return (await (await fetch(url)).text()).trim();
    };
    await until('ClickHouse', async () => (await clickhouse()) === '1\t6\t5\t0', LIMIT_MS).catch(async () => {
      throw new Error(await clickhouse());
    });
  });
});
