import { beforeAll, describe, expect, it } from 'vitest';
import { DemoBook, INITIAL_CASH } from '#connectors/demo/book.ts';
import { STRATEGIES, type Strategy, UNIVERSE } from '#connectors/demo/strategies.ts';
import { ONE, parseDecimal } from '#schemas/decimal.ts';
import type { Fill } from '#schemas/generated/types.ts';
import { type Point, type Simulation, simulate } from './simulation.ts';

function maxDrawdown(points: readonly Point[]): { drawdown: number; date: string } {
  let peak = 0;
  let worst = { drawdown: 0, date: '' };
  for (const { date, equity } of points) {
    peak = Math.max(peak, equity);
    if (1 - equity / peak > worst.drawdown) worst = { drawdown: 1 - equity / peak, date };
  }
  return worst;
}

describe('33 years of the demo', () => {
  let run: Simulation;
  beforeAll(() => {
    run = simulate(1);
  });
  const curve = (portfolio: string) => run.curves.get(portfolio)!;
  const growth = (portfolio: string) => curve(portfolio).at(-1)!.equity / 1e7;

  it('asks for the same orders, byte for byte, every time', () => {
    expect(simulate(1).digest).toBe(run.digest);
    expect(simulate(2).digest).not.toBe(run.digest);
  });

  it('fills every order, each once', () => {
    // The last day is in mid-month, so nothing is left to fill.
    expect(run.fills.map((fill) => fill.orderId)).toEqual(run.orders.map((order) => order.orderId));
    expect(new Set(run.fills.map((fill) => fill.fillId)).size).toBe(run.fills.length);
    expect(run.orders.length).toBeGreaterThan(10_000);
  });

  it('trades whole shares and never owes money', () => {
    expect(run.orders.every((order) => order.quantity > 0n && order.quantity % ONE === 0n)).toBe(true);
    for (const { portfolio } of STRATEGIES) {
      expect(Math.min(...curve(portfolio).map(({ cash }) => cash))).toBeGreaterThan(0);
    }
  });

  it('never sells what it does not hold', () => {
    const held = new Map<string, bigint>();
    for (const { portfolio, instrument, side, quantity } of run.fills) {
      const key = `${portfolio}/${instrument}`;
      held.set(key, (held.get(key) ?? 0n) + (side === 'BUY' ? quantity : -quantity));
      expect(held.get(key)! >= 0n).toBe(true);
    }
  });

  it('grows like the stocks it holds', () => {
    // 17 % a year for today's winners held since 1990, more for momentum among them: survivors, so no promise to anybody.
    expect(growth('equal-weight')).toBeGreaterThan(100);
    expect(growth('equal-weight')).toBeLessThan(250);
    expect(growth('momentum')).toBeGreaterThan(growth('equal-weight'));
    expect(growth('concentrated')).toBeGreaterThan(5);
    expect(growth('concentrated')).toBeLessThan(20);
  });

  it('draws the concentrated portfolio down by more than nine tenths in March 2009', () => {
    const { drawdown, date } = maxDrawdown(curve('concentrated'));
    expect(drawdown).toBeGreaterThan(0.9);
    expect(date.slice(0, 7)).toBe('2009-03');
    expect(maxDrawdown(curve('equal-weight')).drawdown).toBeLessThan(0.5);
  });

  it('rebalances monthly and lets the concentrated portfolio be', () => {
    const days = (portfolio: string) =>
      [...new Set(run.orders.filter((order) => order.portfolio === portfolio).map((order) => order.eventTime))].map(
        (micros) => new Date(micros / 1000).toISOString().slice(0, 10),
      );
    expect(days('equal-weight').slice(0, 3)).toEqual(['1990-01-02', '1990-02-01', '1990-03-01']);
    expect(days('equal-weight')).toHaveLength(33 * 12);
    expect(days('momentum')[0]).toBe('1991-01-02');
    expect(days('momentum')).toHaveLength(32 * 12);
    expect(days('concentrated')).toEqual(['1990-01-02']);
  });

  it('holds five stocks by momentum', () => {
    const held = new Map<string, bigint>();
    for (const fill of run.fills.filter(({ portfolio }) => portfolio === 'momentum')) {
      const signed = fill.side === 'BUY' ? fill.quantity : -fill.quantity;
      held.set(fill.instrument, (held.get(fill.instrument) ?? 0n) + signed);
    }
    expect([...held.values()].filter((quantity) => quantity !== 0n)).toHaveLength(5);
  });

  it('stays solvent from other first days too, crises among them', () => {
    for (const from of ['1999-12-31', '2008-09-12', '2020-02-28']) {
      const to = `${Number(from.slice(0, 4)) + 2}-12-31`;
      for (const points of simulate(1, from, to).curves.values())
        expect(Math.min(...points.map(({ cash }) => cash))).toBeGreaterThan(0);
    }
  });
});

describe('DemoBook', () => {
  const always = (weights: Record<string, number>): Strategy => ({
    portfolio: 'p',
    name: 'p',
    description: 'test',
    targets: () => new Map(Object.entries(weights)),
  });
  const fill = (over: Partial<Fill>): Fill => ({
    eventTime: 2,
    fillId: 'f',
    action: 'NEW',
    portfolio: 'p',
    instrument: 'A',
    side: 'BUY',
    quantity: parseDecimal('100'),
    price: parseDecimal('10.5'),
    commission: parseDecimal('1.25'),
    orderId: null,
    venue: 'paper',
    ...over,
  });
  const day = (closes: Record<string, number>, date = '1990-01-02') => ({
    date,
    eventTime: 1,
    closes: new Map(Object.entries(closes)),
  });

  it('follows cash and holdings from fills to the last digit', () => {
    const book = new DemoBook([always({})]);
    book.apply(fill({}));
    book.apply(fill({ side: 'SELL', quantity: parseDecimal('40'), price: parseDecimal('11.333333333') }));
    book.apply(fill({ portfolio: 'somebody else' }));
    expect(book.cash('p')).toBe(
      INITIAL_CASH - parseDecimal('1051.25') + parseDecimal('453.33333332') - parseDecimal('1.25'),
    );
  });

  it('sells before it buys and sizes by what the portfolio is worth', () => {
    const book = new DemoBook([always({ B: 1 })]);
    book.apply(fill({}));
    const orders = book.decide(day({ A: 10, B: 3 }));
    expect(orders.map(({ side, instrument, orderId }) => [side, instrument, orderId])).toEqual([
      ['SELL', 'A', 'p:1990-01-02:A'],
      ['BUY', 'B', 'p:1990-01-02:B'],
    ]);
    const equity = 1e7 - 1051.25 + 1000;
    expect(orders[1]!.quantity).toBe(BigInt(Math.floor((equity * 0.95) / 3)) * ONE);
    expect(orders[1]!.decisionPrice).toBe(3);
  });

  it('does not ask twice for what is still to be filled, nor for what has no price today', () => {
    const book = new DemoBook([always({ A: 0.5, B: 0.5 })]);
    expect(book.decide(day({ A: 10 })).map(({ instrument }) => instrument)).toEqual(['A']);
    expect(book.decide(day({ A: 9, B: 4 }, '1990-01-03')).map(({ instrument }) => instrument)).toEqual(['B']);
  });

  it('ranks momentum by the year before the last month', () => {
    const momentum = STRATEGIES.find(({ portfolio }) => portfolio === 'momentum')!;
    const dates = Array.from({ length: 253 }, (_, index) => (index < 252 ? '1990-12-31' : '1991-01-02'));
    // Stock i grew to i percent more until a month ago; what happened since would turn the ranking round.
    const of = (instrument: string) => {
      const rank = UNIVERSE.indexOf(instrument);
      return dates.map((_, index) => (index < 200 ? 100 : index <= 231 ? 100 + rank : 1000 - rank));
    };
    expect([...momentum.targets({ dates, of })!.keys()]).toEqual(['XOM', 'WMT', 'UNH', 'RRC', 'PG']);
    expect(momentum.targets({ dates: dates.slice(1), of })).toBeNull();
  });
});
