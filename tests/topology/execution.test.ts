import { describe, expect, it } from 'vitest';
import { parseDecimal } from '#schemas/decimal.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { execution } from '#topologies/execution/graph.ts';
import { TRADES_KEPT } from '#topologies/execution/market.ts';
import { at, instrument, NOW_MS } from './desk.ts';
import { ExecutionDesk, executed, order, print } from './execution-desk.ts';

const OPEN = at('01-03T15:00:00');
const SECOND = 1_000_000;
const DAY = 86_400 * SECOND;
const HORIZON = 5 * DAY;

/** A market at 100, then 102 in size 30 and 105 in size 10; an order of 100 between, decided at 99. */
const story = () =>
  new ExecutionDesk()
    .trade(print(98, OPEN - 60 * SECOND, 1000))
    .trade(print(100, OPEN - SECOND, 500))
    .order(order({ quantity: '100', decisionPrice: 99, time: OPEN }))
    .trade(print(102, OPEN + 10 * SECOND, 30))
    .fill(executed({ id: '1', quantity: '60', price: '103', commission: '1.5', venue: 'X', time: OPEN + 20 * SECOND }))
    .trade(print(105, OPEN + 30 * SECOND, 10))
    .fill(executed({ id: '2', quantity: '40', price: '104', commission: '1', venue: 'Y', time: OPEN + 40 * SECOND }));

describe('execution', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(execution())).toMatchFileSnapshot('../golden/execution.topology.txt');
  });

  it('publishes an order after each fill, with its costs so far', () => {
    const [first, last, ...rest] = story().outputs();
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ key: 'fund', timestampMs: (OPEN + 20 * SECOND) / 1000 });
    expect(first!.value).toMatchObject({
      eventTime: OPEN + 20 * SECOND,
      status: 'OPEN',
      fills: 1,
      fillRatio: 0.6,
      filledQuantity: parseDecimal('60'),
      averagePrice: 103,
      arrivalPrice: 100,
      vwap: 102,
      twap: 101,
      slippageArrivalBps: 300,
      delayCost: 60,
      tradingCost: 180,
      opportunityCost: null,
      shortfall: null,
      timeToFirstFillMicros: 20 * SECOND,
      timeToFullFillMicros: null,
      revision: 0,
    });
    expect(last!.value).toEqual({
      eventTime: OPEN + 40 * SECOND,
      portfolio: 'fund',
      orderId: 'o',
      instrument: 'AAPL',
      strategy: 'test',
      orderType: 'MARKET_ON_CLOSE',
      side: 'BUY',
      status: 'FILLED',
      quantity: parseDecimal('100'),
      filledQuantity: parseDecimal('100'),
      fillRatio: 1,
      fills: 2,
      averagePrice: 103.4,
      decisionPrice: 99,
      arrivalTime: OPEN,
      arrivalPrice: 100,
      firstFillTime: OPEN + 20 * SECOND,
      lastFillTime: OPEN + 40 * SECOND,
      timeToFirstFillMicros: 20 * SECOND,
      timeToFullFillMicros: 40 * SECOND,
      vwap: 102.75,
      twap: (100 * 10 + 102 * 20 + 105 * 10) / 40,
      slippageArrivalBps: expect.closeTo(340, 9),
      slippageVwapBps: expect.closeTo((0.65 / 102.75) * 1e4, 9),
      slippageTwapBps: expect.closeTo((1.15 / 102.25) * 1e4, 9),
      multiplier: parseDecimal('1'),
      endPrice: null,
      delayCost: 100,
      tradingCost: expect.closeTo(340, 9),
      opportunityCost: 0,
      fees: parseDecimal('2.5'),
      shortfall: expect.closeTo(442.5, 9),
      delayBps: expect.closeTo((100 / 9900) * 1e4, 9),
      tradingBps: expect.closeTo((340 / 9900) * 1e4, 9),
      opportunityBps: 0,
      feesBps: expect.closeTo((2.5 / 9900) * 1e4, 9),
      shortfallBps: expect.closeTo((442.5 / 9900) * 1e4, 9),
      venues: [
        { venue: 'X', fills: 1, quantity: parseDecimal('60'), averagePrice: 103, slippageBps: 300 },
        { venue: 'Y', fills: 1, quantity: parseDecimal('40'), averagePrice: 104, slippageBps: 400 },
      ],
      revision: 1,
      sourceTopic: 'orders.fills',
      sourceEventTime: OPEN + 40 * SECOND,
    });
  });

  it('has no VWAP without sizes, and no figure against an arrival before the first trade', () => {
    const desk = new ExecutionDesk();
    desk.order(order({ quantity: '10', time: OPEN })).trade(print(10, OPEN + SECOND));
    desk.fill(executed({ quantity: '10', price: '11', time: OPEN + 2 * SECOND }));
    expect(desk.records()).toMatchObject([
      {
        status: 'FILLED',
        arrivalPrice: null,
        vwap: null,
        twap: null,
        slippageArrivalBps: null,
        delayCost: null,
        tradingCost: null,
        shortfall: null,
        feesBps: null,
        opportunityCost: 0,
        averagePrice: 11,
      },
    ]);
  });

  it('counts amounts in units of the multiplier that was known at arrival', () => {
    const desk = new ExecutionDesk();
    desk.instrument(instrument('AAPL', '50', OPEN - DAY)).instrument(instrument('AAPL', '20', OPEN + 1000));
    desk.trade(print(100, OPEN)).order(order({ quantity: '2', decisionPrice: 99, time: OPEN }));
    desk.fill(executed({ quantity: '2', price: '101', commission: '3', time: OPEN + SECOND }));
    const [record] = desk.records();
    expect(record).toMatchObject({ multiplier: parseDecimal('50'), delayCost: 100, tradingCost: 100, shortfall: 203 });
    expect(record!.shortfallBps).toBeCloseTo((203 / (2 * 99 * 50)) * 1e4, 9);
  });

  it('does not take a multiplier of nothing', () => {
    const desk = new ExecutionDesk().instrument(instrument('AAPL', '0', OPEN - DAY));
    desk.order(order({ quantity: '2', time: OPEN }));
    desk.fill(executed({ quantity: '2', price: '101', time: OPEN + SECOND }));
    expect(desk.records()).toMatchObject([{ multiplier: parseDecimal('1') }]);
    expect(desk.driver.count('multiplier-invalid')).toBe(1);
  });

  it('says when more was executed than ordered, with nothing lost on it', () => {
    const desk = new ExecutionDesk()
      .trade(print(10, OPEN))
      .order(order({ quantity: '4', decisionPrice: 10, time: OPEN }));
    desk.fill(executed({ quantity: '5', price: '10', time: OPEN + SECOND }));
    expect(desk.records()).toMatchObject([{ status: 'FILLED', fillRatio: 1.25, opportunityCost: 0, shortfall: 0 }]);
  });

  it('writes each portfolio’s orders to its own partition, whatever the instrument', () => {
    const desk = new ExecutionDesk({}, 4);
    for (const name of ['AAPL', 'MSFT', 'TSLA', 'XOM', 'GE']) {
      desk.order(order({ id: name, instrument: name, quantity: '1', time: OPEN }));
      desk.fill(executed({ id: name, order: name, instrument: name, quantity: '1', price: '1', time: OPEN }));
    }
    expect(new Set(desk.outputs().map(({ partition }) => partition)).size).toBe(1);
  });
});

describe('an order whose horizon passes', () => {
  const open = () =>
    new ExecutionDesk()
      .trade(print(100, OPEN))
      .order(order({ quantity: '100', decisionPrice: 100, time: OPEN }))
      .fill(executed({ quantity: '40', price: '101', commission: '2', time: OPEN + SECOND }));

  it('is closed out at the last price by then, not at the one that told the time', () => {
    const desk = open().trade(print(107, OPEN + HORIZON - SECOND));
    desk.records();
    desk.trade(print(150, OPEN + HORIZON + DAY));
    expect(desk.outputs()).toMatchObject([
      {
        timestampMs: (OPEN + HORIZON) / 1000,
        value: {
          eventTime: OPEN + HORIZON,
          status: 'EXPIRED',
          fillRatio: 0.4,
          endPrice: 107,
          opportunityCost: 420,
          tradingCost: 40,
          shortfall: 462,
          shortfallBps: 462,
          lastFillTime: OPEN + SECOND,
          revision: 1,
          sourceTopic: 'orders.requests',
          sourceEventTime: OPEN,
        },
      },
    ]);
    desk.trade(print(150, OPEN + 3 * HORIZON));
    expect(desk.records()).toEqual([]);
  });

  it('is published once, without any fill too, and on time when another instrument tells it', () => {
    const desk = new ExecutionDesk({ horizonMs: 60_000 }).trade(print(50, OPEN));
    for (const id of ['late', 'b', 'a'])
      desk.order(order({ id, quantity: '1', decisionPrice: 49, time: OPEN + (id === 'late' ? SECOND : 0) }));
    desk.trade(print(1, OPEN + 59 * SECOND, null, 'MSFT'));
    expect(desk.records()).toEqual([]);
    desk.trade(print(1, OPEN + 62 * SECOND, null, 'MSFT'));
    expect(desk.records().map(({ orderId, opportunityCost }) => `${orderId} ${opportunityCost}`)).toEqual([
      'a 1',
      'b 1',
      'late 1',
    ]);
    expect(desk.driver.store('deadlines').size).toBe(0);
  });

  it('may still be filled: what came is what happened', () => {
    const desk = open().trade(print(107, OPEN + 2 * HORIZON));
    desk.records();
    desk.fill(executed({ id: '2', quantity: '10', price: '108', time: OPEN + HORIZON + SECOND }));
    desk.fill(executed({ id: '3', quantity: '50', price: '109', time: OPEN + SECOND }));
    expect(desk.records()).toMatchObject([
      { status: 'EXPIRED', fills: 2, endPrice: 100, opportunityCost: 0, eventTime: OPEN + HORIZON + SECOND },
      { status: 'FILLED', fills: 3, endPrice: null, opportunityCost: 0, eventTime: OPEN + HORIZON + SECOND },
    ]);
  });

  it('that is filled in time never expires', () => {
    const desk = story();
    desk.records();
    desk.trade(print(1, OPEN + 2 * HORIZON));
    expect(desk.records()).toEqual([]);
    expect(desk.driver.store('deadlines').size).toBe(0);
  });
});

describe('what comes late', () => {
  it('of the market is in no benchmark, and kept aside', () => {
    const desk = new ExecutionDesk().trade(print(100, OPEN, 10)).order(order({ quantity: '1', time: OPEN }));
    desk.trade(print(110, OPEN + 20 * SECOND, 10));
    desk.trade(print(5000, OPEN + 10 * SECOND, 1e6));
    desk.fill(executed({ quantity: '1', price: '110', time: OPEN + 20 * SECOND }));
    expect(desk.records()).toMatchObject([{ vwap: 110, twap: 100 }]);
    expect(desk.driver.readLate()).toMatchObject([{ value: { price: 5000 } }]);
  });

  it('of orders and fills is measured by the market of its own time', () => {
    const desk = new ExecutionDesk().trade(print(98, OPEN - 60 * SECOND, 1000)).trade(print(100, OPEN - SECOND, 500));
    desk.trade(print(102, OPEN + 10 * SECOND, 30)).trade(print(105, OPEN + 30 * SECOND, 10));
    desk.trade(print(999, OPEN + 50 * SECOND, 10_000));
    desk.order(order({ quantity: '100', decisionPrice: 99, time: OPEN }));
    desk.fill(
      executed({ id: '2', quantity: '40', price: '104', commission: '1', venue: 'Y', time: OPEN + 40 * SECOND }),
    );
    desk.fill(
      executed({ id: '1', quantity: '60', price: '103', commission: '1.5', venue: 'X', time: OPEN + 20 * SECOND }),
    );
    const last = desk.records().at(-1)!;
    const inTime = story().records().at(-1)!;
    expect({ ...last, venues: last.venues.toReversed(), sourceEventTime: OPEN + 40 * SECOND }).toEqual(inTime);
  });

  it('by more trades than are kept leaves unknown what it needs them for', () => {
    const desk = new ExecutionDesk();
    for (let index = 0; index <= TRADES_KEPT; index++) desk.trade(print(100 + index, OPEN + index * SECOND, 1));
    expect(desk.driver.store('market-moments').size).toBe(TRADES_KEPT);
    desk.order(order({ quantity: '2', decisionPrice: 99, time: OPEN }));
    desk.order(order({ id: 'known', quantity: '2', decisionPrice: 99, time: OPEN + SECOND }));
    for (const id of ['o', 'known'])
      desk.fill(executed({ id, order: id, quantity: '1', price: '101', time: OPEN + 2 * SECOND }));
    expect(desk.records()).toMatchObject([
      { orderId: 'o', arrivalPrice: null, vwap: null, twap: null, tradingCost: null },
      { orderId: 'known', arrivalPrice: 101, vwap: 102, twap: 101, tradingCost: 0 },
    ]);
    expect(desk.driver.count('market-forgotten')).toBe(1);
  });

  it('of the same time as the fill is put right by the next trade', () => {
    const desk = new ExecutionDesk().trade(print(100, OPEN, 1)).order(order({ quantity: '1', time: OPEN }));
    desk.trade(print(101, OPEN, 1));
    const close = OPEN + 10 * SECOND;
    desk.fill(executed({ quantity: '1', price: '103', time: close }));
    desk.trade(print(102, close, 5)).trade(print(104, close, 5));
    desk.trade(print(200, close + 1, 1000)).trade(print(300, close + 2, 1000));
    expect(desk.records()).toMatchObject([
      { arrivalPrice: 101, vwap: null, revision: 0 },
      { arrivalPrice: 101, vwap: 103, twap: 101, revision: 1, eventTime: close, sourceTopic: 'market.trades' },
    ]);
    expect(desk.driver.store('unsettled').size).toBe(0);
  });

  it('of the same time as the arrival is put right too', () => {
    const desk = new ExecutionDesk().trade(print(100, OPEN - 1, 1)).order(order({ quantity: '1', time: OPEN }));
    desk.fill(executed({ quantity: '1', price: '103', time: OPEN }));
    desk.trade(print(101, OPEN, 1)).trade(print(200, OPEN + 1, 1));
    const records = desk.records();
    expect(records[0]).toMatchObject({ arrivalPrice: 100, twap: 100, slippageArrivalBps: 300 });
    expect(records.at(-1)).toMatchObject({ arrivalPrice: 101, twap: 101, vwap: null, sourceTopic: 'market.trades' });
  });

  it('is the order itself: its fills wait for it', () => {
    const desk = new ExecutionDesk().trade(print(100, OPEN));
    desk.fill(executed({ id: '1', quantity: '1', price: '101', time: OPEN + SECOND }));
    desk.fill(executed({ id: '2', quantity: '1', price: '103', time: OPEN + 2 * SECOND }));
    desk.fill(executed({ id: '3', quantity: '1', price: '103', side: 'SELL', time: OPEN + 2 * SECOND }));
    expect(desk.records()).toEqual([]);
    expect(desk.driver.count('fill-before-order')).toBe(3);
    desk.order(order({ quantity: '2', decisionPrice: 100, time: OPEN }));
    expect(desk.records()).toMatchObject([
      { status: 'FILLED', fills: 2, averagePrice: 102, sourceTopic: 'orders.requests', revision: 0 },
    ]);
  });
});

describe('fills that do not fit', () => {
  it('are counted where there is no order to measure', () => {
    const desk = new ExecutionDesk();
    const lone = executed({ order: null, quantity: '1', price: '1', time: OPEN });
    desk.fill(lone).fill({ ...lone, action: 'CANCEL' });
    desk.fill(executed({ id: '2', order: 'nobody', quantity: '1', price: '1', time: OPEN }));
    expect(desk.records()).toEqual([]);
    expect(desk.rejections()).toEqual([]);
    const counts = ['fill-without-order', 'amendment-without-order', 'fill-before-order'];
    expect(counts.map((event) => desk.driver.count(event))).toEqual([1, 1, 1]);
  });

  it('are left out when they are of the other side', () => {
    const desk = new ExecutionDesk().order(order({ quantity: '2', time: OPEN }));
    desk.fill(executed({ id: '1', quantity: '1', price: '1', side: 'SELL', time: OPEN }));
    expect(desk.records()).toEqual([]);
    desk.fill(executed({ id: '2', quantity: '1', price: '1', time: OPEN }));
    expect(desk.records()).toMatchObject([{ fills: 1, fillRatio: 0.5 }]);
    expect(desk.driver.count('fill-of-other-side')).toBe(1);
  });

  it('change nothing the second time, nor does an order', () => {
    const desk = story();
    desk.records();
    desk.fill(executed({ id: '1', quantity: '9', price: '1', time: OPEN }));
    desk.fill(executed({ id: '1', instrument: 'MSFT', quantity: '9', price: '1', time: OPEN }));
    desk.order(order({ quantity: '7', time: OPEN }));
    desk.order(order({ quantity: '7', instrument: 'MSFT', time: OPEN }));
    expect(desk.records()).toEqual([]);
    expect([desk.driver.count('duplicate-fill'), desk.driver.count('duplicate-order')]).toEqual([2, 2]);
  });
});

describe('execution after an abort', () => {
  it('has orders, the market, what is not settled and what is open as of the last commit', () => {
    const desk = new ExecutionDesk().trade(print(100, OPEN - SECOND, 5));
    desk.order(order({ quantity: '100', decisionPrice: 99, time: OPEN }));
    desk.driver.commit();
    desk.fill(executed({ id: '1', quantity: '100', price: '1', time: OPEN }));
    desk.trade(print(1, OPEN + SECOND, 1000));
    desk.driver.abort();
    desk.records();
    desk.trade(print(101, OPEN, 5)).trade(print(103, OPEN + SECOND, 5));
    desk.fill(executed({ id: '1', quantity: '60', price: '102', time: OPEN + 2 * SECOND }));
    expect(desk.records()).toMatchObject([{ fills: 1, arrivalPrice: 101, vwap: 103, twap: 102, revision: 0 }]);
    desk.driver.commit();
    desk.driver.abort();
    desk.trade(print(104, OPEN + HORIZON)).trade(print(105, OPEN + HORIZON + SECOND));
    expect(desk.records()).toMatchObject([{ status: 'EXPIRED', endPrice: 104, revision: 1 }]);
  });
});

describe('bad records of execution', () => {
  const good = order({ quantity: '1', time: OPEN });
  const fill = executed({ quantity: '1', price: '1', time: OPEN });
  const future = (NOW_MS + 2 * 86_400_000) * 1000;

  it.each<[string, OrderRequest, string | null]>([
    ['KEY_MISMATCH', good, 'other'],
    ['KEY_MISMATCH', good, null],
    ['ID_INVALID', { ...good, portfolio: 'a/b' }, 'a/b'],
    ['ID_INVALID', { ...good, instrument: '' }, 'fund'],
    ['ID_INVALID', { ...good, orderId: '' }, 'fund'],
    ['ORDER_QUANTITY_INVALID', { ...good, quantity: 0n }, 'fund'],
    ['ORDER_PRICE_INVALID', { ...good, decisionPrice: Number.NaN }, 'fund'],
    ['ORDER_PRICE_INVALID', { ...good, decisionPrice: 0 }, 'fund'],
    ['ORDER_PRICE_INVALID', { ...good, decisionPrice: Number.POSITIVE_INFINITY }, 'fund'],
    ['EVENT_TIME_IN_FUTURE', { ...good, eventTime: future }, 'fund'],
    ['EVENT_TIME_INVALID', { ...good, eventTime: -1 }, 'fund'],
  ])('rejects an order with %s and goes on', (code, value, key) => {
    const desk = new ExecutionDesk().order(value, key);
    expect(desk.rejections()).toEqual([code]);
    desk.order(good).fill(fill);
    expect(desk.records()).toMatchObject([{ status: 'FILLED' }]);
  });

  it.each<[string, Fill, string | null]>([
    ['KEY_MISMATCH', fill, 'other'],
    ['ID_INVALID', { ...fill, fillId: '' }, 'fund'],
    ['ID_INVALID', { ...fill, orderId: '' }, 'fund'],
    ['FILL_QUANTITY_INVALID', { ...fill, quantity: -1n }, 'fund'],
    ['FILL_PRICE_INVALID', { ...fill, price: 0n }, 'fund'],
    ['EVENT_TIME_INVALID', { ...fill, eventTime: -1 }, 'fund'],
  ])('rejects a fill with %s and leaves its id free', (code, value, key) => {
    const desk = new ExecutionDesk().order(good).fill(value, key);
    expect(desk.rejections()).toEqual([code]);
    expect(desk.records()).toEqual([]);
    desk.fill(fill);
    expect(desk.records()).toMatchObject([{ status: 'FILLED' }]);
  });

  it.each(['orders.requests', 'orders.fills', 'market.trades'])('rejects a record of %s without a value', (topic) => {
    const desk = new ExecutionDesk();
    desk.driver.pipe(topic, { key: 'fund', value: null, timestampMs: 1 });
    expect(desk.rejections()).toEqual(['VALUE_MISSING']);
  });

  it('rejects a trade that is none, and figures stay finite at the ends of what may come', () => {
    const desk = new ExecutionDesk();
    for (const price of [Number.NaN, -1, 0]) desk.trade(print(price, OPEN));
    desk.trade(print(1, OPEN, -1));
    expect(desk.rejections()).toEqual([...Array(3).fill('TRADE_PRICE_INVALID'), 'TRADE_SIZE_INVALID']);
    desk
      .trade(print(1e-300, OPEN - SECOND, 1e-300))
      .order(order({ quantity: '0.000000001', decisionPrice: 1e-300, time: OPEN }));
    desk.trade(print(9e28, OPEN + SECOND, 9e28)).trade(print(1e-300, OPEN + 2 * SECOND, 1e-300));
    const huge = '99999999999999999999999999999';
    desk.fill(executed({ quantity: huge, price: huge, commission: huge, time: OPEN + 3 * SECOND }));
    expect(desk.rejections()).toEqual([]);
    const [record] = desk.records();
    for (const value of Object.values(record!))
      if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
    expect(record).toMatchObject({ status: 'FILLED', slippageArrivalBps: null, shortfallBps: null });
    desk.fill(executed({ id: '2', quantity: huge, price: huge, commission: huge, time: OPEN + 3 * SECOND }));
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE']);
  });
});
