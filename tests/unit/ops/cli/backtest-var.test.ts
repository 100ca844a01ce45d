import { describe, expect, it } from 'vitest';
import { verdictOf } from '#ops/cli/backtest-var.ts';
import { closesOf, returnsOf } from '../../../golden/history.ts';

/** 250 calm days, then 300 on which every fiftieth loses far more. */
const values = Float64Array.from({ length: 550 }, (_, day) =>
  day >= 250 && day % 50 === 0 ? -0.2 : day % 2 ? 0.01 : -0.01,
);
const dates = Array.from({ length: 550 }, (_, day) => new Date(day * 86_400_000).toISOString().slice(0, 10));
const holdings = { profits: values, exposures: Float64Array.of(1), returns: [values] };
const options = { window: 250, confidence: 0.99, seed: 'test' };

describe('backtest-var', () => {
  it('judges each day by the window before it', () => {
    const verdict = verdictOf('historical', holdings, dates, options);
    expect(verdict).toMatchObject({ observations: 300, daysWithoutForecast: 0, expectedExceptions: 3 });
    // The first shocks are above VaR; once four of 250 days have one, VaR at 99 % covers them.
    expect(verdict.exceptions).toBe(4);
    expect(verdict.worst).toMatchObject({ exceptions: 4, light: { zone: 'GREEN', multiplier: 1.5 } });
  });

  it('sees 2008 in the S&P 500', () => {
    const { dates: days } = closesOf('SP500');
    const index = returnsOf('SP500');
    const crisis = { profits: index, exposures: Float64Array.of(1), returns: [index] };
    const until = days.indexOf('2009-06-30');
    const recent = (row: Float64Array) => row.slice(until - 1_000, until);
    const verdict = verdictOf(
      'historical',
      { ...crisis, profits: recent(index), returns: [recent(index)] },
      days.slice(until - 999, until + 1),
      options,
    );
    expect(verdict.worst!.light).toEqual({ zone: 'RED', multiplier: 2 });
    expect(verdict.worst!.date.slice(0, 4)).toBe('2008');
    expect(verdict.kupiec!.pValue).toBeLessThan(0.01);
  });

  it('counts days on which a method has no figure, and says nothing where there was none', () => {
    const still = new Float64Array(400).fill(0.01);
    const flat = { profits: still, exposures: Float64Array.of(1), returns: [still] };
    const verdict = verdictOf('filtered-historical', flat, dates.slice(0, 400), options);
    expect(verdict).toMatchObject({
      observations: 0,
      daysWithoutForecast: 150,
      kupiec: null,
      light: null,
      worst: null,
    });
  });
});
