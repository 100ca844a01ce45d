import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScenarioBook } from '#quant/scenario-book.ts';

const CONFIDENCES = [0.95, 0.975, 0.99];
const SCENARIOS = 250;

const returns = fc.double({ min: -0.5, max: 2, noNaN: true });
const rows = (count: number) =>
  fc.array(
    fc.array(returns, { minLength: SCENARIOS, maxLength: SCENARIOS }).map((row) => Float64Array.from(row)),
    { minLength: count, maxLength: count },
  );
const exposure = fc.oneof(
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
  fc.constant(0),
);
const ticks = fc.array(fc.tuple(fc.nat(3), exposure), { maxLength: 60 });

const book = (histories: Float64Array[]) => new ScenarioBook(histories, SCENARIOS, CONFIDENCES);

describe('a scenario book', () => {
  it('is the same to the bit after any ticks as one that was made from the last exposures', () => {
    fc.assert(
      fc.property(rows(4), ticks, (histories, changes) => {
        const live = book(histories);
        for (const [instrument, amount] of changes) live.hold(instrument, amount);
        const fresh = book(histories);
        for (const instrument of [3, 1, 0, 2]) fresh.hold(instrument, live.exposure(instrument));
        expect(live.profits).toEqual(fresh.profits);
        expect(live.tails()).toEqual(fresh.tails());
      }),
      { numRuns: 200 },
    );
  });

  it('is within rounding of the plain sum of exposure times return', () => {
    fc.assert(
      fc.property(rows(4), ticks, (histories, changes) => {
        const live = book(histories);
        for (const [instrument, amount] of changes) live.hold(instrument, amount);
        const gross = histories.reduce((sum, _, index) => sum + Math.abs(live.exposure(index)), 0);
        live.profits.forEach((profit, scenario) => {
          const plain = histories.reduce((sum, row, index) => sum + live.exposure(index) * row[scenario]!, 0);
          expect(Math.abs(profit - plain)).toBeLessThanOrEqual(gross * 2 * 4 * 2 ** -43);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('has no risk when everything is sold, whatever was held before', () => {
    const live = book([Float64Array.from({ length: SCENARIOS }, (_, index) => Math.sin(index) / 10)]);
    for (const amount of [1e12, 3.7, -1e-7, 0]) live.hold(0, amount);
    expect(live.profits.every((profit) => profit === 0)).toBe(true);
    for (const tail of live.tails()) expect(tail).toEqual({ valueAtRisk: 0, expectedShortfall: 0 });
  });

  it('refuses an exposure that is no number and keeps what it had', () => {
    const live = book([new Float64Array(SCENARIOS).fill(-0.01)]);
    live.hold(0, 100);
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 1e101])
      expect(() => live.hold(0, wrong)).toThrow(expect.objectContaining({ code: 'PARAMETER_INVALID' }));
    expect(live.exposure(0)).toBe(100);
    expect(live.tails()[0]!.valueAtRisk).toBeCloseTo(1, 9);
  });

  it('names the instrument whose history does not fit', () => {
    const good = new Float64Array(SCENARIOS);
    expect(() => book([good, new Float64Array(3)])).toThrow(/instrument 1 has 3 of 250/);
    expect(() => book([good, good.map(() => Number.NaN)])).toThrow(/instrument 1: value 0 is NaN/);
    expect(() => new ScenarioBook([], 1, [0.95])).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_SHORT' }));
  });

  it('writes the same figures without objects', () => {
    const live = book([Float64Array.from({ length: SCENARIOS }, (_, index) => Math.cos(index * 7) / 20)]);
    live.hold(0, 1000);
    const out = new Float64Array(6);
    live.tailsInto(out);
    expect([...out]).toEqual(live.tails().flatMap((tail) => [tail.valueAtRisk, tail.expectedShortfall]));
    expect(out[0]).toBeGreaterThan(0);
  });
});
