import { createClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { depth, stale } from '#tests/integration/order-book-sample.ts';
import { startFakeApi, until } from '../fake-api.ts';

vi.setConfig({ testTimeout: 30_000 });

const TIME = Date.UTC(2026, 0, 5, 15) * 1000;
const FIELDS = `instrument eventTime state staleReason sequence gaps bestBid bestAsk spread spreadBps mid microprice imbalance
  depths { levels bidSize askNotional imbalance } bands { bps bidSize } bids { price size } asks { price size }`;
let api: Awaited<ReturnType<typeof startFakeApi>>;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

describe('orderBook', () => {
  it('is the newest book of an instrument, and null of one that has none', async () => {
    api.views.books.apply(depth('BTCUSD', TIME));
    api.views.books.apply(depth('AAPL', TIME));
    const { data } = await api.query(
      `{ orderBook(instrument: "BTCUSD") { ${FIELDS} } none: orderBook(instrument: "X") { state } orderBookInstruments }`,
    );
    expect(data).toMatchObject({
      orderBook: {
        eventTime: '2026-01-05T15:00:00.000Z',
        state: 'SOUND',
        staleReason: null,
        sequence: 1_234,
        microprice: 100.25,
        depths: [{ levels: 1, bidSize: 3, askNotional: 100.5, imbalance: 0.5 }],
        bands: [{ bps: 50, bidSize: 3 }],
        bids: [
          { price: 99.5, size: 3 },
          { price: 99, size: 0.000000001 },
        ],
      },
      none: null,
      orderBookInstruments: ['AAPL', 'BTCUSD'],
    });
  });

  it('says that the views are still loading', async () => {
    await api.close();
    api = await startFakeApi({ notLoaded: () => 'the live views are loading' });
    const { errors } = await api.query('{ orderBook(instrument: "BTCUSD") { state } }');
    expect(errors![0]!.extensions).toMatchObject({ code: 'NOT_READY' });
  });

  it('goes on with each change of the instrument asked for, a stale one without figures', async () => {
    const url = `ws://127.0.0.1:${api.port}/graphql`;
    const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
    const values: unknown[] = [];
    api.views.books.apply(depth('BTCUSD', TIME));
    client.subscribe<{ orderBook: unknown }>(
      { query: `subscription { orderBook(instrument: "BTCUSD") { ${FIELDS} } }` },
      { next: ({ data }) => values.push(data!.orderBook), error: () => {}, complete: () => {} },
    );
    await until('the book as it stands', () => values.length === 1);
    api.views.books.apply(depth('OTHER', TIME + 1));
    api.views.books.apply(stale('BTCUSD', TIME + 2));
    await until('its change', () => values.length === 2);
    expect(values[1]).toMatchObject({ state: 'STALE', staleReason: 'GAP', mid: null, depths: [], bestBid: 99.5 });
    await client.dispose();
  });
});
