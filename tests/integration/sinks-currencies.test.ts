import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pnlFromRow } from '#api/live/snapshot.ts';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { PortfolioPnl } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { statements as clickHouseStatements, migrate as migrateClickHouse } from '#sinks/clickhouse/migrate.ts';
import { openClickHouseStore } from '#sinks/clickhouse/write.ts';
import type { SinkStore } from '#sinks/kit/sink.ts';
import { migrate as migratePostgres } from '#sinks/postgres/migrate.ts';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { at, cash, Desk, described, fill, instrument, rate, trade } from '../topology/desk.ts';
import { type Services, startServices } from './harness.ts';

const LIMIT_MS = 60_000;
const DAY1 = at('01-03T21:00:00');
const DAY2 = at('01-04T21:00:00');
const DAY3 = at('01-05T21:00:00');

/** What a euro portfolio with dollars and yen gives: known, then without a rate for yen, then known again. */
function euroPnl(): PortfolioPnl[] {
  const desk = new Desk();
  desk.describe(described('fund', 'EUR', DAY1));
  desk.instrument(instrument('AAPL', '1', DAY1, 'USD'));
  desk.instrument(instrument('7203', '1', DAY1, 'JPY'));
  desk.cash(cash('1', '10000', DAY1));
  desk.rate(rate('EURUSD', 1.25, DAY1));
  desk.fill(
    fill({ id: '1', instrument: 'AAPL', side: 'BUY', quantity: '10', price: '100', commission: '1', time: DAY1 }),
  );
  desk.trade(trade('AAPL', 110, DAY1));
  const known = desk.readPnl();
  desk.fill(fill({ id: '2', instrument: '7203', side: 'BUY', quantity: '10', price: '2000', time: DAY2 }));
  const unknown = desk.readPnl();
  desk.trade(trade('7203', 2500, DAY3));
  desk.readPnl();
  desk.rate(rate('USDJPY', 125, DAY3));
  return [known.at(-1)!, unknown.at(-1)!, desk.readPnl().at(-1)!];
}

describe('a euro portfolio in both stores', () => {
  const records = euroPnl();
  let services: Services;
  let stores: SinkStore[];
  let read: ReadStore;
  let offset = 0;
  const write = async (topic: string, values: readonly object[]) => {
    const batch = {
      records: new Map([
        [
          topic,
          values.map((value, index) => ({
            partition: 0,
            offset: offset + index,
            value,
            raw: { offset: offset + index, timestampMs: 0, key: null, value: null, headers: [] },
          })),
        ],
      ]),
      rejects: [],
      advances: [{ topic, partition: 0, from: offset, next: offset + values.length }],
    };
    for (const store of stores) expect(await store.write(batch as Parameters<SinkStore['write']>[0])).toEqual([]);
    offset += values.length;
  };
  const ask = async (query: string) => {
    const client = openClient(services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, unknown>>();
    } finally {
      await client.close();
    }
  };

  beforeAll(async () => {
    services = await startServices({ postgres: true, clickhouse: true });
    await migratePostgres(services.databaseUrl);
    await migrateClickHouse(services.clickhouseUrl);
    stores = [await openPostgresStore(services.databaseUrl), await openClickHouseStore(services.clickhouseUrl)];
    for (const store of stores) await store.offsets(new Map([['portfolio.pnl', [0]]]));
    read = openReadStore(services.databaseUrl);
  }, 2 * LIMIT_MS);
  afterAll(async () => {
    await read?.close();
    await Promise.all(stores?.map((store) => store.close()) ?? []);
    await services?.stop();
  }, LIMIT_MS);

  it('comes back from PostgreSQL as it went in, and what is not known is no number', async () => {
    for (const record of records) {
      await write('portfolio.pnl', [record]);
      expect(pnlFromRow((await read.latestPnl('fund'))!)).toEqual({ ...record });
    }
    expect(records.map(({ equity }) => equity)).toEqual([
      expect.closeTo(10_079.2, 8),
      null,
      expect.closeTo(10_111.2, 8),
    ]);
    expect(records[1]).toMatchObject({ missingRates: ['JPY'], cash: null, realizedPnl: parseDecimal('-0.8') });
    const history = await read.pnlHistory('fund', null, null);
    expect(history.map(({ equity }) => equity)).toEqual([records[0]!.equity, records[2]!.equity]);
    expect((await read.pnlDays('fund', null, null)).map(({ date }) => date)).toEqual(['2023-01-03', '2023-01-05']);
  });

  it('is in ClickHouse with a row a day, and its currencies as tuples', async () => {
    const days = await ask('SELECT toString(day) AS day, equity, toString(cash) AS cash FROM pnl_daily ORDER BY day');
    expect(days).toEqual([
      { day: '2023-01-03', equity: records[0]!.equity, cash: '9199.2' },
      { day: '2023-01-04', equity: null, cash: null },
      { day: '2023-01-05', equity: records[2]!.equity, cash: formatDecimal(records[2]!.cash!) },
    ]);
    const parts = `SELECT part.currency AS currency, part.rate AS rate, part.path AS path, toString(part.cash) AS cash
      FROM pnl ARRAY JOIN currencies AS part WHERE _offset = 2 ORDER BY currency`;
    expect(await ask(parts)).toEqual([
      { currency: 'EUR', rate: 1, path: '', cash: '10000' },
      { currency: 'JPY', rate: 1 / (125 * 1.25), path: 'JPY>USD>EUR via USDJPY, EURUSD', cash: '-20000' },
      { currency: 'USD', rate: 0.8, path: 'USD>EUR via EURUSD', cash: '-1001' },
    ]);
    expect(await ask('SELECT missing_rates, base_currency FROM pnl WHERE _offset = 1')).toEqual([
      { missing_rates: ['JPY'], base_currency: 'EUR' },
    ]);
  });

  it('lets columns of a ClickHouse from before hold what is not known', async () => {
    const client = openClient(services.clickhouseUrl);
    await client.command({ query: 'ALTER TABLE pnl_raw MODIFY COLUMN drawdown Float64 DEFAULT 0' });
    await client.command({ query: 'ALTER TABLE pnl_raw MODIFY COLUMN drawdown REMOVE DEFAULT' });
    await client.close();
    await migrateClickHouse(services.clickhouseUrl);
    const query = "SELECT type FROM system.columns WHERE table = 'pnl_raw' AND name = 'drawdown'";
    expect(await ask(query)).toEqual([{ type: 'Nullable(Float64)' }]);
  });

  it('lets enums of a ClickHouse from before have the symbols that came since, with the rows that are there', async () => {
    const client = openClient(services.clickhouseUrl);
    const command = (query: string) => client.command({ query });
    await command('DROP TABLE audit_trail_raw');
    const create = clickHouseStatements().find((sql) => sql.startsWith('CREATE TABLE IF NOT EXISTS audit_trail_raw'))!;
    expect(create).toContain(", 'CORPORATE_ACTION' = 5");
    await command(create.replace(", 'CORPORATE_ACTION' = 5", ''));
    await command("INSERT INTO audit_trail_raw (portfolio, subject) VALUES ('fund', 'FILL')");
    await migrateClickHouse(services.clickhouseUrl);
    await command("INSERT INTO audit_trail_raw (portfolio, subject, _offset) VALUES ('fund', 'CORPORATE_ACTION', 1)");
    await client.close();
    const subjects = [{ subject: 'FILL' }, { subject: 'CORPORATE_ACTION' }];
    expect(await ask('SELECT subject FROM audit_trail ORDER BY _offset')).toEqual(subjects);
  });
});
