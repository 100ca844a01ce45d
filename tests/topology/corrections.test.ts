import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { AuditEntry, Fill, Position } from '#schemas/generated/types.ts';
import { at, cash, Desk, fill, instrument, trade } from './desk.ts';

const DAY1 = at('01-03T21:00:00');
const DAY2 = at('01-04T21:00:00');
const DAY3 = at('01-05T21:00:00');
const deal = (id: string, side: Fill['side'], quantity: string, price: string, commission = '0', name = 'AAPL') =>
  fill({ id, instrument: name, side, quantity, price, commission, time: DAY1 });
const amend = (action: 'CORRECT' | 'CANCEL', of: Fill, eventTime = DAY2): Fill => ({ ...of, action, eventTime });
const audit = (desk: Desk) => desk.positions.read<AuditEntry>('audit.trail');
const exact = ({ quantity, cost, realizedPnl, commission, cashFlow, fills }: Position) =>
  [...[quantity, cost, realizedPnl, commission, cashFlow].map(formatDecimal), fills].join(' ');
const last = (desk: Desk) => desk.readPositions().at(-1)!.value;
/** The figures after these fills and nothing else. */
const figuresOf = (...fills: Fill[]) => {
  const desk = new Desk();
  for (const next of fills) desk.fill(next);
  return exact(last(desk));
};

const FIRST = deal('1', 'BUY', '3', '10', '1');
const SECOND = deal('2', 'BUY', '4', '10.1', '1');
const THIRD = deal('3', 'SELL', '5', '12', '1');

describe('a corrected fill', () => {
  it('leaves the figures that it would have left had it been right, as one record', () => {
    const desk = new Desk();
    for (const next of [FIRST, SECOND, THIRD]) desk.fill(next);
    desk.trade(trade('AAPL', 13, DAY1 + 5));
    desk.readPositions();
    desk.fill(amend('CORRECT', { ...deal('1', 'BUY', '30', '7', '2') }));
    const [corrected, ...rest] = desk.readPositions();
    expect(rest).toEqual([]);
    expect(exact(corrected!.value)).toBe(figuresOf(deal('1', 'BUY', '30', '7', '2'), SECOND, THIRD));
    expect(corrected).toMatchObject({
      key: 'fund/AAPL',
      timestampMs: DAY2 / 1000,
      value: {
        eventTime: DAY2,
        cause: 'FILL',
        markPrice: 13,
        fills: 3,
        revision: 4,
        sourceTopic: 'orders.fills',
        sourceEventTime: DAY2,
      },
    });
    expect(desk.rejections()).toEqual([]);
  });

  it('is marked by the trades that follow as if it had always been right', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill(amend('CORRECT', deal('1', 'SELL', '2', '10')));
    desk.trade(trade('AAPL', 12, DAY3));
    expect(last(desk)).toMatchObject({ quantity: parseDecimal('-2'), unrealizedPnl: -4, revision: 2 });
  });

  it('is what the next correction and the cancellation amend', () => {
    const desk = new Desk();
    for (const next of [FIRST, SECOND]) desk.fill(next);
    desk.fill(amend('CORRECT', deal('1', 'BUY', '5', '10')));
    desk.fill(amend('CORRECT', deal('1', 'BUY', '6', '11'), DAY2 + 1));
    expect(exact(last(desk))).toBe(figuresOf(deal('1', 'BUY', '6', '11'), SECOND));
    expect(audit(desk).map(({ value }) => JSON.parse(value.before!).quantity)).toEqual(['3', '5']);
    desk.fill(amend('CANCEL', FIRST, DAY3));
    expect(exact(last(desk))).toBe(figuresOf(SECOND));
  });

  it('keeps its own time, and the multiplier that was known for it when it came', () => {
    const desk = new Desk();
    desk.instrument(instrument('AAPL', '50', DAY1 - 1));
    desk.fill(FIRST);
    desk.fill(SECOND);
    desk.instrument(instrument('AAPL', '7', DAY1 - 1));
    desk.instrument(instrument('AAPL', '20', DAY2 - 1));
    desk.fill(amend('CORRECT', deal('1', 'BUY', '1', '10')));
    expect(last(desk)).toMatchObject({ multiplier: parseDecimal('50'), cost: parseDecimal('2520') });
  });
});

describe('a cancelled fill', () => {
  it('leaves the figures that there would be without it', () => {
    const desk = new Desk();
    for (const next of [FIRST, SECOND, THIRD]) desk.fill(next);
    desk.fill(amend('CANCEL', SECOND));
    expect(exact(last(desk))).toBe(figuresOf(FIRST, THIRD));
  });

  it('may be the only one: the position is flat and is marked no more', () => {
    const desk = new Desk();
    desk.trade(trade('AAPL', 12, DAY1));
    desk.fill(FIRST);
    desk.fill(amend('CANCEL', FIRST));
    expect(exact(last(desk))).toBe('0 0 0 0 0 0');
    desk.trade(trade('AAPL', 13, DAY3));
    expect(desk.readPositions()).toEqual([]);
    desk.fill({ ...SECOND, eventTime: DAY3 });
    expect(exact(last(desk))).toBe(figuresOf(SECOND));
  });

  it('opens a position again that it had closed', () => {
    const desk = new Desk();
    const sale = deal('2', 'SELL', '3', '12');
    desk.fill(FIRST);
    desk.fill(sale);
    desk.fill(amend('CANCEL', sale));
    desk.readPositions();
    desk.trade(trade('AAPL', 13, DAY3));
    expect(last(desk)).toMatchObject({ quantity: parseDecimal('3'), unrealizedPnl: 9, cause: 'MARK' });
  });

  it('is not looked at: its side and amounts may be anything', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill({ ...amend('CANCEL', FIRST), quantity: 0n, price: 0n, side: 'SELL' });
    expect(last(desk)).toMatchObject({ quantity: 0n, fills: 0 });
  });

  it('keeps its id: a NEW fill under it is a duplicate', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill(amend('CANCEL', FIRST));
    desk.readPositions();
    desk.fill(FIRST);
    expect(desk.readPositions()).toEqual([]);
    expect(desk.positions.count('duplicate-fill')).toBe(1);
  });
});

describe('the audit trail', () => {
  it('says what was amended, by which record, and what it did', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill(THIRD);
    expect(audit(desk)).toEqual([]);
    desk.fill(amend('CORRECT', deal('1', 'BUY', '3', '11', '0.5')));
    desk.fill(amend('CANCEL', THIRD, DAY3));
    const [corrected, cancelled] = audit(desk);
    expect(corrected).toMatchObject({ key: 'fund', timestampMs: DAY2 / 1000 });
    expect(corrected!.value).toMatchObject({
      eventTime: DAY2,
      portfolio: 'fund',
      instrument: 'AAPL',
      subject: 'FILL',
      subjectId: '1',
      action: 'CORRECT',
      sourceTopic: 'orders.fills',
      sourceEventTime: DAY2,
      sourceOffset: 2,
    });
    expect(corrected!.value.sourcePartition).toBe(corrected!.partition);
    const texts = ['before', 'after', 'effect'] as const;
    expect(texts.map((text) => JSON.parse(corrected!.value[text]!))).toEqual([
      { eventTime: DAY1, side: 'BUY', quantity: '3', price: '10', commission: '1' },
      { eventTime: DAY1, side: 'BUY', quantity: '3', price: '11', commission: '0.5' },
      {
        quantity: { before: '-2', after: '-2' },
        cost: { before: '-24', after: '-24' },
        realizedPnl: { before: '4', after: '1.5' },
        commission: { before: '2', after: '1.5' },
        cashFlow: { before: '28', after: '25.5' },
        dividends: { before: '0', after: '0' },
      },
    ]);
    expect(cancelled!.value).toMatchObject({ action: 'CANCEL', subjectId: '3', after: null, sourceOffset: 3 });
    expect(JSON.parse(cancelled!.value.before!)).toMatchObject({ side: 'SELL', quantity: '5', price: '12' });
  });

  it('has no entry for what changes nothing', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill(FIRST);
    for (let times = 0; times < 2; times++) desk.fill(amend('CANCEL', FIRST));
    desk.fill(amend('CANCEL', FIRST, DAY3));
    desk.fill(amend('CANCEL', SECOND));
    expect(audit(desk)).toHaveLength(1);
    expect(desk.positions.count('duplicate-amendment')).toBe(1);
    expect(desk.rejections()).toEqual(['FILL_CANCELLED', 'FILL_UNKNOWN']);
  });
});

describe('amendments that come twice or cannot be', () => {
  it('a correction delivered twice changes nothing, though another came in between', () => {
    const desk = new Desk();
    const [one, two] = ['11', '12'].map((price, n) => amend('CORRECT', deal('1', 'BUY', '3', price), DAY2 + n));
    for (const next of [FIRST, one!, two!, one!, two!]) desk.fill(next);
    const outputs = desk.readPositions();
    expect(outputs).toHaveLength(3);
    expect(exact(outputs.at(-1)!.value)).toBe(figuresOf(deal('1', 'BUY', '3', '12')));
    expect(desk.positions.count('duplicate-amendment')).toBe(2);
    expect(desk.rejections()).toEqual([]);
  });

  it.each<[string, Fill]>([
    ['FILL_UNKNOWN', amend('CORRECT', SECOND)],
    ['FILL_UNKNOWN', amend('CANCEL', SECOND)],
    ['FILL_UNKNOWN', amend('CANCEL', { ...FIRST, portfolio: 'another' })],
    ['FILL_INSTRUMENT_DIFFERENT', amend('CORRECT', { ...FIRST, instrument: 'MSFT' })],
    ['FILL_INSTRUMENT_DIFFERENT', amend('CANCEL', { ...FIRST, instrument: 'MSFT' })],
    ['FILL_QUANTITY_INVALID', amend('CORRECT', { ...FIRST, quantity: 0n })],
    ['FILL_PRICE_INVALID', amend('CORRECT', { ...FIRST, price: -1n })],
    ['AMOUNT_OUT_OF_RANGE', amend('CORRECT', { ...FIRST, quantity: 10n ** 37n, price: 10n ** 37n })],
    ['EVENT_TIME_INVALID', amend('CANCEL', FIRST, -1)],
  ])('%s: nothing is changed, and what comes after goes on', (code, amendment) => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.readPositions();
    desk.fill(amendment);
    expect(desk.rejections()).toEqual([code]);
    expect([desk.readPositions(), audit(desk)]).toEqual([[], []]);
    desk.fill(SECOND);
    expect(exact(last(desk))).toBe(figuresOf(FIRST, SECOND));
  });

  it('a correction that would take a later fill out of range is refused whole', () => {
    const desk = new Desk();
    const huge = deal('2', 'BUY', '6e28', '1');
    desk.fill(FIRST);
    desk.fill(huge);
    desk.readPositions();
    const tooMuch = amend('CORRECT', deal('1', 'BUY', '6e28', '1'));
    desk.fill(tooMuch);
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE']);
    // It was not applied, so it is not known as a duplicate when the way is free.
    desk.fill(amend('CANCEL', huge));
    desk.fill(tooMuch);
    expect(exact(last(desk))).toBe(figuresOf(deal('1', 'BUY', '6e28', '1')));
  });

  it('a fill that was too large for its position is unknown to a correction', () => {
    const desk = new Desk();
    desk.fill(deal('1', 'BUY', '6e28', '1'));
    const rejected = deal('2', 'BUY', '6e28', '1');
    desk.fill(rejected);
    desk.fill(amend('CANCEL', rejected));
    expect(desk.rejections()).toEqual(['AMOUNT_OUT_OF_RANGE', 'FILL_UNKNOWN']);
  });

  it('a correction that came before its fill finds it when it is given again', () => {
    const desk = new Desk();
    const early = amend('CORRECT', deal('1', 'BUY', '3', '11'));
    desk.fill(early);
    expect(desk.rejections()).toEqual(['FILL_UNKNOWN']);
    desk.fill(FIRST);
    desk.fill(early);
    expect(exact(last(desk))).toBe(figuresOf(deal('1', 'BUY', '3', '11')));
  });

  it('an amendment whose transaction is aborted leaves no trace', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.positions.commit();
    desk.fill(amend('CANCEL', FIRST));
    desk.positions.abort();
    desk.readPositions();
    desk.trade(trade('AAPL', 12, DAY3));
    expect(last(desk)).toMatchObject({ quantity: parseDecimal('3'), unrealizedPnl: 6, revision: 1 });
    desk.fill(amend('CANCEL', FIRST));
    expect(last(desk)).toMatchObject({ quantity: 0n, revision: 2 });
  });
});

describe('a portfolio with corrections', () => {
  const pnl = (desk: Desk) => desk.readPnl().at(-1)!;

  it('has its totals right though the number of fills is the same', () => {
    const desk = new Desk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(FIRST);
    desk.fill(deal('2', 'BUY', '1', '50', '0', 'MSFT'));
    desk.trade(trade('AAPL', 12, DAY1));
    desk.trade(trade('MSFT', 50, DAY1));
    desk.fill(amend('CORRECT', deal('1', 'BUY', '30', '11', '2')));
    const { cash: money, realizedPnl, commission, ...rest } = pnl(desk);
    expect([money!, realizedPnl!, commission!].map(formatDecimal)).toEqual(['618', '-2', '2']);
    expect(rest).toMatchObject({ equity: 1028, unrealizedPnl: 30, grossExposure: 410, openPositions: 2 });
    desk.fill(amend('CANCEL', FIRST, DAY3));
    expect(pnl(desk)).toMatchObject({ equity: 1000, unrealizedPnl: 0, grossExposure: 50, openPositions: 1 });
  });

  it('has it from the time of the correction on: what was shown before stays the past', () => {
    const desk = new Desk();
    desk.cash(cash('1', '1000', DAY1));
    desk.fill(deal('1', 'BUY', '100', '1'));
    desk.trade(trade('AAPL', 3, DAY1));
    expect(pnl(desk)).toMatchObject({ equity: 1200, peakEquity: 1200, drawdown: 0 });
    desk.trade(trade('AAPL', 3, DAY2));
    desk.fill(amend('CORRECT', deal('1', 'BUY', '10', '1'), DAY2 + 1));
    expect(pnl(desk)).toMatchObject({
      eventTime: DAY2 + 1,
      equity: 1020,
      peakEquity: 1200,
      drawdown: 180 / 1200,
      dayPnl: -180,
    });
  });

  it('takes records from before there were corrections by their number of fills', () => {
    const desk = new Desk();
    desk.fill(FIRST);
    desk.fill(SECOND);
    for (const { key, value, timestampMs } of desk.positions.read<Position>('portfolio.positions'))
      desk.portfolio.pipe('portfolio.positions', { key, value: { ...value, revision: 0 }, timestampMs, partition: 0 });
    expect(formatDecimal(desk.readPnl().at(-1)!.commission!)).toBe('2');
  });
});
