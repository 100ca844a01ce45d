import { createClient } from '@clickhouse/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDecimal } from '#schemas/decimal.ts';
import type { AuditEntry, Fill } from '#schemas/generated/types.ts';
import { Desk } from '../topology/desk.ts';
import { until } from './harness.ts';
import { FIRST_DAY, fill, MINUTE, SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;

/** `fill` of index i has the id fi; its price is i and a quarter. */
const amend = (action: 'CORRECT' | 'CANCEL', index: number, change: Partial<Fill> = {}): Fill => ({
  ...fill('fund', 'AAPL', index),
  action,
  eventTime: FIRST_DAY + 60 * MINUTE,
  ...change,
});
const FILLS: readonly Fill[] = [
  fill('fund', 'AAPL', 1),
  fill('fund', 'AAPL', 2),
  fill('fund', 'MSFT', 3),
  fill('other', 'AAPL', 1),
  amend('CORRECT', 1, { price: parseDecimal('7'), venue: 'desk' }),
  amend('CANCEL', 2),
  amend('CANCEL', 9),
  amend('CORRECT', 1, { price: parseDecimal('8.5'), eventTime: FIRST_DAY + 61 * MINUTE }),
  fill('fund', 'AAPL', 1),
  amend('CORRECT', 2, { eventTime: FIRST_DAY + 62 * MINUTE }),
];
const IN_FORCE = [
  { portfolio: 'fund', fill_id: 'f1', price: '8.5', time: FIRST_DAY + MINUTE },
  { portfolio: 'fund', fill_id: 'f3', price: '3.25', time: FIRST_DAY + 3 * MINUTE },
  { portfolio: 'other', fill_id: 'f1', price: '1.25', time: FIRST_DAY + MINUTE },
];

describe('corrections, from their topics to the stores', () => {
  let world: SinkWorld;
  let database: pg.Pool;
  const clickhouse = async <R>(query: string): Promise<R[]> => {
    const client = createClient({ url: world.services.clickhouseUrl, database: 'tidemark' });
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<R>();
    } finally {
      await client.close();
    }
  };

  beforeAll(async () => {
    world = await SinkWorld.open();
    database = new pg.Pool({ connectionString: world.services.databaseUrl });
    // What the topology says of these fills; its driver counts offsets as the topics do.
    const desk = new Desk();
    for (const next of FILLS) {
      desk.fill(next);
      await world.send('orders.fills', next.portfolio, next);
    }
    const entries = desk.positions.read<AuditEntry>('audit.trail').map(({ value }) => value);
    expect(entries).toHaveLength(3);
    for (const entry of entries) await world.send('audit.trail', entry.portfolio, entry);
    await world.producer.flush();
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
    const counts = 'select (select count(*) from fills) as fills, (select count(*) from audit_trail) as entries';
    const isAll = ([row]: { fills: string; entries: string }[]) =>
      row !== undefined && Number(row.fills) === FILLS.length && Number(row.entries) === entries.length;
    await until(
      'both stores to have all',
      async () => isAll((await database.query(counts)).rows) && isAll(await clickhouse(counts)),
      LIMIT_MS,
    );
  }, 2 * LIMIT_MS);
  afterAll(async () => {
    await database?.end();
    await world?.close();
  }, LIMIT_MS);

  it('PostgreSQL shows the fills that count, as they count', async () => {
    const sql = `select portfolio, fill_id, trim_scale(price)::text as price,
      (extract(epoch from event_time) * 1000000)::bigint::text as time from fills_unique order by 1, 2`;
    const found = (await database.query(sql)).rows;
    expect(found.map((row) => ({ ...row, time: Number(row.time) }))).toEqual(IN_FORCE);
  });

  it('ClickHouse shows the fills that count, as they count', async () => {
    const sql = `select portfolio, fill_id, toString(price) as price, toUnixTimestamp64Micro(event_time)::String as time
      from fills_in_force order by 1, 2`;
    const found = await clickhouse<{ time: string }>(sql);
    expect(found.map((row) => ({ ...row, time: Number(row.time) }))).toEqual(IN_FORCE);
    const corrected = await clickhouse('select portfolio, fill_id from fills_in_force where corrected');
    expect(corrected).toEqual([{ portfolio: 'fund', fill_id: 'f1' }]);
  });

  it('ClickHouse adds up what counts', async () => {
    const summary = await clickhouse(
      'select portfolio, instrument, fills, toString(bought) as bought, bought_value from fills_summary order by 1, 2',
    );
    expect(summary).toEqual([
      { portfolio: 'fund', instrument: 'AAPL', fills: 1, bought: '10', bought_value: 85 },
      { portfolio: 'fund', instrument: 'MSFT', fills: 1, bought: '0', bought_value: 0 },
      { portfolio: 'other', instrument: 'AAPL', fills: 1, bought: '10', bought_value: 12.5 },
    ]);
  });

  it('both have the audit trail, with JSON to ask', async () => {
    const found = await database.query(
      `select subject_id, action, (effect::jsonb)->'quantity'->>'after' as quantity from audit_trail order by record_offset`,
    );
    const expected = [
      { subject_id: 'f1', action: 'CORRECT', quantity: '20' },
      { subject_id: 'f2', action: 'CANCEL', quantity: '10' },
      { subject_id: 'f1', action: 'CORRECT', quantity: '10' },
    ];
    expect(found.rows).toEqual(expected);
    const sql = `select subject_id, action, JSONExtractString(effect, 'quantity', 'after') as quantity from audit_trail
      order by _offset`;
    expect(await clickhouse(sql)).toEqual(expected);
  });
});
