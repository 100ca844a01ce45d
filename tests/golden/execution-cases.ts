import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { OrderFill } from '#quant/execution.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import { executed, order } from '../topology/execution-desk.ts';

type Figures = Readonly<Record<string, number | null>>;
export interface ExecutionCase {
  readonly instrument: string;
  readonly trades: readonly (readonly [time: number, price: number, size: number | null])[];
  readonly orders: readonly {
    readonly side: 'BUY' | 'SELL';
    readonly quantity: number;
    readonly decisionPrice: number;
    readonly arrivalTime: number;
    readonly fills: readonly (OrderFill & { readonly venue: string })[];
    readonly expected: Figures;
  }[];
}
/** Made by execution_reference.py: numpy, on the shipped closes. */
export const { horizonMicros, cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'execution.json'), 'utf8'),
) as { readonly horizonMicros: number; readonly cases: readonly ExecutionCase[] };

/** The records of an order of a case: what was asked for, and its fills. The order's id is instrument-index. */
export function recordsOf(
  { instrument, orders }: ExecutionCase,
  index: number,
): { request: OrderRequest; fills: Fill[] } {
  const { fills, quantity, arrivalTime, side, decisionPrice } = orders[index]!;
  const id = `${instrument}-${index}`;
  const common = { instrument, side };
  return {
    request: order({ ...common, id, decisionPrice, quantity: `${quantity}`, time: arrivalTime }),
    fills: fills.map(({ time, venue, ...amounts }, number) =>
      executed({
        ...common,
        id: `${id}:${number}`,
        order: id,
        venue,
        time,
        quantity: `${amounts.quantity}`,
        price: `${amounts.price}`,
        commission: `${amounts.commission}`,
      }),
    ),
  };
}

/** Relative; of what is a difference of prices, to the prices that it is a difference of. */
const TOLERANCE = 1e-9;

/** Holds figures to those of numpy. `notional` is what the order was worth. */
export function expectFigures(figures: object, expected: Figures, notional: number, what: string): void {
  for (const [name, value] of Object.entries(expected)) {
    const given = (figures as Record<string, number | bigint | null>)[name]!;
    const actual = typeof given === 'bigint' ? decimalToNumber(given) : given;
    const scale = /Bps$/.test(name) ? 1e4 : /Cost$|shortfall$/.test(name) ? notional : Math.abs(value ?? 0);
    if (value === null || actual === null) expect(actual, `${what} ${name}`).toBe(value);
    else
      expect(Math.abs(actual - value), `${what} ${name}: ${actual}, ${value}`).toBeLessThanOrEqual(scale * TOLERANCE);
  }
}
