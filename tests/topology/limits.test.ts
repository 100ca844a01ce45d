import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METHOD_NAMES } from '#quant/methods.ts';
import { LIMIT_TYPE_NAMES, LIMIT_TYPES, TAIL_METHODS } from '#schemas/limits.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { limits } from '#topologies/limits/graph.ts';
import { LimitsDesk, limit, OPEN, SECOND } from './limits-desk.ts';

/** 100 AAPL at 50 and 20 XOM short at 100: gross 7,000, net 3,000, equity 10,000. */
const held = () =>
  new LimitsDesk()
    .position('AAPL', '100', 50)
    .position('XOM', '-20', 100)
    .pnl(10_000, OPEN, { dayPnl: -150, drawdown: 0.1 });

describe('limits', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(limits())).toMatchFileSnapshot('../golden/limits.topology.txt');
  });

  it('knows the methods of quant/methods.ts', () => {
    expect(TAIL_METHODS).toEqual(METHOD_NAMES);
  });

  it.each([
    ['position-quantity', {}, 100, 'AAPL'],
    ['position-quantity', { scope: 'INSTRUMENT', scopeId: 'XOM' }, 20, 'XOM'],
    ['position-notional', {}, 5_000, 'AAPL'],
    ['position-notional', { scope: 'INSTRUMENT', scopeId: 'MSFT' }, 0, null],
    ['gross-exposure', {}, 7_000, null],
    ['gross-exposure', { scope: 'SECTOR', scopeId: 'Energy' }, 2_000, null],
    ['net-exposure', {}, 3_000, null],
    ['net-exposure', { scope: 'SECTOR', scopeId: 'Energy' }, 2_000, null],
    ['leverage', {}, 0.7, null],
    ['instrument-concentration', {}, 5 / 7, 'AAPL'],
    ['instrument-concentration', { scope: 'INSTRUMENT', scopeId: 'XOM' }, 2 / 7, 'XOM'],
    ['sector-concentration', {}, 5 / 7, 'Information Technology'],
    ['sector-concentration', { scope: 'SECTOR', scopeId: 'Energy' }, 2 / 7, 'Energy'],
    ['value-at-risk', {}, 1_234.5, null],
    ['expected-shortfall', {}, 2_345.25, null],
    ['stressed-loss', {}, 80_000, 'all prices -10 %'],
    ['stressed-loss', { scenario: 'all prices -10 %' }, 80_000, 'all prices -10 %'],
    ['drawdown', {}, 0.1, null],
    ['daily-loss', {}, 150, null],
    ['volatility', {}, 0.2, null],
    ['liquidity', {}, 1.5, null],
    ['correlation', {}, 0.5, null],
    ['stale-data', {}, 0, null],
    ['order-rate', { windowMs: 60_000 }, 0, null],
    ['turnover', { windowMs: 60_000 }, 0, null],
  ] as const)('takes %s %j', (type, rest, value, subject) => {
    const desk = held()
      .measures(OPEN)
      .limit(limit('one', type, 1e6, rest))
      .commit();
    const [first, ...others] = desk.utilisation();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ limitId: 'one', type, subject, state: 'OK', threshold: 1e6, reason: null });
    expect(first!.value).toBeCloseTo(value, 9);
    expect(first!.utilisation).toBeCloseTo(value / 1e6, 9);
    expect(desk.breaches()).toEqual([]);
  });

  it('has a figure for every type', () => {
    const desk = held();
    for (const type of LIMIT_TYPE_NAMES)
      desk.limit(limit(type, type, 1e9, 'hasWindow' in LIMIT_TYPES[type] ? { windowMs: 1_000 } : {}));
    // All but order-size, which is of each order alone.
    expect(desk.commit().utilisation()).toHaveLength(LIMIT_TYPE_NAMES.length - 1);
    expect(LIMIT_TYPE_NAMES.length).toBeGreaterThanOrEqual(14);
    expect(desk.rejections()).toEqual([]);
  });

  it('warns, breaches, worsens and closes, as one incident with its evidence', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 8_000))
      .commit();
    expect(desk.breaches()).toMatchObject([
      { breachId: 'fund/gross/1', event: 'OPENED', level: 'WARNING', value: 7_000, utilisation: 0.875 },
    ]);
    desk.position('AAPL', '130', 50, OPEN + SECOND).commit();
    const [breach] = desk.breaches();
    expect(breach).toMatchObject({
      event: 'CHANGED',
      level: 'BREACH',
      value: 8_500,
      threshold: 8_000,
      openedAt: OPEN,
      eventTime: OPEN + SECOND,
      sourceTopic: 'portfolio.positions',
    });
    expect(breach!.evidence).toEqual([
      { name: 'equity', value: 10_000 },
      { name: 'gross exposure', value: 8_500 },
      { name: 'net exposure', value: 4_500 },
      { name: 'day P&L', value: -150 },
      { name: 'exposure to AAPL', value: 6_500 },
      { name: 'exposure to XOM', value: -2_000 },
    ]);
    desk.position('AAPL', '135', 50, OPEN + 2 * SECOND).commit();
    expect(desk.breaches()).toEqual([]);
    desk.position('AAPL', '150', 50, OPEN + 3 * SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'WORSENED', level: 'BREACH', value: 9_500 }]);
    desk.position('AAPL', '10', 50, OPEN + 4 * SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ breachId: 'fund/gross/1', event: 'CLOSED', level: 'NONE', value: 2_500 }]);
    desk.position('AAPL', '150', 50, OPEN + 5 * SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ breachId: 'fund/gross/2', event: 'OPENED', level: 'BREACH' }]);
  });

  it('does not open and close with a figure that trembles at its limit', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 7_000, { warnAt: 1 }))
      .commit();
    desk.breaches();
    for (let tick = 1; tick <= 20; tick++)
      desk.position('AAPL', '100', tick % 2 ? 50.1 : 49.99, OPEN + tick * SECOND).commit();
    expect(desk.breaches().map(({ event, level }) => [event, level])).toEqual([['CHANGED', 'BREACH']]);
  });

  it('looks at what happened at one moment together, and misses no moment between two commits', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 10_000, { warnAt: 1 }))
      .commit();
    // A rebalance buys before it sells: never both at once.
    desk.position('XOM', '-70', 100, OPEN + SECOND).position('AAPL', '20', 50, OPEN + SECOND);
    expect(desk.commit().breaches()).toEqual([]);
    desk.position('AAPL', '200', 50, OPEN + 2 * SECOND);
    desk.position('AAPL', '20', 50, OPEN + 3 * SECOND);
    expect(
      desk
        .commit()
        .breaches()
        .map(({ event, value }) => [event, value]),
    ).toEqual([
      ['OPENED', 17_000],
      ['CLOSED', 8_000],
    ]);
  });

  it('takes a fraction of equity, and knows nothing while equity is not positive', () => {
    const desk = held()
      .limit(limit('var', 'gross-exposure', 0.5, { relativeTo: 'EQUITY' }))
      .commit();
    expect(desk.utilisation()).toMatchObject([{ threshold: 5_000, value: 7_000, state: 'BREACHED' }]);
    desk.pnl(-1, OPEN + SECOND).commit();
    expect(desk.utilisation()).toMatchObject([{ threshold: null, utilisation: null, state: 'UNKNOWN' }]);
    expect(desk.breaches().at(-1)).toMatchObject({
      event: 'CHANGED',
      level: 'NO_DATA',
      reason: expect.stringContaining('-1'),
    });
  });

  it('does not take a figure that is not known for good news', () => {
    const desk = held()
      .position('MSFT', '5', null)
      .limit(limit('gross', 'gross-exposure', 1e6))
      .commit();
    expect(desk.utilisation()).toMatchObject([
      { value: null, utilisation: null, state: 'UNKNOWN', reason: 'there is no price of MSFT' },
    ]);
    expect(desk.breaches()).toMatchObject([{ event: 'OPENED', level: 'NO_DATA' }]);
    desk.position('MSFT', '5', 10, OPEN + SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'CLOSED', level: 'NONE' }]);
  });

  it('notices silence by the clock, and an old price by event time', () => {
    const desk = held()
      .limit(limit('stale', 'stale-data', 60_000))
      .commit();
    desk.driver.advanceWallClock(30_000);
    expect(desk.breaches()).toEqual([]);
    desk.driver.advanceWallClock(40_000);
    expect(desk.breaches()).toMatchObject([{ event: 'OPENED', level: 'BREACH', value: 70_000 }]);
    desk.position('AAPL', '100', 50, OPEN + SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'CLOSED', value: 1_000 }]);
    // AAPL goes on, XOM is forgotten by its venue.
    desk.position('AAPL', '100', 50, OPEN + 90 * SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'OPENED', value: 90_000 }]);
  });

  it('notices risk that lags behind', () => {
    const desk = held()
      .measures(OPEN)
      .limit(limit('stale', 'stale-data', 60_000))
      .commit();
    const later = OPEN + 90 * SECOND;
    desk.position('AAPL', '100', 50, later).position('XOM', '-20', 100, later).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'OPENED', value: 90_000 }]);
    desk.measures(later).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'CLOSED', value: 0 }]);
  });

  it('follows volatility within the bounds that a person set, and tells the audit trail', () => {
    const adjustment = { adjustment: 'VOLATILITY', reference: 0.2, minimum: 6_000, maximum: 12_000 } as const;
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 10_000, adjustment))
      .commit();
    expect(desk.audit().map(({ action }) => action)).toEqual(['SET']);
    desk.measures(OPEN + SECOND, { dayEnd: true, volatility: 0.25 }).commit();
    expect(desk.utilisation().at(-1)).toMatchObject({ threshold: 8_000, baseThreshold: 10_000 });
    expect(desk.audit()).toMatchObject([
      {
        subject: 'LIMIT',
        subjectId: 'gross',
        action: 'ADJUST',
        before: '{"threshold":10000}',
        after: JSON.stringify({ threshold: 8_000, volatility: 0.25, reference: 0.2, minimum: 6_000, maximum: 12_000 }),
        sourceTopic: 'risk.measures',
      },
    ]);
    desk.measures(OPEN + 2 * SECOND, { dayEnd: true, volatility: 0.2502 }).commit();
    expect(desk.audit()).toEqual([]);
    desk.measures(OPEN + 3 * SECOND, { dayEnd: true, volatility: 0.9 }).commit();
    expect(desk.utilisation().at(-1)).toMatchObject({ threshold: 6_000, state: 'BREACHED' });
    desk.measures(OPEN + 4 * SECOND, { dayEnd: true, volatility: 0.01 }).commit();
    expect(desk.utilisation().at(-1)).toMatchObject({ threshold: 12_000 });
  });

  it('takes a new threshold at once, and ends the incident of a limit that is taken away', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 5_000))
      .commit();
    expect(desk.breaches()).toMatchObject([{ event: 'OPENED', level: 'BREACH' }]);
    desk.limit(limit('gross', 'gross-exposure', 20_000, { eventTime: OPEN + SECOND })).commit();
    expect(desk.breaches()).toMatchObject([{ event: 'CLOSED', threshold: 20_000 }]);
    desk.limit(limit('gross', 'gross-exposure', 5_000, { eventTime: OPEN + 2 * SECOND })).commit();
    desk.breaches();
    desk.utilisation();
    desk.removeLimit('gross', OPEN + 3 * SECOND).commit();
    expect(desk.breaches()).toMatchObject([{ breachId: 'fund/gross/2', event: 'CLOSED', level: 'NONE' }]);
    expect(desk.utilisation()).toEqual([null]);
    const trail = desk.audit();
    expect(trail.map(({ action }) => action)).toEqual(['SET', 'SET', 'SET', 'REMOVE']);
    expect(trail[1]).toMatchObject({
      before: expect.stringContaining('5000'),
      after: expect.stringContaining('20000'),
    });
    expect(trail[3]).toMatchObject({ after: null });
    desk.position('AAPL', '500', 50, OPEN + 4 * SECOND).commit();
    expect([...desk.breaches(), ...desk.utilisation()]).toEqual([]);
  });

  it.each([
    [{ type: 'volatlity' }, 'LIMIT_INVALID'],
    [{ threshold: 0 }, 'LIMIT_INVALID'],
    [{ threshold: Number.NaN }, 'LIMIT_INVALID'],
    [{ warnAt: 1.5 }, 'LIMIT_INVALID'],
    [{ scope: 'SECTOR', scopeId: null }, 'LIMIT_INVALID'],
    [{ scope: 'STRATEGY', scopeId: 'momentum' }, 'LIMIT_INVALID'],
    [{ scopeId: 'AAPL' }, 'LIMIT_INVALID'],
    [{ method: 'historical' }, 'LIMIT_INVALID'],
    [{ type: 'value-at-risk', method: 'histroical' }, 'LIMIT_INVALID'],
    [{ type: 'value-at-risk', confidence: 99 }, 'LIMIT_INVALID'],
    [{ type: 'order-rate' }, 'LIMIT_INVALID'],
    [{ type: 'leverage', relativeTo: 'EQUITY' }, 'LIMIT_INVALID'],
    [{ adjustment: 'VOLATILITY', reference: 0.2, minimum: 2e9, maximum: 1 }, 'LIMIT_INVALID'],
    [{ adjustment: 'VOLATILITY', reference: 0.2 }, 'LIMIT_INVALID'],
    [{ minimum: 1 }, 'LIMIT_INVALID'],
    [{ limitId: '' }, 'ID_INVALID'],
    [{ portfolio: 'other' }, 'KEY_MISMATCH'],
  ] as const)('refuses %j and goes on with the limit of before', (rest, code) => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 1e6))
      .commit();
    desk.utilisation();
    desk.limit({ ...limit('gross', 'gross-exposure', 1), ...(rest as object) }, 'fund/gross').commit();
    expect(desk.rejections()).toEqual([code]);
    expect([...desk.utilisation(), ...desk.breaches()]).toEqual([]);
  });

  it('stands where it stood after an abort', () => {
    const desk = held()
      .limit(limit('gross', 'gross-exposure', 8_000))
      .commit();
    desk.position('AAPL', '150', 50, OPEN + SECOND);
    desk.driver.abort();
    desk.breaches();
    desk.utilisation();
    desk.position('AAPL', '130', 50, OPEN + SECOND).commit();
    expect(desk.breaches()).toMatchObject([
      { breachId: 'fund/gross/1', event: 'CHANGED', level: 'BREACH', value: 8_500 },
    ]);
    expect(desk.utilisation()).toMatchObject([{ value: 8_500, state: 'BREACHED' }]);
  });

  it('goes on after restarts at any commit as if nothing had been', { timeout: 120_000 }, () => {
    const at = (second: number) => OPEN + second * SECOND;
    const updates: readonly ((desk: LimitsDesk, second: number, step: number) => LimitsDesk)[] = [
      (desk, second) => desk.position('AAPL', String(100 + (second % 70)), 50 + (second % 3), at(second)),
      (desk, second) => desk.position('XOM', second % 4 === 0 ? '0' : '-70', 99, at(second)),
      (desk, second) => desk.pnl(9_000 + 500 * (second % 5), at(second)),
      (desk, second) => desk.measures(at(second), { dayEnd: second % 3 === 0 }),
      (desk, second) => desk.limit(limit('lev', 'leverage', 0.5 + (second % 4) / 4, { eventTime: at(second) })),
      (desk, second, step) => desk.order(`o${step}`, 'BUY', String(1 + second), { eventTime: at(second) + 1 }),
      (desk, second, step) => desk.fill(`o${step - 1}`, `f${step}`, 'BUY', '1', '50', at(second) + 2),
      (desk, second, step) => desk.fill(null, `f${step}`, 'SELL', '3', '50', at(second) + 3),
    ];
    const run = (steps: readonly (readonly [number, number])[], restarts: ReadonlySet<number>) => {
      const desk = held()
        .limit(limit('gross', 'gross-exposure', 8_000))
        .limit(limit('stale', 'stale-data', 3_000))
        .limit(limit('rate', 'order-rate', 2, { windowMs: 60_000 }))
        .limit(limit('turnover', 'turnover', 120, { windowMs: 3_600_000 }));
      desk.commit();
      for (const [step, [kind, second]] of steps.entries()) {
        updates[kind]!(desk, second, step).commit();
        if (restarts.has(step)) desk.driver.abort();
      }
      return [desk.breaches(), desk.utilisation(), desk.decisions(), desk.audit(), desk.rejections()];
    };
    const step = fc.tuple(fc.nat(updates.length - 1), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.uniqueArray(fc.nat(24)), (steps, restarts) => {
        expect(run(steps, new Set(restarts))).toEqual(run(steps, new Set()));
      }),
      { numRuns: 300 },
    );
  });

  it('ends with the same figures whatever the order of what happened at one moment', () => {
    const updates = [
      (desk: LimitsDesk) => desk.position('AAPL', '130', 51, OPEN + SECOND),
      (desk: LimitsDesk) => desk.position('XOM', '-70', 99, OPEN + SECOND),
      (desk: LimitsDesk) => desk.pnl(9_000, OPEN + SECOND),
      (desk: LimitsDesk) => desk.measures(OPEN + SECOND),
      (desk: LimitsDesk) => desk.limit(limit('lev', 'leverage', 1, { eventTime: OPEN + SECOND })),
    ];
    const run = (order: readonly number[]) => {
      const desk = held()
        .limit(limit('gross', 'gross-exposure', 8_000))
        .limit(limit('var', 'value-at-risk', 1e4));
      desk.commit();
      for (const index of order) updates[index]!(desk);
      desk.commit();
      const plain = ({ sourceTopic: _, ...rest }: { sourceTopic: string }) => rest;
      const byId = (a: { limitId?: string }, b: { limitId?: string }) => (a.limitId! < b.limitId! ? -1 : 1);
      return [
        desk
          .utilisation()
          .map((one) => plain(one!))
          .sort(byId),
        desk.breaches().map(plain).sort(byId),
      ];
    };
    const expected = run([0, 1, 2, 3, 4]);
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
        expect(run(order)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
