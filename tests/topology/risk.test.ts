import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeTopology } from '#streams/topology/describe.ts';
import { MOST_WAITING } from '#topologies/risk/closings.ts';
import { risk } from '#topologies/risk/graph.ts';
import { RISK_SETTINGS } from '#topologies/risk/settings.ts';
import { entry, micros, RiskDesk } from './risk-desk.ts';

interface Reference {
  readonly stocks: readonly string[];
  readonly exposures: readonly number[];
  readonly historical: Record<string, { readonly valueAtRisk: number; readonly expectedShortfall: number }>;
  readonly ageWeighted: Reference['historical'];
  readonly normal: Reference['historical'];
}
/** The book of tests/golden/risk_reference.py: twenty stocks over the last 500 shipped days, figures of numpy, empyrical and scipy. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, '../golden/risk.json'), 'utf8')) as Reference;
const MORNING = micros('2022-12-29T15:00:00');
const LEVELS = RISK_SETTINGS.confidences;
const near = (value: number | null, expected: number, relative = 1e-9) =>
  expect(Math.abs(value! - expected), `${value} against ${expected}`).toBeLessThanOrEqual(
    Math.abs(expected) * relative,
  );

function referenceDesk(): RiskDesk {
  const desk = new RiskDesk();
  for (const stock of reference.stocks) desk.history(stock, 510);
  desk.history('SP500', 510);
  return desk;
}

describe('risk', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(risk())).toMatchFileSnapshot('../golden/risk.topology.txt');
  });

  it('says what numpy, empyrical and scipy say of the same book', () => {
    const desk = referenceDesk();
    reference.stocks.forEach((stock, index) => {
      desk.hold('fund', stock, reference.exposures[index]!, MORNING + index);
    });
    const [measures] = desk.equity('fund', 1e5, MORNING + 100).measures();
    expect(measures).toMatchObject({ portfolio: 'fund', scenarios: 500, historyDate: '2022-12-28', unpriced: [] });
    for (const level of LEVELS) {
      const pairs = [
        ['historical', reference.historical],
        ['age-weighted', reference.ageWeighted],
        ['normal', reference.normal],
      ] as const;
      for (const [method, expected] of pairs) {
        const actual = entry(measures!, method, level);
        near(actual.valueAtRisk, expected[level]!.valueAtRisk);
        near(actual.expectedShortfall, expected[level]!.expectedShortfall);
      }
    }
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const { contributions } = measures!;
    near(sum(contributions.map(({ componentVar }) => componentVar)), entry(measures!, 'historical', 0.99).valueAtRisk!);
    near(
      sum(contributions.map(({ componentEs }) => componentEs)),
      entry(measures!, 'historical', 0.99).expectedShortfall!,
    );
    near(measures!.grossExposure, sum(reference.exposures.map(Math.abs)));
    near(measures!.leverage, measures!.grossExposure / 1e5);
    // 510 days do not reach back to the crisis.
    const missing = measures!.measures.filter(({ problem }) => problem !== null);
    expect(missing.every(({ stressWindow, problem }) => stressWindow && problem!.startsWith('HISTORY_MISSING'))).toBe(
      true,
    );
    expect(missing).toHaveLength(LEVELS.length * RISK_SETTINGS.horizonsDays.length);
    for (const { valueAtRisk, expectedShortfall, problem } of measures!.measures)
      if (problem === null) expect(expectedShortfall!).toBeGreaterThanOrEqual(valueAtRisk!);
  });

  it('does not see the future: a morning of 2010 uses the days up to the evening before', () => {
    const desk = new RiskDesk().history('AAPL', 2_000, '2012-01-01');
    const [measures] = desk.hold('fund', 'AAPL', 1_000, micros('2010-05-07T14:00:00')).measures();
    expect(measures).toMatchObject({ historyDate: '2010-05-06', scenarios: 500 });
    const alone = new RiskDesk().history('AAPL', 2_000, '2010-05-06');
    expect(alone.hold('fund', 'AAPL', 1_000, micros('2010-05-07T14:00:00')).measures()).toEqual([measures]);
  });

  it('gives the same figures whatever the order of ticks between two commits', () => {
    const stocks = ['AAPL', 'KO', 'XOM'];
    const desk = () => stocks.reduce((made, stock) => made.history(stock, 260), new RiskDesk());
    const ticks = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: -10_000, max: 10_000 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(ticks, fc.infiniteStream(fc.nat(1_000)), (changes, order) => {
        const [one, other] = [desk(), desk()];
        for (const [stock, amount] of changes) one.hold('fund', stocks[stock]!, amount, MORNING);
        // Each instrument's own ticks stay in order; how they mix does not matter.
        const rank = [...order.take(3)];
        const mixed = [...changes].sort(([a], [b]) => rank[a]! - rank[b]! || a - b);
        for (const [stock, amount] of mixed) other.hold('fund', stocks[stock]!, amount, MORNING);
        const figures = (made: RiskDesk) =>
          made.measures().map(({ measures, contributions }) => ({ measures, contributions }));
        expect(figures(other)).toEqual(figures(one));
      }),
      { numRuns: 15 },
    );
  });

  it('says once more at the end of a day, with its returns, what the next day can lose', () => {
    const desk = new RiskDesk()
      .history('AAPL', 300, '2008-09-12')
      .hold('fund', 'AAPL', 1e6, micros('2008-09-12T20:00:00'));
    expect(desk.measures()).toMatchObject([{ dayEnd: false, historyDate: '2008-09-11' }]);
    desk.history('AAPL', 1, '2008-09-12').hold('fund', 'AAPL', 9e5, micros('2008-09-15T20:00:00'));
    expect(desk.measures()).toMatchObject([
      { dayEnd: true, eventTime: micros('2008-09-12T20:00:00'), historyDate: '2008-09-12', grossExposure: 1e6 },
      { dayEnd: false, eventTime: micros('2008-09-15T20:00:00'), grossExposure: 9e5 },
    ]);
  });

  it('waits for the returns of a day that is over, and says its end before what comes after', () => {
    const friday = micros('2008-09-12T20:00:00');
    const desk = new RiskDesk().history('AAPL', 300, '2008-09-11').hold('fund', 'AAPL', 1e6, friday);
    desk.measures();
    desk.hold('fund', 'AAPL', 9e5, micros('2008-09-15T14:00:00'));
    expect(desk.measures().map(({ dayEnd }) => dayEnd)).toEqual([false]);
    desk.driver.abort();
    desk.history('AAPL', 1, '2008-09-12').hold('fund', 'AAPL', 8e5, micros('2008-09-15T15:00:00'));
    expect(desk.measures()).toMatchObject([
      { dayEnd: true, eventTime: micros('2008-09-15T15:00:00'), historyDate: '2008-09-12', grossExposure: 1e6 },
      { dayEnd: false, eventTime: micros('2008-09-15T15:00:00'), historyDate: '2008-09-12', grossExposure: 8e5 },
    ]);
  });

  it('does not wait for the returns of a day without trading, nor of an instrument that has stopped', () => {
    const desk = new RiskDesk().history('AAPL', 300, '2008-09-12').history('KO', 100, '2008-08-01');
    desk
      .hold('fund', 'AAPL', 1e6, micros('2008-09-12T20:00:00'))
      .hold('fund', 'KO', 1e6, micros('2008-09-12T20:00:00'));
    desk.equity('fund', 1e6, micros('2008-09-13T12:00:00'));
    expect(desk.measures()).toMatchObject([{ dayEnd: true, historyDate: '2008-09-12' }, { dayEnd: false }]);
    // A Saturday: only when Monday's returns are there is it known to be none.
    desk.hold('fund', 'AAPL', 1e6, micros('2008-09-15T20:00:00'));
    expect(desk.measures().map(({ dayEnd }) => dayEnd)).toEqual([false]);
    desk.history('AAPL', 1, '2008-09-15').hold('fund', 'AAPL', 1e6, micros('2008-09-16T20:00:00'));
    expect(desk.measures().map(({ dayEnd }) => dayEnd)).toEqual([true, true, false]);
  });

  it('does not wait for ever', () => {
    const desk = new RiskDesk().history('AAPL', 300, '2008-09-11');
    const day = (index: number) => micros('2008-09-12T20:00:00') + index * 86_400_000_000;
    for (let index = 0; index <= MOST_WAITING; index++) desk.hold('fund', 'AAPL', 1e6, day(index));
    expect(desk.measures().map(({ dayEnd }) => dayEnd)).toEqual([false]);
    desk.hold('fund', 'AAPL', 1e6, day(MOST_WAITING + 1));
    expect(desk.measures()).toMatchObject([{ dayEnd: true, historyDate: '2008-09-11' }, { dayEnd: false }]);
  });

  it('has no figure while a position has no mark, and says which', () => {
    const desk = new RiskDesk()
      .history('AAPL', 300)
      .hold('fund', 'AAPL', 1_000, MORNING)
      .hold('fund', 'NEW', null, MORNING);
    const [measures] = desk.measures();
    expect(measures!.unpriced).toEqual(['NEW']);
    for (const { valueAtRisk, problem } of measures!.measures)
      expect({ valueAtRisk, problem }).toEqual({ valueAtRisk: null, problem: 'UNPRICED: no mark for NEW' });
    const [priced] = desk.hold('fund', 'NEW', 0, MORNING + 60_000_000).measures();
    expect(entry(priced!, 'historical', 0.99).valueAtRisk).toBeGreaterThan(0);
  });

  it('has no figure for what has no history, and one for what has a short one, saying so', () => {
    const desk = new RiskDesk()
      .history('AAPL', 300)
      .hold('fund', 'AAPL', 1_000, MORNING)
      .hold('fund', 'IPO', 1_000, MORNING);
    const [none] = desk.measures();
    expect(entry(none!, 'historical', 0.95).problem).toBe(
      'HISTORY_MISSING: IPO has no daily returns before 2022-12-29',
    );
    const young = new RiskDesk().history('AAPL', 300).history('KO', 60).hold('fund', 'AAPL', 1_000, MORNING);
    const [short] = young.hold('fund', 'KO', 1_000, MORNING).measures();
    expect(short).toMatchObject({ scenarios: 60, shortestHistory: 'KO' });
    expect(entry(short!, 'historical', 0.95).valueAtRisk).toBeGreaterThan(0);
    expect(entry(short!, 'historical', 0.99)).toMatchObject({
      valueAtRisk: null,
      problem: 'HISTORY_TOO_SHORT: historical needs 100 days at this level',
    });
    expect(entry(short!, 'normal', 0.99).valueAtRisk).toBeGreaterThan(0);
  });

  it('has zero risk when nothing is held', () => {
    const desk = new RiskDesk().history('AAPL', 300).hold('fund', 'AAPL', 1_000, MORNING).equity('fund', 1e4, MORNING);
    const [flat] = desk.hold('fund', 'AAPL', 0, MORNING + 1).measures();
    for (const tail of flat!.measures)
      expect(tail).toMatchObject({ valueAtRisk: 0, expectedShortfall: 0, problem: null });
    expect(flat).toMatchObject({ grossExposure: 0, leverage: 0, herfindahl: 0, contributions: [] });
  });

  it('says how long the slowest position takes to liquidate, and nothing where it is not known what is traded', () => {
    const desk = referenceDesk();
    const days = Array.from({ length: 25 }, (_, index) => `2022-12-${String(index + 1).padStart(2, '0')}`);
    for (const [index, date] of days.entries()) {
      // Of the newest twenty days before the 26th AAPL trades 1,000 a day on average, KO 500.
      desk.dailyReturn('AAPL', date, 0.01, undefined, index < 5 ? 1e9 : 1_000);
      desk.dailyReturn('KO', date, 0.01, undefined, index < 5 ? 1e9 : 500);
    }
    const morning = micros('2022-12-26T15:00:00');
    desk.hold('fund', 'AAPL', 2_000, morning).hold('fund', 'KO', -400, morning);
    expect(desk.measures().at(-1)).toMatchObject({ liquidityDays: 10, liquidityInstrument: 'AAPL' });
    desk.hold('fund', 'KO', -4_000, morning + 120e6);
    expect(desk.measures().at(-1)).toMatchObject({ liquidityDays: 40, liquidityInstrument: 'KO' });
    desk.hold('fund', 'XOM', 1, morning + 240e6);
    expect(desk.measures().at(-1)).toMatchObject({ liquidityDays: null, liquidityInstrument: null });
  });

  it('is proportional to what is held', () => {
    const of = (amount: number) =>
      new RiskDesk().history('AAPL', 300).hold('fund', 'AAPL', amount, MORNING).measures()[0]!.measures;
    const [one, thousand] = [of(1_000), of(1_000_000)];
    one.forEach(({ valueAtRisk, expectedShortfall, method }, index) => {
      if (valueAtRisk === null) return;
      // An optimiser meets the same problem at another scale.
      const tolerance = method === 'filtered-historical' ? 1e-4 : 1e-9;
      near(thousand[index]!.valueAtRisk, valueAtRisk * 1_000, tolerance);
      near(thousand[index]!.expectedShortfall, expectedShortfall! * 1_000, tolerance);
    });
  });

  it('values 2008 and 2020 on what is held today, once they are past', () => {
    const desk = new RiskDesk().history('AAPL', 6_000).sector('AAPL', 'Information Technology');
    const [before] = desk.hold('fund', 'AAPL', 1_000, micros('2008-01-07T15:00:00')).measures();
    expect(entry(before!, 'historical', 0.99, { isStressed: true }).problem).toMatch(/^STRESS_WINDOW_AHEAD/);
    const shock = (measures: typeof before, name: string) => measures!.shocks.find((one) => one.name === name)!.profit;
    expect(shock(before, 'Lehman 2008')).toBeNull();
    expect(shock(before, 'all prices -20 %')).toBeCloseTo(-200, 9);
    expect(shock(before, 'financials -30 %')).toBeCloseTo(0, 9);
    expect(shock(before, 'information technology -30 %')).toBeCloseTo(-300, 9);
    const after = desk.hold('fund', 'AAPL', 1_000, MORNING).measures().at(-1);
    expect(entry(after!, 'historical', 0.99, { isStressed: true }).valueAtRisk).toBeGreaterThan(
      entry(after!, 'historical', 0.99).valueAtRisk!,
    );
    expect(shock(after, 'Lehman 2008')).toBeLessThan(-300);
    expect(shock(after, 'pandemic 2020')).toBeLessThan(-200);
  });

  it('takes a revised return at the beginning of the next day', () => {
    const desk = new RiskDesk().history('AAPL', 300, '2022-12-27');
    desk.hold('fund', 'AAPL', 1_000, micros('2022-12-28T15:00:00')).measures();
    desk.dailyReturn('AAPL', '2022-12-27', -0.9, Date.parse('2022-12-28T16:00:00Z'));
    const es = (made: RiskDesk) => entry(made.measures().at(-1)!, 'historical', 0.99).expectedShortfall!;
    expect(es(desk.hold('fund', 'AAPL', 1_000, micros('2022-12-28T17:00:00')))).toBeLessThan(200);
    expect(es(desk.hold('fund', 'AAPL', 1_000, micros('2022-12-29T15:00:00')))).toBeGreaterThan(200);
  });

  it('goes on after a restart as if nothing had been', () => {
    const start = () =>
      new RiskDesk().history('AAPL', 300).hold('fund', 'AAPL', 1_000, MORNING).equity('fund', 1e4, MORNING);
    const [whole, restarted] = [start(), start()];
    whole.measures();
    restarted.measures();
    // Processors are made anew from what the stores hold, as at a start.
    restarted.driver.abort();
    const next = (desk: RiskDesk) => desk.hold('fund', 'AAPL', 2_000, MORNING + 1_000_000).measures();
    expect(next(restarted)).toEqual(next(whole));
  });

  it('sets aside what is not sound and goes on', () => {
    const desk = new RiskDesk().history('AAPL', 300);
    desk.driver.pipe('portfolio.positions', { key: 'fund/AAPL', value: null, timestampMs: 1 });
    desk.equity('fund', Number.NaN, MORNING).hold('fund', 'AAPL', 1_000, MORNING);
    expect(desk.driver.readRejected().map(({ code }) => code)).toEqual(['VALUE_MISSING', 'PNL_INVALID']);
    expect(desk.measures()).toHaveLength(1);
  });
});
