import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IndicatorSet } from '#quant/indicators/set.ts';
import { parseIndicator } from '#quant/indicators/spec.ts';
import { INDICATORS } from '#quant/indicators/table.ts';

/** All of the table, with periods that a short series gets over. */
const TEXTS = INDICATORS.map(({ name, parameters }) => {
  const values = parameters.map(({ name: what, default: value }) =>
    /period/.test(what) && value > 8 ? Math.max(2, Math.round(value / 4)) : value,
  );
  return values.length === 0 ? name : `${name}(${values.join(',')})`;
});
const everything = () => new IndicatorSet(TEXTS.map(parseIndicator));

interface Candle {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}
const candle: fc.Arbitrary<Candle> = fc
  .record({
    open: fc.integer({ min: 50, max: 150 }),
    move: fc.integer({ min: -20, max: 20 }),
    upper: fc.integer({ min: 0, max: 10 }),
    lower: fc.integer({ min: 0, max: 10 }),
    volume: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 1000 }) }, fc.constant(Number.NaN)),
  })
  .map(({ open, move, upper, lower, volume }) => {
    const close = open + move;
    return { open, close, high: Math.max(open, close) + upper, low: Math.min(open, close) - lower, volume };
  });

const update = (set: IndicatorSet, { open, high, low, close, volume }: Candle) =>
  set.update(open, high, low, close, volume);
const replace = (set: IndicatorSet, { open, high, low, close, volume }: Candle) =>
  set.replace(open, high, low, close, volume);
/** By name where they differ, to the bit. */
const differences = (a: IndicatorSet, b: IndicatorSet) =>
  a.names.flatMap((name, index) => (Object.is(a.values[index], b.values[index]) ? [] : [name]));

describe('a set of indicators', () => {
  it('is the same however often the newest bar was replaced', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(candle, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 90 }),
        (bars) => {
          const replaced = everything();
          const plain = everything();
          for (const states of bars) {
            update(replaced, states[0]!);
            for (const state of states.slice(1)) replace(replaced, state);
            update(plain, states.at(-1)!);
            expect(differences(replaced, plain)).toEqual([]);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('goes on from a snapshot, at any bar and between replaces, as if nothing had been', () => {
    fc.assert(
      fc.property(
        fc.array(candle, { minLength: 2, maxLength: 120 }),
        fc.nat(),
        fc.array(candle, { minLength: 1, maxLength: 3 }),
        (bars, place, states) => {
          const at = place % bars.length;
          const original = everything();
          for (const bar of bars.slice(0, at + 1)) update(original, bar);
          const taken = original.snapshot();
          const restored = everything();
          restored.restore(taken);
          expect(restored.count).toBe(at + 1);
          expect(differences(original, restored)).toEqual([]);
          for (const set of [original, restored]) for (const state of states) replace(set, state);
          expect(differences(original, restored)).toEqual([]);
          for (const bar of bars.slice(at + 1)) {
            update(original, bar);
            update(restored, bar);
          }
          expect(differences(original, restored)).toEqual([]);
          // The snapshot is a copy.
          expect(taken[0]).toBe(at + 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it.each([
    ['one price', () => ({ open: 100, high: 100, low: 100, close: 100, volume: 0 })],
    ['one candle', () => ({ open: 100, high: 103, low: 98, close: 101, volume: 10 })],
    ['zeros', () => ({ open: 0, high: 0, low: 0, close: 0, volume: 0 })],
    ['prices below zero', (index: number) => ({ open: -5, high: -4, low: -9 - (index % 3), close: -6, volume: 3 })],
    [
      'the largest numbers',
      (index: number) => ({ open: 1e140, high: 1e150, low: 1, close: 1e140 + index * 1e137, volume: 1e100 }),
    ],
  ] as const)('takes %s without an error', (_, bar) => {
    const set = everything();
    for (let index = 0; index < 200; index++) update(set, bar(index));
    expect(set.count).toBe(200);
  });

  it('is never undefined again once it is, of sound bars with volume', () => {
    const set = everything();
    const defined = new Set<string>();
    for (let index = 0; index < 300; index++) {
      const close = 100 + 20 * Math.sin(index / 7) + (index % 5);
      update(set, { open: close - 1, high: close + 2, low: close - 3, close, volume: 100 + (index % 17) });
      set.names.forEach((name, place) => {
        if (!Number.isNaN(set.values[place]!)) defined.add(name);
        else expect(defined.has(name), `${name} at ${index}`).toBe(false);
      });
    }
    expect(set.names.filter((name) => !defined.has(name))).toEqual([]);
  });

  it('begins volume anew after a bar without it, and keeps the rest', () => {
    const set = new IndicatorSet(['OBV', 'SMA(2;volume)', 'SMA(2)'].map(parseIndicator));
    const bars = [5, 7, Number.NaN, 3, 4];
    const rows = bars.map((volume, index) => {
      update(set, { open: 1, high: 10, low: 0, close: 1 + index, volume });
      return [...set.values];
    });
    expect(rows).toEqual([
      [5, Number.NaN, Number.NaN],
      [12, 6, 1.5],
      [Number.NaN, Number.NaN, 2.5],
      [3, Number.NaN, 3.5],
      [7, 3.5, 4.5],
    ]);
  });

  it('refuses a bar that is none, and is as it was', () => {
    const set = everything();
    const sound = { open: 10, high: 12, low: 9, close: 11, volume: 5 };
    expect(() => replace(set, sound)).toThrow('There is no bar yet');
    update(set, sound);
    const before = set.snapshot();
    for (const wrong of [
      { high: 10.5 },
      { low: 10.5 },
      { close: Number.NaN },
      { high: Number.POSITIVE_INFINITY },
      { volume: -1 },
      { volume: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => update(set, { ...sound, ...wrong })).toThrow(/not a finite number|low must be lowest/);
      expect(() => replace(set, { ...sound, ...wrong })).toThrow();
    }
    expect(set.snapshot()).toEqual(before);
  });

  it('takes no snapshot of other indicators', () => {
    const other = new IndicatorSet([parseIndicator('SMA(3)')]);
    expect(() => everything().restore(other.snapshot())).toThrow(/SHAPE_MISMATCH|numbers, \d+ are needed/);
  });
});
