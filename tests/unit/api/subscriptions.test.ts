import { connect, type Socket } from 'node:net';
import { createClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { RiskMeasures } from '#schemas/generated/types.ts';
import { riskMeasures } from '#tests/integration/risk-sample.ts';
import { emptyStore, pnl, startFakeApi, trade, until } from './fake-api.ts';

vi.setConfig({ testTimeout: 30_000 });

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  const portfolios = () => Promise.reject(new Error('password authentication failed'));
  api = await startFakeApi({ store: emptyStore({ portfolios }) });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await api.close();
});

function subscribe<T>(query: string): { values: T[]; errors: unknown[]; stop: () => void } {
  const client = createClient({
    url: `ws://127.0.0.1:${api.port}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  cleanups.push(() => client.dispose());
  const values: T[] = [];
  const errors: unknown[] = [];
  const stop = client.subscribe<Record<string, T>>(
    { query },
    {
      next: ({ data, errors: problems }) => {
        if (data) values.push(...Object.values(data));
        if (problems) errors.push(...problems);
      },
      error: (error) => errors.push(error),
      complete: () => {},
    },
  );
  return { values, errors, stop };
}

interface Pnl {
  portfolioId: string;
  equity: number;
  cash: string;
}
const PNL = 'portfolioId eventTime equity cash realizedPnl unrealizedPnl drawdown';

describe('a graphql-ws subscription', () => {
  it('starts with a snapshot and goes on with each value, of the portfolio asked for alone', async () => {
    api.views.pnl.apply(pnl('p', 1));
    api.views.pnl.apply(pnl('q', 1));
    const one = subscribe<Pnl>(`subscription { portfolioPnl(portfolioId: "p") { ${PNL} } }`);
    const all = subscribe<Pnl>(`subscription { portfolioPnl(portfolioId: null) { ${PNL} } }`);
    await until('the snapshots', () => one.values.length === 1 && all.values.length === 2);
    expect(one.values[0]).toMatchObject({ portfolioId: 'p', cash: '1234567890.123456789' });
    api.views.pnl.apply(pnl('q', 2));
    api.views.pnl.apply(pnl('p', 3));
    await until('both values', () => one.values.length === 2 && all.values.length === 4);
    expect(one.values.every(({ portfolioId }) => portfolioId === 'p')).toBe(true);
  });

  it('of trades without instruments follows all, with some those', async () => {
    for (const instrument of ['AAPL', 'MSFT', 'XOM']) api.views.trades.apply(trade(instrument, 1));
    const all = subscribe<{ instrument: string }>('subscription { trades { instrument eventTime price size } }');
    const some = subscribe<{ instrument: string }>(
      'subscription { trades(instruments: ["XOM", "NEW"]) { instrument } }',
    );
    await until('the snapshots', () => all.values.length === 3 && some.values.length === 1);
    api.views.trades.apply(trade('NEW', 5));
    await until('a new instrument', () => all.values.length === 4 && some.values.length === 2);
    expect(some.values.map(({ instrument }) => instrument)).toEqual(['XOM', 'NEW']);
  });

  it('of risk starts with what is known and goes on with what changes, of one portfolio or of all', async () => {
    api.views.risk.apply(riskMeasures('p', 1_000_000));
    const RISK = 'portfolioId equity measures(confidence: 0.99, horizonDays: 1) { method valueAtRisk problem }';
    const one = subscribe<RiskMeasures>(`subscription { riskMeasures(portfolioId: "p", conflateMs: 20) { ${RISK} } }`);
    const all = subscribe<RiskMeasures>(`subscription { riskMeasures { ${RISK} } }`);
    await until('the snapshots', () => one.values.length === 1 && all.values.length === 1);
    expect(one.values[0]).toMatchObject({ portfolioId: 'p', measures: [{ valueAtRisk: 1234.5 }, {}] });
    api.views.risk.apply(riskMeasures('q', 2_000_000));
    api.views.risk.apply(riskMeasures('p', 3_000_000, { equity: null }));
    await until('both changes', () => one.values.length === 2 && all.values.length === 3);
    expect(one.values[1]).toMatchObject({ portfolioId: 'p', equity: null });
    expect([...one.errors, ...all.errors]).toEqual([]);
  });

  it('leaves nothing behind when its client leaves, by the protocol or by the socket', async () => {
    const one = subscribe(`subscription { portfolioPnl { ${PNL} } }`);
    subscribe(`subscription { portfolioPnl { ${PNL} } }`);
    const open = () => api.metric('tidemark_live_subscribers', 'portfolio.pnl');
    await until('two subscribers', async () => (await open()) === 2);
    one.stop();
    await until('one subscriber', async () => (await open()) === 1);
    for (const cleanup of cleanups.splice(0)) await cleanup();
    await until('none', async () => (await open()) === 0);
  });

  it('refuses bad arguments and operations beyond the limits, and masks what fails inside', async () => {
    const bad = subscribe('subscription { trades(conflateMs: -1) { price } }');
    const unknown = subscribe('subscription { nothing }');
    const syntax = subscribe('subscription {');
    const inside = subscribe('query { portfolios { id } }');
    const all = [bad, unknown, syntax, inside];
    await until('the errors', () => all.every(({ errors }) => errors.length > 0));
    expect(JSON.stringify(bad.errors)).toContain('conflateMs must be from 0 to 60000');
    expect(JSON.stringify(unknown.errors)).toContain('Cannot query field');
    expect(JSON.stringify(syntax.errors)).toContain('Syntax Error');
    expect(JSON.stringify(inside.errors)).toContain('Unexpected error');
    expect(JSON.stringify(inside.errors)).not.toMatch(/password|stack/);
    expect(await api.metric('tidemark_live_subscribers', 'market.trades')).toBe(0);
  });

  it('is refused to a page of another origin', async () => {
    const connected = (origin: string) =>
      new Promise<boolean>((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${api.port}/graphql`, 'graphql-transport-ws', { origin });
        cleanups.push(() => socket.terminate());
        socket.on('open', () => resolve(true)).on('error', () => resolve(false));
      });
    expect(await connected(api.url)).toBe(true);
    expect(await connected('http://evil.example')).toBe(false);
    expect(await connected('null')).toBe(false);
  });
});

/** Offers values of 40 keys until so many of them have been conflated. */
async function flood(conflatedAtLeast: number): Promise<void> {
  let eventTime = 1;
  await until(`${conflatedAtLeast} conflated values`, async () => {
    for (let round = 0; round < 50; round++) {
      eventTime++;
      for (let key = 0; key < 40; key++) api.views.pnl.apply(pnl(`p${key}`, eventTime, { sourceTopic: 'x' }));
      await new Promise(setImmediate);
    }
    return ((await api.metric('tidemark_live_conflated_total', 'portfolio.pnl')) ?? 0) >= conflatedAtLeast;
  });
}

const writable = (socket: Socket | undefined) => socket?.writableLength ?? 0;

describe('a client that stops reading', () => {
  it('over WebSocket: what it does not take is conflated and counted, little waits for it, and others go on', async () => {
    const sockets: Socket[] = [];
    api.server.server.on('connection', (socket) => sockets.push(socket));
    const stuck = new WebSocket(`ws://127.0.0.1:${api.port}/graphql`, 'graphql-transport-ws');
    cleanups.push(() => stuck.terminate());
    stuck.on('open', () => stuck.send('{"type":"connection_init"}'));
    await new Promise((resolve) => stuck.once('message', resolve));
    stuck.send(
      JSON.stringify({ id: '1', type: 'subscribe', payload: { query: `subscription { portfolioPnl { ${PNL} } }` } }),
    );
    await until('the subscription', async () => (await api.metric('tidemark_live_subscribers', 'portfolio.pnl')) === 1);
    stuck.pause();
    await flood(20_000);
    expect(Math.max(...sockets.map(writable))).toBeLessThan(1024 * 1024);
    const other = subscribe<Pnl>(`subscription { portfolioPnl(portfolioId: "p7") { ${PNL} } }`);
    await until('another subscriber', () => other.values.length > 0);
    expect(other.errors).toEqual([]);
  });

  it('over SSE: the same', async () => {
    const sockets: Socket[] = [];
    api.server.server.on('connection', (socket) => sockets.push(socket));
    const stuck = connect(api.port, '127.0.0.1');
    cleanups.push(() => stuck.destroy());
    const query = encodeURIComponent(`subscription { portfolioPnl { ${PNL} } }`);
    stuck.write(
      `GET /graphql?query=${query} HTTP/1.1\r\nHost: 127.0.0.1:${api.port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    const [head] = await new Promise<[Buffer]>((resolve) => stuck.once('data', (data) => resolve([data])));
    expect(String(head)).toContain('200 OK');
    stuck.pause();
    await flood(20_000);
    expect(Math.max(...sockets.map(writable))).toBeLessThan(1024 * 1024);
    stuck.destroy();
    await until('its end', async () => (await api.metric('tidemark_live_subscribers', 'portfolio.pnl')) === 0);
  });
});

describe('a subscription over SSE', () => {
  it('streams the snapshot and each value as events', async () => {
    api.views.pnl.apply(pnl('p', 1));
    const abort = new AbortController();
    cleanups.push(() => abort.abort());
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: `subscription { portfolioPnl { ${PNL} } }` }),
      signal: abort.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await until('the snapshot', () => text.includes('"portfolioId":"p"'));
    api.views.pnl.apply(pnl('q', 1));
    await until('a value', () => text.includes('"portfolioId":"q"'));
    expect(text).toContain('event: next\ndata: {"data":{"portfolioPnl":{');
    abort.abort();
    await reading;
    await until('its end', async () => (await api.metric('tidemark_live_subscribers', 'portfolio.pnl')) === 0);
  });
});

describe('a stop', () => {
  it('ends open subscriptions of both kinds and does not wait for clients', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${api.port}/graphql`, 'graphql-transport-ws');
    cleanups.push(() => socket.terminate());
    await new Promise((resolve) => socket.once('open', resolve));
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    const response = await fetch(
      `${api.url}/graphql?query=${encodeURIComponent('subscription { trades { price } }')}`,
      {
        headers: { accept: 'text/event-stream' },
      },
    );
    const ended = response.text().catch(() => 'cut off');
    await until('the subscription', async () => (await api.metric('tidemark_live_subscribers', 'market.trades')) === 1);
    await api.close();
    expect(await closed).toBe(1001);
    await ended;
    await until('no subscriber', async () => (await api.metric('tidemark_live_subscribers', 'market.trades')) === 0);
  });
});
