import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MarketRegime } from '#schemas/generated/types.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

const NAMES = ['BULL_CALM', 'BULL_VOLATILE', 'BEAR_CALM', 'BEAR_VOLATILE', 'CRISIS', 'SIDEWAYS'] as const;
const day = (instrument: string, date: string, more: Partial<MarketRegime> = {}): MarketRegime => ({
  eventTime: Date.parse(date) * 1000,
  instrument,
  date,
  regime: 'CRISIS',
  days: 12,
  probabilities: NAMES.map((regime) => ({ regime, probability: regime === 'CRISIS' ? 0.75 : 0.05 })),
  volatility: 0.61,
  voters: [{ name: 'trend', weight: 1, regime: 'BEAR_VOLATILE', probability: 0.5, volatility: 0.4 }],
  classifier: null,
  returns: 4731,
  revision: 0,
  sourceTopic: 'market.returns',
  sourceEventTime: 0,
  ...more,
});

describe('regimes', () => {
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  const asked: unknown[][] = [];
  beforeEach(async () => {
    asked.length = 0;
    const store = emptyStore({
      regimeHistory: async (...args) => {
        asked.push(args);
        return [day('SP500', '2008-10-10')];
      },
      regimeSpans: async () => [{ regime: 'CRISIS', from: '2008-09-15', to: '2009-04-27', days: 155 }],
    });
    api = await startFakeApi({ store });
  });
  afterEach(() => api.server.close());

  it('are those of the newest day of each instrument, of one when it is named', async () => {
    api.views.regimes.apply(day('SP500', '2008-10-09'));
    api.views.regimes.apply(day('SP500', '2008-10-10'));
    api.views.regimes.apply(day('AAPL', '2008-10-10', { regime: 'BEAR_VOLATILE' }));
    const { data } = await api.query(
      '{ regime(instrument: "SP500") { date regime days volatility returns probabilities { regime probability } voters { name weight regime } } }',
    );
    expect(data).toEqual({
      regime: [
        {
          date: '2008-10-10',
          regime: 'CRISIS',
          days: 12,
          volatility: 0.61,
          returns: 4731,
          probabilities: day('', '2008-10-10').probabilities,
          voters: [{ name: 'trend', weight: 1, regime: 'BEAR_VOLATILE' }],
        },
      ],
    });
    const all = await api.query('{ regime { instrument regime } }');
    expect(all.data?.regime).toHaveLength(2);
    expect((await api.query('{ regime(instrument: "NONE") { date } }')).data).toEqual({ regime: [] });
  });

  it('have a history within dates, and spans', async () => {
    const { data } = await api.query(
      '{ regimeHistory(instrument: "SP500", from: "2008-10-01", to: "2008-10-31", last: 5) { date regime } regimeSpans(instrument: "SP500") { regime from to days } }',
    );
    expect(data).toEqual({
      regimeHistory: [{ date: '2008-10-10', regime: 'CRISIS' }],
      regimeSpans: [{ regime: 'CRISIS', from: '2008-09-15', to: '2009-04-27', days: 155 }],
    });
    expect(asked).toEqual([['SP500', '2008-10-01', '2008-10-31', 5]]);
  });

  it('say what is wrong with a question', async () => {
    const ask = async (args: string) => {
      const { errors } = await api.query(`{ regimeHistory(instrument: "SP500", ${args}) { date } }`);
      return errors?.[0]?.message;
    };
    expect(await ask('from: "2008-13-01"')).toBe('from must be a date like 2008-10-10, not "2008-13-01"');
    expect(await ask('to: "2008-02-30"')).toBe('to must be a date like 2008-10-10, not "2008-02-30"');
    expect(await ask('from: "2009-01-01", to: "2008-01-01"')).toBe('from must not be later than to');
    expect(await ask('last: 0')).toBe('last must be from 1 to 20000, not 0');
    expect(asked).toEqual([]);
  });
});
