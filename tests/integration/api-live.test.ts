import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApi } from '#api/main.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { createTopics, registerSchemas } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import { migrate } from '#sinks/postgres/migrate.ts';
import {
  type AvroSerde,
  type Kafka,
  openKafka,
  type Producer,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type Services, startServices, until } from './harness.ts';
import { FIRST_DAY, MINUTE, pnl, position, trade } from './sinks-support.ts';

const LIMIT_MS = 60_000;
type Api = Awaited<ReturnType<typeof startApi>>;

let services: Services;
let kafka: Kafka;
let producer: Producer;
let api: Api;
const metrics = new Metrics();
const serdes = new Map<TopicName, AvroSerde<unknown>>();
const cleanups: (() => unknown)[] = [];

const environment = () => ({
  KAFKA_BROKERS: services.kafkaBrokers.join(','),
  SCHEMA_REGISTRY_URL: services.registryUrl,
  DATABASE_URL: services.databaseUrl,
  TIDEMARK_HTTP_PORT: '0',
});

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true, postgres: true });
  await createTopics(services.kafkaBrokers);
  await registerSchemas(services.registryUrl);
  await migrate(services.databaseUrl);
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'api-test' });
  producer = await kafka.openProducer();
  const registry = new SchemaRegistry(services.registryUrl);
  for (const name of Object.keys(TOPICS) as TopicName[])
    serdes.set(name, await topicSerde<unknown>(registry, name, AVRO[name]));
  api = await startApi({ log: silentLog, metrics }, environment());
}, 180_000);

afterAll(async () => {
  for (const cleanup of cleanups) await cleanup();
  await api?.stop();
  await producer?.close();
  await kafka?.close();
  await services?.supervisor.stop(['sink-postgres']);
  await services?.stop();
}, 60_000);

async function send(topic: TopicName, key: string, value: { eventTime: number }): Promise<void> {
  await raw(topic, key, serdes.get(topic)!.encode(value));
}
async function raw(topic: TopicName, key: string, value: Buffer): Promise<void> {
  await producer.send({ topic, key, value, timestampMs: FIRST_DAY / 1000, partitionKey: key.split('/')[0]! });
  await producer.flush();
}

const url = () => `http://127.0.0.1:${api.port}`;

async function query<T>(text: string): Promise<T> {
  const response = await fetch(`${url()}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: { message: string }[] };
  if (errors) throw new Error(errors.map(({ message }) => message).join('; '));
  return data;
}

/** Collects a subscription's values, over graphql-ws. */
function follow<T>(text: string): T[] {
  const client = createClient({
    url: `${url().replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  cleanups.push(() => client.dispose());
  const values: T[] = [];
  client.subscribe<Record<string, T>>(
    { query: text },
    { next: ({ data }) => void values.push(...Object.values(data ?? {})), error: () => {}, complete: () => {} },
  );
  return values;
}

/** Collects a subscription's text, over SSE. */
async function followEvents(text: string): Promise<{ text: string }> {
  const abort = new AbortController();
  cleanups.push(() => abort.abort());
  const response = await fetch(`${url()}/graphql?query=${encodeURIComponent(text)}`, {
    headers: { accept: 'text/event-stream' },
    signal: abort.signal,
  });
  const events = { text: '' };
  void (async () => {
    for await (const chunk of response.body!) events.text += Buffer.from(chunk).toString();
  })().catch(() => {});
  return events;
}

interface Pnl {
  portfolioId: string;
  eventTime: string;
  equity: number;
  cash: string;
}

describe('topics reach subscribers', () => {
  it('over graphql-ws and SSE, from the first record on, exact amounts to the last digit', async () => {
    await until('the live views', () => api.notReady() === null, LIMIT_MS);
    const all = follow<Pnl>('subscription { portfolioPnl { portfolioId eventTime equity cash } }');
    const other = follow<Pnl>('subscription { portfolioPnl(portfolioId: "other") { portfolioId } }');
    const events = await followEvents('subscription { portfolioPnl { portfolioId cash } }');
    await send('portfolio.pnl', 'p', pnl('p', 7));
    await until('the value, over WebSocket', () => all.length > 0, LIMIT_MS);
    await until('the value, over SSE', () => events.text.includes('"cash":"7.123456789"'), LIMIT_MS);
    expect(all[0]).toEqual({
      portfolioId: 'p',
      eventTime: '1990-01-02T21:07:00.000Z',
      equity: 1_000_007,
      cash: '7.123456789',
    });
    await send('portfolio.pnl', 'other', pnl('other', 1));
    await until('the other portfolio', () => other.length > 0 && all.length > 1, LIMIT_MS);
    expect(other).toEqual([{ portfolioId: 'other' }]);
  });

  it('and positions by query, the newest per instrument', async () => {
    for (const index of [1, 2, 3]) await send('portfolio.positions', 'p/AAPL', position('p', 'AAPL', index));
    await send('portfolio.positions', 'p/MSFT', position('p', 'MSFT', 1));
    const ask = () =>
      query<{ portfolio: { positions: { instrument: string; quantity: string }[] } | null }>(
        '{ portfolio(id: "p") { positions { instrument quantity } } }',
      );
    // MSFT was sent last: when it is there, so is the newest AAPL.
    await until('both positions', async () => (await ask()).portfolio?.positions.length === 2, LIMIT_MS);
    expect((await ask()).portfolio?.positions).toEqual([
      { instrument: 'AAPL', quantity: '3' },
      { instrument: 'MSFT', quantity: '1' },
    ]);
  });

  it('a bad record is left out and counted, and those behind it come', async () => {
    const trades = follow<{ instrument: string; price: number }>('subscription { trades { instrument price } }');
    const good = serdes.get('market.trades')!.encode(trade('BAD', 1));
    const unknownSchema = Buffer.from(good);
    unknownSchema.writeInt32BE(4_242, 1);
    await raw('market.trades', 'BAD', Buffer.from('not Avro'));
    await raw('market.trades', 'BAD', good.subarray(0, -3));
    await raw('market.trades', 'BAD', unknownSchema);
    await raw('market.trades', 'BAD', unknownSchema);
    await send('market.trades', 'BAD', trade('BAD', 1, -5));
    await send('market.trades', 'BAD', trade('BAD', 1, Number.NaN));
    await send('market.trades', 'BAD', { ...trade('BAD', 1), eventTime: Date.UTC(2200, 0) * 1000 });
    await send('market.trades', 'BAD', trade('BAD', 2, 123.5));
    await until('the good trade', () => trades.some(({ instrument }) => instrument === 'BAD'), LIMIT_MS);
    expect(trades.filter(({ instrument }) => instrument === 'BAD')).toEqual([{ instrument: 'BAD', price: 123.5 }]);
    const text = await (await fetch(`${url()}/metrics`)).text();
    expect(text).toContain('tidemark_live_rejected_total{topic="market.trades",process="api"} 7');
  });
});

describe('another start', () => {
  it('shows what the store holds and goes on from there, newest over older', async () => {
    services.supervisor.start({
      name: 'sink-postgres',
      file: 'sinks/postgres/main.ts',
      env: { ...process.env, ...environment() },
      statusPort: await freePort(),
    });
    const history = () => query<{ pnlHistory: Pnl[] }>('{ pnlHistory(portfolioId: "p") { eventTime equity cash } }');
    await until('the value in the database', async () => (await history()).pnlHistory.length === 1, LIMIT_MS);
    await services.supervisor.stop(['sink-postgres']);
    // The sink is down from here on: what comes now is in the topic alone.
    await send('portfolio.pnl', 'p', pnl('p', 8));
    await send('portfolio.positions', 'q/XOM', position('q', 'XOM', 5));
    await api.stop();
    api = await startApi({ log: silentLog, metrics: new Metrics() }, environment());
    await until('the live views', () => api.notReady() === null, LIMIT_MS);
    const ask = () =>
      query<{ portfolios: { id: string; pnl: { cash: string } | null; positions: { quantity: string }[] }[] }>(
        '{ portfolios { id pnl { cash } positions { quantity } } }',
      );
    await until('the newest value', async () => JSON.stringify(await ask()).includes('"8.123456789"'), LIMIT_MS);
    await until('a portfolio the store does not know', async () => (await ask()).portfolios.length === 3, LIMIT_MS);
    expect((await ask()).portfolios).toEqual([
      { id: 'other', pnl: { cash: '1.123456789' }, positions: [] },
      { id: 'p', pnl: { cash: '8.123456789' }, positions: [{ quantity: '3' }, { quantity: '1' }] },
      { id: 'q', pnl: null, positions: [{ quantity: '5' }] },
    ]);
    const trades = follow<{ instrument: string }>('subscription { trades { instrument } }');
    await until('the snapshot of trades', () => trades.length > 0, LIMIT_MS);
    expect(trades).toEqual([{ instrument: 'BAD' }]);
  });
});

describe('readiness', () => {
  it('says which processors are behind: here none runs at all', async () => {
    await send('orders.fills', 'p', {
      eventTime: FIRST_DAY + MINUTE,
      ...{ fillId: 'f', action: 'NEW', portfolio: 'p', instrument: 'AAPL', side: 'BUY', orderId: null, venue: 'test' },
      ...{ quantity: 1n, price: 1n, commission: 0n },
    } as never);
    const report = async () => {
      const response = await fetch(`${url()}/health/ready`);
      const body = (await response.json()) as { checks: { name: string; ok: boolean; reason: string }[] };
      return { status: response.status, failed: body.checks.filter(({ ok }) => !ok).map(({ name }) => name) };
    };
    const processorsAlone = async () => {
      const { failed } = await report();
      return failed.includes('group positions') && !failed.includes('live views');
    };
    await until('the live views to be well and the processors not', processorsAlone, LIMIT_MS);
    expect((await report()).status).toBe(503);
  });
});
