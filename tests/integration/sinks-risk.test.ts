import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { until } from './harness.ts';
import { AWKWARD, riskBacktest, riskMeasures } from './risk-sample.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const EVENING = Date.UTC(2008, 8, 12, 20) * 1000;
const MORNING = Date.UTC(2008, 8, 15, 14) * 1000;

describe('risk, from its topics to the stores', () => {
  let world: SinkWorld;
  let read: ReadStore;
  const clickhouse = () => createClient({ url: world.services.clickhouseUrl });
  const rows = async <R>(query: string): Promise<R[]> => {
    const client = clickhouse();
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<R>();
    } finally {
      await client.close();
    }
  };

  const present = riskMeasures('fund', MORNING + 1);
  beforeAll(async () => {
    world = await SinkWorld.open();
    read = openReadStore(world.services.databaseUrl);
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
    await world.send('risk.measures', 'fund', riskMeasures('fund', EVENING));
    await world.send('risk.measures', 'fund', riskMeasures('fund', MORNING, { dayEnd: true }));
    await world.send('risk.measures', 'fund', present);
    await world.send('risk.backtests', 'fund', riskBacktest('fund', MORNING, '2008-09-15'));
    await world.send('risk.backtests', 'fund', riskBacktest('fund', MORNING + 1, '2008-09-16'));
    await until(
      'both stores to have all',
      async () =>
        (await read.riskBacktests('fund', 10)).length === 2 &&
        (await rows('select 1 from tidemark.risk_backtests')).length === 2 &&
        (await rows('select 1 from tidemark.risk_measures')).length === 3,
      LIMIT_MS,
    );
  }, 2 * LIMIT_MS);
  afterAll(async () => {
    await read?.close();
    await world?.close();
  }, LIMIT_MS);

  it('keeps the newest record of the present in PostgreSQL, to the last letter', async () => {
    const { partition, offset, ...value } = (await read.latestRisk('fund'))!;
    expect(value).toEqual(present);
    expect(partition).toBeGreaterThanOrEqual(0);
    expect(offset).toBe(2);
    expect(await read.latestRisk('nobody')).toBeNull();
  });

  it("gives the history of days' ends by method and level", async () => {
    expect(await read.riskHistory('fund', 'historical', 0.99)).toEqual([
      {
        date: '2008-09-12',
        valueAtRisk: 1234.5,
        expectedShortfall: 2345.25,
        equity: 1_000_000,
        grossExposure: 1_000_000,
      },
    ]);
    expect(await read.riskHistory('fund', 'ewma', 0.99)).toEqual([]);
  });

  it('gives the newest days judged, oldest first', async () => {
    const all = await read.riskBacktests('fund', 10);
    expect(all).toEqual([riskBacktest('fund', MORNING, '2008-09-15'), riskBacktest('fund', MORNING + 1, '2008-09-16')]);
    expect((await read.riskBacktests('fund', 1)).map(({ date }) => date)).toEqual(['2008-09-16']);
  });

  it('has a row for each figure in ClickHouse, texts and nulls as they came', async () => {
    const tails = await rows(`select method, horizon_days, stress_window, value_at_risk, problem
      from tidemark.risk_tails where day_end order by horizon_days, method`);
    expect(tails).toEqual([
      { method: 'historical', horizon_days: 1, stress_window: null, value_at_risk: 1234.5, problem: null },
      {
        method: 'monte-carlo',
        horizon_days: 1,
        stress_window: '2007-07-02/2009-06-30',
        value_at_risk: 1234.5,
        problem: null,
      },
      { method: 'historical', horizon_days: 10, stress_window: null, value_at_risk: null, problem: AWKWARD },
    ]);
    expect(
      await rows(
        'select unpriced, correlations, contributions, shocks.profit as profits from tidemark.risk_measures where day_end',
      ),
    ).toEqual([{ unpriced: ['A', AWKWARD], correlations: [0.5], contributions: [], profits: [-80_000, null] }]);
    const verdicts = await rows(`select date, method, exception, zone, multiplier, coverage_p
      from tidemark.risk_verdicts where date = '2008-09-16' order by method`);
    expect(verdicts).toEqual([
      { date: '2008-09-16', method: 'ewma', exception: false, zone: null, multiplier: null, coverage_p: null },
      { date: '2008-09-16', method: 'historical', exception: true, zone: 'YELLOW', multiplier: 1.83, coverage_p: 0.03 },
    ]);
  });
});
