import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { executionFigures } from '#quant/execution.ts';
import { decimalFromNumber, decimalToNumber } from '#schemas/decimal.ts';
import type { ExecutionQuality, Fill, OrderRequest, Trade } from '#schemas/generated/types.ts';
import { at } from './desk.ts';
import { ExecutionDesk, executed, order, print } from './execution-desk.ts';

const START = at('01-03T15:00:00');
const SECOND = 1_000_000;
const HORIZON_SECONDS = 25;
/** Few moments, so that much happens at one time. */
const SPAN_SECONDS = 40;
const INSTRUMENTS = ['A', 'B'];
const seconds = fc.integer({ min: 0, max: SPAN_SECONDS });
const instrumentOf = fc.constantFrom(...INSTRUMENTS);

const someTrades = fc
  .array(
    fc.record({
      instrument: instrumentOf,
      second: seconds,
      cents: fc.integer({ min: 1, max: 9999 }),
      size: fc.option(fc.integer({ min: 1, max: 50 })),
    }),
    {
      maxLength: 40,
    },
  )
  .map((trades) =>
    trades
      .sort((a, b) => a.second - b.second)
      .map(({ instrument, second, cents, size }) => print(cents / 100, START + second * SECOND, size, instrument)),
  );
const someOrders = fc.array(
  fc.record({
    instrument: instrumentOf,
    side: fc.constantFrom('BUY' as const, 'SELL' as const),
    quantity: fc.integer({ min: 1, max: 30 }),
    decisionCents: fc.option(fc.integer({ min: 1, max: 9999 })),
    second: seconds,
    fills: fc.array(
      fc.record({
        second: seconds,
        quantity: fc.integer({ min: 1, max: 12 }),
        cents: fc.integer({ min: 1, max: 9999 }),
        venue: fc.constantFrom('X', 'Y'),
        amendment: fc.option(fc.constantFrom('CANCEL' as const, 'CORRECT' as const), { freq: 3 }),
      }),
      { maxLength: 5 },
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

/** What happened to an order: the request, the records of its fills, and the fills that are in force in the end. */
interface Course {
  readonly request: OrderRequest;
  readonly records: readonly Fill[];
  readonly left: readonly Fill[];
}
const coursesOf = (orders: readonly (typeof someOrders extends fc.Arbitrary<(infer O)[]> ? O : never)[]): Course[] =>
  orders.map(({ instrument, side, quantity, decisionCents, second, fills }, index) => {
    const id = `o${index}`;
    const decisionPrice = decisionCents === null ? null : decisionCents / 100;
    const time = START + second * SECOND;
    const request = order({ id, instrument, side, quantity: String(quantity), decisionPrice, time });
    const records: Fill[] = [];
    const left: Fill[] = [];
    for (const [number, one] of fills.entries()) {
      const price = String(one.cents / 100);
      const fill = executed({
        id: `${id}:${number}`,
        order: id,
        instrument,
        side,
        quantity: String(one.quantity),
        price,
        commission: '0.25',
        venue: one.venue,
        time: START + one.second * SECOND,
      });
      const corrected = { ...fill, quantity: fill.quantity * 2n, price: decimalFromNumber(7.5) };
      records.push(fill);
      if (one.amendment === 'CANCEL') records.push({ ...fill, action: 'CANCEL' });
      else left.push(one.amendment === 'CORRECT' ? corrected : fill);
      if (one.amendment === 'CORRECT') records.push({ ...corrected, action: 'CORRECT' });
    }
    return { request, records, left };
  });

function figuresOf({ request, left }: Course, trades: readonly Trade[]) {
  const own = trades
    .filter(({ instrument }) => instrument === request.instrument)
    .map(({ eventTime, price, size }) => ({ time: eventTime, price, size }));
  const priceAt = (time: number) => own.findLast((trade) => trade.time <= time)?.price ?? null;
  const { side, decisionPrice, eventTime: arrivalTime } = request;
  const arrivalPrice = priceAt(arrivalTime);
  return executionFigures(
    { side, quantity: decimalToNumber(request.quantity), decisionPrice, arrivalTime, arrivalPrice, multiplier: 1 },
    left.map(({ eventTime, quantity, price, commission }) => ({
      time: eventTime,
      quantity: decimalToNumber(quantity),
      price: decimalToNumber(price),
      commission: decimalToNumber(commission),
    })),
    own,
    priceAt(arrivalTime + HORIZON_SECONDS * SECOND),
  );
}

function expectSame(record: ExecutionQuality | undefined, expected: ReturnType<typeof executionFigures>, what: string) {
  expect(record, what).toBeDefined();
  const { quantity, fees, ...figures } = expected;
  expect([decimalToNumber(record!.filledQuantity), decimalToNumber(record!.fees)], what).toEqual([quantity, fees]);
  expect(record!.status, what).toBe(expected.fillRatio >= 1 ? 'FILLED' : 'EXPIRED');
  for (const [name, value] of Object.entries(figures)) {
    const actual = record![name as keyof typeof figures];
    if (value === null || actual === null) expect(actual, `${what}: ${name}`).toBe(value);
    else
      expect(Math.abs(actual - value), `${what}: ${name} ${actual} against ${value}`).toBeLessThan(
        1e-9 * Math.max(10, Math.abs(value)),
      );
  }
}

describe('execution, whatever is on its way for how long', () => {
  it('ends with the figures that all the records at once give', () => {
    fc.assert(
      fc.property(
        someTrades,
        someOrders,
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        (trades, orders, dice, restarts) => {
          const courses = coursesOf(orders);
          const desk = new ExecutionDesk({ horizonMs: HORIZON_SECONDS * 1000 });
          // Trades in their order; each order's request, and its fills in theirs, anywhere between: before, at or long
          // after their time.
          const queues: (() => void)[][] = [
            trades.map((trade) => () => void desk.trade(trade)),
            ...courses.map(({ request }) => [() => void desk.order(request)]),
            ...courses.map(({ records }) => records.map((fill) => () => void desk.fill(fill))),
          ].filter((queue) => queue.length > 0);
          while (queues.length > 0) {
            const roll = dice.next().value;
            const queue = queues[roll % queues.length]!;
            queue.shift()!();
            if (queue.length === 0) queues.splice(queues.indexOf(queue), 1);
            if (restarts && roll % 3 === 0) {
              desk.driver.commit();
              desk.driver.abort();
            }
          }
          for (const later of [1, 2])
            for (const name of INSTRUMENTS)
              desk.trade(print(50, START + (SPAN_SECONDS + HORIZON_SECONDS + later) * SECOND, 5, name));
          expect(desk.rejections()).toEqual([]);
          const newest = new Map(desk.records().map((record) => [record.orderId, record]));
          for (const course of courses) {
            const { orderId } = course.request;
            expectSame(newest.get(orderId), figuresOf(course, trades), orderId);
          }
          expect(desk.driver.store('unsettled').size + desk.driver.store('deadlines').size).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
