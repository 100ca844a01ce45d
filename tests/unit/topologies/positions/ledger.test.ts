import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDecimal, ONE, parseDecimal } from '#schemas/decimal.ts';
import {
  applyFill,
  averagePrice,
  EMPTY_LEDGER,
  type Ledger,
  type LedgerFill,
  unrealizedPnl,
} from '#topologies/positions/ledger.ts';

const D = parseDecimal;
const fill = (side: 'BUY' | 'SELL', quantity: string, price: string, commission = '0', eventTime = 1): LedgerFill => ({
  eventTime,
  side,
  quantity: D(quantity),
  price: D(price),
  commission: D(commission),
});
const book = (fills: readonly LedgerFill[], multiplier = ONE, from = EMPTY_LEDGER) =>
  fills.reduce((ledger, next) => applyFill(ledger, next, multiplier), from);
const shown = ({ quantity, cost, realizedPnl, cashFlow }: Ledger) =>
  [quantity, cost, realizedPnl, cashFlow].map(formatDecimal).join(' ');

describe('applyFill', () => {
  it('opens, adds at the weighted average, reduces and closes', () => {
    const opened = book([fill('BUY', '100', '10', '1')]);
    expect(shown(opened)).toBe('100 1000 -1 -1001');
    const added = applyFill(opened, fill('BUY', '100', '20', '1'), ONE);
    expect(shown(added)).toBe('200 3000 -2 -3002');
    expect(averagePrice(added)).toBe(15);
    const reduced = applyFill(added, fill('SELL', '50', '18', '1'), ONE);
    expect(shown(reduced)).toBe('150 2250 147 -2103');
    const closed = applyFill(reduced, fill('SELL', '150', '12', '1'), ONE);
    expect(shown(closed)).toBe('0 0 -304 -304');
    expect(averagePrice(closed)).toBeNull();
    expect(closed.commission).toBe(D('4'));
    expect(closed.fills).toBe(4);
  });

  it('crosses zero as a close and an open at the fill price, with the commission once', () => {
    const crossed = book([fill('BUY', '10', '100'), fill('SELL', '25', '110', '3')]);
    expect(shown(crossed)).toBe('-15 -1650 97 1747');
    expect(averagePrice(crossed)).toBe(110);
    const back = applyFill(crossed, fill('BUY', '20', '100', '-1'), ONE);
    expect(shown(back)).toBe('5 500 248 -252');
  });

  it('takes the multiplier when it opens and keeps it while open', () => {
    const opened = book([fill('BUY', '2', '4000')], D('50'));
    expect(shown(opened)).toBe('2 400000 0 -400000');
    const crossed = applyFill(opened, fill('SELL', '3', '4010'), D('20'));
    expect(shown(crossed)).toBe('-1 -80200 1000 81200');
    expect(crossed.multiplier).toBe(D('20'));
    expect(applyFill(crossed, fill('SELL', '1', '4010'), D('5')).multiplier).toBe(D('20'));
  });

  it('removes cost times closed over quantity, rounded half-even, and keeps the difference', () => {
    let ledger: Ledger = { ...EMPTY_LEDGER, quantity: D('3'), cost: D('10'), cashFlow: D('-10') };
    const costs = [1, 2, 3].map(() => {
      ledger = applyFill(ledger, fill('SELL', '1', '4'), ONE);
      return formatDecimal(ledger.cost);
    });
    // 3.333333333 leaves first; half of what stays, 3.3333333335, is a tie and goes to the even 3.333333334.
    expect(costs).toEqual(['6.666666667', '3.333333333', '0']);
    expect(shown(ledger)).toBe('0 0 2 2');
  });

  it('rounds a value half-even, once', () => {
    const dust = (quantity: string) => book([fill('BUY', quantity, '0.5')]).cost;
    expect([dust('0.000000001'), dust('0.000000003'), dust('0.000000005')]).toEqual([0n, 2n, 2n]);
    // 0.5e-9 × 0.5 would round twice to 0; three factors at once give 1e-9 × 0.5 × 4 = 2e-9.
    expect(book([fill('BUY', '0.000000001', '0.5')], D('4')).cost).toBe(2n);
  });

  it('counts a late fill and keeps the newest event time', () => {
    const ledger = book([fill('BUY', '1', '1', '0', 9), fill('BUY', '1', '1', '0', 3)]);
    expect(ledger.eventTime).toBe(9);
    expect(ledger.fills).toBe(2);
  });

  it('refuses amounts beyond 38 digits and leaves the ledger as it was', () => {
    const before = book([fill('BUY', '1', '1')]);
    expect(() => applyFill(before, fill('BUY', '1e28', '1e28'), ONE)).toThrow(/38 digits/);
    expect(shown(before)).toBe('1 1 0 -1');
  });
});

const decimal = (max: bigint) => fc.bigInt({ min: 1n, max });
const anyFill = fc.record({
  eventTime: fc.integer({ min: 0, max: 1e9 }),
  side: fc.constantFrom('BUY', 'SELL'),
  quantity: fc.oneof(
    decimal(1000n * ONE),
    decimal(10n).map((units) => units * ONE),
  ),
  price: fc.oneof(
    decimal(5000n * ONE),
    decimal(500_000n).map((cents) => cents * 10_000_000n),
  ),
  commission: fc.bigInt({ min: -5n * ONE, max: 20n * ONE }),
}) satisfies fc.Arbitrary<LedgerFill>;
const anyFills = fc.array(anyFill, { maxLength: 40 });
const anyMultiplier = fc.oneof(fc.constant(ONE), decimal(250n * ONE));

/** Fills whose every product is exact: quantities and prices with few decimals. */
const roundFill = anyFill.map((next) => ({
  ...next,
  quantity: ((next.quantity % 1000n) + 1n) * ONE,
  price: ((next.price % 100_000n) + 1n) * 10_000_000n,
}));

describe('the ledger as a law', () => {
  it('conserves: cash flow is realised P&L less what is tied up in cost', () => {
    fc.assert(
      fc.property(anyFills, anyMultiplier, (fills, multiplier) => {
        let ledger = EMPTY_LEDGER;
        for (const next of fills) {
          ledger = applyFill(ledger, next, multiplier);
          expect(ledger.cashFlow).toBe(ledger.realizedPnl - ledger.cost);
          if (ledger.quantity === 0n) expect(ledger.cost).toBe(0n);
          else expect(ledger.cost === 0n || ledger.cost > 0n === ledger.quantity > 0n).toBe(true);
        }
      }),
    );
  });

  it('moves cash exactly by the value of each fill and its commission', () => {
    fc.assert(
      fc.property(fc.array(roundFill, { maxLength: 40 }), (fills) => {
        const ledger = book(fills);
        const paid = fills.map(({ side, quantity, price, commission }) => {
          const value = (quantity / ONE) * price;
          return (side === 'BUY' ? -value : value) - commission;
        });
        expect(ledger.cashFlow).toBe(paid.reduce((sum, amount) => sum + amount, 0n));
        expect(ledger.commission).toBe(fills.reduce((sum, next) => sum + next.commission, 0n));
      }),
    );
  });

  it('mirrors: shorts are longs with the other sign', () => {
    fc.assert(
      fc.property(anyFills, anyMultiplier, (fills, multiplier) => {
        const long = book(fills, multiplier);
        const short = book(
          fills.map((next) => ({ ...next, side: next.side === 'BUY' ? ('SELL' as const) : ('BUY' as const) })),
          multiplier,
        );
        expect(short.quantity).toBe(-long.quantity);
        expect(short.cost).toBe(-long.cost);
        expect(short.realizedPnl + short.commission).toBe(-(long.realizedPnl + long.commission));
      }),
    );
  });

  it('does not care in which order fills come, as far as quantity, cash and commission go', () => {
    const shuffled = fc
      .array(roundFill, { maxLength: 20 })
      .chain((fills) => fc.tuple(fc.constant(fills), fc.shuffledSubarray(fills, { minLength: fills.length })));
    fc.assert(
      fc.property(shuffled, ([fills, others]) => {
        const a = book(fills);
        const b = book(others);
        expect([b.quantity, b.cashFlow, b.commission, b.eventTime]).toEqual([
          a.quantity,
          a.cashFlow,
          a.commission,
          a.eventTime,
        ]);
        // Once flat, what was earned is what came in: the same by any way.
        if (a.quantity === 0n) expect(b.realizedPnl).toBe(a.realizedPnl);
      }),
    );
  });

  it('ends flat when what is left is sold, with all cash realised', () => {
    fc.assert(
      fc.property(anyFills, anyMultiplier, decimal(1000n * ONE), (fills, multiplier, price) => {
        const open = book(fills, multiplier);
        if (open.quantity === 0n) return;
        const side = open.quantity > 0n ? 'SELL' : 'BUY';
        const quantity = open.quantity > 0n ? open.quantity : -open.quantity;
        const flat = applyFill(open, { eventTime: 0, side, quantity, price, commission: 0n }, multiplier);
        expect(flat.quantity).toBe(0n);
        expect(flat.cost).toBe(0n);
        expect(flat.realizedPnl).toBe(flat.cashFlow);
      }),
    );
  });

  it('agrees with a naive average-price calculation in exact fractions, but for its roundings', () => {
    fc.assert(
      fc.property(fc.array(roundFill, { maxLength: 30 }), (fills) => {
        const ledger = book(fills);
        const naive = naiveRealized(fills);
        // Each reduction rounds the cost it removes by at most half of 1e-9; the next ones build on it.
        const error = ledger.realizedPnl * naive.divisor - naive.dividend;
        const bound = BigInt(fills.length) * naive.divisor;
        expect(error <= bound && -error <= bound).toBe(true);
      }),
    );
  });
});

/** Realised P&L net of commission as a fraction of 1e-9, from (exit - average entry) × closed, nothing rounded. */
function naiveRealized(fills: readonly LedgerFill[]): { dividend: bigint; divisor: bigint } {
  let quantity = 0n;
  // Average entry price as a fraction.
  let up = 0n;
  let down = 1n;
  let dividend = 0n;
  let divisor = 1n;
  for (const next of fills) {
    const units = next.quantity / ONE;
    let signed = next.side === 'BUY' ? units : -units;
    dividend -= next.commission * divisor;
    while (signed !== 0n) {
      if (quantity * signed >= 0n) {
        const total = quantity + signed;
        up = up * quantity + next.price * signed * down;
        down *= total;
        quantity = total;
        signed = 0n;
      } else {
        const size = (value: bigint) => (value < 0n ? -value : value);
        const closed = size(signed) < size(quantity) ? -signed : quantity;
        dividend = dividend * down + (next.price * down - up) * closed * divisor;
        divisor *= down;
        quantity -= closed;
        signed += closed;
        if (quantity === 0n) [up, down] = [0n, 1n];
      }
    }
    if (divisor < 0n) [dividend, divisor] = [-dividend, -divisor];
  }
  return { dividend, divisor };
}

describe('averagePrice', () => {
  it('prints what was paid', () => {
    for (const price of ['0.1', '0.000000001', '123.456789', '99999999.99'])
      expect(averagePrice(book([fill('BUY', '3', price)], D('50')))).toBe(Number(price));
    expect(averagePrice(book([fill('SELL', '3', '7.7')]))).toBe(7.7);
  });
});

describe('unrealizedPnl', () => {
  it('is 0 at the entry price, whatever the doubles say', () => {
    expect(3 * 0.1 - 0.3).not.toBe(0);
    expect(unrealizedPnl(3, 0.3, 0.1)).toBe(0);
  });
  it('is units × mark - cost otherwise, shorts included', () => {
    expect(unrealizedPnl(100, 1000, 12)).toBe(200);
    expect(unrealizedPnl(-100, -1000, 12)).toBe(-200);
    expect(unrealizedPnl(1, 1, 1 + 2 ** -40)).toBe(2 ** -40);
  });
});
