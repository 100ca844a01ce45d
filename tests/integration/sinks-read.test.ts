import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDecimal } from '#schemas/decimal.ts';
import type { Types } from '#schemas/generated/types.ts';
import type { TopicName } from '#schemas/topics.ts';
import type { SinkRecord } from '#sinks/kit/feed.ts';
import type { SinkStore } from '#sinks/kit/sink.ts';
import { migrate } from '#sinks/postgres/migrate.ts';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { type Services, startServices } from './harness.ts';
import { FIRST_DAY, MINUTE, pnl, position } from './sinks-support.ts';

const LIMIT_MS = 60_000;

describe('the query module', () => {
  let services: Services;
  let store: SinkStore;
  let read: ReadStore;
  let offset = 0;

  beforeAll(async () => {
    services = await startServices({ postgres: true });
    await Promise.all([migrate(services.databaseUrl), migrate(services.databaseUrl)]);
    store = await openPostgresStore(services.databaseUrl);
    read = openReadStore(services.databaseUrl);
    await store.offsets(new Map([['portfolio.pnl', [0]]]));
  }, 2 * LIMIT_MS);
  afterAll(async () => {
    await read?.close();
    await store?.close();
    await services?.stop();
  }, LIMIT_MS);

  /** Writes values as one batch of the sink. */
  const write = async <T extends TopicName>(topic: T, values: readonly Types[T][]) => {
    const from = offset;
    const records: SinkRecord[] = values.map((value) => {
      const raw = { offset, timestampMs: 0, key: null, value: null, headers: [] };
      return { partition: 0, offset: offset++, value: value as unknown as Record<string, unknown>, raw };
    });
    const advances = [{ topic: 'portfolio.pnl', partition: 0, from, next: offset } as const];
    await store.write({ records: new Map([[topic, records]]), rejects: [], advances });
    return records;
  };

  it('gives the newest value with every digit and its place in the topic', async () => {
    const values = [
      pnl('latest', 1),
      pnl('latest', 2),
      { ...pnl('latest', 3), cash: -123_456_789_012_345_678_901_234_567n },
    ];
    const records = await write('portfolio.pnl', values);
    const { cash, realizedPnl, commission, ...rest } = values[2]!;
    expect(await read.latestPnl('latest')).toEqual({
      ...rest,
      cash: formatDecimal(cash!),
      realizedPnl: formatDecimal(realizedPnl!),
      commission: formatDecimal(commission!),
      partition: 0,
      offset: records[2]!.offset,
    });
    expect(await read.latestPnl('nobody')).toBeNull();
  });

  it('gives the ends of days, and final daily closes', async () => {
    const day = 1440;
    await write('portfolio.pnl', [
      { ...pnl('days', 0), dayPnl: 1 },
      { ...pnl('days', 1, 500), dayPnl: 2 },
      { ...pnl('days', day, 700), dayPnl: 3 },
    ]);
    expect(await read.pnlDays('days', null, null)).toEqual([
      { date: '1990-01-02', equity: 500, dayPnl: 2 },
      { date: '1990-01-03', equity: 700, dayPnl: 3 },
    ]);
    expect(await read.pnlDays('days', FIRST_DAY, null)).toHaveLength(1);
    const midnight = Date.UTC(1990, 0, 2) * 1000;
    const bar: Types['market.bars'] = {
      eventTime: midnight,
      instrument: 'SP500',
      interval: 'DAY',
      startTime: midnight,
      endTime: midnight + day * MINUTE,
      open: 1,
      high: 1,
      low: 1,
      close: 350.5,
      volume: null,
      trades: 1,
      vwap: null,
      final: true,
      revision: 0,
      sourceTopic: 'market.trades',
      sourceEventTime: midnight,
    };
    await write('market.bars', [bar, { ...bar, interval: 'HOUR', close: 9 }, { ...bar, instrument: 'OTHER' }]);
    expect(await read.dailyCloses('SP500', null)).toEqual([{ date: '1990-01-02', close: 350.5 }]);
    expect(await read.dailyCloses('SP500', '1990-01-03')).toEqual([]);
  });

  it('lists portfolios by reference data and by values alone', async () => {
    const named = { eventTime: 0, portfolio: 'named', name: 'A name', baseCurrency: 'USD', description: null };
    await write('reference.portfolios', [named, { ...named, name: 'A newer name' }]);
    await write('portfolio.pnl', [pnl('unnamed', 1)]);
    const names = await read.portfolios();
    expect(names).toContainEqual({ id: 'named', name: 'A newer name' });
    expect(names).toContainEqual({ id: 'unnamed', name: 'unnamed' });
  });

  it('gives positions by instrument, with null where there is no mark', async () => {
    await write('portfolio.positions', [
      position('holder', 'B', 1),
      position('holder', 'A', 2),
      position('holder', 'B', 3),
    ]);
    const rows = await read.positions('holder');
    expect(
      rows.map((row) => [row.instrument, row.quantity, row.cost, row.markPrice, row.markTime, row.unrealizedPnl]),
    ).toEqual([
      ['A', '2', '2.5', null, null, null],
      ['B', '3', '3.5', null, null, null],
    ]);
  });

  it('says how far it is', async () => {
    const [row] = await read.sinkOffsets();
    expect(row).toMatchObject({ topic: 'portfolio.pnl', partition: 0, nextOffset: offset });
    expect(Math.abs(row!.updatedAt / 1000 - Date.now())).toBeLessThan(LIMIT_MS);
  });

  describe('of a history', () => {
    const minutes = 5_000;
    const equities = Array.from(
      { length: minutes },
      (_, index) => 1_000_000 + 10_000 * Math.sin(index / 200) + ((index * 7919) % 97),
    );
    const spike = 3_333;

    beforeAll(async () => {
      equities[spike] = 2_000_000;
      // Every instant has a half-marked value before its last one.
      const values = equities.flatMap((equity, index) => [pnl('history', index, -1), pnl('history', index, equity)]);
      await write('portfolio.pnl', values);
    }, LIMIT_MS);

    it('gives the end of every instant when they are few enough', async () => {
      const points = await read.pnlHistory('history', null, null, 10_000);
      expect(points.map((point) => point.equity)).toEqual(equities);
      expect(points[7]).toEqual({
        eventTime: FIRST_DAY + 7 * MINUTE,
        equity: equities[7],
        cash: '7.123456789',
        realizedPnl: '-0.000000007',
        unrealizedPnl: 7 / 3,
        drawdown: 0,
      });
    });

    it(
      'keeps first, last and extremes however few points are asked for, and never gives more',
      async () => {
        for (const maxPoints of [1, 2, 3, 4, 5, 10, 100, 999, 1_000, 4_999]) {
          const points = await read.pnlHistory('history', null, null, maxPoints);
          expect(points.length, String(maxPoints)).toBeLessThanOrEqual(maxPoints);
          expect(points.at(-1)!.equity).toBe(equities.at(-1));
          if (maxPoints > 1) expect(points[0]!.equity).toBe(equities[0]);
          if (maxPoints < 4) continue;
          const shown = points.map((point) => point.equity);
          expect([Math.min(...shown), Math.max(...shown)]).toEqual([Math.min(...equities), Math.max(...equities)]);
          const times = points.map((point) => point.eventTime);
          expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
          for (const { eventTime, equity } of points) expect(equity).toBe(equities[(eventTime - FIRST_DAY) / MINUTE]);
        }
        expect((await read.pnlHistory('history', null, null)).length).toBeGreaterThan(500);
      },
      LIMIT_MS,
    );

    it('bounds what is asked for', async () => {
      expect((await read.pnlHistory('history', null, null, 1e9)).length).toBeLessThanOrEqual(10_000);
      expect(await read.pnlHistory('history', null, null, 0)).toHaveLength(1);
      expect(await read.pnlHistory('nobody', null, null)).toEqual([]);
    });

    it(
      'cuts to the microsecond, both ends included',
      async () => {
        const at = (index: number) => FIRST_DAY + index * MINUTE;
        await fc.assert(
          fc.asyncProperty(
            fc.nat(minutes - 1),
            fc.nat(50),
            fc.integer({ min: -1, max: 1 }),
            async (first, length, shift) => {
              const points = await read.pnlHistory('history', at(first) + shift, at(first + length), 10_000);
              const begin = shift > 0 ? first + 1 : first;
              expect(points.map((point) => point.equity)).toEqual(equities.slice(begin, first + length + 1));
            },
          ),
          { numRuns: 30 },
        );
      },
      LIMIT_MS,
    );
  });

  it('goes on after the database has come back', async () => {
    const admin = new pg.Client({ connectionString: services.databaseUrl });
    await admin.connect();
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidemark-read'",
    );
    await admin.end();
    expect(await read.latestPnl('latest')).not.toBeNull();
  });
});
