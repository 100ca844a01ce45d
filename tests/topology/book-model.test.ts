import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { syntheticBook } from '#connectors/synthetic/book.ts';
import type { BookLevel, BookUpdate, Depth } from '#schemas/generated/types.ts';
import { BookDesk, START, update } from './book-desk.ts';

/** What happens to a book at the venue, and what becomes of it on its way. */
interface Step {
  readonly levels: readonly BookLevel[];
  /** Instead of its levels the venue tells the whole book. */
  readonly isSnapshot: boolean;
  readonly fate: 'COMES' | 'LOST' | 'TWICE' | 'LATE' | 'BROKEN';
  readonly commit: boolean;
}
// Bids and asks overlap now and then: crossed books too.
const level: fc.Arbitrary<BookLevel> = fc
  .record({
    side: fc.constantFrom('BID', 'ASK'),
    price: fc.integer({ min: 0, max: 11 }),
    size: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ side, price, size }) => ({ side, price: (side === 'BID' ? 100 : 109) + price, size }));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    levels: fc.array(level, { maxLength: 3 }),
    isSnapshot: fc.integer({ min: 0, max: 3 }).map((value) => value === 0),
    fate: fc.constantFrom('COMES', 'COMES', 'COMES', 'COMES', 'COMES', 'LOST', 'TWICE', 'LATE', 'BROKEN'),
    commit: fc.boolean(),
  }),
  { maxLength: 70 },
);

type Sides = { readonly BID: Map<number, number>; readonly ASK: Map<number, number> };
/** The venue's own book after each step, by sequence, by the plainest means. */
function truth(input: readonly Step[]): Sides[] {
  const sides: Sides = { BID: new Map(), ASK: new Map() };
  return input.map(({ levels, isSnapshot }) => {
    if (!isSnapshot)
      for (const { side, price, size } of levels) {
        if (size === 0) sides[side].delete(price);
        else sides[side].set(price, size);
      }
    return { BID: new Map(sides.BID), ASK: new Map(sides.ASK) };
  });
}
const all = ({ BID, ASK }: Sides): BookLevel[] => [
  ...[...BID].map(([price, size]): BookLevel => ({ side: 'BID', price, size })),
  ...[...ASK].map(([price, size]): BookLevel => ({ side: 'ASK', price, size })),
];
const isCrossed = ({ BID, ASK }: Sides) => Math.max(...BID.keys()) > Math.min(...ASK.keys());

/** The updates in the order in which they come, and after which of them a commit. */
function feed(input: readonly Step[]): { readonly update: BookUpdate; readonly commit: boolean }[] {
  const books = truth(input);
  const late: BookUpdate[] = [];
  return input.flatMap(({ levels, isSnapshot, fate, commit }, sequence) => {
    const value = update(isSnapshot ? 'SNAPSHOT' : 'DELTA', sequence, isSnapshot ? all(books[sequence]!) : levels);
    const broken = { ...value, levels: [{ side: 'BID' as const, price: Number.NaN, size: 1 }] };
    const now = { COMES: [value], LOST: [], TWICE: [value, value], LATE: [], BROKEN: [broken] }[fate];
    const before = fate === 'LATE' ? [] : late.splice(0);
    if (fate === 'LATE') late.push(value);
    return [...now, ...before].map((each) => ({ update: each, commit }));
  });
}

function run(input: readonly Step[], restarts: boolean): { readonly commits: Depth[][]; readonly codes: string[] } {
  const desk = new BookDesk();
  const commits: Depth[][] = [];
  const codes: string[] = [];
  for (const { update: value, commit } of feed(input)) {
    desk.send(value);
    codes.push(...desk.rejected());
    if (!commit) continue;
    if (restarts) desk.restart();
    else desk.commit();
    commits.push(desk.depths());
  }
  commits.push(desk.commit().depths());
  return { commits, codes };
}

describe('a book of any feed, with updates lost, repeated, late and broken', () => {
  it('is the venue’s own at its sequence whenever it is not stale', () => {
    let sound = 0;
    fc.assert(
      fc.property(steps, (input) => {
        const books = truth(input);
        for (const { state, sequence, bids, asks, bidLevels, askLevels, mid } of run(input, false).commits.flat()) {
          if (state === 'STALE') {
            expect(mid).toBeNull();
            continue;
          }
          sound++;
          const venue = books[sequence!]!;
          const best = (side: Map<number, number>, sign: number) =>
            [...side].sort(([a], [b]) => sign * (b - a)).map(([price, size]) => ({ price, size }));
          expect(bids).toEqual(best(venue.BID, 1).slice(0, 10));
          expect(asks).toEqual(best(venue.ASK, -1).slice(0, 10));
          expect([bidLevels, askLevels]).toEqual([venue.BID.size, venue.ASK.size]);
          if (isCrossed(venue)) expect([state, mid]).toEqual(['CROSSED', null]);
          else expect(state).not.toBe('CROSSED');
        }
      }),
      { numRuns: 300 },
    );
    expect(sound).toBeGreaterThan(300);
  });

  it('goes on after a restart at any commit as if nothing had happened', () => {
    fc.assert(
      fc.property(steps, (input) => {
        expect(run(input, true)).toEqual(run(input, false));
      }),
      { numRuns: 200 },
    );
  });

  it('shows a book at most once a commit but for changes of state', () => {
    fc.assert(
      fc.property(steps, (input) => {
        let before = '';
        for (const written of run(input, false).commits) {
          const repeated = written.filter(({ state }) => {
            const isSame = state === before;
            before = state;
            return isSame;
          });
          expect(repeated.length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe('a long synthetic book', () => {
  const stream = syntheticBook({
    instrument: 'SYB001',
    seed: 3,
    startMicros: START,
    updatesPerSecond: 1_000,
    levels: 300,
    lostEvery: 900,
  });
  const updates = Array.from({ length: 12_000 }, () => stream.next().value);

  it('comes out the same whether restarted at every commit or never, through gaps, snapshots and rewrites of its rows', () => {
    const [steady, restarted] = [false, true].map((restarts) => {
      const desk = new BookDesk();
      updates.forEach((value, index) => {
        desk.send(value);
        if (index % 40 !== 0) return;
        if (restarts) desk.restart();
        else desk.commit();
      });
      return { depths: desk.commit().depths(), rows: desk.driver.store('levels').size };
    });
    expect(restarted).toEqual(steady);
    const states = new Set(steady!.depths.map(({ state }) => state));
    expect([...states].sort()).toEqual(['SOUND', 'STALE']);
    expect(steady!.depths.at(-1)!.gaps).toBeGreaterThan(5);
    // A book of some 600 levels, and no more than as many again in rows of what has changed since.
    expect(steady!.rows).toBeLessThan(40);
  });
});
