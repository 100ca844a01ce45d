import { describe, expect, it } from 'vitest';
import { type SyntheticBookOptions, syntheticBook } from '#connectors/synthetic/book.ts';
import type { BookUpdate } from '#schemas/generated/types.ts';

const START = Date.parse('2026-01-05T14:30:00Z') * 1000;
const options = (over: Partial<SyntheticBookOptions> = {}): SyntheticBookOptions => ({
  instrument: 'SYB001',
  seed: 1,
  startMicros: START,
  updatesPerSecond: 500,
  levels: 40,
  ...over,
});
function take(count: number, over: Partial<SyntheticBookOptions> = {}): BookUpdate[] {
  const stream = syntheticBook(options(over));
  return Array.from({ length: count }, () => stream.next().value);
}
const updates = take(60_000);

describe('syntheticBook', () => {
  it('gives the same updates for the same options, others for another seed or instrument', () => {
    expect(take(500)).toEqual(updates.slice(0, 500));
    expect(take(500, { seed: 2 })).not.toEqual(updates.slice(0, 500));
    expect(take(500, { instrument: 'SYB002' })[7]!.levels).not.toEqual(updates[7]!.levels);
  });

  it('is a book that never crosses or empties, in whole cents, whose snapshots are what its changes made', () => {
    const sides = { BID: new Map<number, number>(), ASK: new Map<number, number>() };
    const listed = () => [...sides.BID, ...sides.ASK].map(([price, size]) => `${price} ${size}`).sort();
    let snapshots = 0;
    for (const { kind, sequence, levels } of updates) {
      if (kind === 'SNAPSHOT') {
        if (snapshots++ > 0) expect(levels.map(({ price, size }) => `${price} ${size}`).sort()).toEqual(listed());
        for (const side of Object.values(sides)) side.clear();
      } else expect(levels).toHaveLength(1);
      for (const { side, price, size } of levels) {
        if (size === 0) sides[side].delete(price);
        else sides[side].set(price, size);
        if (Math.round(price * 100) / 100 !== price || size % 100 !== 0)
          throw new Error(`update ${sequence}: ${price} ${size}`);
      }
      if (sequence % 50 === 0) expect(Math.max(...sides.BID.keys())).toBeLessThan(Math.min(...sides.ASK.keys()));
      if (sides.BID.size === 0 || sides.ASK.size === 0) throw new Error(`a side is empty at ${sequence}`);
    }
    expect(snapshots).toBe(12);
    // Levels within 40 ticks, and what the walk of the price has left behind.
    expect(sides.BID.size).toBeGreaterThan(25);
    expect(sides.BID.size).toBeLessThan(80);
  });

  it('keeps its rate and never goes back in time', () => {
    const seconds = (updates.at(-1)!.eventTime - START) / 1e6;
    expect(updates.length / seconds / 500).toBeGreaterThan(0.85);
    expect(updates.length / seconds / 500).toBeLessThan(1.15);
    expect(updates.every((update, index) => index === 0 || updates[index - 1]!.eventTime <= update.eventTime)).toBe(
      true,
    );
  });

  it('leaves out numbers where updates are lost, and repairs the book with a snapshot soon after', () => {
    const lossy = take(20_000, { lostEvery: 1_000 });
    const holes = lossy.flatMap(({ kind, sequence }, index) =>
      index > 0 && kind === 'DELTA' && sequence !== lossy[index - 1]!.sequence + 1 ? [index] : [],
    );
    expect(holes.length).toBeGreaterThan(8);
    for (const hole of holes.filter((index) => index < lossy.length - 60))
      expect(lossy.slice(hole, hole + 60).some(({ kind }) => kind === 'SNAPSHOT')).toBe(true);
    expect(
      updates.every(
        ({ kind, sequence }, index) => kind === 'SNAPSHOT' || sequence === updates[index - 1]!.sequence + 1,
      ),
    ).toBe(true);
  });

  it.each([
    { updatesPerSecond: 0 },
    { updatesPerSecond: Number.NaN },
    { levels: 0 },
    { levels: 1.5 },
    { lostEvery: -1 },
    { startMicros: Number.NaN },
  ])('refuses %j', (over) => {
    expect(() => take(1, over)).toThrow(RangeError);
  });
});
