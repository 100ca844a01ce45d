import { describe, expect, it } from 'vitest';
import { conditionalCoverage, judge, kupiec, NO_DAYS, shortfallTests } from '#quant/backtest.ts';
import { historicalTail } from '#quant/tail.ts';
import { closesOf } from '../golden/history.ts';
import { micros, RiskDesk } from './risk-desk.ts';

const { dates, prices } = closesOf('SP500');
const closeOf = (date: string) => micros(`${date}T20:00:00`);
const end = dates.indexOf('2008-12-31');
const change = (index: number) => prices[index]! / prices[index - 1]! - 1;

describe('the backtest of forecasts', () => {
  it('judges each day by what was held the evening before: 2008 as it was', () => {
    const days = dates.slice(end - 400, end + 1);
    const desk = new RiskDesk().history('SP500', 1_000, '2008-12-31');
    for (const date of days) desk.hold('fund', 'SP500', 1_000_000, closeOf(date)).commit();
    const backtests = desk.backtests();
    // The last day is not over, and the first has no forecast.
    expect(backtests.map(({ date }) => date)).toEqual(days.slice(1, -1));

    let expected = NO_DAYS;
    for (let index = end - 399; index < end; index++) {
      const past = Float64Array.from({ length: 500 }, (_, ago) => 1_000_000 * change(index - 500 + ago));
      const { valueAtRisk, expectedShortfall } = historicalTail(past, 0.99);
      expected = judge(expected, 1_000_000 * change(index), valueAtRisk, expectedShortfall);
    }
    const last = backtests.at(-1)!;
    expect(last.profit).toBeCloseTo(1_000_000 * change(end - 1), 4);
    const result = last.results.find(({ method, confidence }) => method === 'historical' && confidence === 0.99)!;
    expect(result).toMatchObject({
      observations: 399,
      exceptions: expected.exceptions,
      recentExceptions: expected.recent.length,
      zone: 'RED',
      multiplier: 2,
    });
    expect(result.exceptions).toBeGreaterThan(10);
    expect(result.kupiecP).toBeCloseTo(kupiec(expected, 0.01).pValue, 9);
    expect(result.coverageP).toBeCloseTo(conditionalCoverage(expected, 0.01).pValue, 9);
    expect(result.z2).toBeCloseTo(shortfallTests(expected, 0.01).z2, 6);
    expect(last.results).toHaveLength(6 * 3);
    // What follows volatility had fewer exceptions than what weighs two years alike.
    const exceptions = (name: string) =>
      last.results.find(({ method, confidence }) => method === name && confidence === 0.99)!.exceptions;
    expect(exceptions('filtered-historical')).toBeLessThan(exceptions('historical'));
  });

  it('goes on after a restart as if nothing had been', () => {
    const run = (isRestarted: boolean) => {
      const desk = new RiskDesk().history('SP500', 700, '2008-12-31');
      for (const date of dates.slice(end - 20, end + 1)) {
        desk.hold('fund', 'SP500', 1_000_000, closeOf(date)).commit();
        if (isRestarted) desk.driver.abort();
      }
      return desk.backtests();
    };
    expect(run(true)).toEqual(run(false));
    expect(run(true)).toHaveLength(19);
  });

  it('judges no day without a forecast: nothing held, no mark, a history too short', () => {
    const desk = new RiskDesk().history('SP500', 50, '2008-12-31');
    for (const date of dates.slice(end - 5, end + 1)) desk.hold('short', 'SP500', 1_000, closeOf(date)).commit();
    for (const date of dates.slice(end - 5, end + 1)) desk.equity('flat', 1_000, closeOf(date)).commit();
    for (const date of dates.slice(end - 5, end + 1)) desk.hold('unpriced', 'SP500', null, closeOf(date)).commit();
    expect(desk.backtests()).toEqual([]);
  });
});
