import { describe, expect, it } from 'vitest';
import { loadHistory } from '#connectors/replay/history.ts';
import { closeMicros, tradesOf } from '#connectors/replay/parse.ts';
import type { Bar, DailyReturn, Trade } from '#schemas/generated/types.ts';
import { type DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { bars } from '#topologies/bars/graph.ts';
import { KEPT_DAYS } from '#topologies/bars/intervals.ts';
import type { DayCloses } from '#topologies/bars/returns.ts';
import { closesOf, returnsOf } from '../golden/history.ts';
import { at, NOW_MS, trade } from './desk.ts';

const DAY_MICROS = 86_400_000_000;
const sized = (price: number, size: number | null, eventTime: number, instrument = 'AAPL'): Trade => ({
  ...trade(instrument, price, eventTime),
  size,
});

/** The topology and what it wrote. */
class Market {
  readonly driver: TopologyTestDriver;

  constructor(partitions = 1) {
    this.driver = new TopologyTestDriver(bars(), { partitions, now: () => NOW_MS });
  }
  trade(...trades: readonly Trade[]): this {
    for (const value of trades) {
      const timestampMs = Math.floor(value.eventTime / 1000);
      this.driver.pipe('market.trades', { key: value.instrument, value, timestampMs });
    }
    return this;
  }
  commit(): this {
    this.driver.commit();
    return this;
  }
  outputs(): DriverOutput<Bar>[] {
    return this.driver.read<Bar>('market.bars');
  }
  bars(interval?: Bar['interval']): Bar[] {
    return this.outputs().flatMap(({ value }) =>
      interval === undefined || value.interval === interval ? [value] : [],
    );
  }
  returns(): DriverOutput<DailyReturn | null>[] {
    return this.driver.read<DailyReturn | null>('market.returns');
  }
}
const shown = ({ interval, open, high, low, close, volume, trades, final, revision }: Bar) =>
  `${interval} ${open} ${high} ${low} ${close} ${volume} ${trades} ${final ? `final ${revision}` : 'provisional'}`;

describe('bars', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(bars())).toMatchFileSnapshot('../golden/bars.topology.txt');
  });

  it('shows a bar of every length once a commit, whatever happened in between', () => {
    const market = new Market();
    const start = at('01-03T15:04:05');
    market.trade(sized(10, 5, start), sized(12, null, start + 100_000), sized(9, 15, start + 200_000));
    expect(market.bars()).toEqual([]);
    market.commit();
    const outputs = market.outputs();
    expect(outputs.map(({ value }) => shown(value))).toEqual(
      ['SECOND', 'MINUTE', 'HOUR', 'DAY'].map((interval) => `${interval} 10 12 9 9 20 3 provisional`),
    );
    expect(outputs[1]).toMatchObject({
      key: 'AAPL',
      timestampMs: Math.floor((start + 200_000) / 1000),
      value: {
        eventTime: start + 200_000,
        instrument: 'AAPL',
        startTime: at('01-03T15:04:00'),
        endTime: at('01-03T15:05:00'),
        vwap: (10 * 5 + 9 * 15) / 20,
        sourceTopic: 'market.trades',
        sourceEventTime: start + 200_000,
      },
    });
    expect(market.commit().bars()).toEqual([]);
  });

  it('has no volume and no average price when no trade has a size', () => {
    const [bar] = new Market()
      .trade(trade('AAPL', 10, at('01-03T15:00:00')))
      .commit()
      .bars();
    expect(bar).toMatchObject({ volume: null, vwap: null, trades: 1 });
  });

  it('makes bars final as stream time reaches their ends, of the instruments that no longer trade too', () => {
    const market = new Market();
    const start = at('01-03T15:04:59.5');
    market
      .trade(sized(10, 1, start), sized(20, 1, start + 100_000, 'MSFT'))
      .commit()
      .outputs();
    // The start of an interval belongs to it, the end does not: the first microsecond of 15:05 ends 15:04.
    market.trade(sized(21, 1, start + 499_999, 'MSFT'));
    expect(market.bars()).toEqual([]);
    market.trade(sized(22, 1, start + 500_000, 'MSFT'));
    const outputs = market.outputs();
    expect(outputs.map(({ key, value }) => `${key} ${shown(value)}`)).toEqual([
      'MSFT SECOND 20 21 20 21 2 2 final 0',
      'MSFT MINUTE 20 21 20 21 2 2 final 0',
      'AAPL SECOND 10 10 10 10 1 1 final 0',
      'AAPL MINUTE 10 10 10 10 1 1 final 0',
    ]);
    for (const { timestampMs, value } of outputs) {
      expect([value.eventTime, value.endTime, timestampMs * 1000]).toEqual(Array(3).fill(at('01-03T15:05:00')));
    }
    expect(outputs[2]!.value.sourceEventTime).toBe(start);
    expect(market.commit().bars().map(shown)).toEqual([
      'SECOND 22 22 22 22 1 1 provisional',
      'MINUTE 22 22 22 22 1 1 provisional',
      'HOUR 20 22 20 22 3 3 provisional',
      'DAY 20 22 20 22 3 3 provisional',
    ]);
  });

  it('opens at the earliest and closes at the latest event time; of trades at one time offsets decide', () => {
    const market = new Market();
    const time = at('01-03T15:00:30');
    for (const [price, offset] of [
      [5, 0],
      [6, 0],
      [1, -7],
      [2, -7],
      [8, 9],
      [9, 9],
      [7, 3],
    ] as const)
      market.trade(sized(price, null, time + offset));
    const minute = market.commit().bars('MINUTE');
    expect(minute.map(shown)).toEqual(['MINUTE 1 9 1 9 null 7 provisional']);
    expect(minute[0]!.eventTime).toBe(time + 9);
  });

  it('revises a bar by a late trade, by each one once more', () => {
    const market = new Market();
    const time = at('01-03T15:04:30');
    market
      .trade(sized(10, 1, time), sized(11, 1, time + 40_000_000))
      .commit()
      .outputs();
    market.trade(sized(15, 2, time + 1));
    const [second, minute, ...rest] = market.outputs();
    expect(rest).toEqual([]);
    expect(shown(second!.value)).toBe('SECOND 10 15 10 15 3 2 final 1');
    expect(shown(minute!.value)).toBe('MINUTE 10 15 10 15 3 2 final 1');
    // It is known since the late trade came, not since the bar ended: what reads as of a time must not see it before.
    expect(minute!.value).toMatchObject({ eventTime: time + 40_000_000, sourceEventTime: time + 1 });
    market.trade(sized(8, 2, time - 1));
    expect(market.bars('MINUTE').map(shown)).toEqual(['MINUTE 8 15 8 15 5 3 final 2']);
    expect(market.commit().bars('HOUR').map(shown)).toEqual(['HOUR 8 15 8 11 6 4 provisional']);
  });

  it('makes a bar that nobody saw when a late trade is its first', () => {
    const market = new Market();
    const time = at('01-03T15:04:30');
    market
      .trade(sized(11, 1, time))
      .commit()
      .outputs();
    market.trade(sized(10, 1, time - 60_000_000));
    expect(market.bars('MINUTE').map(shown)).toEqual(['MINUTE 10 10 10 10 1 1 final 0']);
  });

  it('leaves bars alone that are kept no more, and keeps the trade with the late ones', () => {
    const market = new Market();
    const time = at('01-03T15:04:30');
    market
      .trade(sized(11, 1, time - 200_000_000), sized(11, 1, time))
      .commit()
      .outputs();
    market.trade(sized(10, 1, time - 200_000_000));
    expect(market.outputs().map(({ value }) => shown(value))).toEqual(['MINUTE 11 11 10 10 2 2 final 1']);
    market.trade(sized(10, 1, time - 12 * DAY_MICROS));
    expect(market.outputs()).toEqual([]);
    expect(market.driver.readLate().map(({ reason }) => reason)).toEqual([
      'The trade came too late for its bars of: SECOND',
      'The trade came too late for its bars of: SECOND MINUTE HOUR DAY',
    ]);
    expect(
      market
        .commit()
        .bars('DAY')
        .map(({ trades }) => trades),
    ).toEqual([3]);
  });

  it('forgets bars that are kept no more', () => {
    const market = new Market();
    for (let minute = 0; minute < 600; minute++)
      market.trade(sized(10, 1, at('01-03T00:00:30') + minute * 60_000_000)).commit();
    expect(market.driver.windowStore('second-bars').size).toBeLessThanOrEqual(3);
    expect(market.driver.windowStore('minute-bars').size).toBeLessThanOrEqual(124);
    expect(market.driver.windowStore('hour-bars').size).toBe(10);
  });

  it('ends a bar once, also when it is too old to be kept as it ends, and not yet old enough to be swept away', () => {
    const market = new Market();
    market
      .trade(sized(10, 1, at('01-03T15:00:00')))
      .commit()
      .outputs();
    market.trade(sized(20, 1, at('01-13T00:00:01'), 'MSFT'));
    const final = market.outputs().map(({ key, value }) => `${key} ${value.interval} ${value.final}`);
    expect(final).toEqual(['SECOND', 'MINUTE', 'HOUR', 'DAY'].map((interval) => `AAPL ${interval} true`));
    // What is open is read from the stores again after an abort.
    market.commit().driver.abort();
    market.outputs();
    market.trade(sized(20, 1, at('01-14T15:00:00'), 'MSFT'));
    expect(market.outputs().map(({ key }) => key)).toEqual(['MSFT', 'MSFT', 'MSFT', 'MSFT']);
  });

  it('has the bars of the last commit again after an abort', () => {
    const market = new Market();
    const time = at('01-03T15:04:30');
    market.trade(sized(10, 1, time)).commit();
    market.trade(sized(99, 9, time + 1), sized(1, 1, time + 60_000_000));
    market.driver.abort();
    market.outputs();
    market.trade(sized(11, 1, time + 2));
    expect(market.commit().bars('MINUTE').map(shown)).toEqual(['MINUTE 10 11 10 11 2 2 provisional']);
  });

  it('goes on when record timestamps are not the event times', () => {
    const market = new Market();
    for (const [price, second] of [
      [10, 1],
      [11, 2],
      [12, 1],
    ] as const) {
      const value = sized(price, 1, at(`01-03T15:00:0${second}`));
      market.driver.pipe('market.trades', { key: 'AAPL', value, timestampMs: 0 });
    }
    market.commit();
    expect(market.bars('SECOND').map(shown)).toEqual([
      'SECOND 10 10 10 10 1 1 final 0',
      'SECOND 10 12 10 12 2 2 final 1',
      'SECOND 11 11 11 11 1 1 provisional',
    ]);
  });
});

describe('daily returns', () => {
  const day = (text: string, price: number, instrument = 'AAPL') => sized(price, 1, at(`${text}T21:00:00`), instrument);

  it('go from close to close, over days without trades too, as soon as a day is over', () => {
    const market = new Market();
    market.trade(day('01-03', 10), day('01-04', 11), day('01-09', 22));
    expect(market.returns().map(({ key }) => key)).toEqual(['AAPL/2023-01-04']);
    market.trade(day('01-10', 5, 'MSFT'));
    expect(market.returns()).toEqual([
      {
        key: 'AAPL/2023-01-09',
        value: {
          eventTime: at('01-10T00:00:00'),
          instrument: 'AAPL',
          date: '2023-01-09',
          close: 22,
          previousClose: 11,
          previousDate: '2023-01-04',
          simpleReturn: 1,
          splitFactor: 1,
          dividend: 0,
          turnover: 22,
          revision: 0,
          sourceTopic: 'market.trades',
          sourceEventTime: at('01-09T21:00:00'),
        },
        timestampMs: at('01-10T00:00:00') / 1000,
        partition: 0,
        headers: [],
      },
    ]);
  });

  it('are revised with a close: the day’s own and the next one', () => {
    const market = new Market();
    market.trade(day('01-03', 10), day('01-04', 20), day('01-05', 30), day('01-06', 40)).returns();
    const late = { ...day('01-04', 15), eventTime: at('01-04T21:30:00') };
    market.trade(late);
    const revised = market.returns().map(({ value }) => value!);
    expect(revised).toMatchObject([
      { date: '2023-01-04', previousClose: 10, close: 15, simpleReturn: 0.5, revision: 1 },
      { date: '2023-01-05', previousClose: 15, close: 30, simpleReturn: 1, revision: 1 },
    ]);
    for (const { eventTime, sourceEventTime } of revised)
      expect([eventTime, sourceEventTime]).toEqual([at('01-06T21:00:00'), at('01-04T21:30:00')]);
    // A late trade that is not the close changes the bar and no return.
    market.outputs();
    market.trade({ ...day('01-04', 99), eventTime: at('01-04T10:00:00') });
    expect(market.bars('DAY').map(shown)).toEqual(['DAY 99 99 15 15 3 3 final 2']);
    expect(market.returns()).toEqual([]);
  });

  it('begin with a day that came late', () => {
    const market = new Market();
    market.trade(day('01-03', 10), day('01-05', 30), day('01-06', 40)).returns();
    market.trade(day('01-04', 20));
    expect(market.returns().map(({ value }) => value)).toMatchObject([
      { date: '2023-01-04', previousDate: '2023-01-03', simpleReturn: 1, revision: 0 },
      { date: '2023-01-05', previousDate: '2023-01-04', simpleReturn: 0.5, revision: 1 },
    ]);
    market.trade(day('01-02', 5));
    expect(market.returns().map(({ value }) => value)).toMatchObject([
      { date: '2023-01-03', previousDate: '2023-01-02', simpleReturn: 1, revision: 0 },
    ]);
  });

  it('are none when they leave the range of a double', () => {
    const market = new Market();
    market.trade(day('01-03', 5e-324), day('01-04', 1e28), day('01-05', 2e28), day('01-06', 1));
    expect(market.returns().map(({ key, value }) => [key, value?.simpleReturn ?? null])).toEqual([
      ['AAPL/2023-01-04', null],
      ['AAPL/2023-01-05', 1],
    ]);
    expect(market.driver.count('return-out-of-range')).toBe(1);
  });

  it('lie where their instrument lies', () => {
    const market = new Market(4);
    const names = ['AAPL', 'MSFT', 'GE', 'XOM', 'JPM'];
    for (const text of ['01-03', '01-04', '01-05']) market.trade(...names.map((name) => day(text, 10, name)));
    const places = new Map(
      market
        .commit()
        .outputs()
        .map(({ key, partition }) => [key, partition]),
    );
    const returns = market.returns();
    expect(returns).toHaveLength(5);
    for (const { key, partition } of returns) expect(partition).toBe(places.get(key.split('/')[0]!));
  });
});

describe('the shipped history', () => {
  const days = loadHistory();

  it('closes every trading day on its own UTC date', () => {
    expect(days.length).toBeGreaterThan(8_000);
    for (const { date } of days) expect(new Date(closeMicros(date) / 1000).toISOString().slice(0, 10)).toBe(date);
  });

  it('gives the returns that its closes give, each known from the end of its day', () => {
    const market = new Market();
    for (const history of days) market.trade(...tradesOf(history).filter(({ instrument }) => instrument === 'AAPL'));
    market.trade(sized(1, null, at('01-03T00:00:00')));
    const { dates } = closesOf('AAPL');
    const returns = market.returns().map(({ value }) => value!);
    expect(returns.map(({ date }) => date)).toEqual(dates.slice(1));
    expect(returns.map(({ previousDate }) => previousDate)).toEqual(dates.slice(0, -1));
    expect(Float64Array.from(returns, ({ simpleReturn }) => simpleReturn)).toEqual(returnsOf('AAPL'));
    for (const { date, eventTime } of returns) expect(eventTime).toBe(Date.parse(date) * 1000 + DAY_MICROS);
    expect(market.driver.readLate()).toEqual([]);
    expect(market.driver.store<DayCloses>('day-closes').get('AAPL')!.days.length).toBeLessThanOrEqual(KEPT_DAYS + 2);
  });

  it('gives the same bytes when it is replayed', () => {
    const written = [0, 1].map(() => {
      const market = new Market(4);
      days.slice(0, 300).forEach((history, index) => {
        market.trade(...tradesOf(history));
        if (index % 7 === 0) market.commit();
      });
      return JSON.stringify([market.commit().outputs(), market.returns()]);
    });
    expect(written[1]).toBe(written[0]);
    expect(written[0]!.length).toBeGreaterThan(1_000_000);
  });
});

describe('bad trades', () => {
  const time = at('01-03T15:00:00');
  it.each<[string, Trade | null, string | null]>([
    ['VALUE_MISSING', null, 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', 0, time), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', Number.NaN, time), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', 1e29, time), 'AAPL'],
    ['TRADE_SIZE_INVALID', sized(1, -1, time), 'AAPL'],
    ['TRADE_SIZE_INVALID', sized(1, 1e29, time), 'AAPL'],
    ['KEY_MISMATCH', trade('AAPL', 1, time), 'MSFT'],
    ['KEY_MISMATCH', trade('AAPL', 1, time), null],
    ['ID_INVALID', trade('A/B', 1, time), 'A/B'],
    ['EVENT_TIME_INVALID', trade('AAPL', 1, -1), 'AAPL'],
    ['EVENT_TIME_IN_FUTURE', trade('AAPL', 1, (NOW_MS + 2 * 86_400_000) * 1000), 'AAPL'],
  ])('are rejected with %s and leave bars and time alone', (code, value, key) => {
    const market = new Market();
    market.trade(sized(10, 2, time));
    const timestampMs = value === null ? 1 : Math.max(0, Math.floor(value.eventTime / 1000));
    market.driver.pipe('market.trades', { key, value, timestampMs });
    expect(market.driver.readRejected().map((rejection) => rejection.code)).toEqual([code]);
    market.trade(sized(11, 2, time + 1));
    expect(market.commit().bars('SECOND').map(shown)).toEqual(['SECOND 10 11 10 11 4 2 provisional']);
  });

  it('of the largest price and size still give finite figures', () => {
    const market = new Market();
    for (let n = 0; n < 3; n++) market.trade(sized(9.9e28, 9.9e28, time + n));
    const [bar] = market.commit().bars('DAY');
    expect(bar).toMatchObject({ volume: 3 * 9.9e28, vwap: 9.9e28 });
  });
});
