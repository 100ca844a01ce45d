import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDecimal, parseDecimal } from '#schemas/decimal.ts';
import type { AuditEntry, CorporateAction, Fill, InstrumentMark, Position } from '#schemas/generated/types.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { type FinalFill, finalFigures } from './corporate-actions-model.ts';
import { at, cash, Desk, fill, trade } from './desk.ts';

const EX = at('06-01T00:00:00');
const DAY = 86_400e6;
const D = parseDecimal;

const split = (newUnits: string, oldUnits: string, rest: Partial<CorporateAction> = {}): CorporateAction => ({
  eventTime: EX - 30 * DAY,
  actionId: 'split',
  instrument: 'AAPL',
  type: 'SPLIT',
  exTime: EX,
  newUnits: D(newUnits),
  oldUnits: D(oldUnits),
  amount: null,
  source: 'test',
  ...rest,
});
const dividend = (amount: string, rest: Partial<CorporateAction> = {}): CorporateAction => ({
  ...split('1', '1', { actionId: 'dividend', type: 'CASH_DIVIDEND', amount: D(amount) }),
  newUnits: null,
  oldUnits: null,
  ...rest,
});

class ActionDesk extends Desk {
  #fills = 0;

  action(value: CorporateAction): this {
    return this.#say(`${value.instrument}/${value.actionId}`, value, value.eventTime);
  }
  takeBack(actionId: string, eventTime: number): this {
    return this.#say(`AAPL/${actionId}`, null, eventTime);
  }
  buy(quantity: string, price: string, time: number, portfolio = 'fund'): this {
    return this.#order('BUY', quantity, price, time, portfolio);
  }
  sell(quantity: string, price: string, time: number, portfolio = 'fund'): this {
    return this.#order('SELL', quantity, price, time, portfolio);
  }
  price(price: number, time: number): this {
    this.trade(trade('AAPL', price, time));
    return this;
  }
  /** Positions since the last call, as `cause quantity cost realized cash-flow dividends mark unrealized`. */
  shown(portfolio = 'fund'): string[] {
    return this.readPositions()
      .map(({ value }) => value)
      .filter((position) => position.portfolio === portfolio)
      .map(({ cause, quantity, cost, realizedPnl, cashFlow, dividends, markPrice, unrealizedPnl }) => {
        const exact = [quantity, cost, realizedPnl, cashFlow, dividends].map(formatDecimal);
        return [cause, ...exact, String(markPrice), unrealizedPnl].join(' ');
      });
  }
  audit(): AuditEntry[] {
    return this.positions.read<AuditEntry>('audit.trail').map(({ value }) => value);
  }
  marks(): InstrumentMark[] {
    return this.positions.read<InstrumentMark>('market.marks').map(({ value }) => value);
  }

  #order(side: 'BUY' | 'SELL', quantity: string, price: string, time: number, portfolio: string): this {
    this.fill(fill({ id: String(this.#fills++), portfolio, instrument: 'AAPL', side, quantity, price, time }));
    return this;
  }
  #say(key: string, value: CorporateAction | null, eventTime: number): this {
    const partition = murmur2Partition(key.slice(0, key.indexOf('/')), 4);
    const record = { key, value, timestampMs: Math.floor(eventTime / 1000), partition };
    this.positions.pipe('reference.corporate-actions', record);
    return this;
  }
}

describe('a split', () => {
  it('doubles what is held as soon as trading without it begins, and changes no value', () => {
    const desk = new ActionDesk().buy('100', '50', EX - 2 * DAY).price(60, EX - DAY);
    desk.shown();
    desk.action(split('2', '1')).price(61, EX - 1);
    expect(desk.shown()).toEqual(['MARK 100 5000 0 -5000 0 61 1100']);
    desk.price(31, EX);
    expect(desk.shown()).toEqual(['CORPORATE_ACTION 200 5000 0 -5000 0 30.5 1100', 'MARK 200 5000 0 -5000 0 31 1200']);
    desk.sell('200', '31', EX + 1);
    expect(desk.shown()).toEqual(['FILL 0 0 1200 1200 0 31 0']);
  });

  it('that becomes known late makes everything since what it would have been', () => {
    const story = (desk: ActionDesk) =>
      desk
        .buy('100', '50', EX - 2 * DAY)
        .price(30, EX)
        .sell('50', '32', EX + DAY)
        .price(31, EX + 2 * DAY);
    const known = story(new ActionDesk().action(split('2', '1')));
    const late = story(new ActionDesk()).action(split('2', '1', { eventTime: EX + 3 * DAY }));
    expect(late.shown().at(-1)).toBe('CORPORATE_ACTION 150 3750 350 -3400 0 31 900');
    expect(known.shown().at(-1)).toBe('MARK 150 3750 350 -3400 0 31 900');
  });

  it('counts a fill from before it, that comes after it, in units of its own time', () => {
    const desk = new ActionDesk()
      .action(split('3', '1'))
      .price(20, EX)
      .buy('10', '60', EX - DAY);
    expect(desk.shown()).toEqual(['FILL 30 600 0 -600 0 20 0']);
    desk.buy('3', '20', EX + DAY).buy('1', '63', EX - 1);
    expect(desk.shown().at(-1)).toBe('FILL 36 723 0 -723 0 20 -3');
  });

  it('leaves fractions, and no cost where it leaves nothing', () => {
    const desk = new ActionDesk().buy('100', '3', EX - DAY).buy('0.000000001', '1000000000', EX - DAY, 'tiny');
    desk.action(split('1', '3')).price(9, EX);
    expect(desk.shown().at(-1)).toMatch(/^MARK 33\.333333333 300 0 -300 0 9 -3\.00/);
    const other = new ActionDesk().buy('0.000000001', '1000000000', EX - DAY).action(split('1', '3'));
    expect(other.price(9, EX).shown().at(-1)).toBe('CORPORATE_ACTION 0 0 -1 -1 0 null 0');
  });

  it('gives a price from before it to market.marks as it is worth after it, also where a fill comes first', () => {
    const desk = new ActionDesk().action(split('2', '1')).price(60, EX - DAY);
    desk.positions.commit();
    desk.marks();
    desk.buy('1', '31', EX + 1);
    expect(desk.marks()).toMatchObject([0, 1, 2, 3].map(() => ({ price: 30, eventTime: EX })));
    // What was traded before it, and comes now, is late.
    desk.price(61, EX - 1);
    expect(desk.shown()).toEqual(['FILL 1 31 0 -31 0 30 -1']);
  });
});

describe('a dividend', () => {
  it('is earned on what is held just before it, and paid by who is short', () => {
    const desk = new ActionDesk()
      .buy('100', '50', EX - DAY)
      .sell('10', '50', EX - DAY, 'bear')
      .action(dividend('0.25'));
    desk.price(51, EX - 1).price(50.5, EX);
    expect(desk.shown('fund').slice(-2)).toEqual([
      'CORPORATE_ACTION 100 5000 25 -4975 25 50.75 75',
      'MARK 100 5000 25 -4975 25 50.5 50',
    ]);
    const bear = new ActionDesk()
      .sell('10', '50', EX - DAY, 'bear')
      .action(dividend('0.25'))
      .price(50, EX);
    expect(bear.shown('bear').at(-1)).toBe('MARK -10 -500 -2.5 497.5 -2.5 50 0');
  });

  it('moves equity by nothing at the moment of its ex time, and no peak', () => {
    const desk = new ActionDesk();
    desk.cash(cash('1', '5000', EX - 3 * DAY));
    desk
      .buy('100', '50', EX - 2 * DAY)
      .action(dividend('1'))
      .action(split('2', '1'))
      .price(60, EX - DAY);
    desk.readPnl();
    desk.buy('1', '29.5', EX + 1);
    const equities = desk.readPnl().map(({ equity, drawdown }) => [equity, drawdown]);
    expect(equities.length).toBeGreaterThan(1);
    for (const [equity, drawdown] of equities) {
      expect(equity).toBeCloseTo(6_000, 9);
      expect(drawdown).toBeCloseTo(0, 12);
    }
  });

  it('is per unit of before a split of the same time, where its id comes first', () => {
    const desk = new ActionDesk()
      .buy('100', '50', EX - DAY)
      .action(dividend('1'))
      .action(split('2', '1'));
    expect(desk.price(25, EX).shown().at(-1)).toBe('MARK 200 5000 100 -4900 100 25 0');
  });

  it('that is corrected or taken back is what it should have been', () => {
    const desk = new ActionDesk()
      .buy('100', '50', EX - DAY)
      .action(dividend('1'))
      .price(50, EX);
    desk.shown();
    desk.audit();
    desk.action(dividend('0.5', { eventTime: EX + DAY }));
    expect(desk.shown()).toEqual(['CORPORATE_ACTION 100 5000 50 -4950 50 50 0']);
    desk.takeBack('dividend', EX + 2 * DAY);
    expect(desk.shown()).toEqual(['CORPORATE_ACTION 100 5000 0 -5000 0 50 0']);
    const [corrected, cancelled] = desk.audit();
    expect(corrected).toMatchObject({
      eventTime: EX + DAY,
      portfolio: 'fund',
      instrument: 'AAPL',
      subject: 'CORPORATE_ACTION',
      subjectId: 'dividend',
      action: 'CORRECT',
      sourceTopic: 'reference.corporate-actions',
    });
    expect(JSON.parse(corrected!.before!)).toEqual({ type: 'CASH_DIVIDEND', exTime: EX, amount: '1' });
    expect(JSON.parse(corrected!.after!)).toMatchObject({ amount: '0.5' });
    expect(JSON.parse(corrected!.effect!).dividends).toEqual({ before: '100', after: '50' });
    expect(cancelled).toMatchObject({ action: 'CANCEL', after: null, eventTime: EX + 2 * DAY });
  });
});

describe('what is said of corporate actions', () => {
  it.each([
    [split('0', '1'), 'CORPORATE_ACTION_INVALID'],
    [{ ...split('2', '1'), oldUnits: null }, 'CORPORATE_ACTION_INVALID'],
    [{ ...split('2', '1'), amount: D('1') }, 'CORPORATE_ACTION_INVALID'],
    [dividend('-1'), 'CORPORATE_ACTION_INVALID'],
    [{ ...dividend('1'), newUnits: D('2') }, 'CORPORATE_ACTION_INVALID'],
    [split('2', '1', { exTime: -1 }), 'CORPORATE_ACTION_INVALID'],
    [split('2', '1', { actionId: '' }), 'ID_INVALID'],
    [split('2', '1', { eventTime: -1 }), 'EVENT_TIME_INVALID'],
  ] as const)('is refused where it is not sound, and the stream goes on: %#', (action, code) => {
    const desk = new ActionDesk()
      .buy('100', '50', EX - DAY)
      .action(action)
      .price(50, EX);
    expect(desk.rejections()).toEqual([code]);
    expect(desk.shown().at(-1)).toBe('MARK 100 5000 0 -5000 0 50 0');
  });

  it('leaves a position as it was where it would be out of range, and nothing half done', () => {
    const huge = dividend('99999999999999999999999999999');
    const desk = new ActionDesk()
      .buy('100', '50', EX - DAY)
      .action(huge)
      .price(50, EX);
    expect(desk.shown().at(-1)).toBe('MARK 100 5000 0 -5000 0 50 0');
    expect(desk.audit()).toEqual([]);
    expect(desk.buy('1', '50', EX + 1).shown()).toEqual(['FILL 101 5050 0 -5050 0 50 0']);
  });

  it('changes nothing when it says the same again, or before it is in effect', () => {
    const desk = new ActionDesk().buy('100', '50', EX - DAY).action(split('2', '1'));
    desk
      .action(split('5', '1'))
      .takeBack('split', EX - 1)
      .action(split('2', '1'))
      .price(25, EX);
    desk.shown();
    desk.audit();
    desk.action(split('2', '1', { eventTime: EX + DAY }));
    expect([desk.shown(), desk.audit()]).toEqual([[], []]);
  });
});

type Step =
  | { readonly kind: 'trade'; readonly second: number }
  | {
      readonly kind: 'fill';
      readonly second: number;
      readonly owner: number;
      readonly side: 'BUY' | 'SELL';
      readonly units: number;
      readonly cents: number;
    }
  | {
      readonly kind: 'amend';
      readonly which: number;
      readonly isCancel: boolean;
      readonly units: number;
      readonly cents: number;
    }
  | { readonly kind: 'split'; readonly id: number; readonly second: number; readonly ratio: number }
  | { readonly kind: 'dividend'; readonly id: number; readonly second: number; readonly cents: number }
  | { readonly kind: 'take-back'; readonly id: number };

const RATIOS = [
  ['2', '1'],
  ['3', '2'],
  ['1', '10'],
  ['7', '3'],
  ['1', '3'],
  ['1.05', '1'],
] as const;
const second = fc.nat(60);
const units = fc.integer({ min: 1, max: 100 });
const cents = fc.integer({ min: 1, max: 20_000 });
const id = fc.nat(3);
const fillStep = fc.record({
  kind: fc.constant('fill' as const),
  second,
  owner: fc.nat(1),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  units,
  cents,
});
const step = fc.oneof(
  fc.record({ kind: fc.constant('trade' as const), second }),
  fillStep,
  fc.record({ kind: fc.constant('amend' as const), which: fc.nat(20), isCancel: fc.boolean(), units, cents }),
  fc.record({ kind: fc.constant('split' as const), id, second, ratio: fc.nat(RATIOS.length - 1) }),
  fc.record({ kind: fc.constant('dividend' as const), id, second, cents }),
  fc.record({ kind: fc.constant('take-back' as const), id }),
);
const steps = fc.array(step, { maxLength: 40 });
const timeOf = (seconds: number) => EX + seconds * 1e6;

/** Runs a story; what is known in the end, and everything that was written. */
function tell(story: readonly Step[], restarts: ReadonlySet<number>) {
  const desk = new ActionDesk();
  const fills: FinalFill[] = [];
  const actions = new Map<string, CorporateAction>();
  const take = (action: CorporateAction) => {
    actions.set(action.actionId, action);
    desk.action(action);
  };
  for (const [index, step] of story.entries()) {
    if (step.kind === 'trade') desk.price(50 + (index % 9), timeOf(step.second));
    else if (step.kind === 'fill') {
      const text = { quantity: String(step.units), price: String(step.cents / 100), commission: '0.1' };
      const owner = `fund-${step.owner}`;
      const value = fill({
        id: `f${fills.length}`,
        portfolio: owner,
        instrument: 'AAPL',
        side: step.side,
        time: timeOf(step.second),
        ...text,
      });
      fills.push({ fill: value, cancelled: false });
      desk.fill(value);
    } else if (step.kind === 'amend') {
      const at = step.which % Math.max(1, fills.length);
      const known = fills[at];
      if (!known || known.cancelled) continue;
      const amounts = { quantity: D(String(step.units)), price: D(String(step.cents / 100)) };
      const action: Fill['action'] = step.isCancel ? 'CANCEL' : 'CORRECT';
      desk.fill({ ...known.fill, ...amounts, action, eventTime: timeOf(30 + index) });
      fills[at] = step.isCancel ? { ...known, cancelled: true } : { ...known, fill: { ...known.fill, ...amounts } };
    } else if (step.kind === 'take-back') {
      actions.delete(`a${step.id}`);
      desk.takeBack(`a${step.id}`, timeOf(index));
    } else {
      const said = { actionId: `a${step.id}`, exTime: timeOf(step.second), eventTime: timeOf(index) };
      const [newUnits, oldUnits] = RATIOS[step.kind === 'split' ? step.ratio : 0]!;
      take(step.kind === 'split' ? split(newUnits, oldUnits, said) : dividend(String(step.cents / 100), said));
    }
    desk.positions.commit();
    if (restarts.has(index)) desk.positions.abort();
  }
  desk.price(50, timeOf(1_000));
  desk.positions.commit();
  const positions = desk.positions.read<Position>('portfolio.positions').map(({ value }) => value);
  return {
    fills,
    actions: [...actions.values()],
    positions,
    audit: desk.audit(),
    marks: desk.marks(),
    rejections: desk.rejections(),
  };
}

describe('whatever the order of fills, corrections and actions', () => {
  const isWhatItShouldBe = (story: readonly Step[]) => {
    const { fills, actions, positions, rejections } = tell(story, new Set());
    expect(rejections).toEqual([]);
    for (const owner of ['fund-0', 'fund-1']) {
      const own = fills.filter(({ fill: { portfolio } }) => portfolio === owner);
      const last = positions.findLast(({ portfolio }) => portfolio === owner);
      if (own.length === 0) expect(last).toBeUndefined();
      else expect(last).toMatchObject(finalFigures(own, actions));
    }
  };

  it('a position is in the end what its fills and the actions in force make of it', () => {
    fc.assert(fc.property(steps, isWhatItShouldBe), { numRuns: 800 });
  });

  it('it is so where ledgers are kept on the way', () => {
    // More fills of each portfolio than lie between two that are kept.
    const fills = fc.array(fc.oneof({ weight: 9, arbitrary: fillStep }, { weight: 1, arbitrary: step }), {
      minLength: 320,
      maxLength: 340,
    });
    fc.assert(fc.property(fills, isWhatItShouldBe), { numRuns: 20 });
  });

  it('a restart at any commit changes no record', () => {
    fc.assert(
      fc.property(steps, fc.uniqueArray(fc.nat(39)), (story, restarts) => {
        expect(tell(story, new Set(restarts))).toEqual(tell(story, new Set()));
      }),
      { numRuns: 300 },
    );
  });
});
