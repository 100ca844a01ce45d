import { describe, expect, it } from 'vitest';
import { parseDecimal } from '#schemas/decimal.ts';
import type { ExecutionQuality, Fill } from '#schemas/generated/types.ts';
import { at } from './desk.ts';
import { ExecutionDesk, executed, order, print } from './execution-desk.ts';

const OPEN = at('01-03T15:00:00');
const SECOND = 1_000_000;
const DAY = 86_400 * SECOND;
const HORIZON = 5 * DAY;
const brief = ({ status, fills, sourceTopic }: ExecutionQuality) => `${status} ${fills} ${sourceTopic}`;

describe('corrections of fills, in the quality of their order,', () => {
  const later = OPEN + DAY;
  const first = executed({
    id: '1',
    quantity: '60',
    price: '103',
    commission: '1.5',
    venue: 'X',
    time: OPEN + 20 * SECOND,
  });
  const second = executed({
    id: '2',
    quantity: '40',
    price: '104',
    commission: '1',
    venue: 'Y',
    time: OPEN + 40 * SECOND,
  });
  const amend = (fill: Fill, action: Fill['action'], change: Partial<Fill> = {}): Fill => ({
    ...fill,
    action,
    eventTime: later,
    ...change,
  });
  const market = () =>
    new ExecutionDesk()
      .trade(print(100, OPEN - SECOND, 500))
      .order(order({ quantity: '100', decisionPrice: 99, time: OPEN }))
      .trade(print(102, OPEN + 10 * SECOND, 30))
      .trade(print(105, OPEN + 30 * SECOND, 10));
  /** All figures but when and why. */
  const figures = (record: ExecutionQuality) => ({
    ...record,
    eventTime: 0,
    revision: 0,
    sourceEventTime: 0,
    sourceTopic: '',
  });
  const lastOf = (desk: ExecutionDesk) => desk.records().at(-1)!;

  it('leave an order as if the cancelled fill had never been, the newest of them too', () => {
    for (const [gone, left] of [
      [first, second],
      [second, first],
    ] as const) {
      const desk = market()
        .fill(first)
        .fill(second)
        .fill(amend(gone, 'CANCEL', { quantity: 0n, price: 0n }));
      const record = lastOf(desk);
      expect(figures(record)).toEqual(figures(lastOf(market().fill(left))));
      expect(record).toMatchObject({ status: 'OPEN', eventTime: later, revision: 2, sourceEventTime: later });
    }
  });

  it('leave an order as if the corrected fill had been right from the beginning, at its own time', () => {
    const change = { quantity: parseDecimal('50'), price: parseDecimal('101'), commission: 7n, venue: 'Z' };
    const desk = market()
      .fill(first)
      .fill(second)
      .fill(amend(first, 'CORRECT', change));
    expect(figures(lastOf(desk))).toEqual(
      figures(
        lastOf(
          market()
            .fill({ ...first, ...change })
            .fill(second),
        ),
      ),
    );
    // A correction need not repeat the order.
    desk.fill(amend(second, 'CORRECT', { ...change, orderId: null }));
    const both = market()
      .fill({ ...first, ...change })
      .fill({ ...second, ...change });
    expect(figures(lastOf(desk))).toEqual(figures(lastOf(both)));
  });

  it('to the other side take a fill out', () => {
    const desk = market()
      .fill(first)
      .fill(second)
      .fill(amend(first, 'CORRECT', { side: 'SELL' }));
    expect(figures(lastOf(desk))).toEqual(figures(lastOf(market().fill(second))));
  });

  it('open an order again, which then expires as any other', () => {
    const desk = market().fill(first).fill(second).fill(amend(second, 'CANCEL')).fill(amend(first, 'CANCEL'));
    expect(desk.records().map(brief)).toEqual([
      'OPEN 1 orders.fills',
      'FILLED 2 orders.fills',
      'OPEN 1 orders.fills',
      'OPEN 0 orders.fills',
    ]);
    desk.trade(print(110, OPEN + HORIZON + SECOND));
    expect(desk.records()).toMatchObject([
      {
        status: 'EXPIRED',
        averagePrice: null,
        venues: [],
        vwap: null,
        twap: null,
        opportunityCost: 600,
        endPrice: 105,
      },
    ]);
  });

  it('change nothing the second time, whatever came in between', () => {
    const wrong = amend(first, 'CORRECT', { price: parseDecimal('500') });
    const desk = market()
      .fill(first)
      .fill(wrong)
      .fill(amend(first, 'CORRECT', { eventTime: later + 1 }));
    const before = lastOf(desk);
    desk.fill(wrong);
    expect(desk.records()).toEqual([]);
    expect(before.averagePrice).toBe(103);
    expect(desk.driver.count('duplicate-amendment')).toBe(1);
  });

  it('of a fill whose order is not known yet hold when it comes', () => {
    const desk = new ExecutionDesk().fill(first).fill(second).fill(amend(first, 'CANCEL'));
    expect(desk.records()).toEqual([]);
    desk.order(order({ quantity: '100', time: OPEN }));
    expect(desk.records()).toMatchObject([{ fills: 1, averagePrice: 104 }]);
  });

  it.each<[string, Fill]>([
    ['FILL_UNKNOWN', amend({ ...first, fillId: '9' }, 'CANCEL')],
    ['FILL_CANCELLED', amend(second, 'CORRECT')],
    ['FILL_ORDER_DIFFERENT', amend(first, 'CORRECT', { orderId: 'another' })],
    ['FILL_INSTRUMENT_DIFFERENT', amend(first, 'CANCEL', { instrument: 'MSFT' })],
    ['AMOUNT_OUT_OF_RANGE', amend(first, 'CORRECT', { commission: 10n ** 38n - 1n })],
  ])('are rejected with %s, with nothing changed', (code, amendment) => {
    const third = executed({ id: '3', quantity: '1', price: '1', commission: '5', time: OPEN });
    const desk = market().fill(first).fill(second).fill(third).fill(amend(second, 'CANCEL'));
    desk.records();
    desk.fill(amendment);
    expect(desk.rejections()).toEqual([code]);
    expect(desk.records()).toEqual([]);
    desk.fill(executed({ id: '4', quantity: '1', price: '1', time: OPEN }));
    expect(desk.records()).toMatchObject([{ fills: 3 }]);
  });

  it('come too late when fills of the order are no longer kept', () => {
    const desk = market().fill(first);
    // Long after its horizon another fill writes the order again, but not its first fill.
    desk.trade(print(100, OPEN + 90 * DAY));
    desk.driver.commit();
    desk.fill({ ...second, eventTime: OPEN + 90 * DAY });
    desk.trade(print(100, OPEN + 180 * DAY));
    desk.driver.commit();
    desk.records();
    desk.fill(amend({ ...second, fillId: '2' }, 'CANCEL', { eventTime: OPEN + 181 * DAY }));
    expect(desk.rejections()).toEqual(['ORDER_FORGOTTEN']);
    expect(desk.records()).toEqual([]);
  });
});
