import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { Fill } from '#schemas/generated/types.ts';
import { describeTopology } from '#streams/topology/describe.ts';
import { positions } from '#topologies/positions/graph.ts';
import { at, Desk, fill, instrument, NOW_MS, trade } from './desk.ts';

const OPEN = at('01-03T15:00:00');
const CLOSE = at('01-03T16:00:00');
const buy = (
  id: string,
  quantity: string,
  price: string,
  time = OPEN,
  rest: Partial<Parameters<typeof fill>[0]> = {},
) => fill({ id, instrument: 'AAPL', side: 'BUY', quantity, price, time, ...rest });

describe('positions', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(positions())).toMatchFileSnapshot('../golden/positions.topology.txt');
  });

  it('emits a position for a fill, at the newest mark', () => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 11, OPEN - 1));
    desk.fill(buy('1', '100', '10', OPEN, { commission: '1' }));
    const [position, ...rest] = desk.readPositions();
    expect(rest).toEqual([]);
    expect(position).toMatchObject({
      key: 'fund/AAPL',
      timestampMs: OPEN / 1000,
      value: {
        eventTime: OPEN,
        quantity: parseDecimal('100'),
        cost: parseDecimal('1000'),
        averagePrice: 10,
        markPrice: 11,
        markTime: OPEN - 1,
        multiplier: parseDecimal('1'),
        realizedPnl: parseDecimal('-1'),
        unrealizedPnl: 100,
        commission: parseDecimal('1'),
        cashFlow: parseDecimal('-1001'),
        fills: 1,
        revision: 1,
        unpriced: false,
        cause: 'FILL',
        sourceTopic: 'orders.fills',
        sourceEventTime: OPEN,
      },
    });
  });

  it('marks every holder on a trade, in order of portfolio, and nobody else', () => {
    const desk = new Desk();
    for (const name of ['zeta', 'alpha', 'mid'])
      desk.fill(
        fill({ id: '1', portfolio: name, instrument: 'AAPL', side: 'BUY', quantity: '1', price: '10', time: OPEN }),
      );
    desk.fill(
      fill({ id: '2', portfolio: 'mid', instrument: 'AAPL', side: 'SELL', quantity: '1', price: '10', time: OPEN }),
    );
    desk.fill(
      fill({ id: '1', portfolio: 'other', instrument: 'MSFT', side: 'BUY', quantity: '1', price: '10', time: OPEN }),
    );
    desk.readPositions();
    desk.trade(trade('AAPL', 12, CLOSE));
    const marked = desk.readPositions();
    expect(marked.map(({ key }) => key)).toEqual(['alpha/AAPL', 'zeta/AAPL']);
    expect(marked[0]!.value).toMatchObject({
      cause: 'MARK',
      eventTime: CLOSE,
      sourceTopic: 'market.trades',
      sourceEventTime: CLOSE,
      unrealizedPnl: 2,
    });
    desk.trade(trade('TSLA', 12, CLOSE));
    expect(desk.readPositions()).toEqual([]);
  });

  it('writes a portfolio’s positions to the partition of the portfolio', () => {
    const desk = new Desk();
    for (const name of ['AAPL', 'MSFT', 'TSLA', 'XOM', 'GE'])
      desk.fill(fill({ id: name, instrument: name, side: 'BUY', quantity: '1', price: '10', time: OPEN }));
    expect(new Set(desk.readPositions().map(({ partition }) => partition)).size).toBe(1);
  });

  it('does not move the mark for a late trade, and lets the later offset win at the same time', () => {
    const desk = new Desk();
    desk.fill(buy('1', '1', '10'));
    desk.trade(trade('AAPL', 12, CLOSE));
    desk.trade(trade('AAPL', 9, CLOSE - 1));
    desk.trade(trade('AAPL', 13, CLOSE));
    expect(desk.readPositions().map(({ value }) => value.markPrice)).toEqual([null, 12, 13]);
    expect(desk.positions.count('late-trade')).toBe(1);
  });

  it('counts a fill however late it is, and keeps the mark and the event time', () => {
    const desk = new Desk();
    desk.fill(buy('1', '1', '10', CLOSE));
    desk.trade(trade('AAPL', 12, CLOSE + 5));
    desk.fill(buy('2', '1', '8', at('01-01T00:00:00')));
    const last = desk.readPositions().at(-1)!.value;
    expect(last).toMatchObject({ fills: 2, markPrice: 12, eventTime: CLOSE + 5, unrealizedPnl: 6 });
    expect(last.sourceEventTime).toBe(at('01-01T00:00:00'));
  });

  it('changes nothing for a fillId seen before in the portfolio, and counts it', () => {
    const desk = new Desk();
    desk.fill(buy('1', '100', '10'));
    desk.fill(buy('1', '999', '77'));
    desk.fill(buy('1', '5', '10', OPEN, { instrument: 'MSFT' }));
    desk.fill(buy('1', '7', '10', OPEN, { portfolio: 'another' }));
    expect(desk.readPositions().map(({ key, value }) => `${key} ${formatDecimal(value.quantity)}`)).toEqual([
      'fund/AAPL 100',
      'another/AAPL 7',
    ]);
    expect(desk.positions.count('duplicate-fill')).toBe(2);
    expect(desk.rejections()).toEqual([]);
  });

  it('is unpriced until the instrument trades', () => {
    const desk = new Desk();
    desk.fill(buy('1', '2', '10'));
    desk.trade(trade('AAPL', 11, OPEN));
    const [unpriced, priced] = desk.readPositions().map(({ value }) => value);
    expect(unpriced).toMatchObject({ unpriced: true, markPrice: null, markTime: null, unrealizedPnl: null });
    expect(priced).toMatchObject({ unpriced: false, markPrice: 11, unrealizedPnl: 2 });
  });

  it('shows a flat position once, and carries its totals on when it opens again', () => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 10, OPEN));
    desk.fill(buy('1', '2', '10'));
    desk.fill(fill({ id: '2', instrument: 'AAPL', side: 'SELL', quantity: '2', price: '13', time: OPEN }));
    desk.trade(trade('AAPL', 14, OPEN));
    desk.fill(buy('3', '1', '14'));
    const [, flat, again] = desk.readPositions().map(({ value }) => value);
    expect(flat).toMatchObject({ quantity: 0n, cost: 0n, averagePrice: null, unrealizedPnl: 0, unpriced: false });
    expect(again).toMatchObject({ realizedPnl: parseDecimal('6'), cashFlow: parseDecimal('-8'), fills: 3 });
  });

  it('takes the multiplier known at the time of the opening fill, and keeps it', () => {
    const desk = new Desk();
    desk.instrument(instrument('AAPL', '50', OPEN));
    desk.instrument(instrument('AAPL', '20', CLOSE));
    desk.fill(buy('1', '1', '10', OPEN + 1));
    desk.fill(buy('2', '1', '10', CLOSE + 1));
    desk.fill(fill({ id: '3', instrument: 'AAPL', side: 'SELL', quantity: '3', price: '11', time: CLOSE + 2 }));
    desk.fill(buy('4', '1', '10', OPEN - 1, { portfolio: 'early' }));
    desk.trade(trade('AAPL', 12, CLOSE));
    const shown = desk
      .readPositions()
      .map(({ value }) => `${formatDecimal(value.multiplier)} ${formatDecimal(value.cost)} ${value.unrealizedPnl}`);
    // The trade marks "early" first (2 × 50), then the short of "fund" (-1 × 20).
    expect(shown).toEqual(['50 500 null', '50 1000 null', '20 -220 null', '50 500 null', '50 500 100', '20 -220 -20']);
    expect(desk.readPositions()).toEqual([]);
  });

  it('forgets an instrument at its tombstone', () => {
    const desk = new Desk();
    desk.instrument(instrument('AAPL', '50', OPEN));
    desk.positions.pipe('reference.instruments', { key: 'AAPL', value: null, timestampMs: 1 });
    desk.fill(buy('1', '1', '10'));
    expect(desk.readPositions()[0]!.value.multiplier).toBe(parseDecimal('1'));
    expect(desk.rejections()).toEqual([]);
  });

  it('has the stores of the last commit again after an abort, marks and holders included', () => {
    const desk = new Desk();
    desk.fill(buy('1', '1', '10'));
    desk.trade(trade('AAPL', 11, OPEN));
    desk.positions.commit();
    desk.fill(buy('2', '5', '10'));
    desk.fill(buy('1', '5', '10', OPEN, { portfolio: 'gone' }));
    desk.trade(trade('AAPL', 99, CLOSE));
    desk.positions.abort();
    desk.readPositions();
    desk.fill(buy('2', '5', '10'));
    desk.trade(trade('AAPL', 12, OPEN + 1));
    const outputs = desk.readPositions();
    expect(outputs.map(({ key, value }) => `${key} ${formatDecimal(value.quantity)} ${value.markPrice}`)).toEqual([
      'fund/AAPL 6 11',
      'fund/AAPL 6 12',
    ]);
  });
});

describe('positions with conflated marks', () => {
  it('emits the newest mark once a commit, and every fill', () => {
    const desk = new Desk({ conflateMarks: true });
    desk.fill(buy('1', '1', '10'));
    desk.fill(buy('1', '1', '10', OPEN, { portfolio: 'second' }));
    for (const price of [11, 12, 13]) desk.trade(trade('AAPL', price, CLOSE));
    expect(desk.readPositions().map(({ value }) => value.cause)).toEqual(['FILL', 'FILL']);
    desk.positions.commit();
    expect(desk.readPositions().map(({ key, value }) => `${key} ${value.markPrice}`)).toEqual([
      'fund/AAPL 13',
      'second/AAPL 13',
    ]);
    desk.positions.commit();
    expect(desk.readPositions()).toEqual([]);
  });

  it('does not repeat a mark that a fill has shown', () => {
    const desk = new Desk({ conflateMarks: true });
    desk.fill(buy('1', '1', '10'));
    desk.fill(buy('1', '1', '10', OPEN, { portfolio: 'second' }));
    desk.trade(trade('AAPL', 11, CLOSE));
    desk.fill(buy('2', '1', '10'));
    desk.positions.commit();
    expect(desk.readPositions().map(({ key, value }) => `${key} ${value.cause}`)).toEqual([
      'fund/AAPL FILL',
      'second/AAPL FILL',
      'fund/AAPL FILL',
      'second/AAPL MARK',
    ]);
  });
});

describe('bad records of positions', () => {
  const bad = (change: Partial<Fill>) => ({ ...buy('1', '1', '10'), ...change });
  const future = (NOW_MS + 2 * 86_400_000) * 1000;

  it.each<[string, Fill, string | null]>([
    ['KEY_MISMATCH', buy('1', '1', '10'), 'other'],
    ['KEY_MISMATCH', buy('1', '1', '10'), null],
    ['ID_INVALID', bad({ portfolio: '' }), ''],
    ['ID_INVALID', bad({ portfolio: 'a/b' }), 'a/b'],
    ['ID_INVALID', bad({ instrument: 'BTC/USD' }), 'fund'],
    ['ID_INVALID', bad({ instrument: 'x'.repeat(101) }), 'fund'],
    ['ID_INVALID', bad({ fillId: '' }), 'fund'],
    ['FILL_QUANTITY_INVALID', bad({ quantity: 0n }), 'fund'],
    ['FILL_QUANTITY_INVALID', bad({ quantity: -1n }), 'fund'],
    ['FILL_PRICE_INVALID', bad({ price: 0n }), 'fund'],
    ['AMOUNT_OUT_OF_RANGE', bad({ quantity: 10n ** 37n, price: 10n ** 37n }), 'fund'],
    ['EVENT_TIME_IN_FUTURE', bad({ eventTime: future }), 'fund'],
    ['EVENT_TIME_INVALID', bad({ eventTime: -1 }), 'fund'],
  ])('rejects a fill with %s and goes on', (code, value, key) => {
    const desk = new Desk();
    desk.fill(value, key);
    expect(desk.rejections()).toEqual([code]);
    expect(desk.readPositions()).toEqual([]);
    // A rejected fill leaves the ledger and, unless an amount grew too large, its id free.
    desk.fill(buy('2', '1', '10'));
    expect(desk.readPositions().map((output) => output.value.fills)).toEqual([1]);
  });

  it('lets a corrected fill in under the id of a rejected one', () => {
    const desk = new Desk();
    desk.fill(bad({ quantity: 0n }));
    desk.fill(buy('1', '1', '10'));
    expect(desk.readPositions()).toHaveLength(1);
  });

  it.each<[string, ReturnType<typeof trade>, string | null]>([
    ['TRADE_PRICE_INVALID', trade('AAPL', -1, CLOSE), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', 0, CLOSE), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', Number.NaN, CLOSE), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', Number.POSITIVE_INFINITY, CLOSE), 'AAPL'],
    ['TRADE_PRICE_INVALID', trade('AAPL', 1e29, CLOSE), 'AAPL'],
    ['TRADE_SIZE_INVALID', { ...trade('AAPL', 1, CLOSE), size: Number.NaN }, 'AAPL'],
    ['TRADE_SIZE_INVALID', { ...trade('AAPL', 1, CLOSE), size: 0 }, 'AAPL'],
    ['KEY_MISMATCH', trade('AAPL', 1, CLOSE), 'MSFT'],
    ['KEY_MISMATCH', trade('AAPL', 1, CLOSE), null],
    ['ID_INVALID', trade('', 1, CLOSE), ''],
    ['ID_INVALID', trade('A/B', 1, CLOSE), 'A/B'],
    ['EVENT_TIME_IN_FUTURE', trade('AAPL', 1, future), 'AAPL'],
  ])('rejects a trade with %s and keeps the mark', (code, value, key) => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 10, OPEN));
    desk.trade(value, key);
    expect(desk.rejections()).toEqual([code]);
    desk.fill(buy('1', '1', '10'));
    expect(desk.readPositions().at(-1)!.value.markPrice).toBe(10);
  });

  it.each<[string, ReturnType<typeof instrument>, string | null]>([
    ['INSTRUMENT_MULTIPLIER_INVALID', instrument('AAPL', '0', OPEN), 'AAPL'],
    ['INSTRUMENT_MULTIPLIER_INVALID', instrument('AAPL', '-1', OPEN), 'AAPL'],
    ['KEY_MISMATCH', instrument('AAPL', '2', OPEN), 'MSFT'],
    ['ID_INVALID', instrument('A/B', '2', OPEN), 'A/B'],
  ])('rejects an instrument with %s', (code, value, key) => {
    const desk = new Desk();
    desk.instrument(value, key);
    expect(desk.rejections()).toEqual([code]);
    desk.fill(buy('1', '1', '10'));
    expect(desk.readPositions()[0]!.value.multiplier).toBe(parseDecimal('1'));
  });

  it('rejects records without a value', () => {
    const desk = new Desk();
    for (const topic of ['market.trades', 'orders.fills'])
      desk.positions.pipe(topic, { key: 'AAPL', value: null, timestampMs: 1 });
    expect(desk.rejections()).toEqual(['VALUE_MISSING', 'VALUE_MISSING']);
  });

  it('rejects a fill that would take a position out of range, and keeps the position', () => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 1e28, OPEN));
    desk.fill(buy('1', '6e28', '1'));
    desk.fill(buy('2', '6e28', '1'));
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE']);
    const outputs = desk.readPositions();
    expect(outputs).toHaveLength(1);
    expect(outputs[0]!.value.unrealizedPnl).toBe(6e56 - 6e28);
  });
});
