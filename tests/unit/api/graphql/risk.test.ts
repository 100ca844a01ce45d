import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RiskBacktest, RiskMeasures } from '#schemas/generated/types.ts';
import { riskBacktest, riskMeasures } from '#tests/integration/risk-sample.ts';
import { emptyStore, pnl, startFakeApi } from '../fake-api.ts';

type Api = Awaited<ReturnType<typeof startFakeApi>>;
let api: Api;
const asked: unknown[][] = [];
beforeEach(async () => {
  asked.length = 0;
  api = await startFakeApi({
    store: emptyStore({
      riskHistory: async (...args) => {
        asked.push(args);
        const exposures = { equity: null, grossExposure: 2, netExposure: -2 };
        return [{ date: '2008-09-12', eventTime: 1_000_000, valueAtRisk: 1, expectedShortfall: null, ...exposures }];
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
    const points = 'date eventTime valueAtRisk expectedShortfall equity grossExposure netExposure';
    const history = (filters: string) => api.query(`{ riskHistory(portfolioId: "fund"${filters}) { ${points} } }`);
    expect((await history(', method: "ewma", confidence: 0.95')).data!.riskHistory).toEqual([
      {
        date: '2008-09-12',
        eventTime: '1970-01-01T00:00:01.000Z',
        valueAtRisk: 1,
        expectedShortfall: null,
        equity: null,
        grossExposure: 2,
        netExposure: -2,
      },
    ]);
    await history(', from: "2008-01-01T00:00:00Z", to: "2008-12-31T00:00:00Z", maxPoints: 7');
    expect(asked).toEqual([
      ['fund', 'ewma', 0.95, null, null, 10_000],
      ['fund', 'historical', 0.99, Date.UTC(2008, 0, 1) * 1000, Date.UTC(2008, 11, 31) * 1000, 7],
    ]);
    const refused = async (filters: string) => (await history(filters)).errors![0]!.message;
    expect(await refused(', method: "magic"')).toMatch(/^method must be one of historical, .* not "magic"$/);
    expect(await refused(', confidence: 99')).toBe('confidence must be between 0 and 1, e.g. 0.99, not 99');
    expect(await refused(', maxPoints: 0')).toBe('maxPoints must be from 1 to 10000, not 0');
    expect(await refused(', from: "2009-01-01T00:00:00Z", to: "2008-01-01T00:00:00Z"')).toContain('later than to');
    expect(asked).toHaveLength(2);
  });

  it('belongs to a portfolio; one without measures has none', async () => {
    api.views.pnl.apply(pnl('fund', 1));
    api.views.pnl.apply(pnl('new', 1));
    const { data, errors } = await api.query('{ portfolios { id risk { portfolioId grossExposure } } }');
    expect(errors).toBeUndefined();
    expect(data!.portfolios).toEqual([
      { id: 'fund', risk: { portfolioId: 'fund', grossExposure: 1_000_000 } },
      { id: 'new', risk: null },
    ]);
  });

  it('says in words what each of its fields is', async () => {
    const { data } = await api.query('{ __schema { types { name fields { name description } } } }');
    type Type = { name: string; fields: { name: string; description: string | null }[] | null };
    const types = (data!.__schema as { types: Type[] }).types.filter(({ name }) =>
      /^(Risk|Backtest|Sector|Shock)/.test(name),
    );
    expect(types.map(({ name }) => name).sort()).toEqual([
      'BacktestResult',
      'RiskAction',
      'RiskBacktest',
      'RiskContribution',
      'RiskMeasures',
      'RiskPoint',
      'RiskTail',
      'SectorExposure',
      'ShockProfit',
    ]);
    const without = types.flatMap((type) => type.fields!.filter(({ description }) => !description));
    expect(without).toEqual([]);
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
