import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RiskBacktest, RiskMeasures } from '#schemas/generated/types.ts';
import { riskBacktest, riskMeasures } from '#tests/integration/risk-sample.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
const asked: unknown[][] = [];
beforeEach(async () => {
  asked.length = 0;
  api = await startFakeApi({
    store: emptyStore({
      riskHistory: async (...args) => {
        asked.push(args);
        return [{ date: '2008-09-12', valueAtRisk: 1, expectedShortfall: null, equity: null, grossExposure: 2 }];
      },
      riskBacktests: async (...args): Promise<RiskBacktest[]> => {
        asked.push(args);
        return [riskBacktest('fund', 1, '2008-09-15')];
      },
    }),
  });
  api.views.risk.apply(riskMeasures('fund', 1_000_000));
});
afterEach(() => api.close());

describe('risk in GraphQL', () => {
  it('answers the newest measures of a portfolio, and null for one that has none', async () => {
    const { data, errors } = await api.query(`{
      riskMeasures(portfolioId: "fund") {
        portfolioId eventTime equity leverage unpriced historyDate beta herfindahl correlations
        measures(method: "historical", horizonDays: 10) { method description horizonDays valueAtRisk problem }
        sectors { sector net } shocks { name profit } contributions { instrument }
      }
      nobody: riskMeasures(portfolioId: "nobody") { equity }
    }`);
    expect(errors).toBeUndefined();
    const risk = data!.riskMeasures as RiskMeasures;
    expect(risk).toMatchObject({ portfolioId: 'fund', eventTime: '1970-01-01T00:00:01.000Z', leverage: 1, beta: null });
    expect(risk.measures).toMatchObject([{ method: 'historical', horizonDays: 10, valueAtRisk: null }]);
    expect((risk.measures[0] as unknown as { description: string }).description).toContain('linear quantile');
    expect(risk.shocks[1]).toEqual({ name: 'Lehman 2008', profit: null });
    expect(data!.nobody).toBeNull();
  });

  it('hands method and level to the history, and refuses a method that does not exist', async () => {
    const history = '{ riskHistory(portfolioId: "fund", method: "ewma", confidence: 0.95) { date valueAtRisk } }';
    expect((await api.query(history)).data!.riskHistory).toEqual([{ date: '2008-09-12', valueAtRisk: 1 }]);
    expect(asked).toEqual([['fund', 'ewma', 0.95]]);
    const wrong = await api.query('{ riskHistory(portfolioId: "fund", method: "magic") { date } }');
    expect(wrong.errors![0]!.message).toMatch(/^method must be one of historical, .* not "magic"$/);
  });

  it('answers the newest days judged, filtered', async () => {
    const query = (last: number) =>
      api.query(
        `{ riskBacktests(portfolioId: "fund", last: ${last}) { date results(method: "ewma") { method zone } } }`,
      );
    expect((await query(5)).data!.riskBacktests).toEqual([
      { date: '2008-09-15', results: [{ method: 'ewma', zone: null }] },
    ]);
    expect(asked).toEqual([['fund', 5]]);
    for (const wrong of [0, 1_001]) expect((await query(wrong)).errors![0]!.extensions!.code).toBe('BAD_ARGUMENT');
  });
});
