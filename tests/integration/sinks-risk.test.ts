import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { until } from './harness.ts';
import { AWKWARD, riskBacktest, riskMeasures } from './risk-sample.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const EVENING = Date.UTC(2008, 8, 12, 20) * 1000;
const MORNING = Date.UTC(2008, 8, 15, 14) * 1000;
const DAY = 86_400_000_000;
/** VaR at the ends of the first ten days of 1990; one method has none on the last. */
const VARS = [5, 6, 9, 1, 2, 3, 8, 7, 4, null];

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

  const contributions = ["it's", 'B'].map((instrument) => ({
    instrument,
    exposure: -100_000,
    componentVar: 12.5,
    componentEs: 20,
    marginalVar: -0.000125,
    incrementalVar: -3,
  }));
  const present = riskMeasures('fund', MORNING + 1, { contributionConfidence: 0.99, contributions });
  const dayEnd = (index: number, valueAtRisk: number | null) =>
    riskMeasures('history', Date.UTC(1990, 0, 2 + index, 14) * 1000, {
      dayEnd: true,
      historyDate: new Date(Date.UTC(1990, 0, 1 + index)).toISOString().slice(0, 10),
      measures: [{ ...present.measures[0]!, valueAtRisk, expectedShortfall: valueAtRisk }],
    });
  beforeAll(async () => {
    world = await SinkWorld.open();
    read = openReadStore(world.services.databaseUrl);
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
    await world.send('risk.measures', 'fund', riskMeasures('fund', EVENING));
    await world.send('risk.measures', 'fund', riskMeasures('fund', MORNING, { dayEnd: true }));
    await world.send('risk.measures', 'fund', present);
    for (const [index, valueAtRisk] of VARS.entries())
      await world.send('risk.measures', 'history', dayEnd(index, valueAtRisk));
    await world.send('risk.backtests', 'fund', riskBacktest('fund', MORNING, '2008-09-15'));
    await world.send('risk.backtests', 'fund', riskBacktest('fund', MORNING + 1, '2008-09-16'));
    await until(
      'both stores to have all',
      async () =>
        (await read.riskBacktests('fund', 10)).length === 2 &&
        (await rows('select 1 from tidemark.risk_backtests')).length === 2 &&
        (await read.riskHistory('history', 'historical', 0.99, null, null)).length === VARS.length &&
        (await rows('select 1 from tidemark.risk_measures')).length === 3 + VARS.length,
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
    expect(await read.riskHistory('fund', 'historical', 0.99, null, null)).toEqual([
      {
        date: '2008-09-12',
        eventTime: MORNING,
        valueAtRisk: 1234.5,
        expectedShortfall: 2345.25,
        equity: 1_000_000,
        grossExposure: 1_000_000,
        netExposure: 800_000,
      },
    ]);
    expect(await read.riskHistory('fund', 'ewma', 0.99, null, null)).toEqual([]);
    expect(await read.riskHistory('fund', 'historical', 0.95, null, null)).toEqual([]);
  });

  it('gives the days asked for, and of many the newest with the largest VaR of each run', async () => {
    const points = async (from: number | null, to: number | null, maxPoints?: number) =>
      (await read.riskHistory('history', 'historical', 0.99, from, to, maxPoints)).map(
        ({ date, valueAtRisk }) => `${date.slice(8)} ${valueAtRisk}`,
      );
    const second = Date.UTC(1990, 0, 2) * 1000;
    expect(await points(second, second + DAY)).toEqual(['02 6', '03 9']);
    expect(await points(second + 1, second + 2 * DAY - 1)).toEqual(['03 9']);
    expect(await points(null, second - 1)).toEqual(['01 5']);
    expect(await points(second + 7 * DAY, null)).toEqual(['09 4', '10 null']);
    expect(await points(null, null, 10)).toHaveLength(10);
    expect(await points(null, null, 4)).toEqual(['03 9', '07 8', '08 7', '10 null']);
    expect(await points(null, null, 1)).toEqual(['10 null']);
  });

  it('gives the newest days judged, oldest first', async () => {
    const all = await read.riskBacktests('fund', 10);
    expect(all).toEqual([riskBacktest('fund', MORNING, '2008-09-15'), riskBacktest('fund', MORNING + 1, '2008-09-16')]);
    expect((await read.riskBacktests('fund', 1)).map(({ date }) => date)).toEqual(['2008-09-16']);
  });

  it('has a row for each figure in ClickHouse, texts and nulls as they came', async () => {
    const tails = await rows(`select method, horizon_days, stress_window, value_at_risk, scenarios, problem
      from tidemark.risk_tails where day_end and portfolio = 'fund' order by horizon_days, method`);
    const tail = { horizon_days: 1, stress_window: null, value_at_risk: 1234.5, scenarios: 500, problem: null };
    expect(tails).toEqual([
      { ...tail, method: 'historical' },
      { ...tail, method: 'monte-carlo', stress_window: '2007-07-02/2009-06-30' },
      { ...tail, method: 'historical', horizon_days: 10, value_at_risk: null, problem: AWKWARD },
    ]);
    expect(
      await rows(`select instrument, confidence, exposure, component_var, component_es, marginal_var, incremental_var
        from tidemark.risk_contributions order by instrument desc`),
    ).toEqual(
      contributions.map((part) => ({
        instrument: part.instrument,
        confidence: 0.99,
        exposure: part.exposure,
        component_var: part.componentVar,
        component_es: part.componentEs,
        marginal_var: part.marginalVar,
        incremental_var: part.incrementalVar,
      })),
    );
    expect(
      await rows(
        "select unpriced, correlations, contributions, shocks.profit as profits from tidemark.risk_measures where day_end and portfolio = 'fund'",
      ),
    ).toEqual([{ unpriced: ['A', AWKWARD], correlations: [0.5], contributions: [], profits: [-80_000, null] }]);
    expect(
      await rows('select portfolio, toUnixTimestamp64Micro(event_time) as time, day_end from tidemark.risk_latest'),
    ).toEqual([{ portfolio: 'fund', time: present.eventTime, day_end: false }]);
    const verdicts = await rows(`select date, method, exception, zone, multiplier, coverage_p
      from tidemark.risk_verdicts where date = '2008-09-16' order by method`);
    expect(verdicts).toEqual([
      { date: '2008-09-16', method: 'ewma', exception: false, zone: null, multiplier: null, coverage_p: null },
      { date: '2008-09-16', method: 'historical', exception: true, zone: 'YELLOW', multiplier: 1.83, coverage_p: 0.03 },
    ]);
  });
});
