import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from '#api/main.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { OrderRequest } from '#schemas/generated/types.ts';
import { LANES } from '#schemas/topics.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { instrument, OPEN, pnl, position, SECOND } from '../topology/limits-records.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
/** 100 AAPL at 50 dollars, and 10,000 dollars of equity. */
const PORTFOLIO = 'fund';

describe('limits that people set, on a process that is killed', () => {
  let world: SinkWorld;
  let database: pg.Pool;
  let api: Awaited<ReturnType<typeof startApi>>;
  const rows = async (sql: string) => (await database.query<Record<string, unknown>>(sql)).rows;

  beforeAll(async () => {
    world = await SinkWorld.open();
    database = new pg.Pool({ connectionString: world.services.databaseUrl });
    const { supervisor, kafkaBrokers, registryUrl, databaseUrl, home } = world.services;
    const env = {
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      TIDEMARK_HOME: home,
    };
    supervisor.start({
      name: 'limits',
      file: 'topologies/main.ts',
      args: ['limits'],
      env: { ...process.env, ...env },
      statusPort: await freePort(),
    });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
    const apiEnv = { ...env, DATABASE_URL: databaseUrl, TIDEMARK_HTTP_PORT: '0' };
    api = await startApi({ log: silentLog, metrics: new Metrics() }, apiEnv);
    await world.send('reference.instruments', 'AAPL', { ...instrument('AAPL', 'Energy'), eventTime: OPEN });
    await mark('AAPL', 50, OPEN);
    await world.send('portfolio.positions', `${PORTFOLIO}/AAPL`, position('AAPL', '100', 50, OPEN));
    await world.send('portfolio.pnl', PORTFOLIO, pnl(10_000, OPEN));
    await world.producer.flush();
    await until('the portfolio', async () => (await ask('{ portfolios { pnl { equity } } }')).data !== null, LIMIT_MS);
    await until(
      'its value',
      async () => JSON.stringify(await ask('{ portfolios { pnl { equity } } }')).includes('10000'),
      LIMIT_MS,
    );
  }, LIMIT_MS);
  afterAll(async () => {
    await api?.stop();
    await database?.end();
    await world?.services.supervisor.stop(['limits']);
    await world?.close();
  }, LIMIT_MS);

  async function mark(name: string, price: number, eventTime: number): Promise<void> {
    const value = { eventTime, instrument: name, price, sourceTopic: 'market.trades', sourceEventTime: eventTime };
    for (const lane of LANES) await world.send('market.marks', `${lane}/${name}`, value);
  }
  async function ask(query: string, headers: Record<string, string> = {}) {
    const response = await fetch(`http://127.0.0.1:${api.port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as {
      data: Record<string, never> | null;
      errors?: { message: string; extensions: { code: string } }[];
      error?: string;
    };
  }
  const order = (orderId: string, quantity: string): OrderRequest => ({
    eventTime: OPEN + SECOND,
    orderId,
    portfolio: PORTFOLIO,
    instrument: 'AAPL',
    side: 'BUY',
    quantity: parseDecimal(quantity),
    orderType: 'MARKET_ON_CLOSE',
    strategy: 'test',
    decisionPrice: null,
  });
  const decisions = () => rows('select order_id, decision, code, limit_id from order_decisions order by order_id');

  it('are effective within moments, and told in both stores and by the API', { timeout: LIMIT_MS }, async () => {
    const set = `mutation { setLimit(input: { portfolioId: "${PORTFOLIO}", limitId: "gross", type: "gross-exposure",
      severity: "HARD", threshold: 5500, by: "anna", reason: "a test" }) { limitId definition { setBy eventTime } } }`;
    expect((await ask(set)).data).toEqual({
      setLimit: { limitId: 'gross', definition: { setBy: 'graphql:anna', eventTime: '2023-01-03T15:00:00.000Z' } },
    });
    const limits = `{ limits(portfolioId: "${PORTFOLIO}") { limitId definition { threshold } standing { value state } } }`;
    const standing = {
      limitId: 'gross',
      definition: { threshold: 5_500 },
      standing: { value: 5_000, state: 'WARNING' },
    };
    await until(
      'the API',
      async () => JSON.stringify((await ask(limits)).data?.limits) === JSON.stringify([standing]),
      LIMIT_MS,
    );
    await world.send('orders.requests', PORTFOLIO, order('1', '5'));
    await world.send('orders.requests', PORTFOLIO, order('2', '500'));
    await world.producer.flush();
    world.kill('limits');
    await until('both decisions', async () => (await decisions()).length === 2, LIMIT_MS);
    expect(await decisions()).toEqual([
      { order_id: '1', decision: 'ACCEPTED', code: 'ACCEPTED', limit_id: null },
      { order_id: '2', decision: 'REJECTED', code: 'LIMIT_EXCEEDED', limit_id: 'gross' },
    ]);
    await world.send('portfolio.positions', `${PORTFOLIO}/AAPL`, position('AAPL', '120', 50, OPEN + 2 * SECOND));
    await world.producer.flush();
    const breaches = '{ breaches(onlyOpen: true) { breachId level value evidence { name value } } }';
    await until('the breach', async () => JSON.stringify(await ask(breaches)).includes('"BREACH"'), LIMIT_MS);
    expect((await ask(breaches)).data).toMatchObject({
      breaches: [
        {
          breachId: 'fund/gross/1',
          level: 'BREACH',
          value: 6_000,
          evidence: expect.arrayContaining([{ name: 'equity', value: 10_000 }]),
        },
      ],
    });
    const client = openClient(world.services.clickhouseUrl);
    const clickhouse = async (query: string) =>
      (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    try {
      await until(
        'ClickHouse',
        async () => (await clickhouse("SELECT 1 FROM incidents WHERE level = 'BREACH'")).length === 1,
        LIMIT_MS,
      );
      expect(await clickhouse('SELECT limit_id, state, value FROM utilisation_latest')).toEqual([
        { limit_id: 'gross', state: 'BREACHED', value: 6_000 },
      ]);
      expect(await clickhouse('SELECT order_id, after, outcome FROM order_checks ORDER BY order_id')).toEqual([
        { order_id: '1', after: 5_250, outcome: 'PASSED' },
        { order_id: '2', after: 30_250, outcome: 'EXCEEDED' },
      ]);
    } finally {
      await client.close();
    }
    const trail = `{ auditTrail(portfolioId: "${PORTFOLIO}") { subject subjectId action before } }`;
    expect((await ask(trail)).data).toEqual({
      auditTrail: [{ subject: 'LIMIT', subjectId: 'gross', action: 'SET', before: null }],
    });
  });

  it('stop with the kill switch, which refuses pages of others and settings without a reason', {
    timeout: LIMIT_MS,
  }, async () => {
    const halt = (reason: string) =>
      `mutation { setKillSwitch(state: "HALTED", by: "anna", reason: "${reason}") { state portfolioId } }`;
    const foreign = await ask(halt('a drill'), { origin: 'http://elsewhere.example' });
    expect(foreign.error).toContain('http://elsewhere.example');
    expect((await ask(halt(' '))).errors).toMatchObject([{ extensions: { code: 'CONTROL_INVALID' } }]);
    expect((await ask(halt('a drill').replace('HALTED', 'HALT'))).errors).toMatchObject([
      { extensions: { code: 'BAD_ARGUMENT' } },
    ]);
    expect((await ask(halt('a drill'))).data).toEqual({ setKillSwitch: { state: 'HALTED', portfolioId: null } });
    await world.send('orders.requests', PORTFOLIO, { ...order('3', '1'), eventTime: OPEN + 3 * SECOND });
    await world.producer.flush();
    await until('the decision', async () => (await decisions()).length === 3, LIMIT_MS);
    expect((await decisions())[2]).toMatchObject({ decision: 'REJECTED', code: 'HALTED' });
    const switches = '{ killSwitch { portfolioId state reason } }';
    await until('the switch', async () => JSON.stringify(await ask(switches)).includes('a drill'), LIMIT_MS);
    expect((await ask(switches)).data).toEqual({
      killSwitch: [{ portfolioId: null, state: 'HALTED', reason: 'a drill' }],
    });
  });

  it('are gone when they are taken away', { timeout: LIMIT_MS }, async () => {
    const remove = (id: string) => `mutation { removeLimit(portfolioId: "${PORTFOLIO}", limitId: "${id}") }`;
    expect((await ask(remove('gros'))).data).toEqual({ removeLimit: false });
    expect((await ask(remove('gross'))).data).toEqual({ removeLimit: true });
    await until('an empty table', async () => (await rows('select 1 from risk_limits')).length === 0, LIMIT_MS);
    await until(
      'its standing to go',
      async () => (await rows('select 1 from risk_utilisation')).length === 0,
      LIMIT_MS,
    );
    await until(
      'the incident to end',
      async () => (await rows("select 1 from risk_breaches where level <> 'NONE'")).length === 0,
      LIMIT_MS,
    );
  });
});
