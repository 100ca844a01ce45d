import { describe, expect, it } from 'vitest';
import { executionFigures } from '#quant/execution.ts';
import type { ExecutionQuality } from '#schemas/generated/types.ts';
import { ExecutionDesk, print } from '../topology/execution-desk.ts';
import { cases, expectFigures, horizonMicros, recordsOf } from './execution-cases.ts';

describe.each(cases.map((one, index) => ({ one, name: `${one.instrument} (${index})` })))(
  'execution of $name against numpy',
  ({ one }) => {
    const { instrument, orders } = one;
    const market = one.trades.map(([time, price, size]) => ({ time, price, size }));
    const priceAt = (time: number) => market.findLast((trade) => trade.time <= time)?.price ?? null;

    it('by adding up all trades', () => {
      for (const [index, { fills, expected, ...asked }] of orders.entries()) {
        const parent = { ...asked, arrivalPrice: priceAt(asked.arrivalTime), multiplier: 1 };
        const { arrivalPrice, endPrice, ...figures } = expected;
        expect(parent.arrivalPrice).toBe(arrivalPrice);
        const notional = asked.quantity * asked.decisionPrice;
        expectFigures(executionFigures(parent, fills, market, endPrice!), figures, notional, `order ${index}`);
      }
    });

    it.each(['as they come', 'orders and fills long after their market'])('by the topology: %s', (delivery) => {
      const desk = new ExecutionDesk({ horizonMs: horizonMicros / 1000 });
      const trades = market.map(({ time, price, size }) => print(price, time, size, instrument));
      const steps = orders.flatMap((_, index) => {
        const { request, fills } = recordsOf(one, index);
        return [
          { time: request.eventTime, run: () => desk.order(request) },
          ...fills.map((fill) => ({ time: fill.eventTime, run: () => desk.fill(fill) })),
        ];
      });
      const prints = trades.map((trade) => ({ time: trade.eventTime, run: () => desk.trade(trade) }));
      const all = [...prints, ...steps];
      if (delivery === 'as they come') all.sort((a, b) => a.time - b.time);
      for (const { run } of all) run();
      const end = prints.at(-1)!.time + 2 * horizonMicros;
      for (const time of [end, end + 2_000_000]) desk.trade(print(1, time, 1, instrument));
      expect(desk.rejections()).toEqual([]);
      const newest = new Map(desk.records().map((record): [string, ExecutionQuality] => [record.orderId, record]));
      for (const [index, { expected, quantity, decisionPrice }] of orders.entries()) {
        const id = `${instrument}-${index}`;
        expectFigures(newest.get(id)!, expected, quantity * decisionPrice, id);
      }
    });
  },
);
