import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import { INDICATORS } from '#quant/indicators/table.ts';
import type { IndicatorValues } from '#schemas/generated/types.ts';
import { emptyStore, startFakeApi } from '../fake-api.ts';

const DAY_MICROS = 86_400_000_000;
const bars = Array.from({ length: 40 }, (_, day) => {
  const close = 100 + ((day * 7) % 11);
  return {
    startTime: day * DAY_MICROS,
    open: close - 1,
    high: close + 2,
    low: close - 2,
    close,
    volume: day % 9 === 4 ? null : 10 + day,
  };
});

const newest = (instrument: string, interval: IndicatorValues['interval'], eventTime: number): IndicatorValues => ({
  eventTime,
  instrument,
  interval,
  startTime: 0,
  endTime: DAY_MICROS,
  close: 10,
  final: false,
  revision: 0,
  bars: 3,
  values: [
    { name: 'SMA(2)', value: 9.5 },
    { name: 'EMA(5)', value: null },
  ],
  sourceTopic: 'market.bars',
  sourceEventTime: eventTime,
});

describe('indicators', () => {
  let api: Awaited<ReturnType<typeof startFakeApi>>;
  const asked: unknown[] = [];
  beforeEach(async () => {
    asked.length = 0;
    const store = emptyStore({
      bars: async (...args) => {
        asked.push(args);
        return args[0] === 'AAPL' ? bars : [];
      },
    });
    api = await startFakeApi({ store });
  });
  afterEach(() => api.server.close());

  const history = (rest: string) =>
    api.query(`{ indicatorHistory(${rest}) { names points { startTime close volume values } } }`);

  it('are all in the table, with what one needs to ask for them', async () => {
    const { data } = await api.query(
      '{ indicatorTable { name title group inputs outputs lookback parameters { name default min max isWhole } } }',
    );
    const table = data!.indicatorTable as { name: string; lookback: number; parameters: unknown[] }[];
    expect(table.map(({ name }) => name)).toEqual(INDICATORS.map(({ name }) => name));
    expect(table.find(({ name }) => name === 'SMA')).toMatchObject({
      title: 'Simple moving average',
      group: 'overlap',
      inputs: [],
      outputs: ['real'],
      lookback: 29,
      parameters: [{ name: 'timeperiod', default: 30, min: 1, max: 100_000, isWhole: true }],
    });
  });

  it('of any kind are calculated of the bars that are kept', async () => {
    const { data } = await history(
      'instrument: "AAPL", indicators: ["SMA(3)", "EMA(5;high)", "SMA(2;volume)"], last: 5',
    );
    const set = new IndicatorSet(['SMA(3)', 'EMA(5;high)', 'SMA(2;volume)'].map(parseIndicator));
    const expected = bars.map(({ startTime, open, high, low, close, volume }) => {
      set.update(open, high, low, close, volume ?? Number.NaN);
      const values = [...set.values].map((value) => (Number.isNaN(value) ? null : value));
      return { startTime: new Date(startTime / 1000).toISOString(), close, volume, values };
    });
    expect(data!.indicatorHistory).toEqual({ names: set.names, points: expected.slice(-5) });
    expect(asked).toEqual([['AAPL', 'DAY', null, 50_000]]);
  });

  it('are of the bars asked for', async () => {
    await history('instrument: "AAPL", indicators: [], interval: "HOUR", to: "1970-01-03T00:00:00Z"');
    expect(asked).toEqual([['AAPL', 'HOUR', 2 * DAY_MICROS, 50_000]]);
    const { data } = await history('instrument: "NONE", indicators: ["SMA(3)"]');
    expect(data!.indicatorHistory).toEqual({ names: ['SMA(3)'], points: [] });
  });

  it.each([
    ['indicators: ["NOTHING(3)"]', 'there is no NOTHING'],
    ['indicators: ["SMA(0)"]', 'timeperiod is 0: expected a whole number from 1 to 100000'],
    ['indicators: ["SMA(3)"], interval: "SECOND"', 'interval must be one of MINUTE, HOUR, DAY, not "SECOND"'],
    ['indicators: ["SMA(3)"], last: 0', 'last must be from 1 to 10000, not 0'],
    [`indicators: [${Array(51).fill('"SMA(3)"')}]`, 'At most 50 indicators'],
  ])('refuses %s', async (args, message) => {
    const { errors } = await history(`instrument: "AAPL", ${args}`);
    expect(errors![0]!).toMatchObject({ extensions: { code: 'BAD_ARGUMENT' } });
    expect(errors![0]!.message).toContain(message);
  });

  it('as they are streamed: the newest of each instrument and length', async () => {
    api.views.indicators.apply(newest('AAPL', 'DAY', 5));
    api.views.indicators.apply(newest('AAPL', 'HOUR', 6));
    api.views.indicators.apply(newest('MSFT', 'DAY', 7));
    const { data } = await api.query('{ indicators(instrument: "AAPL") { interval final values { name value } } }');
    expect(data!.indicators).toEqual([
      { interval: 'DAY', final: false, values: newest('AAPL', 'DAY', 5).values },
      { interval: 'HOUR', final: false, values: newest('AAPL', 'HOUR', 6).values },
    ]);
    expect((await api.query('{ indicators { instrument } }')).data!.indicators).toHaveLength(3);
  });
});
