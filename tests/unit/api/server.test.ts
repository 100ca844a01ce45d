import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { emptyStore, pnl, position, startFakeApi } from './fake-api.ts';

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
afterEach(() => api.close());

const raw = (headers: Record<string, string>, path = '/health/live') =>
  new Promise<number | undefined>((resolve, reject) => {
    request({ port: api.port, path, headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });

describe('queries', () => {
  it('answer the public contract: ledger amounts exact strings, statistics doubles, times ISO 8601', async () => {
    api = await startFakeApi({
      store: emptyStore({
        portfolios: async () => [{ id: 'p', name: 'Portfolio P' }],
        pnlHistory: async () => [
          { eventTime: 631_310_400_000_001, equity: 1.5, cash: '3', realizedPnl: '0.1', unrealizedPnl: 2, drawdown: 0 },
        ],
      }),
    });
    api.views.pnl.apply(pnl('p', 631_310_400_000_000));
    api.views.positions.apply(position('p', 'MSFT', 1));
    api.views.positions.apply(position('p', 'AAPL', 1));
    api.views.pnl.apply(pnl('unnamed', 1));
    const { data, errors } = await api.query(`{
      portfolios { id name }
      portfolio(id: "p") {
        id
        pnl { eventTime equity cash realizedPnl unrealizedPnl drawdown }
        positions { instrument quantity averagePrice markPrice realizedPnl unrealizedPnl }
      }
      pnlHistory(portfolioId: "p", from: "1990-01-01", to: null, maxPoints: 10) { eventTime equity realizedPnl unrealizedPnl }
    }`);
    expect(errors).toBeUndefined();
    const line = { quantity: '10.5', averagePrice: 100, markPrice: 101, realizedPnl: '0', unrealizedPnl: 10.5 };
    expect(data).toEqual({
      portfolios: [
        { id: 'p', name: 'Portfolio P' },
        { id: 'unnamed', name: 'unnamed' },
      ],
      portfolio: {
        id: 'p',
        pnl: {
          eventTime: '1990-01-02T20:00:00.000Z',
          equity: 631_310_401_000_000.5,
          cash: '1234567890.123456789',
          realizedPnl: '-250.5',
          unrealizedPnl: 12.25,
          drawdown: 0.125,
        },
        positions: [
          { instrument: 'AAPL', ...line },
          { instrument: 'MSFT', ...line },
        ],
      },
      pnlHistory: [{ eventTime: '1990-01-02T20:00:00.000001Z', equity: 1.5, realizedPnl: '0.1', unrealizedPnl: 2 }],
    });
  });

  it('give null for what needs a rate that is missing, and the rates there are', async () => {
    api = await startFakeApi();
    const part = { realizedPnl: 0n, commission: 0n, unrealizedPnl: 0, netExposure: 0, grossExposure: 0 };
    const unknown = {
      cash: null,
      realizedPnl: null,
      commission: null,
      unrealizedPnl: null,
      equity: null,
      dayPnl: null,
    };
    api.views.pnl.apply(
      pnl('p', 1, {
        ...unknown,
        ...{ grossExposure: null, netExposure: null, peakEquity: null, drawdown: null },
        baseCurrency: 'EUR',
        missingRates: ['JPY'],
        currencies: [
          { currency: 'JPY', rate: null, path: '', rateTime: null, cash: -20_000_000_000_000n, ...part },
          { currency: 'USD', rate: 0.8, path: 'USD>EUR via EURUSD', rateTime: 1_000_000, cash: 500_000_000n, ...part },
        ],
      }),
    );
    const { data, errors } = await api.query(`{ portfolio(id: "p") { pnl {
      equity cash realizedPnl commission unrealizedPnl dayPnl drawdown peakEquity grossExposure netExposure
      baseCurrency missingRates currencies { currency rate path rateTime cash }
    } } }`);
    expect(errors).toBeUndefined();
    expect(data).toMatchObject({
      portfolio: {
        pnl: {
          ...unknown,
          drawdown: null,
          baseCurrency: 'EUR',
          missingRates: ['JPY'],
          currencies: [
            { currency: 'JPY', rate: null, path: '', rateTime: null, cash: '-20000' },
            {
              currency: 'USD',
              rate: 0.8,
              path: 'USD>EUR via EURUSD',
              rateTime: '1970-01-01T00:00:01.000Z',
              cash: '0.5',
            },
          ],
        },
      },
    });
  });

  it('give null for a portfolio nobody knows', async () => {
    api = await startFakeApi();
    expect(await api.query('{ portfolio(id: "nobody") { id } }')).toEqual({ data: { portfolio: null } });
  });

  it.each([
    ['{ pnlHistory(portfolioId: "p", maxPoints: 0) { equity } }', 'maxPoints must be from 1 to 10000, not 0'],
    ['{ pnlHistory(portfolioId: "p", maxPoints: 10001) { equity } }', 'maxPoints must be from 1 to 10000, not 10001'],
    [
      '{ pnlHistory(portfolioId: "p", from: "2008-01-02", to: "2008-01-01") { equity } }',
      'from must not be later than to',
    ],
    ['{ pnlHistory(portfolioId: "p", from: "yesterday") { equity } }', 'DateTime must be ISO 8601'],
  ])('say what is wrong with %s', async (query, message) => {
    api = await startFakeApi();
    expect((await api.query(query)).errors?.[0]?.message).toContain(message);
  });

  it('say that the views are still loading instead of showing an empty system', async () => {
    api = await startFakeApi({ notLoaded: () => 'the live views are loading' });
    expect((await api.query('{ portfolios { id } }')).errors?.[0]).toMatchObject({
      message: 'Not ready: the live views are loading',
      extensions: { code: 'NOT_READY' },
    });
  });

  it('tell a client nothing of what failed inside', async () => {
    const portfolios = () => Promise.reject(new Error('password authentication failed for user "tidemark"'));
    api = await startFakeApi({ store: emptyStore({ portfolios }) });
    const text = JSON.stringify(await api.query('{ portfolios { id } }'));
    expect(text).toContain('Unexpected error');
    expect(text).not.toMatch(/password|stack|node_modules/);
  });

  it('are refused when they are too large, before anything runs', async () => {
    api = await startFakeApi();
    const many = `{ ${Array.from({ length: 21 }, (_, i) => `x${i}: portfolios { id }`).join(' ')} }`;
    expect((await api.query(many)).errors?.[0]?.message).toContain('21 fields at the top');
    expect((await api.query(`{ portfolios { ${'id '.repeat(4_000)} } }`)).errors?.[0]?.message).toContain('tokens');
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `{ portfolios { id } } # ${'x'.repeat(70_000)}` }),
    });
    expect(response.status).toBe(413);
  });
});

describe('who may ask', () => {
  it('a server on loopback answers loopback names only, or any web page could point its own name here', async () => {
    api = await startFakeApi();
    expect(await raw({ host: `localhost:${api.port}` })).toBe(200);
    expect(await raw({ host: `[::1]:${api.port}` })).toBe(200);
    expect(await raw({ host: `evil.example:${api.port}` })).toBe(403);
    expect(await raw({ host: 'localhost.evil.example' }, '/graphql')).toBe(403);
  });

  it('a server on every address answers any name', async () => {
    api = await startFakeApi({ host: '0.0.0.0' });
    expect(await raw({ host: 'risk.example' })).toBe(200);
  });

  it('no other origin may read an answer', async () => {
    api = await startFakeApi();
    const response = await fetch(`${api.url}/graphql?query={__typename}`, {
      headers: { origin: 'http://evil.example', accept: 'application/json' },
    });
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('operations', () => {
  it('health is 200 or 503 with the report; metrics say which process does not answer', async () => {
    let ready = true;
    api = await startFakeApi({
      health: () => ({ ready, checkedAt: 'now', checks: [{ name: 'live views', ok: ready, reason: 'because' }] }),
      processes: [{ name: 'positions', url: 'http://127.0.0.1:9' }],
    });
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(200);
    ready = false;
    const response = await fetch(`${api.url}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, checks: [{ reason: 'because' }] });
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    expect(metrics).toContain('tidemark_process_up{process="positions"} 0');
    expect(metrics).toContain('tidemark_live_conflated_total{topic="portfolio.pnl",process="api"} 0');
  });

  it('without a built page it says how to build one', async () => {
    api = await startFakeApi();
    const response = await fetch(api.url);
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('node ui/build.ts');
    expect((await fetch(`${api.url}/nothing`)).status).toBe(404);
  });
});
