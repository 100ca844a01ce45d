import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecimalError, formatDecimal, ONE, parseDecimal } from '#schemas/decimal.ts';
import type { Fill } from '#schemas/generated/types.ts';
import type { ProcessorContext } from '#streams/topology/types.ts';
import { applyFill, EMPTY_LEDGER, type Ledger } from '#topologies/positions/ledger.ts';
import { CHECKPOINT_FILLS, LedgerStore, type Outcome } from '#topologies/positions/ledger-store.ts';

const KEY = 'fund/AAPL';
const D = parseDecimal;

/** A ledger store over maps, with every row that is read or written counted. */
function open() {
  const stores = new Map<string, Map<string, unknown>>();
  const reads: string[] = [];
  const store = (name: string) => {
    const rows = stores.get(name) ?? new Map<string, unknown>();
    stores.set(name, rows);
    return {
      get: (key: string) => {
        reads.push(name);
        return rows.get(key);
      },
      put: (key: string, value: unknown) => rows.set(key, value),
      entries: () => rows.entries(),
    };
  };
  return { ledgers: new LedgerStore({ store } as unknown as ProcessorContext), stores, reads };
}

const fill = (fillId: string, change: Partial<Fill> = {}): Fill => ({
  eventTime: 1,
  fillId,
  action: 'NEW',
  portfolio: 'fund',
  instrument: 'AAPL',
  side: 'BUY',
  quantity: D('10'),
  price: D('5'),
  commission: 0n,
  orderId: null,
  venue: 'test',
  ...change,
});
const figures = ({ quantity, cost, multiplier, realizedPnl, commission, cashFlow, fills }: Ledger) =>
  [...[quantity, cost, multiplier, realizedPnl, commission, cashFlow].map(formatDecimal), fills].join(' ');

interface Listed {
  readonly fill: Fill;
  readonly multiplier: bigint;
  readonly cancelled: boolean;
}
/** The ledger of the amended list, from nothing. */
const fromScratch = (list: readonly Listed[]) =>
  list
    .filter(({ cancelled }) => !cancelled)
    .reduce((ledger, { fill: next, multiplier }) => applyFill(ledger, next, multiplier), EMPTY_LEDGER);

interface Step {
  readonly fill: Fill;
  readonly multiplier: bigint;
}
/** What `act` gives, or 'OUT_OF_RANGE'. */
function attempt<T>(act: () => T): T | 'OUT_OF_RANGE' {
  try {
    return act();
  } catch (error) {
    if (error instanceof DecimalError) return 'OUT_OF_RANGE';
    throw error;
  }
}

/** Runs steps on the store and on a plain list side by side. NEW: the ids go 0, 1, 2 …; an amendment names any of them. */
function compare(steps: readonly Step[]): void {
  const { ledgers } = open();
  let list: Listed[] = [];
  const delivered = new Set<string>();
  for (const { fill: next, multiplier } of steps) {
    const { fillId, action, side, quantity, price, commission } = next;
    if (action === 'NEW') {
      const longer = [...list, { fill: next, multiplier, cancelled: false }];
      const expected = attempt(() => fromScratch(longer));
      const actual = attempt(() => ledgers.add(KEY, next, multiplier, []));
      if (expected !== 'OUT_OF_RANGE') list = longer;
      expect(actual === 'OUT_OF_RANGE' ? actual : figures(actual)).toBe(
        expected === 'OUT_OF_RANGE' ? expected : figures(expected),
      );
      continue;
    }
    const text = JSON.stringify({ ...next, quantity: `${quantity}`, price: `${price}`, commission: `${commission}` });
    const at = list.findIndex((row) => row.fill.fillId === fillId);
    const outcome = attempt(() => ledgers.amend(KEY, next, []));
    const code = outcome === 'OUT_OF_RANGE' ? outcome : outcome.outcome === 'REFUSED' ? outcome.code : outcome.outcome;
    if (delivered.has(text)) expect(code).toBe('REPEATED');
    else if (at < 0) expect(code).toBe('FILL_UNKNOWN');
    else if (list[at]!.cancelled) expect(code).toBe('FILL_CANCELLED');
    else {
      const corrected = { ...list[at]!.fill, side, quantity, price, commission };
      const row = action === 'CANCEL' ? { ...list[at]!, cancelled: true } : { ...list[at]!, fill: corrected };
      const amended = list.with(at, row);
      const expected = attempt(() => fromScratch(amended));
      if (expected === 'OUT_OF_RANGE') expect(code).toBe(expected);
      else {
        expect(figures((outcome as Extract<Outcome, { outcome: 'AMENDED' }>).ledger.after)).toBe(figures(expected));
        list = amended;
        delivered.add(text);
      }
    }
  }
  const [stored] = [...ledgers.entries()];
  expect(stored ? figures(stored[1]) : figures(EMPTY_LEDGER)).toBe(figures(fromScratch(list)));
}

const decimal = (max: bigint) => fc.bigInt({ min: 1n, max });
const anyFigures = fc.record({
  eventTime: fc.integer({ min: 0, max: 3 }),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  quantity: fc.oneof(
    decimal(100n * ONE),
    decimal(10n).map((units) => units * ONE),
    { weight: 1, arbitrary: fc.constant(6n * 10n ** 37n) },
  ),
  price: fc.oneof(decimal(500n * ONE), fc.constant(ONE)),
  commission: fc.bigInt({ min: -5n * ONE, max: 20n * ONE }),
});
const anyStep = (fills: number) =>
  fc.record({
    figures: anyFigures,
    action: fc.constantFrom('NEW' as const, 'NEW' as const, 'CORRECT' as const, 'CANCEL' as const),
    target: fc.nat({ max: fills }),
    multiplier: fc.constantFrom(ONE, 50n * ONE),
  });
const anySteps = (fills: number) =>
  fc.array(anyStep(fills), { maxLength: fills }).map((steps) => {
    let ids = 0;
    return steps.map(({ figures: change, action, target, multiplier }) => {
      const id = action === 'NEW' ? ids++ : target % (ids + 1);
      return { fill: fill(String(id), { ...change, action }), multiplier };
    });
  });

describe('a ledger after corrections', () => {
  it('is that of the amended list applied from nothing, whatever the sequence', () => {
    fc.assert(fc.property(anySteps(30), compare), { numRuns: 300 });
  });

  it('is so across checkpoints too', () => {
    const many = (seed: number) =>
      Array.from({ length: 3 * CHECKPOINT_FILLS + 5 }, (_, index) => ({
        fill: fill(`early-${index}`, {
          side: (index * 7 + seed) % 5 < 3 ? 'BUY' : 'SELL',
          quantity: D(`${1 + ((index * 31 + seed) % 17)}.3`),
          price: D(`${20 + ((index * 13 + seed) % 11)}.07`),
        }),
        multiplier: index % 90 < 45 ? ONE : 2n * ONE,
      }));
    const anyAmendment = fc.record({
      figures: anyFigures,
      action: fc.constantFrom('CORRECT' as const, 'CANCEL' as const),
      target: fc.nat({ max: 3 * CHECKPOINT_FILLS + 4 }),
    });
    const property = fc.property(
      fc.nat(),
      fc.array(anyAmendment, { maxLength: 12 }),
      anySteps(10),
      (seed, some, end) => {
        const amendments = some.map(({ figures: change, action, target }) => ({
          fill: fill(`early-${target}`, { ...change, action }),
          multiplier: ONE,
        }));
        compare([...many(seed), ...amendments, ...end]);
      },
    );
    fc.assert(property, { numRuns: 15 });
  });

  it('keeps its event time or moves it to that of the amendment, and counts its changes', () => {
    const { ledgers } = open();
    ledgers.add(KEY, fill('1', { eventTime: 5 }), ONE, []);
    ledgers.add(KEY, fill('2', { eventTime: 3 }), ONE, []);
    const times = [2, 9].map((eventTime) => {
      const outcome = ledgers.amend(KEY, fill('2', { action: 'CORRECT', eventTime, price: D('7') }), []);
      const { after } = (outcome as Extract<Outcome, { outcome: 'AMENDED' }>).ledger;
      return [after.eventTime, after.fills, after.listed, after.revision];
    });
    expect(times).toEqual([
      [5, 2, 2, 3],
      [9, 2, 2, 4],
    ]);
  });

  it('knows an amendment that comes again, also after another', () => {
    const { ledgers } = open();
    ledgers.add(KEY, fill('1'), ONE, []);
    const first = fill('1', { action: 'CORRECT', price: D('6'), eventTime: 2 });
    const second = fill('1', { action: 'CORRECT', price: D('7'), eventTime: 3 });
    const outcomes = [first, second, first, second, { ...first, eventTime: 4 }].map(
      (amendment) => ledgers.amend(KEY, amendment, []).outcome,
    );
    expect(outcomes).toEqual(['AMENDED', 'AMENDED', 'REPEATED', 'REPEATED', 'AMENDED']);
    expect([...ledgers.entries()][0]![1].cost).toBe(D('60'));
  });
});

describe('the cost', () => {
  const filled = (count: number) => {
    const world = open();
    for (let index = 1; index <= count; index++) world.ledgers.add(KEY, fill(String(index)), ONE, []);
    world.reads.length = 0;
    return world;
  };

  it('of a new fill is one row read and two written, however many there were', () => {
    const { ledgers, stores, reads } = filled(1000);
    ledgers.add(KEY, fill('next'), ONE, []);
    expect(reads).toEqual(['ledgers']);
    expect([...stores].map(([name, rows]) => [name, rows.size])).toEqual([
      ['ledgers', 1],
      ['listed-fills', 1001],
      ['ledger-checkpoints', Math.floor(1000 / CHECKPOINT_FILLS)],
      ['seen-amendments', 0],
    ]);
  });

  it('of a correction goes by the fills since, not by all', () => {
    const { ledgers, reads } = filled(10 * CHECKPOINT_FILLS + 100);
    ledgers.amend(KEY, fill(String(10 * CHECKPOINT_FILLS + 98), { action: 'CANCEL' }), []);
    expect(reads.filter((name) => name === 'listed-fills').length).toBeLessThan(CHECKPOINT_FILLS);
    expect(reads.filter((name) => name === 'ledger-checkpoints')).toHaveLength(1);
  });
});
