import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { PortfolioPnl } from '#schemas/generated/types.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { portfolio } from '#topologies/portfolio/graph.ts';
import { at, cash, Desk, fill, NOW_MS, trade } from './desk.ts';

const DAY1 = at('01-03T21:00:00');
const DAY2 = at('01-04T21:00:00');
const DAY3 = at('01-05T21:00:00');
const buy = (id: string, instrument: string, quantity: string, price: string, time = DAY1, commission = '0') =>
  fill({ id, instrument, side: 'BUY', quantity, price, time, commission });
const sell = (id: string, instrument: string, quantity: string, price: string, time = DAY1) =>
  fill({ id, instrument, side: 'SELL', quantity, price, time });
const last = (outputs: readonly PortfolioPnl[]) => outputs.at(-1)!;
const exact = ({ cash: money, realizedPnl, commission }: PortfolioPnl) =>
  [money!, realizedPnl!, commission!].map(formatDecimal).join(' ');

describe('portfolio', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(portfolio())).toMatchFileSnapshot('../golden/portfolio.topology.txt');
  });

  it('adds positions and cash up, one output per input', () => {
    const desk = new Desk();
    desk.cash(cash('1', '10000', DAY1));
    desk.fill(buy('1', 'AAPL', '100', '10', DAY1, '1'));
    desk.fill(sell('2', 'MSFT', '10', '50', DAY1));
    desk.trade(trade('AAPL', 12, DAY1 + 1));
    desk.trade(trade('MSFT', 60, DAY1 + 2));
    const outputs = desk.readPnl();
    expect(outputs).toHaveLength(5);
    expect(exact(last(outputs))).toBe('9499 -1 1');
    expect(last(outputs)).toEqual({
      eventTime: DAY1 + 2,
      portfolio: 'fund',
      cash: parseDecimal('9499'),
      realizedPnl: parseDecimal('-1'),
      commission: parseDecimal('1'),
      unrealizedPnl: 100,
      equity: 10_099,
      dayPnl: 99,
      grossExposure: 1800,
      netExposure: 600,
      peakEquity: 10_199,
      drawdown: 100 / 10_199,
      openPositions: 2,
      unpricedPositions: 0,
      baseCurrency: 'USD',
      missingRates: [],
      currencies: [],
      sourceTopic: 'portfolio.positions',
      sourceEventTime: DAY1 + 2,
    });
  });

  it('starts a portfolio that was never funded at zero', () => {
    const desk = new Desk();
    desk.fill(buy('1', 'AAPL', '1', '10'));
    desk.trade(trade('AAPL', 9, DAY1 + 1));
    const pnl = last(desk.readPnl());
    expect(exact(pnl)).toBe('-10 0 0');
    expect(pnl).toMatchObject({ equity: -1, peakEquity: 0, drawdown: 0, dayPnl: -1 });
  });

  it('holds an unpriced position at cost and says how many there are', () => {
    const desk = new Desk();
    desk.cash(cash('1', '100', DAY1));
    desk.fill(buy('1', 'AAPL', '1', '10'));
    const unpriced = last(desk.readPnl());
    expect(unpriced).toMatchObject({ equity: 100, unpricedPositions: 1, openPositions: 1, grossExposure: 0 });
    desk.trade(trade('AAPL', 9, DAY1));
    expect(last(desk.readPnl())).toMatchObject({ equity: 99, unpricedPositions: 0, openPositions: 1 });
    desk.fill(sell('2', 'AAPL', '1', '9'));
    const flat = last(desk.readPnl());
    expect(flat).toMatchObject({ equity: 99, openPositions: 0, unrealizedPnl: 0, grossExposure: 0, netExposure: 0 });
    expect(exact(flat)).toBe('99 -1 0');
  });

  it('takes the peak at the end of each event time, not in the middle of one', () => {
    const desk = new Desk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', 'AAPL', '10', '10'));
    desk.fill(buy('2', 'MSFT', '10', '10'));
    // On day 2 AAPL alone lifts the portfolio to 1050 before MSFT's close takes it back to 1010.
    desk.trade(trade('AAPL', 15, DAY2));
    desk.trade(trade('MSFT', 6, DAY2));
    desk.trade(trade('AAPL', 14.5, DAY3));
    const [, , , spike, close, next] = desk.readPnl();
    expect(spike).toMatchObject({ equity: 1050, peakEquity: 1050, drawdown: 0 });
    expect(close).toMatchObject({ equity: 1010, peakEquity: 1010, drawdown: 0 });
    expect(next).toMatchObject({ equity: 1005, peakEquity: 1010, drawdown: 5 / 1010 });
  });

  it('shifts the peak and the day start by deposits and withdrawals, late ones too', () => {
    const desk = new Desk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', 'AAPL', '10', '10'));
    desk.trade(trade('AAPL', 20, DAY1 + 1));
    desk.trade(trade('AAPL', 15, DAY2));
    expect(last(desk.readPnl())).toMatchObject({ equity: 1050, peakEquity: 1100, drawdown: 50 / 1100, dayPnl: -50 });
    desk.cash(cash('2', '-500', DAY2));
    expect(last(desk.readPnl())).toMatchObject({ equity: 550, peakEquity: 600, drawdown: 50 / 600, dayPnl: -50 });
    desk.cash(cash('3', '100', DAY1 - 7));
    const late = last(desk.readPnl());
    expect(late).toMatchObject({ equity: 650, peakEquity: 700, drawdown: 50 / 700, dayPnl: -50, eventTime: DAY2 });
    expect(late).toMatchObject({ sourceTopic: 'portfolio.cash', sourceEventTime: DAY1 - 7 });
  });

  it('counts the day’s P&L from the last equity of an earlier UTC day', () => {
    const desk = new Desk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', 'AAPL', '10', '10'));
    const days = [
      [12, DAY1 + 1],
      [13, DAY2],
      [11, DAY2 + 1],
      [14, at('01-09T00:00:00')],
    ] as const;
    for (const [price, time] of days) desk.trade(trade('AAPL', price, time));
    expect(desk.readPnl().map((pnl) => pnl.dayPnl)).toEqual([0, 0, 20, 10, -10, 30]);
  });

  it('applies a cashId once, and counts the rest', () => {
    const desk = new Desk();
    desk.cash(cash('1', '10', DAY1));
    desk.cash(cash('1', '99', DAY1));
    desk.cash(cash('1', '7', DAY1, 'other'));
    expect(desk.readPnl().map((pnl) => `${pnl.portfolio} ${formatDecimal(pnl.cash!)}`)).toEqual(['fund 10', 'other 7']);
    expect(desk.portfolio.count('duplicate-cash')).toBe(1);
  });

  it('never lets its event time go back', () => {
    const desk = new Desk();
    desk.fill(buy('1', 'AAPL', '1', '10', DAY3));
    desk.fill(buy('2', 'MSFT', '1', '10', DAY1));
    expect(desk.readPnl().map(({ eventTime, sourceEventTime }) => [eventTime, sourceEventTime])).toEqual([
      [DAY3, DAY3],
      [DAY3, DAY1],
    ]);
  });

  it('leaves no trace of huge marks once they are gone', () => {
    const desk = new Desk();
    for (const name of ['AAPL', 'MSFT', 'GE']) desk.fill(buy(name, name, '3', '10.1'));
    for (const name of ['AAPL', 'MSFT', 'GE']) desk.trade(trade(name, 10.7, DAY1));
    // With 3e28 and 3.7e12 in a sum of 106 bits, what GE does is lost below the 3rd decimal.
    desk.trade(trade('AAPL', 1e28, DAY1));
    desk.trade(trade('MSFT', 1.2345678e12, DAY1));
    desk.trade(trade('GE', 10.123456789, DAY1));
    for (const name of ['MSFT', 'AAPL']) desk.trade(trade(name, 10.7, DAY1));
    const pnl = last(desk.readPnl());
    expect(pnl.grossExposure).toBeCloseTo(2 * 3 * 10.7 + 3 * 10.123456789, 12);
    expect(pnl.netExposure).toBe(pnl.grossExposure);
    expect(pnl.unrealizedPnl).toBeCloseTo(2 * 3 * 0.6 + 3 * 0.023456789, 12);
  });

  it('shows no drawdown for the rounding of doubles', () => {
    const desk = new Desk();
    desk.fill(buy('1', 'AAPL', '3', '0.05'));
    desk.trade(trade('AAPL', 0.1, DAY1));
    expect(3 * 0.1 - 0.15).toBeGreaterThan(0.15);
    desk.fill(sell('2', 'AAPL', '3', '0.1', DAY2));
    expect(last(desk.readPnl())).toMatchObject({ equity: 0.15, peakEquity: 0.15, drawdown: 0 });
  });

  it('sums like a fresh summation after very many marks', () => {
    const desk = new Desk();
    const names = ['A', 'B', 'C', 'D', 'E'];
    names.forEach((name, index) => {
      desk.fill(buy(name, name, `${index + 1}.1`, '10.1'));
    });
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const prices = new Map<string, number>();
    for (let n = 0; n < 20_000; n++) {
      const name = names[n % names.length]!;
      const price = 0.01 + random() * 10 ** (random() * 6 - 2);
      prices.set(name, price);
      desk.trade(trade(name, price, DAY1 + n));
    }
    const pnl = last(desk.readPnl());
    const exposures = names.map((name, index) => prices.get(name)! * Number(`${index + 1}.1`));
    const gross = exposures.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(pnl.grossExposure! / gross - 1)).toBeLessThan(1e-14);
    const costs = names.reduce((sum, _, index) => sum + Number(`${index + 1}.1`) * 10.1, 0);
    expect(Math.abs(pnl.unrealizedPnl! - (gross - costs))).toBeLessThan(1e-12 * gross);
  });

  it('has its totals back after an abort', () => {
    const desk = new Desk();
    desk.cash(cash('1', '10', DAY1));
    desk.portfolio.commit();
    desk.cash(cash('2', '5', DAY1));
    desk.portfolio.abort();
    desk.readPnl();
    desk.cash(cash('2', '5', DAY1));
    expect(desk.readPnl().map((pnl) => formatDecimal(pnl.cash!))).toEqual(['15']);
  });
});

describe('portfolio with conflated output', () => {
  it('emits the newest figures once a commit, with the peaks in between seen', () => {
    const desk = new Desk({ conflate: true });
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(buy('1', 'AAPL', '10', '10'));
    for (const [price, time] of [
      [30, DAY2],
      [20, DAY3],
    ] as const)
      desk.trade(trade('AAPL', price, time));
    expect(desk.readPnl()).toEqual([]);
    desk.portfolio.commit();
    const outputs = desk.readPnl();
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toMatchObject({ equity: 1100, peakEquity: 1200, sourceEventTime: DAY3 });
    desk.portfolio.commit();
    expect(desk.readPnl()).toEqual([]);
  });
});

describe('bad records of portfolio', () => {
  it.each<[string, ReturnType<typeof cash>, string | null]>([
    ['CASH_AMOUNT_INVALID', cash('1', '0', DAY1), 'fund'],
    ['KEY_MISMATCH', cash('1', '1', DAY1), 'other'],
    ['KEY_MISMATCH', cash('1', '1', DAY1), null],
    ['ID_INVALID', cash('', '1', DAY1), 'fund'],
    ['ID_INVALID', cash('1', '1', DAY1, 'a/b'), 'a/b'],
    ['EVENT_TIME_IN_FUTURE', cash('1', '1', (NOW_MS + 2 * 86_400_000) * 1000), 'fund'],
  ])('rejects cash with %s and goes on', (code, value, key) => {
    const desk = new Desk();
    desk.cash(value, key);
    expect(desk.rejections()).toEqual([code]);
    desk.cash(cash('1', '5', DAY1));
    expect(desk.readPnl().map((pnl) => formatDecimal(pnl.cash!))).toEqual(['5']);
  });

  it('rejects a total out of range before anything changes', () => {
    const desk = new Desk();
    desk.cash(cash('1', '6e28', DAY1));
    desk.cash(cash('2', '6e28', DAY1));
    desk.fill(sell('1', 'AAPL', '6e28', '1'));
    desk.readPnl();
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE', 'AMOUNT_OUT_OF_RANGE']);
    desk.cash(cash('2', '1', DAY1));
    const pnl = last(desk.readPnl());
    expect(formatDecimal(pnl.cash!)).toBe('60000000000000000000000000001');
    expect(pnl.openPositions).toBe(0);
  });

  it('rejects a position under a foreign key or with figures that are not numbers', () => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 1, DAY1));
    desk.fill(buy('1', 'AAPL', '1', '10'));
    const [output] = desk.positions.read('portfolio.positions') as {
      key: string;
      value: object;
      timestampMs: number;
    }[];
    const pipe = (key: string | null, change: object | null) =>
      desk.portfolio.pipe('portfolio.positions', {
        ...output!,
        key,
        value: change && { ...output!.value, ...change },
        partition: 0,
      });
    for (const key of ['fund/MSFT', 'fun/AAPLX', 'fund-AAPL', 'fundAAPL/', 'fund', null]) pipe(key, {});
    pipe('fund/AAPL', { unrealizedPnl: Number.NaN });
    pipe('fund/AAPL', { markPrice: Number.POSITIVE_INFINITY });
    pipe('fund/AAPL', null);
    expect(desk.rejections()).toEqual([
      ...Array(6).fill('KEY_MISMATCH'),
      'POSITION_INVALID',
      'POSITION_INVALID',
      'VALUE_MISSING',
    ]);
    expect(desk.readPnl()).toEqual([]);
  });
});
