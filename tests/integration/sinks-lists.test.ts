import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RiskMeasures } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { migrate as migrateClickHouse } from '#sinks/clickhouse/migrate.ts';
import { openClickHouseStore } from '#sinks/clickhouse/write.ts';
import type { SinkBatch } from '#sinks/kit/feed.ts';
import type { SinkStore } from '#sinks/kit/sink.ts';
import { migrate as migratePostgres } from '#sinks/postgres/migrate.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { openPostgresStore } from '#sinks/postgres/write.ts';
import { type Services, startServices } from './harness.ts';
import { riskMeasures } from './risk-sample.ts';

const LIMIT_MS = 60_000;
const TOPIC = 'risk.measures';
const RECORDS = 200;
const SEED = 5;

/** What any of the formats on the way gives a meaning to. */
const AWKWARD = [
  "'",
  '"',
  '\\',
  '\t',
  '\n',
  '\r',
  '\b',
  '\f',
  ',',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  'NULL',
  '\\N',
  'ü',
  '😀',
];
const text = fc.string({ unit: fc.constantFrom(...AWKWARD, 'a', ' '), maxLength: 12 });
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
// Neither store has a zero with a sign in its lists.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const few = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 3 });

const lists = fc.record({
  unpriced: few(text),
  correlations: few(number),
  measures: few(
    fc.record({
      method: text,
      confidence: number,
      horizonDays: int,
      stressWindow: orNull(text),
      valueAtRisk: orNull(number),
      expectedShortfall: orNull(number),
      scenarios: int,
      sampling: orNull(text),
      paths: int,
      problem: orNull(text),
    }),
  ),
  sectors: few(fc.record({ sector: text, net: number, gross: number })),
  contributions: few(
    fc.record({
      instrument: text,
      exposure: number,
      componentVar: number,
      componentEs: number,
      marginalVar: number,
      incrementalVar: number,
    }),
  ),
  shocks: few(fc.record({ name: text, profit: orNull(number) })),
});

/** Portfolio `p<offset>`, one partition. */
const batchOf = (values: readonly RiskMeasures[], from = 0): SinkBatch => ({
  records: new Map([
    [
      TOPIC,
      values.map((value, index) => ({
        partition: 0,
        offset: from + index,
        value: { ...value, portfolio: `p${from + index}` },
        raw: { offset: from + index, timestampMs: 0, key: null, value: null, headers: [] },
      })),
    ],
  ]),
  rejects: [],
  advances: [{ topic: TOPIC, partition: 0, from, next: from + values.length }],
});

const records = fc.sample(lists, { seed: SEED, numRuns: RECORDS }).map((more) => riskMeasures('', 1_000_000, more));
type Lists = Pick<RiskMeasures, 'unpriced' | 'correlations' | 'measures' | 'sectors' | 'contributions' | 'shocks'>;
const listsOf = ({ unpriced, correlations, measures, sectors, contributions, shocks }: Lists): Lists =>
  structuredClone({ unpriced, correlations, measures, sectors, contributions, shocks });

describe('lists of texts, numbers and records', () => {
  let services: Services;
  let stores: Record<'postgres' | 'clickhouse', SinkStore>;

  beforeAll(async () => {
    services = await startServices({ postgres: true, clickhouse: true });
    await migratePostgres(services.databaseUrl);
    await migrateClickHouse(services.clickhouseUrl);
    stores = {
      postgres: await openPostgresStore(services.databaseUrl),
      clickhouse: await openClickHouseStore(services.clickhouseUrl),
    };
    for (const store of Object.values(stores)) {
      await store.offsets(new Map([[TOPIC, [0]]]));
      expect(await store.write(batchOf(records))).toEqual([]);
    }
  }, 2 * LIMIT_MS);
  afterAll(async () => {
    for (const store of Object.values(stores ?? {})) await store.close();
    await services?.stop();
  }, LIMIT_MS);

  it('come back from PostgreSQL as they went in, whatever is in them', async () => {
    const read = openReadStore(services.databaseUrl);
    try {
      for (const [offset, record] of records.entries())
        expect(listsOf((await read.latestRisk(`p${offset}`))!), `record ${offset}`).toEqual(listsOf(record));
    } finally {
      await read.close();
    }
  });

  it('come back from ClickHouse as they went in, whatever is in them', async () => {
    const rows = await ask<Record<string, unknown>>('select * from risk_measures order by _offset');
    expect(rows).toHaveLength(RECORDS);
    for (const [offset, row] of rows.entries())
      expect(listsOf(camelCased(row) as Lists), `record ${offset}`).toEqual(listsOf(records[offset]!));
  });

  it('keep what is no number: neither store makes a missing figure of it', async () => {
    const tail = { ...riskMeasures('', 1).measures[0]!, valueAtRisk: Number.NaN, expectedShortfall: -Infinity };
    const batch = batchOf([riskMeasures('', 2_000_000, { measures: [tail], correlations: [Infinity] })], RECORDS);
    for (const store of Object.values(stores)) expect(await store.write(batch)).toEqual([]);
    const [row] = await ask<Record<string, string>>(`select toString(measures[1].value_at_risk) as value_at_risk,
      toString(measures[1].expected_shortfall) as expected_shortfall, toString(correlations[1]) as correlation
      from risk_measures where _offset = ${RECORDS}`);
    expect(row).toEqual({ value_at_risk: 'nan', expected_shortfall: '-inf', correlation: 'inf' });
    const client = new pg.Client(services.databaseUrl);
    await client.connect();
    const { rows } = await client.query(`select (measures->0->>'valueAtRisk')::float8 as value_at_risk,
      (measures->0->>'expectedShortfall')::float8 as expected_shortfall, (correlations->>0)::float8 as correlation
      from risk_measures_latest where record_offset = ${RECORDS}`);
    await client.end();
    expect(rows).toEqual([{ value_at_risk: Number.NaN, expected_shortfall: -Infinity, correlation: Infinity }]);
  });

  it('with a character that PostgreSQL has not are set aside there, and their neighbours are kept', async () => {
    const from = RECORDS + 1;
    const refused = await stores.postgres.write(
      batchOf([riskMeasures('', 1, { unpriced: ['a\0b'] }), riskMeasures('', 1, { unpriced: ['ab'] })], from),
    );
    expect(refused).toMatchObject([{ topic: TOPIC, code: 'VALUE_REFUSED', record: { offset: from } }]);
    const read = openReadStore(services.databaseUrl);
    expect(await read.latestRisk(`p${from}`)).toBeNull();
    expect((await read.latestRisk(`p${from + 1}`))!.unpriced).toEqual(['ab']);
    await read.close();
  });

  const ask = async <R>(query: string): Promise<R[]> => {
    const client = openClient(services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<R>();
    } finally {
      await client.close();
    }
  };
});

/** Fields by their names in the schema, within lists too. */
function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name.replace(/(?<=.)_(.)/g, (_, letter: string) => letter.toUpperCase()),
      camelCased(field),
    ]),
  );
}
