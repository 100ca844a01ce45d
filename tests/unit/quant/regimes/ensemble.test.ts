import { describe, expect, it } from 'vitest';
import { Confusion } from '#quant/regimes/confusion.ts';
import { RegimeEnsemble } from '#quant/regimes/ensemble.ts';
import { LABEL_DAYS, labelOf } from '#quant/regimes/labels.ts';
import { logOf, RegimePool, VariancePool } from '#quant/regimes/log-pool.ts';
import { REGIME_NAMES, type RegimeName, regimeAt } from '#quant/regimes/regimes.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import { ChangePointVoter, HiddenMarkovVoter, TrendVoter, VolatilityVoter } from '#quant/regimes/voters.ts';
import { Random } from '#streams/kit/random.ts';

/** Days with a drift and a volatility, after two years of usual ones. */
function windowOf(...parts: readonly (readonly [days: number, drift: number, volatility: number])[]): ReturnWindow {
  const window = new ReturnWindow();
  for (const value of valuesOf([504, 0, 0.01], ...parts)) window.push(value);
  return window;
}
/** Of alternating sign around the drift, so that mean and volatility are what they are called. */
const valuesOf = (...parts: readonly (readonly [number, number, number])[]) =>
  parts.flatMap(([days, drift, volatility]) =>
    Array.from({ length: days }, (_, day) => drift + (day % 2 === 0 ? volatility : -volatility)),
  );

describe('what a day was', () => {
  const cases: readonly [RegimeName, ReturnWindow][] = [
    ['BULL_CALM', windowOf([63, 0.002, 0.005])],
    ['BEAR_CALM', windowOf([63, -0.002, 0.005])],
    ['SIDEWAYS', windowOf([63, 0.0002, 0.01])],
    ['BULL_VOLATILE', windowOf([63, 0.001, 0.017])],
    ['BEAR_VOLATILE', windowOf([63, -0.001, 0.017])],
    ['CRISIS', windowOf([40, -0.006, 0.03], [23, 0, 0.01])],
  ];
  for (const [name, window] of cases) it(`is ${name} by its definition`, () => expect(labelOf(window)).toBe(name));

  it('is no crisis where prices rise, however much they move', () => {
    expect(labelOf(windowOf([63, 0.006, 0.03]))).toBe('BULL_VOLATILE');
  });

  it('is not known before there is a year', () => {
    const window = new ReturnWindow();
    for (let day = 0; day < 251; day++) window.push(0.001);
    expect(labelOf(window)).toBeNull();
    window.push(0.001);
    expect(labelOf(window)).not.toBeNull();
  });

  it('is of the day 31 before the newest: what is older than its window only says what is usual', () => {
    const [one, other] = [new ReturnWindow(), new ReturnWindow()];
    const random = new Random('labels');
    for (let day = 0; day < 600; day++) {
      const value = 0.01 * random.normal();
      // Signs of what is over change nothing.
      one.push(value);
      other.push(day < 600 - 63 - 250 ? -value : value);
    }
    expect(labelOf(one)).toBe(labelOf(other));
    expect(LABEL_DAYS).toBe(31);
  });
});

describe('a window of returns', () => {
  it('forgets what is older than it reaches, and goes on from a snapshot', () => {
    const [all, late] = [new ReturnWindow(), new ReturnWindow()];
    for (let day = 0; day < 3000; day++) all.push(Math.sin(day));
    for (let day = 3000 - 1400; day < 3000; day++) late.push(Math.sin(day));
    expect(all.usualVolatility()).toBe(late.usualVolatility());
    expect(all.count).toBe(3000);
    const again = ReturnWindow.restore(all.snapshot());
    for (const window of [all, again]) window.push(0.5);
    expect(again.count).toBe(3001);
    expect(again.newest(1000)).toEqual(all.newest(1000));
    expect(() => all.push(Number.NaN)).toThrow(/Return 3001 is NaN/);
  });

  it('knows how far a level is from its extremes', () => {
    const window = new ReturnWindow();
    for (const value of [0.1, 0.2, -0.15, -0.05, 0.1]) window.push(value);
    const { below, above, sinceHigh } = window.extremes(5);
    expect([below, above]).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.2, 12)]);
    expect(sinceHigh).toBe(3);
  });
});

describe('what a cell says', () => {
  it('is what the rule calls, until days have shown otherwise', () => {
    const confusion = new Confusion([[regimeAt('CRISIS')], []]);
    const cell = Float64Array.of(1, 0);
    expect(confusion.probabilities(cell)[regimeAt('CRISIS')]).toBeCloseTo(4.5 / 7, 12);
    expect([...confusion.probabilities(Float64Array.of(0, 1))]).toEqual(Array(6).fill(expect.closeTo(1 / 6, 12)));
    for (let day = 0; day < 200; day++) confusion.learn(cell, regimeAt('BULL_VOLATILE'));
    expect(confusion.probabilities(cell)[regimeAt('BULL_VOLATILE')]).toBeGreaterThan(0.9);
    expect(new Confusion([[4], []], confusion.snapshot()).probabilities(cell)).toEqual(confusion.probabilities(cell));
  });
});

describe('a pool of opinions', () => {
  const sure = (regime: number) => logOf(Float64Array.from({ length: 6 }, (_, at) => (at === regime ? 0.95 : 0.01)));

  it('comes to trust who is right', () => {
    const pool = new RegimePool([0.5, 0.5]);
    const random = new Random('pool');
    for (let day = 0; day < 3000; day++) {
      const regime = random.below(6);
      pool.learn([sure(regime), sure(random.below(6))], regime);
    }
    expect(pool.weights[0]!).toBeGreaterThan(3 * pool.weights[1]!);
    expect(pool.combine([sure(2), sure(4)])[2]).toBeGreaterThan(0.8);
  });

  it('gives the weight of who is silent to the others', () => {
    const pool = new RegimePool([0.2, 0.8]);
    const [p] = [pool.combine([sure(1), null])];
    expect([...p!]).toEqual([...new RegimePool([1]).combine([sure(1)])].map((each) => expect.closeTo(each, 12)));
    expect([...pool.combine([null, null])]).toEqual(Array(6).fill(expect.closeTo(1 / 6, 12)));
  });

  it('learns by how much forecasts of variance are wrong', () => {
    const pool = new VariancePool([0.5, 0.5, 0]);
    const random = new Random('variances');
    for (let day = 0; day < 40_000; day++) {
      const right = random.normal();
      pool.learn([right + 0.7, random.normal()], Math.exp(right) * random.normal() ** 2);
    }
    // The first is right but for a factor, the second says nothing.
    expect(pool.combine([1 + 0.7, 0])).toBeCloseTo(1, 0);
    expect(Math.abs(pool.combine([0.7, 2]) - pool.combine([0.7, -2]))).toBeLessThan(0.4);
  });
});

describe('the voters', () => {
  it('see each what is theirs', () => {
    const calm = windowOf([250, 0.001, 0.006]);
    const wild = windowOf([100, -0.004, 0.03]);
    const highest = (cells: Float64Array) => cells.indexOf(Math.max(...cells));
    const names = (calls: readonly (readonly number[])[], cells: Float64Array) =>
      calls[highest(cells)]!.map((regime) => REGIME_NAMES[regime]);
    const volatility = new VolatilityVoter();
    expect(names(volatility.calls, volatility.vote(calm).cells)).toEqual(['BULL_CALM']);
    expect(names(volatility.calls, volatility.vote(wild).cells)).toContain('CRISIS');
    const trend = new TrendVoter();
    expect(names(trend.calls, trend.vote(calm).cells)).toEqual(['BULL_CALM']);
    expect(names(trend.calls, trend.vote(wild).cells)).toContain('BEAR_VOLATILE');
    expect(trend.vote(wild).variance).toBeCloseTo(0.03 ** 2 + 0.004 ** 2, 4);
    const change = new ChangePointVoter();
    const changed = change.vote(wild);
    expect(names(change.calls, changed.cells)).toEqual(['BEAR_VOLATILE']);
    expect(changed.variance).toBeGreaterThan(0.015 ** 2);
  });
});

describe('the hidden Markov voter', () => {
  it('tells large moves from small ones, by what it saw before', () => {
    const random = new Random('hidden');
    const [voter, window] = [new HiddenMarkovVoter(), new ReturnWindow()];
    const votes = Array.from({ length: 800 }, (_, day) => {
      window.push((day % 200 < 100 ? 0.006 : 0.03) * random.normal());
      return day < 250 ? null : voter.vote(window);
    });
    expect(Math.sqrt(votes[690]!.variance)).toBeLessThan(0.012);
    expect(Math.sqrt(votes[790]!.variance)).toBeGreaterThan(0.022);
    expect(votes[690]!.cells[0]).toBeGreaterThan(votes[790]!.cells[0]!);
  });
});

describe('the ensemble', () => {
  const random = new Random('ensemble');
  const values = Array.from({ length: 900 }, (_, day) => (day > 600 && day < 660 ? 0.04 : 0.01) * random.normal());
  const scores = (day: number) =>
    day % 3 === 0 ? null : Float64Array.from([0.3, 0.1, 0.1, 0.1, 0.1, 0.3, 1 + (day % 5) / 5]);

  it('goes on from a snapshot of any day as if nothing had been', () => {
    const whole = new RegimeEnsemble();
    const said = values.map((value, day) => whole.take(value, scores(day)));
    for (const cut of [3, 249, 250, 270, 300, 640, 899]) {
      const first = new RegimeEnsemble();
      for (const [day, value] of values.slice(0, cut).entries()) first.take(value, scores(day));
      const second = new RegimeEnsemble(first.snapshot());
      for (let day = cut; day < values.length; day++)
        expect(second.take(values[day]!, scores(day)), `day ${day} from ${cut}`).toEqual(said[day]);
    }
    expect(said.slice(0, 249).every((day) => day === null)).toBe(true);
    expect(said[249]).not.toBeNull();
  });

  it('names a crisis while it lasts, and no scores that are no numbers', () => {
    const ensemble = new RegimeEnsemble();
    const named = new Set<RegimeName>();
    for (const [day, value] of values.entries()) {
      const made = ensemble.take(
        day > 620 && day < 650 ? -Math.abs(value) : value,
        day % 2 ? null : new Float64Array(7).fill(Number.NaN),
      );
      if (!made) continue;
      if (day > 625 && day < 650) named.add(made.regime);
      expect(made.voters[4]).toBeNull();
      expect(made.probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
      expect(made.variance).toBeGreaterThan(0);
    }
    expect(named).toContain('CRISIS');
  });
});
