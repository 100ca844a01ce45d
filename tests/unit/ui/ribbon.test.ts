import { describe, expect, it } from 'vitest';
import { classOf, heightOf, titleOf } from '#ui/src/regimes-api.ts';
import { barAt, type RegimeSpan, ribbonOf } from '#ui/src/ribbon.ts';

const span = (regime: string, from: string, to: string): RegimeSpan => ({ regime, from, to, days: 5 });

describe('ribbonOf', () => {
  it('has nothing without spans', () => {
    expect(ribbonOf([])).toEqual({ bars: [], years: [] });
  });

  it('goes from the first day to the end of the last, without gaps over weekends', () => {
    const spans = [span('BULL_CALM', '2020-01-01', '2020-01-03'), span('CRISIS', '2020-01-06', '2020-01-10')];
    const { bars } = ribbonOf(spans);
    expect(bars.map(({ at, width }) => [at, at + width])).toEqual([
      [0, 0.5],
      [0.5, 1],
    ]);
    expect(bars.map((bar) => bar.span)).toEqual(spans);
  });

  it('names as many years as there is room for', () => {
    const years = (to: string) => ribbonOf([span('CRISIS', '1990-12-28', to)]).years.map(({ year }) => year);
    expect(years('1993-06-01')).toEqual([1991, 1992, 1993]);
    expect(years('2022-12-28')).toEqual([1992, 1995, 1998, 2001, 2004, 2007, 2010, 2013, 2016, 2019, 2022]);
    const [at] = ribbonOf([span('CRISIS', '2020-01-01', '2021-12-31')]).years;
    expect(at).toEqual({ at: 366 / 731, year: 2021 });
  });

  it('finds the bar under a place', () => {
    const ribbon = ribbonOf([
      span('BULL_CALM', '2020-01-01', '2020-01-03'),
      span('CRISIS', '2020-01-06', '2020-01-10'),
    ]);
    expect([-1, 0, 0.49, 0.5, 0.99, 2].map((at) => barAt(ribbon, at))).toEqual([0, 0, 0, 1, 1, 1]);
  });
});

describe('a regime that came later', () => {
  it('is shown by its name', () => {
    expect(titleOf('MELT_UP')).toBe('MELT_UP');
    expect(heightOf('MELT_UP')).toBe(0.5);
    expect(classOf('BEAR_VOLATILE')).toBe('regime-bear-volatile');
  });
});
