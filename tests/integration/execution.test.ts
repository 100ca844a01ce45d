import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { cases, expectFigures, recordsOf } from '../golden/execution-cases.ts';
import { print } from '../topology/execution-desk.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
/** KO, GE and JPM; orders of theirs that were filled whole: the others' horizon is not the reference's. */
const CASES = cases.slice(2);
const ORDERS = CASES.flatMap((one) =>
  one.orders.flatMap((asked, index) => (asked.expected.fillRatio! >= 1 ? [{ one, asked, index }] : [])),
);

describe('execution quality of a process that is killed, with orders ahead of their market and behind it', () => {
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
    const file = 'topologies/main.ts';
    supervisor.start({ name: 'execution', file, args: ['execution'], env, statusPort: await freePort() });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.services.supervisor.stop(['execution']);
    await world?.close();
  }, LIMIT_MS);

  const clickhouse = async (query: string): Promise<Record<string, unknown>[]> => {
    const client = openClient(world.services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    } finally {
      await client.close();
    }
  };
  const caughtUp = async (): Promise<boolean> => {
    // In this order: what the one was made of is in the next. With the ends of what is not committed yet: of a
    // transaction that a kill left open, the stable end is before its records.
    const topics = ['market.trades', 'orders.requests', 'orders.fills', 'execution.orders-by-instrument.repartition'];
    for (const topic of topics) {
      const ends = await world.kafka.offsets(topic, 'latest');
      const committed = await world.kafka.committedOffsets('execution', topic);
      if (!ends.every((end, partition) => Math.max(0, committed[partition]!) >= end)) return false;
    }
    return true;
  };
  const stored = async () =>
    (await database.query<Record<string, unknown>>('select * from execution_quality order by order_id')).rows;

  it('ends in both stores with the figures of numpy', { timeout: 2 * LIMIT_MS }, async () => {
    const sendTrades = async (from: number, to: number) => {
      for (const { instrument, trades } of CASES)
        for (const [time, price, size] of trades.slice(from, to))
          await world.send('market.trades', instrument, print(price, time, size, instrument));
      await world.producer.flush();
    };
    const sendOrders = async (place: (index: number) => boolean) => {
      for (const { one, index } of ORDERS.filter((each) => place(each.index))) {
        const { request, fills } = recordsOf(one, index);
        await world.send('orders.requests', 'fund', request);
        for (const fill of fills) await world.send('orders.fills', 'fund', fill);
      }
      await world.producer.flush();
    };
    await sendOrders((index) => index % 3 === 0);
    await sendTrades(0, 25);
    await until('the first trades', () => caughtUp().catch(() => false), LIMIT_MS);
    world.kill('execution');
    await sendOrders((index) => index % 3 === 1);
    await sendTrades(25, 59);
    await sendOrders((index) => index % 3 === 2);
    world.kill('execution');
    await sendTrades(59, 60);
    await until('all records', () => caughtUp().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('execution')).toBeGreaterThan(0);

    const written = Number((await world.kafka.offsets('execution.quality', 'latest')).reduce((a, b) => a + b));
    expect(written).toBeGreaterThan(ORDERS.length);
    const sunk = async () => {
      const { rows } = await database.query<{ next: string }>(
        "select sum(next_offset) as next from sink_offsets where topic = 'execution.quality'",
      );
      // The last offset is the end of a transaction and no record.
      return Number(rows[0]!.next) >= written - 1;
    };
    await until('PostgreSQL', sunk, LIMIT_MS);
    const rows = new Map((await stored()).map((row) => [row.order_id, camelled(row)]));
    expect(rows.size).toBe(ORDERS.length);
    for (const { one, asked, index } of ORDERS) {
      const id = `${one.instrument}-${index}`;
      const row = rows.get(id)!;
      expect(row.status).toBe('FILLED');
      expectFigures(row, asked.expected, asked.quantity * asked.decisionPrice, id);
      expect((row.venues as { fills: number }[]).reduce((sum, { fills }) => sum + fills, 0)).toBe(asked.fills.length);
    }
  });

  it('compares venues in ClickHouse', { timeout: LIMIT_MS }, async () => {
    const latest = 'SELECT order_id, slippage_arrival_bps AS slippage FROM execution_latest ORDER BY order_id';
    await until('ClickHouse', async () => (await clickhouse(latest)).length === ORDERS.length, LIMIT_MS);
    const expected = (await stored()).map((row) => ({ id: row.order_id, slippage: row.slippage_arrival_bps }));
    const same = async () =>
      JSON.stringify((await clickhouse(latest)).map((row) => ({ id: row.order_id, slippage: row.slippage }))) ===
      JSON.stringify(expected);
    await until('the newest records', same, LIMIT_MS);
    const venues = await clickhouse(`SELECT venue, toUInt32(orders) AS orders, toUInt32(fills) AS fills,
      toFloat64(quantity) AS quantity, notional, slippage_bps
      FROM execution_venues WHERE portfolio = 'fund' ORDER BY venue`);
    expect(venues).toHaveLength(2);
    for (const { venue, ...found } of venues) {
      const there = ORDERS.map(({ asked }) => ({
        ...asked,
        fills: asked.fills.filter((fill) => fill.venue === venue),
      }));
      const used = there.filter(({ fills }) => fills.length > 0);
      const all = used.flatMap(({ fills }) => fills);
      const notional = all.reduce((sum, fill) => sum + fill.quantity * fill.price, 0);
      const slippage = used.reduce((sum, { side, expected: { arrivalPrice }, fills }) => {
        const value = fills.reduce((total, fill) => total + fill.quantity * fill.price, 0);
        const average = value / fills.reduce((total, fill) => total + fill.quantity, 0);
        return sum + (value / notional) * (side === 'BUY' ? 1 : -1) * (average / arrivalPrice! - 1) * 1e4;
      }, 0);
      expect(found).toEqual({
        orders: used.length,
        fills: all.length,
        quantity: all.reduce((sum, fill) => sum + fill.quantity, 0),
        notional: expect.closeTo(notional, 3),
        slippage_bps: expect.closeTo(slippage, 7),
      });
    }
  });
});

/** A row with the names and the numbers of the topic. */
function camelled(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const isNumber = typeof value === 'string' && /^-?[\d.]+$/.test(value);
      return [name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), isNumber ? Number(value) : value];
    }),
  );
}
