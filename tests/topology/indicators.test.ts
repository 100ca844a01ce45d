import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import type { Bar, IndicatorValues } from '#schemas/generated/types.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { indicators } from '#topologies/indicators/graph.ts';
import { NOW_MS } from './desk.ts';

const DAY_MICROS = 86_400_000_000;
const TEXTS = 'SMA(3) EMA(4) RSI(3) MACD(3,5,2) MAX(3) OBV CDLDOJI';

/** A bar of the day with this number since 1970. */
const bar = (day: number, close: number, rest: Partial<Bar> = {}): Bar => ({
  eventTime: (day + (rest.final === false ? 0.5 : 1)) * DAY_MICROS,
  instrument: 'AAPL',
  interval: 'DAY',
  startTime: day * DAY_MICROS,
  endTime: (day + 1) * DAY_MICROS,
  open: close,
  high: close + 1,
  low: close - 1,
  close,
  volume: 100 + close,
  trades: 3,
  vwap: close,
  final: true,
  revision: 0,
  sourceTopic: 'market.trades',
  sourceEventTime: day * DAY_MICROS,
  ...rest,
});

class Market {
  driver: TopologyTestDriver;
  readonly #texts: string;

  constructor(texts = TEXTS, partitions = 1) {
    this.#texts = texts;
    this.driver = new TopologyTestDriver(indicators({ indicators: texts }), { partitions, now: () => NOW_MS });
  }
  bars(...bars: readonly Bar[]): this {
    for (const value of bars)
      this.driver.pipe('market.bars', {
        key: value.instrument,
        value,
        timestampMs: Math.floor(value.eventTime / 1000),
      });
    return this;
  }
  commit(): this {
    this.driver.commit();
    return this;
  }
  /** A process that is killed and comes back. */
  restart(): this {
    this.driver.abort();
    return this;
  }
  read(): IndicatorValues[] {
    return this.driver.read<IndicatorValues>('market.indicators').map(({ value }) => value);
  }
  get names(): readonly string[] {
    return new IndicatorSet(this.#texts.split(' ').map(parseIndicator)).names;
  }
}

/** What a set of its own gives for these final bars and a provisional one, by day. */
function expected(bars: readonly Bar[], texts = TEXTS): Map<number, (number | null)[]> {
  const set = new IndicatorSet(texts.split(' ').map(parseIndicator));
  const rows = new Map<number, (number | null)[]>();
  for (const { startTime, open, high, low, close, volume } of bars) {
    set.update(open, high, low, close, volume ?? Number.NaN);
    rows.set(
      startTime / DAY_MICROS,
      [...set.values].map((value) => (Number.isFinite(value) ? value : null)),
    );
  }
  return rows;
}
const valuesOf = (record: IndicatorValues) => record.values.map(({ value }) => value);

/** The newest record of each day. */
function newest(records: readonly IndicatorValues[]): Map<number, (number | null)[]> {
  return new Map(records.map((record) => [record.startTime / DAY_MICROS, valuesOf(record)]));
}

describe('indicators', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(indicators())).toMatchFileSnapshot('../golden/indicators.topology.txt');
  });

  it('gives those of a final bar at once, by name, with where they are from', () => {
    const market = new Market('SMA(2) MACD(3,5,2)');
    market.bars(bar(10, 100), bar(11, 110));
    const [first, second] = market.read();
    expect(first!.values[0]).toEqual({ name: 'SMA(2)', value: null });
    expect(second).toMatchObject({
      eventTime: 12 * DAY_MICROS,
      instrument: 'AAPL',
      interval: 'DAY',
      startTime: 11 * DAY_MICROS,
      close: 110,
      final: true,
      revision: 0,
      bars: 2,
      sourceTopic: 'market.bars',
      sourceEventTime: 12 * DAY_MICROS,
    });
    expect(second!.values.map(({ name }) => name)).toEqual([
      'SMA(2)',
      'MACD(3,5,2).macd',
      'MACD(3,5,2).macdsignal',
      'MACD(3,5,2).macdhist',
    ]);
    expect(second!.values[0]!.value).toBe(105);
  });

  it('shows what they would be of a bar that lasts, once a commit, and its end as if nothing had been before', () => {
    const market = new Market();
    const days = [bar(1, 10), bar(2, 12), bar(3, 11), bar(4, 15), bar(5, 13), bar(6, 17)];
    market.bars(...days.slice(0, 5)).read();
    market.bars(bar(6, 14, { final: false }), bar(6, 16, { final: false }));
    expect(market.read()).toEqual([]);
    const [provisional, ...others] = market.commit().read();
    expect(others).toEqual([]);
    expect(provisional).toMatchObject({ final: false, close: 16, bars: 6 });
    expect(valuesOf(provisional!)).toEqual(expected([...days.slice(0, 5), bar(6, 16)]).get(6));
    market.bars(days[5]!).commit();
    const [final, ...rest] = market.read();
    expect(rest).toEqual([]);
    expect(valuesOf(final!)).toEqual(expected(days).get(6));
  });

  it('leaves bars of other lengths alone', () => {
    const market = new Market();
    market.bars(bar(1, 10, { interval: 'HOUR' })).commit();
    expect(market.read()).toEqual([]);
  });

  it('puts a late bar in its place, and tells those of every bar since then again', () => {
    const market = new Market();
    market
      .bars(bar(1, 10), bar(2, 12), bar(4, 11), bar(5, 15, { final: false }))
      .commit()
      .read();
    const eventTime = 5.75 * DAY_MICROS;
    market.bars(bar(3, 20, { eventTime }), bar(2, 13, { revision: 1, eventTime })).commit();
    const records = market.read();
    const right = expected([bar(1, 10), bar(2, 13), bar(3, 20), bar(4, 11), bar(5, 15)]);
    const result = newest(records);
    for (const day of [2, 3, 4, 5]) expect(result.get(day)).toEqual(right.get(day));
    expect(records.every((record) => record.eventTime === eventTime)).toBe(true);
    expect(records.map(({ startTime, revision }) => [startTime / DAY_MICROS, revision])).toEqual([
      [3, 0],
      [4, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 0],
    ]);
  });

  it('sets a bar aside that it cannot calculate with, and goes on', () => {
    const market = new Market();
    market.bars(bar(1, 10, { low: 11 }), bar(1, Number.NaN), bar(1, 10, { volume: -1 }), bar(1, 10, { endTime: 0 }));
    expect(market.driver.readRejected().map(({ code }) => code)).toEqual(Array(4).fill('BAR_INVALID'));
    market.driver.pipe('market.bars', { key: 'AAPL', value: null, timestampMs: 1 });
    market.driver.pipe('market.bars', { key: 'MSFT', value: bar(1, 10), timestampMs: 1 });
    expect(market.driver.readRejected().map(({ code }) => code)).toEqual(['VALUE_MISSING', 'KEY_MISMATCH']);
    market.bars(bar(1, 10));
    expect(market.read()).toHaveLength(1);
  });

  it('does not take a bar that came too late for the states that are kept for anything else', () => {
    const market = new Market('SMA(3)');
    for (let day = 1; day <= 600; day++) market.bars(bar(day, 100 + (day % 7)));
    market.read();
    market.bars(bar(20, 50));
    expect(market.driver.readLate().map(({ reason }) => reason)).toEqual([
      'The bar came too late for the DAY indicators of AAPL',
    ]);
    market.bars(bar(601, 100));
    expect(valuesOf(market.read().at(-1)!)).toEqual([(100 + (599 % 7) + 100 + (600 % 7) + 100) / 3]);
  });

  it('goes by the list of indicators: unknown ones, repeated ones and too long ones are refused', () => {
    const start = (texts: string) => () => indicators({ indicators: texts });
    expect(start('SMA(20) NOTHING(3) SMA(0)')).toThrow(/NOTHING(.|\n)*timeperiod is 0/);
    expect(start('SMA(20) SMA')).not.toThrow();
    expect(start('SMA SMA(30)')).toThrow('Indicator "SMA(30)" is there twice');
    expect(start('  ')).toThrow('There is no indicator in it');
    expect(start('SMA(100000)')).toThrow(/at most 524288 fit/);
    expect(() => indicators({ intervals: ['WEEK'] })).toThrow('there are no bars of "WEEK"');
  });

  it('comes to the same whatever comes late, is repeated, is committed and is restarted', () => {
    const step = fc.record({
      kind: fc.constantFrom('next', 'next', 'next', 'skip', 'provisional', 'late', 'late', 'commit', 'restart'),
      close: fc.integer({ min: 50, max: 200 }),
      back: fc.integer({ min: 1, max: 100 }),
      hasVolume: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 300 }), (steps, before) => {
        const market = new Market();
        const finals = new Map<number, Bar>();
        const shown = new Map<number, (number | null)[]>();
        let day = 1;
        let open: Bar | null = null;
        /** What is undone by a restart is sent again. */
        let uncommitted: Bar[] = [];
        const send = (value: Bar) => {
          uncommitted.push(value);
          market.bars(value);
          if (value.final) finals.set(value.startTime / DAY_MICROS, value);
        };
        const take = () => {
          for (const [at, values] of newest(market.read())) shown.set(at, values);
        };
        const commit = () => {
          market.commit();
          uncommitted = [];
          take();
        };
        for (; day <= before; day++) send(bar(day, 100 + ((day * 37) % 50)));
        commit();
        for (const { kind, close, back, hasVolume } of steps) {
          const volume = hasVolume ? close : null;
          if (kind === 'next' || kind === 'skip') {
            if (kind === 'skip') day++;
            send(bar(day, close, { volume }));
            open = null;
            day++;
          } else if (kind === 'provisional') {
            open = bar(day, close, { volume, final: false });
            send(open);
          } else if (kind === 'late' && day - back >= 1) send(bar(day - back, close, { volume, revision: 1 }));
          else if (kind === 'commit') commit();
          else if (kind === 'restart') {
            market.restart();
            market.read();
            const again = uncommitted;
            uncommitted = [];
            for (const value of again) send(value);
            // A provisional bar is only in memory: the next one brings it back.
            if (open) send(open);
          }
        }
        commit();
        const bars = [...finals.values()].sort((a, b) => a.startTime - b.startTime);
        const right = expected(open ? [...bars, open] : bars);
        expect(market.driver.readLate()).toEqual([]);
        for (const [at, values] of right) expect(shown.get(at), `day ${at}`).toEqual(values);
      }),
      { numRuns: 60 },
    );
  });
});
