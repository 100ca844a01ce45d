import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FactorRegression, factorRegressionOf } from '#api/graphql/factor-regression.ts';
import { neweyWestLag, regress } from '#quant/regression.ts';
import { closesOf, returnsOf } from '../../../golden/history.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

const COUNT = 301;
const closes = (factor: string) => {
  const { dates, prices } = closesOf(factor);
  return dates.slice(-COUNT).map((date, index) => ({ date, close: prices[prices.length - COUNT + index]! }));
};
const FACTORS = ['MTUM', 'VLUE'].map((factor) => ({ factor, closes: closes(factor) }));
const [momentum, value, stock] = ['MTUM', 'VLUE', 'KO'].map((name) => returnsOf(name, COUNT - 1)) as [
  Float64Array,
  Float64Array,
  Float64Array,
];

/** Days of a portfolio that is 60 % momentum, 40 % value and some of a stock, with a day before the first return. */
let equity = 1_000;
const DAYS = closes('MTUM').map(({ date }, index) => {
  if (index === 0) return { date, equity, dayPnl: 0 };
  const day = index - 1;
  const dayPnl = equity * (0.6 * momentum[day]! + 0.4 * value[day]! + 0.1 * stock[day]!);
  equity += dayPnl;
  return { date, equity, dayPnl };
});

describe('factor regression of a portfolio', () => {
  it('is the regression of its daily returns, of the days that all have', () => {
    const found = factorRegressionOf(DAYS, FACTORS, true);
    expect(found).toMatchObject({
      days: 300,
      from: DAYS[1]!.date,
      to: DAYS.at(-1)!.date,
      hac: true,
      lag: 5,
      problem: null,
    });
    const returns = DAYS.slice(1).map((day) => day.dayPnl / (day.equity - day.dayPnl));
    const expected = regress(returns, [momentum, value], neweyWestLag(300));
    expect(found.intercept).toEqual({ name: 'intercept', ...expected.intercept });
    expect(found.coefficients.map(({ name }) => name)).toEqual(['MTUM', 'VLUE']);
    found.coefficients.forEach((row, index) => {
      expect(row.estimate).toBeCloseTo(expected.slopes[index]!.estimate, 10);
      expect(row.t).toBeCloseTo(expected.slopes[index]!.t, 8);
    });
    expect(found.rSquared).toBeCloseTo(expected.rSquared, 12);
    const classical = factorRegressionOf(DAYS, FACTORS, false);
    expect(classical).toMatchObject({ hac: false, lag: null });
    expect(classical.coefficients[0]!.estimate).toBe(found.coefficients[0]!.estimate);
    expect(classical.coefficients[0]!.standardError).not.toBe(found.coefficients[0]!.standardError);
  });

  it('leaves out days whose returns do not go from the same day to the same day', () => {
    const [first, second] = FACTORS as [(typeof FACTORS)[0], (typeof FACTORS)[0]];
    // Without one close the return of the next day is one of two days.
    const gap = { ...first, closes: first.closes.toSpliced(100, 1) };
    expect(factorRegressionOf(DAYS, [gap, second], true).days).toBe(298);
    expect(factorRegressionOf(DAYS.toSpliced(100, 1), FACTORS, true).days).toBe(298);
    const broke = DAYS.with(50, { ...DAYS[50]!, equity: 5, dayPnl: 5 });
    expect(factorRegressionOf(broke, FACTORS, true).days).toBe(299);
  });

  it('says why there is none: no factors, no closes, factors that are one, too few days', () => {
    const problem = (found: FactorRegression) => {
      expect(found).toMatchObject({ intercept: null, coefficients: [], rSquared: null, degreesOfFreedom: null });
      return found.problem;
    };
    expect(problem(factorRegressionOf(DAYS, [], true))).toMatch(/^NO_FACTORS: /);
    const gone = { factor: 'GONE', closes: [] };
    expect(problem(factorRegressionOf(DAYS, [gone], true))).toBe('HISTORY_TOO_SHORT: there is no daily close of GONE');
    expect(problem(factorRegressionOf(DAYS, [FACTORS[0]!, FACTORS[0]!], true))).toMatch(/^COLLINEAR: /);
    expect(problem(factorRegressionOf(DAYS.slice(0, 3), FACTORS, true))).toMatch(/^HISTORY_TOO_SHORT: /);
    expect(problem(factorRegressionOf([], FACTORS, true))).toMatch(/^HISTORY_TOO_SHORT: /);
    const cash = DAYS.map(({ date }) => ({ date, equity: 100, dayPnl: 0 }));
    expect(problem(factorRegressionOf(cash, FACTORS, true))).toMatch(/^NO_VARIATION: /);
  });
});

describe('factor regression in GraphQL', () => {
  const asked: unknown[][] = [];
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    asked.length = 0;
    const row = (instrument: string, assetClass: string) => ({ instrument, sector: null, assetClass });
    api = await startFakeApi({
      store: emptyStore({
        pnlDays: async () => DAYS,
        instruments: async () => [row('AAPL', 'EQUITY'), row('MTUM', 'FACTOR'), row('VLUE', 'FACTOR')],
        dailyCloses: async (...args) => {
          asked.push(args);
          return closes(args[0]);
        },
      }),
    });
  });
  afterEach(() => api.close());
  const FIELDS = `{ from to days factors hac lag intercept { name estimate standardError t p } coefficients { name estimate p }
    rSquared adjustedRSquared degreesOfFreedom problem }`;

  it('goes by the instruments of class FACTOR when none are named', async () => {
    const { data, errors } = await api.query(`{ factorRegression(portfolioId: "fund") ${FIELDS} }`);
    expect(errors).toBeUndefined();
    expect(data!.factorRegression).toMatchObject({
      days: 300,
      factors: ['MTUM', 'VLUE'],
      hac: true,
      lag: 5,
      problem: null,
    });
    const start = new Date(Date.parse(DAYS[0]!.date) - 7 * 86_400_000).toISOString().slice(0, 10);
    expect(asked).toEqual([
      ['MTUM', start],
      ['VLUE', start],
    ]);
  });

  it('takes named factors and classical errors, and no more than twenty', async () => {
    const query = (args: string) => api.query(`{ factorRegression(portfolioId: "fund", ${args}) ${FIELDS} }`);
    const { data } = await query('factors: ["SP500"], hac: false');
    expect(data!.factorRegression).toMatchObject({ factors: ['SP500'], hac: false, lag: null, degreesOfFreedom: 298 });
    const many = JSON.stringify(Array.from({ length: 21 }, (_, index) => `F${index}`));
    expect((await query(`factors: ${many}`)).errors![0]!.message).toBe('at most 20 factors, not 21');
  });
});
