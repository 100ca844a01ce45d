import { describe, expect, it } from 'vitest';
import type { CurrencyPnl } from '#schemas/generated/types.ts';
import { described } from './desk.ts';
import { micros, RiskDesk } from './risk-desk.ts';

const NOW = micros('2022-12-29T15:00:00');
const inCurrency = (currency: string, rate: number | null, cash = 0n): CurrencyPnl => ({
  currency,
  rate,
  path: '',
  rateTime: null,
  cash,
  realizedPnl: 0n,
  commission: 0n,
  unrealizedPnl: 0,
  netExposure: 0,
  grossExposure: 0,
});
const withHistory = () => new RiskDesk().history('AAPL', 600, '2022-12-28').history('MSFT', 600, '2022-12-28');
const EUR = { baseCurrency: 'EUR' };

describe('risk of a portfolio in several currencies', () => {
  it('has exposures in base currency, and no figure of scenarios that leave rates out', () => {
    const desk = withHistory();
    desk.hold('fund', 'AAPL', 1000, NOW, 'USD').hold('fund', 'MSFT', 500, NOW, 'EUR');
    desk.equity('fund', 2000, NOW, { ...EUR, currencies: [inCurrency('EUR', 1), inCurrency('USD', 0.8)] });
    const measures = desk.commit().measures().at(-1)!;
    expect(measures).toMatchObject({ grossExposure: 1300, netExposure: 1300, leverage: 0.65, unpriced: [] });
    expect(measures.measures.length).toBeGreaterThan(5);
    for (const tail of measures.measures) {
      expect(tail).toMatchObject({ valueAtRisk: null, expectedShortfall: null });
      expect(tail.problem).toBe('CURRENCY: rates of USD are not in the scenarios');
    }
    const none = { volatility: null, beta: null, averageCorrelation: null, contributions: [], correlations: [] };
    expect(measures).toMatchObject(none);
    expect(measures.shocks.every(({ profit }) => profit === null)).toBe(true);
  });

  it('follows the rates of its P&L', () => {
    const desk = withHistory().hold('fund', 'AAPL', 1000, NOW, 'USD');
    desk.equity('fund', 2000, NOW, { ...EUR, currencies: [inCurrency('EUR', 1), inCurrency('USD', 0.8)] }).commit();
    desk.equity('fund', 2200, NOW + 1, { ...EUR, currencies: [inCurrency('EUR', 1), inCurrency('USD', 0.9)] });
    expect(desk.commit().measures().at(-1)).toMatchObject({ grossExposure: 900, equity: 2200 });
  });

  it('knows no exposure without a rate, and says of what', () => {
    const desk = withHistory().hold('fund', 'AAPL', 1000, NOW, 'USD').hold('fund', 'MSFT', 500, NOW, 'EUR');
    const unknown = { ...EUR, equity: null, missingRates: ['USD'] };
    desk.equity('fund', 0, NOW, { ...unknown, currencies: [inCurrency('EUR', 1), inCurrency('USD', null)] });
    const measures = desk.commit().measures().at(-1)!;
    expect(measures).toMatchObject({ equity: null, unpriced: ['AAPL'], grossExposure: 500 });
    expect(measures.measures[0]!.problem).toBe('UNPRICED: no mark, or no rate of its currency, for AAPL');
  });

  it('has figures again when nothing is in another currency any more, cash neither', () => {
    const desk = withHistory().hold('fund', 'MSFT', 500, NOW, 'EUR');
    const cash = [inCurrency('EUR', 1), inCurrency('USD', 0.8, -1n)];
    desk.equity('fund', 2000, NOW, { ...EUR, currencies: cash });
    const before = desk.commit().measures().at(-1)!;
    expect(before.measures[0]!.problem).toMatch(/^CURRENCY: rates of USD/);
    desk.equity('fund', 2000, NOW + 1, { ...EUR, currencies: [inCurrency('EUR', 1), inCurrency('USD', 0.8)] });
    const after = desk.commit().measures().at(-1)!;
    expect(after.measures[0]).toMatchObject({ problem: null, valueAtRisk: expect.any(Number) });
  });

  it('takes a description for the base currency until the first P&L, so that euros are not taken for dollars', () => {
    const desk = withHistory();
    const value = described('fund', 'EUR', micros('1990-01-01T00:00:00'));
    desk.driver.pipe('reference.portfolios', { key: 'fund', value, timestampMs: value.eventTime / 1000 });
    desk.hold('fund', 'MSFT', 500, NOW, 'EUR').hold('fund', 'AAPL', 500, NOW, 'USD');
    expect(desk.commit().measures().at(-1)).toMatchObject({ grossExposure: 500, unpriced: ['AAPL'] });
  });

  it('says the same of a day that is over', () => {
    const desk = withHistory().hold('fund', 'AAPL', 1000, NOW, 'USD');
    desk.equity('fund', 2000, NOW, { ...EUR, currencies: [inCurrency('EUR', 1), inCurrency('USD', 0.8)] }).commit();
    desk.dailyReturn('AAPL', '2022-12-29', 0.01);
    desk.hold('fund', 'AAPL', 1000, NOW + 86_400_000_000, 'USD');
    const dayEnd = desk
      .commit()
      .measures()
      .find((measures) => measures.dayEnd)!;
    expect(dayEnd).toMatchObject({ grossExposure: 800, contributions: [] });
    expect(dayEnd.measures.every(({ problem }) => problem?.startsWith('CURRENCY'))).toBe(true);
  });
});
