import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroType } from '#streams/kit/avro.ts';
import { BAR_ROW_SCHEMA, RunningBar } from '#topologies/bars/running-bar.ts';

const START = 1_000_000_000;
const bar = (...trades: readonly (readonly [price: number, size: number | null])[]) => {
  const made = new RunningBar('AAPL');
  made.begin(START, START + 1_000_000);
  for (const [index, [price, size]] of trades.entries()) made.add({ eventTime: START + index, price, size });
  return made;
};
const price = fc.double({ min: Number.MIN_VALUE, max: 9.9e28, noNaN: true });

describe('a running bar', () => {
  it('is the same after it was stored and loaded', () => {
    const trades = fc.array(fc.tuple(price, fc.option(price)), { minLength: 1, maxLength: 20 });
    const type = avroType(BAR_ROW_SCHEMA);
    fc.assert(
      fc.property(trades, (input) => {
        const made = bar(...input);
        const loaded = new RunningBar('AAPL');
        loaded.load(START, START + 1_000_000, type.fromBuffer(type.toBuffer(made.row())));
        expect(loaded).toEqual(made);
      }),
    );
  });

  it('has every figure finite, and its average within it, for all prices and sizes that are let in', () => {
    const trades = fc.array(fc.tuple(price, price), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(trades, (input) => {
        const made = bar(...input);
        const vwap = made.vwap()!;
        expect([made.volume, made.turnover, vwap].every(Number.isFinite)).toBe(true);
        expect(made.low <= vwap && vwap <= made.high).toBe(true);
      }),
    );
  });

  it('averages equal prices to that price', () => {
    expect(bar(...Array.from({ length: 9 }, () => [0.1, 0.7] as const)).vwap()).toBe(0.1);
    expect(bar([10, null], [20, 3], [30, 1]).vwap()).toBe(22.5);
    expect(bar([10, null]).vwap()).toBeNull();
  });

  it('leaves nothing of an interval to the next one', () => {
    const used = bar([100, 5], [1, 7]);
    used.final = true;
    used.revision = 3;
    used.begin(START, START + 1_000_000);
    used.add({ eventTime: START, price: 10, size: null });
    expect(used.row()).toEqual(bar([10, null]).row());
  });
});
