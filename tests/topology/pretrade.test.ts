import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mean, standardDeviation } from '#quant/statistics.ts';
import { historicalTail, normalTail } from '#quant/tail.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import { PRETRADE_SETTINGS } from '#topologies/limits/graph.ts';
import { LimitsDesk, limit, OPEN, SECOND } from './limits-desk.ts';

const DAY = 86_400 * SECOND;
const TAIL = {
  confidence: 0.99,
  horizonDays: 1,
  stressWindow: null,
  expectedShortfall: 400,
  scenarios: 250,
  sampling: null,
  paths: 0,
  problem: null,
};
/** 100 AAPL at 50, equity 10,000; MSFT at 20. */
const held = (settings = PRETRADE_SETTINGS) =>
  new LimitsDesk(settings).position('AAPL', '100', 50).mark('MSFT', 20).pnl(10_000);

describe('pre-trade check', () => {
  it('accepts what no limit bars, with the figures it was decided on', () => {
    const [decision] = held().order('1', 'BUY', '10').decisions();
    expect(decision).toEqual({
      eventTime: OPEN,
      portfolio: 'fund',
      orderId: '1',
      instrument: 'AAPL',
      side: 'BUY',
      quantity: parseDecimal('10'),
      strategy: 'momentum',
      decision: 'ACCEPTED',
      code: 'ACCEPTED',
      reason: 'There is no limit that it touches',
      limitId: null,
      switchState: 'ACTIVE',
      price: 50,
      priceTime: OPEN,
      notional: 500,
      quantityBefore: parseDecimal('100'),
      quantityAfter: parseDecimal('110'),
      checks: [],
      sourceTopic: 'orders.requests',
      sourceEventTime: OPEN,
    });
  });

  it.each([
    ['position-quantity', 109, {}, 100, 110],
    ['position-notional', 5_499, {}, 5_000, 5_500],
    ['position-notional', 5_499, { scope: 'INSTRUMENT', scopeId: 'AAPL' }, 5_000, 5_500],
    ['gross-exposure', 5_499, {}, 5_000, 5_500],
    ['gross-exposure', 0.5, { relativeTo: 'EQUITY' }, 5_000, 5_500],
    ['net-exposure', 5_499, { scope: 'SECTOR', scopeId: 'Information Technology' }, 5_000, 5_500],
    ['leverage', 0.54, {}, 0.5, 0.55],
    ['order-size', 499, {}, 0, 500],
    ['order-size', 499, { scope: 'STRATEGY', scopeId: 'momentum' }, 0, 500],
    ['turnover', 499, { windowMs: 60_000 }, 0, 500],
  ] as const)('refuses what would break %s of %d %j', (type, threshold, rest, before, after) => {
    const [decision] = held()
      .limit(limit('one', type, threshold, rest))
      .order('1', 'BUY', '10')
      .decisions();
    expect(decision).toMatchObject({ decision: 'REJECTED', code: 'LIMIT_EXCEEDED', limitId: 'one' });
    expect(decision!.checks).toMatchObject([{ limitId: 'one', type, severity: 'HARD', before, outcome: 'EXCEEDED' }]);
    expect(decision!.checks[0]!.after).toBeCloseTo(after, 12);
    expect(decision!.reason).toContain(`${type} (one) would be`);
    // And takes what reaches it and does not pass it.
    const room = held().limit(limit('one', type, threshold + (threshold < 1 ? 0.05 : 1), rest));
    expect(room.order('1', 'BUY', '10').decisions()[0]!.decision).toBe('ACCEPTED');
  });

  it('refuses a rate of orders, of which refused ones are part', () => {
    const desk = held().limit(limit('rate', 'order-rate', 2, { windowMs: 1_000 }));
    for (const id of ['1', '2', '3', '4']) desk.order(id, 'BUY', '1');
    desk.order('5', 'BUY', '1', { eventTime: OPEN + 5 * SECOND });
    expect(desk.decisions().map(({ code }) => code)).toEqual([
      'ACCEPTED',
      'ACCEPTED',
      'LIMIT_EXCEEDED',
      'LIMIT_EXCEEDED',
      'ACCEPTED',
    ]);
  });

  it('leaves limits of other strategies and instruments alone', () => {
    const desk = held()
      .limit(limit('a', 'order-size', 1, { scope: 'STRATEGY', scopeId: 'other' }))
      .limit(limit('b', 'order-size', 1, { scope: 'INSTRUMENT', scopeId: 'MSFT' }));
    expect(desk.order('1', 'BUY', '10').decisions()[0]).toMatchObject({ decision: 'ACCEPTED', checks: [] });
  });

  it('counts accepted orders that are not in the position yet, once', () => {
    const desk = held().limit(limit('gross', 'gross-exposure', 6_000));
    desk.order('1', 'BUY', '15').order('2', 'BUY', '10');
    expect(desk.decisions()).toMatchObject([
      { decision: 'ACCEPTED' },
      { decision: 'REJECTED', quantityBefore: parseDecimal('115'), quantityAfter: parseDecimal('125') },
    ]);
    // Filled, but positions has not said so yet: it is still counted.
    desk.fill('1', 'f1', 'BUY', '15', '50', OPEN + SECOND);
    desk.order('3', 'BUY', '10', { eventTime: OPEN + SECOND });
    expect(desk.decisions()).toMatchObject([{ code: 'LIMIT_EXCEEDED', quantityAfter: parseDecimal('125') }]);
    const rest = { cause: 'FILL', sourceTopic: 'orders.fills', sourceEventTime: OPEN + SECOND } as const;
    desk.position('AAPL', '115', 50, OPEN + SECOND, rest);
    desk.order('4', 'BUY', '5', { eventTime: OPEN + 2 * SECOND });
    expect(desk.decisions()).toMatchObject([{ code: 'ACCEPTED', quantityAfter: parseDecimal('120') }]);
  });

  it('counts accepted orders on other instruments', () => {
    const desk = held().limit(limit('gross', 'gross-exposure', 6_000));
    desk.order('1', 'BUY', '40', { instrument: 'MSFT' }).order('2', 'SELL', '20', { instrument: 'MSFT' });
    desk.order('3', 'BUY', '5');
    expect(desk.decisions().map(({ code }) => code)).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED']);
    expect(desk.order('4', 'BUY', '11').decisions()[0]).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  it('forgets an accepted order that was never filled after its horizon', () => {
    const desk = held().limit(limit('quantity', 'position-quantity', 120));
    desk.order('1', 'BUY', '20').order('2', 'BUY', '20', { eventTime: OPEN + SECOND });
    desk.order('3', 'BUY', '20', { eventTime: OPEN + 6 * DAY });
    expect(desk.decisions().map(({ code }) => code)).toEqual(['ACCEPTED', 'LIMIT_EXCEEDED', 'ACCEPTED']);
  });

  it('takes partial fills and repeated ones', () => {
    const desk = held().limit(limit('quantity', 'position-quantity', 130));
    desk.order('1', 'BUY', '20');
    for (const id of ['f1', 'f1', 'f2']) desk.fill('1', id, 'BUY', '5', '50', OPEN + SECOND);
    const rest = { cause: 'FILL', sourceEventTime: OPEN + SECOND } as const;
    desk.position('AAPL', '110', 50, OPEN + SECOND, rest);
    desk.order('2', 'BUY', '1', { eventTime: OPEN + SECOND });
    // 110 held, 10 of the first order on their way.
    expect(desk.decisions()[1]).toMatchObject({ quantityBefore: parseDecimal('120') });
  });

  it('lets an order ease what is above its limit, and no order make it worse', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 4_000))
      .limit(limit('loss', 'daily-loss', 100));
    desk.pnl(10_000, OPEN, { dayPnl: -500 });
    desk.order('1', 'BUY', '1').order('2', 'SELL', '10').order('3', 'SELL', '250');
    expect(desk.decisions()).toMatchObject([
      { code: 'LIMIT_EXCEEDED' },
      { code: 'ACCEPTED', checks: [{ outcome: 'EASED' }, { outcome: 'EASED', before: 500, after: 500 }] },
      // It turns the position to -160.
      { code: 'LIMIT_EXCEEDED' },
    ]);
  });

  it('warns of a soft limit, and only watches an informational one', () => {
    const soft = held().limit(limit('gross', 'gross-exposure', 5_100, { severity: 'SOFT' }));
    expect(soft.order('1', 'BUY', '10').decisions()).toMatchObject([
      { decision: 'ACCEPTED', code: 'ACCEPTED_WITH_WARNING', limitId: 'gross' },
    ]);
    const info = held().limit(limit('gross', 'gross-exposure', 5_100, { severity: 'INFORMATIONAL' }));
    expect(info.order('1', 'BUY', '10').decisions()).toMatchObject([{ code: 'ACCEPTED', limitId: null }]);
  });

  it.each([
    ['no price', () => held().order('1', 'BUY', '1', { instrument: 'XOM' }), 'PRICE_MISSING'],
    ['an old price', () => held().order('1', 'BUY', '1', { eventTime: OPEN + 8 * DAY }), 'PRICE_STALE'],
    ['an unknown instrument', () => held().order('1', 'BUY', '1', { instrument: 'TSLA' }), 'INSTRUMENT_UNKNOWN'],
    ['an unknown portfolio', () => held().order('1', 'BUY', '1', { portfolio: 'other' }), 'PORTFOLIO_UNKNOWN'],
    ['no equity', () => held().pnl(0).order('1', 'BUY', '1'), 'PORTFOLIO_UNKNOWN'],
    [
      'a figure that is not known',
      () =>
        held()
          .limit(limit('var', 'value-at-risk', 1e9))
          .order('1', 'BUY', '1'),
      'LIMIT_UNKNOWN',
    ],
    [
      'a holding without a price',
      () =>
        held()
          .position('XOM', '5', null)
          .limit(limit('gross', 'gross-exposure', 1e9))
          .order('1', 'BUY', '1'),
      'LIMIT_UNKNOWN',
    ],
  ] as const)('refuses with %s', (_, act, code) => {
    const [decision] = act().decisions();
    expect(decision).toMatchObject({ decision: 'REJECTED', code });
    expect(decision!.reason).not.toBe('');
  });

  it('counts what is in other currencies at the newest rate, and refuses it without one', () => {
    const desk = held()
      .describe('SAP', 'EUR')
      .mark('SAP', 100)
      .limit(limit('gross', 'gross-exposure', 8_000));
    expect(desk.order('1', 'BUY', '1', { instrument: 'SAP' }).decisions()).toMatchObject([{ code: 'RATE_MISSING' }]);
    desk.mark('EURUSD', 1.1).order('2', 'BUY', '10', { instrument: 'SAP' });
    expect(desk.decisions()).toMatchObject([{ code: 'ACCEPTED', notional: expect.closeTo(1_100, 9) }]);
    desk.position('SAP', '10', 100, OPEN, { currency: 'EUR', cause: 'FILL', sourceEventTime: OPEN }).commit();
    expect(desk.utilisation().at(-1)!.value).toBeCloseTo(6_100, 9);
    const var99 = desk.limit(limit('var', 'value-at-risk', 1e9)).order('3', 'BUY', '1');
    expect(var99.decisions()).toMatchObject([{ code: 'LIMIT_UNKNOWN', limitId: 'var' }]);
  });

  it('halts one portfolio or all, and lets them reduce only', () => {
    const desk = held().control('HALTED', 'fund').order('1', 'SELL', '1');
    desk.control('REDUCING', 'fund').order('2', 'BUY', '1').order('3', 'SELL', '60').order('4', 'SELL', '60');
    desk.control('ACTIVE', 'fund').control('HALTED', null).order('5', 'SELL', '1');
    desk.control('ACTIVE', null).order('6', 'BUY', '1');
    expect(desk.decisions().map(({ code, switchState }) => [code, switchState])).toEqual([
      ['HALTED', 'HALTED'],
      ['REDUCING_ONLY', 'REDUCING'],
      ['ACCEPTED', 'REDUCING'],
      // With the 60 before it would turn the position.
      ['REDUCING_ONLY', 'REDUCING'],
      ['HALTED', 'HALTED'],
      ['ACCEPTED', 'ACTIVE'],
    ]);
    expect(desk.audit().map(({ portfolio, subject, action }) => [portfolio, subject, action])).toEqual([
      ['fund', 'CONTROL', 'HALTED'],
      ['fund', 'CONTROL', 'REDUCING'],
      ['fund', 'CONTROL', 'ACTIVE'],
      ['*', 'CONTROL', 'HALTED'],
      ['*', 'CONTROL', 'ACTIVE'],
    ]);
  });

  it('decides once on an order that comes twice, and refuses one that is none', () => {
    const desk = held().order('1', 'BUY', '1').order('1', 'BUY', '1').order('2', 'BUY', '0');
    expect(desk.decisions()).toHaveLength(1);
    expect(desk.rejections()).toEqual(['ORDER_QUANTITY_INVALID']);
  });

  describe('of VaR and ES', () => {
    const RETURNS = {
      AAPL: Array.from({ length: 250 }, (_, day) => 0.02 * Math.sin(day * 1.7)),
      MSFT: Array.from({ length: 250 }, (_, day) => 0.03 * Math.cos(day * 0.9)),
    };
    const withHistory = () => held().returns('AAPL', RETURNS.AAPL).returns('MSFT', RETURNS.MSFT);
    const profits = (aapl: number, msft: number) =>
      RETURNS.AAPL.map((change, day) => change * aapl + RETURNS.MSFT[day]! * msft);

    it.each([
      ['historical', {}, (held: number[]) => historicalTail(held, 0.99).valueAtRisk],
      [
        'normal, 10 days',
        { method: 'normal', horizonDays: 10 },
        (held: number[]) => normalTail(mean(held) * 10, standardDeviation(held) * Math.sqrt(10), 0.99).valueAtRisk,
      ],
    ] as const)('takes the figures before and after of the same histories: %s', (_, rest, expected) => {
      const desk = withHistory().limit(limit('var', 'value-at-risk', 1e9, rest));
      const [decision] = desk.order('1', 'BUY', '50', { instrument: 'MSFT' }).decisions();
      expect(decision).toMatchObject({ decision: 'ACCEPTED', checks: [{ outcome: 'PASSED' }] });
      expect(decision!.checks[0]!.before).toBeCloseTo(expected(profits(5_000, 0)), 9);
      expect(decision!.checks[0]!.after).toBeCloseTo(expected(profits(5_000, 1_000)), 9);
    });

    it('refuses what would bring ES above its limit, and takes what hedges', () => {
      const tail = (msft: number) => historicalTail(profits(5_000, msft), 0.975).expectedShortfall;
      const room = tail(0) * 1.01;
      const desk = withHistory().limit(limit('es', 'expected-shortfall', room, { confidence: 0.975 }));
      desk.order('1', 'BUY', '250', { instrument: 'MSFT' }).order('2', 'SELL', '10');
      expect(desk.decisions().map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED', 'ACCEPTED']);
    });

    it('scales the figure of a method that simulates as the historical one changes', () => {
      const tails = [{ ...TAIL, method: 'monte-carlo', valueAtRisk: 300 }];
      const desk = withHistory().measures(OPEN, { measures: tails });
      desk.limit(limit('mc', 'value-at-risk', 1e9, { method: 'monte-carlo' }));
      const [decision] = desk.order('1', 'BUY', '50', { instrument: 'MSFT' }).decisions();
      const ratio =
        historicalTail(profits(5_000, 1_000), 0.99).valueAtRisk / historicalTail(profits(5_000, 0), 0.99).valueAtRisk;
      expect(decision!.checks[0]).toMatchObject({ before: 300, outcome: 'PASSED' });
      expect(decision!.checks[0]!.after).toBeCloseTo(300 * ratio, 9);
    });

    it('does not guess at an instrument without a history', () => {
      const desk = withHistory()
        .mark('XOM', 100)
        .limit(limit('var', 'value-at-risk', 1e9));
      const [decision] = desk.order('1', 'BUY', '1', { instrument: 'XOM' }).decisions();
      expect(decision).toMatchObject({ code: 'LIMIT_UNKNOWN', checks: [{ after: null, outcome: 'UNKNOWN' }] });
    });
  });

  it('never lets what was accepted break a hard limit, whatever is asked for', () => {
    const order = fc.record({
      side: fc.constantFrom('BUY', 'SELL'),
      quantity: fc.integer({ min: 1, max: 200 }),
      instrument: fc.constantFrom('AAPL', 'MSFT'),
    });
    fc.assert(
      fc.property(fc.array(order, { maxLength: 25 }), (orders) => {
        const desk = held()
          .limit(limit('gross', 'gross-exposure', 9_000))
          .limit(limit('q', 'position-quantity', 150));
        for (const [index, { side, quantity, instrument }] of orders.entries())
          desk.order(String(index), side as 'BUY', String(quantity), { instrument });
        const accepted = desk
          .decisions()
          .flatMap(({ decision }, index) => (decision === 'ACCEPTED' ? [orders[index]!] : []));
        const units = (instrument: string, from: number, takes: string) =>
          accepted
            .filter((one) => one.instrument === instrument && (takes === 'ALL' || one.side === takes))
            .reduce((sum, one) => sum + (one.side === 'BUY' ? one.quantity : -one.quantity), from);
        for (const takes of ['ALL', 'BUY', 'SELL']) {
          expect(Math.abs(units('AAPL', 100, takes))).toBeLessThanOrEqual(150);
          expect(Math.abs(units('MSFT', 0, takes))).toBeLessThanOrEqual(150);
        }
        expect(Math.abs(units('AAPL', 100, 'ALL')) * 50 + Math.abs(units('MSFT', 0, 'ALL')) * 20).toBeLessThanOrEqual(
          9_000,
        );
      }),
      { numRuns: 60 },
    );
  });
});
