import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { performanceOf } from '#api/graphql/performance.ts';
import { annualReturn, sharpeRatio } from '#quant/performance.ts';
import { closesOf, returnsOf } from '../../../golden/history.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

const { dates, prices } = closesOf('SP500');
const market = dates.slice(-300).map((date, index) => ({ date, close: prices[prices.length - 300 + index]! }));

/** Ends of days of a portfolio that holds the index, with deposits that must not show. */
function indexFund(deposits: Readonly<Record<number, number>> = {}) {
  let equity = 1_000;
  return market.slice(1).map(({ date, close }, index) => {
    const before = equity + (deposits[index] ?? 0);
    const dayPnl = before * (close / market[index]!.close - 1);
    equity = before + dayPnl;
    return { date, equity, dayPnl };
  });
}

describe('performance', () => {
  it('of what holds the benchmark is that of the benchmark', () => {
    const figures = performanceOf(indexFund(), 'SP500', market);
    const returns = returnsOf('SP500', 299);
    expect(figures).toMatchObject({ days: 299, from: market[1]!.date, to: market.at(-1)!.date, benchmark: 'SP500' });
    expect(figures.annualReturn).toBeCloseTo(annualReturn(returns), 10);
    expect(figures.sharpeRatio).toBeCloseTo(sharpeRatio(returns), 9);
    expect(figures.beta).toBeCloseTo(1, 10);
    expect(figures.alpha).toBeCloseTo(0, 10);
    expect(figures.upCapture).toBeCloseTo(1, 10);
    // Nothing is left to divide by: both are the same, up to rounding.
    expect(figures.worstDrawdowns[0]!.depth).toBeCloseTo(figures.maxDrawdown!, 12);
    expect(figures.worstDrawdowns[0]!.recoveryDate).toBeNull();
  });

  it('does not take a deposit for a return', () => {
    const plain = performanceOf(indexFund(), 'SP500', market);
    const paid = performanceOf(indexFund({ 10: 5_000, 200: -3_000 }), 'SP500', market);
    expect(paid.cumulativeReturn).toBeCloseTo(plain.cumulativeReturn!, 10);
    expect(paid.maxDrawdown).toBeCloseTo(plain.maxDrawdown!, 10);
  });

  it('says why where there is no figure: no days, no benchmark, nothing that varies', () => {
    const nothing = performanceOf([], 'SP500', market);
    expect(nothing).toMatchObject({ days: 0, from: null, annualReturn: null, sharpeRatio: null, worstDrawdowns: [] });
    expect(nothing.problems.join()).toContain('annualReturn: HISTORY_TOO_SHORT');
    const alone = performanceOf(indexFund(), 'NONE', []);
    expect(alone).toMatchObject({ alpha: null, beta: null, informationRatio: null });
    expect(alone.sharpeRatio).not.toBeNull();
    const still = performanceOf(
      [1, 2, 3].map((day) => ({ date: `2024-01-0${day}`, equity: 100, dayPnl: 0 })),
      'X',
      [],
    );
    expect(still).toMatchObject({ cumulativeReturn: 0, sharpeRatio: null, maxDrawdown: 0 });
    expect(still.problems.join()).toContain('sharpeRatio: NO_VARIATION');
  });

  it('leaves days out that began without equity, and says so', () => {
    const days = [{ date: '2024-01-01', equity: -5, dayPnl: 0 }, ...indexFund()];
    const figures = performanceOf(days, 'SP500', market);
    expect(figures.days).toBe(299);
    expect(figures.problems).toContain('1 days began without equity and are left out');
  });
});

describe('performance in GraphQL', () => {
  const asked: unknown[][] = [];
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  beforeEach(async () => {
    const pnlDays = async (...args: unknown[]) => {
      asked.push(args);
      return indexFund();
    };
    const dailyCloses = async (...args: unknown[]) => {
      asked.push(args);
      return market;
    };
    api = await startFakeApi({ store: emptyStore({ pnlDays, dailyCloses }) });
  });
  afterEach(() => api.close());

  it('asks the store for the days and for closes from a week before', async () => {
    const { data, errors } = await api.query(`{ performance(portfolioId: "fund", from: "2000-01-01T00:00:00Z") {
      days sharpeRatio beta worstDrawdowns { depth peakDate recoveryDate } problems
    } }`);
    expect(errors).toBeUndefined();
    expect(data!.performance).toMatchObject({ days: 299, beta: expect.closeTo(1, 9) });
    const start = new Date(Date.parse(market[1]!.date) - 7 * 86_400_000).toISOString().slice(0, 10);
    expect(asked).toEqual([
      ['fund', Date.parse('2000-01-01') * 1000, null],
      ['SP500', start],
    ]);
  });

  it('refuses a range that ends before it begins', async () => {
    const query =
      '{ performance(portfolioId: "p", from: "2001-01-01T00:00:00Z", to: "2000-01-01T00:00:00Z") { days } }';
    expect((await api.query(query)).errors![0]!.message).toBe('from must not be later than to');
  });
});
