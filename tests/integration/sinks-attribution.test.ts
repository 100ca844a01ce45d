import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDecimal } from '#schemas/decimal.ts';
import type { Types } from '#schemas/generated/types.ts';
import type { TopicName } from '#schemas/topics.ts';
import { migrate } from '#sinks/postgres/migrate.ts';
import { up } from '#sinks/postgres/migrations/0012_position_days.ts';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { type Services, startServices } from './harness.ts';
import { pnl, position } from './sinks-support.ts';

const LIMIT_MS = 60_000;
const DAY = 1440;

describe('what attribution reads', () => {
  let services: Services;
  let read: ReadStore;
  let store: Awaited<ReturnType<typeof openPostgresStore>>;
  let offset = 0;

  beforeAll(async () => {
    services = await startServices({ postgres: true });
    await migrate(services.databaseUrl);
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
  const write = async <T extends TopicName>(topic: T, values: readonly Types[T][], at = offset) => {
    const from = offset;
    offset = Math.max(offset, at + values.length) + 1;
    const records = values.map((value, index) => {
      const raw = { offset: at + index, timestampMs: 0, key: null, value: null, headers: [] };
      return { partition: 0, offset: at + index, value: value as unknown as Record<string, unknown>, raw };
    });
    const advances = [{ topic: 'portfolio.pnl', partition: 0, from, next: offset } as const];
    await store.write({ records: new Map([[topic, records]]), rejects: [], advances });
  };
  const held = (portfolio: string, instrument: string, minutes: number, markPrice: number | null, quantity = '10') => ({
    ...position(portfolio, instrument, minutes),
    quantity: parseDecimal(quantity),
    cost: parseDecimal('1000.5'),
    cashFlow: parseDecimal('-1002.75'),
    commission: parseDecimal('2.25'),
    multiplier: parseDecimal('0.5'),
    markPrice,
  });
  const days = async (portfolio: string, from: string | null, to: string | null) =>
    (await read.positionDays(portfolio, from, to)).map(({ date, instrument, mark }) => `${date} ${instrument} ${mark}`);

  it('is the newest record of each day, whatever comes in one batch or comes again', async () => {
    const first = [
      held('fund', 'A', 0, 100),
      held('fund', 'B', 0, null),
      held('fund', 'A', 1, 101),
      held('fund', 'A', DAY, 102),
      held('other', 'A', DAY, 9),
      held('fund', 'A', DAY + 1, 103),
      held('fund', 'A', 5 * DAY, 104),
    ];
    const at = offset;
    await write('portfolio.positions', first);
    const rows = await read.positionDays('fund', null, null);
    expect(rows[0]).toEqual({
      date: '1990-01-02',
      eventTime: first[2]!.eventTime,
      instrument: 'A',
      currency: 'USD',
      quantity: 10,
      multiplier: 0.5,
      mark: 101,
      cost: 1000.5,
      cashFlow: -1002.75,
      commission: 2.25,
      dividends: 1.25,
    });
    const expected = ['1990-01-02 A 101', '1990-01-02 B null', '1990-01-03 A 103', '1990-01-07 A 104'];
    expect(await days('fund', null, null)).toEqual(expected);
    // A sink that reads the topic again from its beginning changes nothing.
    await write('portfolio.positions', first.slice(0, 3), at);
    expect(await days('fund', null, null)).toEqual(expected);
    expect((await read.positions('fund')).map(({ instrument, markPrice }) => [instrument, markPrice])).toEqual([
      ['A', 104],
      ['B', null],
    ]);
  });

  it('begins with what was held before the first day asked for', async () => {
    expect(await days('fund', '1990-01-03', '1990-01-03')).toEqual([
      '1990-01-02 A 101',
      '1990-01-02 B null',
      '1990-01-03 A 103',
    ]);
    expect(await days('fund', '1990-01-05', null)).toEqual([
      '1990-01-02 B null',
      '1990-01-03 A 103',
      '1990-01-07 A 104',
    ]);
    expect(await days('fund', null, '1990-01-02')).toEqual(['1990-01-02 A 101', '1990-01-02 B null']);
    expect(await days('fund', '1989-01-01', '1989-12-31')).toEqual([]);
    expect(await days('nobody', null, null)).toEqual([]);
  });

  it('knows days of the last microsecond and the first', async () => {
    const midnight = Date.UTC(1990, 0, 3) * 1000;
    await write('portfolio.positions', [
      { ...held('edge', 'A', 0, 1), eventTime: midnight - 1 },
      { ...held('edge', 'A', 0, 2), eventTime: midnight },
    ]);
    expect(await days('edge', null, null)).toEqual(['1990-01-02 A 1', '1990-01-03 A 2']);
    // No topology writes these; should somebody, one batch must not hold up the sink.
    await write('portfolio.positions', [
      { ...held('before', 'A', 0, 1), eventTime: -1 },
      { ...held('before', 'A', 0, 2), eventTime: 1 },
    ]);
    expect(await days('before', null, null)).toEqual(['1969-12-31 A 1', '1970-01-01 A 2']);
  });

  it('is what instruments are', async () => {
    const instrument: Types['reference.instruments'] = {
      eventTime: 0,
      instrument: 'A',
      name: 'An instrument',
      currency: 'USD',
      multiplier: parseDecimal('1'),
      assetClass: 'EQUITY',
      sector: 'Energy',
      lotSize: parseDecimal('1'),
      tickSize: null,
      source: 'test',
    };
    const factor = { ...instrument, instrument: 'MTUM', assetClass: 'FACTOR', sector: null } as const;
    await write('reference.instruments', [factor, instrument]);
    expect(await read.instruments()).toEqual([
      { instrument: 'A', sector: 'Energy', assetClass: 'EQUITY' },
      { instrument: 'MTUM', sector: null, assetClass: 'FACTOR' },
    ]);
  });

  it('is splits of what is held, and closes as they are worth after splits and dividends', async () => {
    const at = (day: number) => Date.UTC(1990, 0, day) * 1000;
    const action = (actionId: string, day: number, terms: Partial<Types['reference.corporate-actions']>) => ({
      eventTime: at(day),
      actionId,
      instrument: 'SPLITTER',
      type: 'SPLIT' as const,
      exTime: at(day),
      newUnits: null,
      oldUnits: null,
      amount: null,
      source: 'test',
      ...terms,
    });
    const split = action('s', 3, { newUnits: parseDecimal('2'), oldUnits: parseDecimal('1') });
    const dividend = action('d', 4, { type: 'CASH_DIVIDEND', amount: parseDecimal('2') });
    await write('reference.corporate-actions', [action('s', 2, split), dividend, split]);
    await write('portfolio.positions', [held('holder', 'SPLITTER', 0, 100)]);
    const bar = (day: number, close: number): Types['market.bars'] => ({
      eventTime: at(day + 1),
      instrument: 'SPLITTER',
      interval: 'DAY',
      startTime: at(day),
      endTime: at(day + 1),
      open: close,
      high: close,
      low: close,
      close,
      volume: null,
      vwap: null,
      trades: 1,
      final: true,
      revision: 0,
      sourceTopic: 'market.trades',
      sourceEventTime: at(day),
    });
    await write('market.bars', [bar(2, 100), bar(3, 51), bar(4, 49)]);
    expect((await read.corporateActions('SPLITTER', 10)).map(({ actionId, amount }) => [actionId, amount])).toEqual([
      ['d', '2'],
      ['s', null],
    ]);
    expect(await read.splits('holder')).toEqual([{ instrument: 'SPLITTER', exTime: at(3), ratio: 2 }]);
    expect(await read.splits('nobody')).toEqual([]);
    // From 102 for what had been 100, to 51 with the dividend for what had been 51.
    const [first, second, third] = await read.dailyCloses('SPLITTER', null);
    expect([second!.close / first!.close, third!.close / second!.close]).toEqual([
      expect.closeTo(1.02, 12),
      expect.closeTo(1, 12),
    ]);
    expect(third!.close).toBe(49);
  });

  it('is the rates at the ends of days, of portfolios that need some', async () => {
    const currency = (code: string, rate: number | null) => ({
      currency: code,
      rate,
      path: '',
      rateTime: null,
      cash: 0n,
      realizedPnl: 0n,
      commission: 0n,
      unrealizedPnl: 0,
      netExposure: 0,
      grossExposure: 0,
    });
    const value = (minutes: number, rate: number | null) => ({
      ...pnl('global', minutes),
      baseCurrency: 'EUR',
      currencies: [currency('EUR', 1), currency('JPY', rate)],
    });
    await write('portfolio.pnl', [value(0, 0.5), value(1, 0.6), value(DAY, null), pnl('home', 0)]);
    const first = { date: '1990-01-02', baseCurrency: 'EUR', rates: { EUR: 1, JPY: 0.6 } };
    expect(await read.currencyRates('global', null, null)).toEqual([
      first,
      { date: '1990-01-03', baseCurrency: 'EUR', rates: { EUR: 1, JPY: null } },
    ]);
    expect(await read.currencyRates('global', '1990-01-01', '1990-01-02')).toEqual([first]);
    expect(await read.currencyRates('home', null, null)).toEqual([]);
  });

  it('is there for a database that read positions before: the migration has them read again', async () => {
    const client = new pg.Client(services.databaseUrl);
    await client.connect();
    try {
      await client.query("drop table position_days; insert into sink_offsets values ('portfolio.positions', 0, 7)");
      const said: string[] = [];
      up({ sql: (text: string) => said.push(text) } as never);
      for (const text of said) await client.query(text);
      expect((await client.query("select 1 from sink_offsets where topic = 'portfolio.positions'")).rowCount).toBe(0);
      expect((await client.query("select 1 from sink_offsets where topic = 'portfolio.pnl'")).rowCount).toBe(1);
    } finally {
      await client.end();
    }
  });
});
