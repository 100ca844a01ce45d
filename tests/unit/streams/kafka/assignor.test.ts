import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHandoutData,
  decodeMemberData,
  encodeHandoutData,
  encodeMemberData,
  handOut,
  placeTasks,
  type TaskMember,
  type TaskPlacement,
} from '#streams/kafka/assignor.ts';

const member = (memberId: string, details: Partial<TaskMember> = {}): TaskMember => ({
  memberId,
  processId: `process of ${memberId}`,
  owned: [],
  generationId: -1,
  freshness: new Map(),
  ...details,
});
const named = (count: number): TaskMember[] => Array.from({ length: count }, (_, index) => member(`m${index}`));
/** The group after everyone has taken what it was given. */
const settled = (members: readonly TaskMember[], placement: ReadonlyMap<string, TaskPlacement>): TaskMember[] =>
  members.map((one) => ({ ...one, owned: placement.get(one.memberId)!.active, generationId: 1 }));
const loads = (placement: ReadonlyMap<string, TaskPlacement>): number[] =>
  [...placement.values()].map(({ active }) => active.length);
const spread = (numbers: readonly number[]): number => Math.max(...numbers) - Math.min(...numbers);
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Groups as they may come: several processes, contradictory and foreign claims, state here and there. */
const groups = fc
  .array(
    fc.record({
      processId: fc.constantFrom('p0', 'p1', 'p2', 'p3'),
      owned: fc.uniqueArray(fc.nat(40), { maxLength: 12 }),
      generationId: fc.integer({ min: -1, max: 3 }),
      freshness: fc.dictionary(fc.nat(30).map(String), fc.nat(1_000_000), { maxKeys: 10 }),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((entries) =>
    entries.map(
      (entry, index): TaskMember => ({
        ...entry,
        memberId: `m${index}`,
        freshness: new Map(Object.entries(entry.freshness).map(([partition, offsets]) => [Number(partition), offsets])),
      }),
    ),
  );
const counts = fc.nat(40);

describe('a placement', () => {
  it('gives every partition to one member, with loads that differ by one at most', () => {
    fc.assert(
      fc.property(groups, counts, (members, partitions) => {
        const placement = placeTasks(members, partitions, 0);
        expect([...placement.values()].flatMap(({ active }) => active).sort((a, b) => a - b)).toEqual(
          range(partitions),
        );
        expect(spread(loads(placement))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives processes with equally many members loads that differ by one at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        counts,
        (processes, each, partitions) => {
          const members = range(processes).flatMap((p) =>
            range(each).map((index) => member(`m${index} of ${p}`, { processId: `p${p}` })),
          );
          const placement = placeTasks(members, partitions, 0);
          const byProcess = Map.groupBy(members, ({ processId }) => processId);
          const sums = [...byProcess.values()].map((own) =>
            own.reduce((sum, { memberId }) => sum + placement.get(memberId)!.active.length, 0),
          );
          expect(spread(sums)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(groups, counts, fc.infiniteStream(fc.nat()), (members, partitions, random) => {
        const shuffled = members
          .map((one) => ({ one, at: random.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const byId = (placement: Map<string, TaskPlacement>) => Object.fromEntries(placement);
        expect(byId(placeTasks(shuffled, partitions, 1))).toEqual(byId(placeTasks(members, partitions, 1)));
      }),
    );
  });

  it('moves only what a new member gets', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), counts, (count, partitions) => {
        const before = settled(named(count), placeTasks(named(count), partitions, 0));
        const after = placeTasks([...before, member('new')], partitions, 0);
        for (const { memberId, owned } of before)
          expect(owned).toEqual(expect.arrayContaining([...after.get(memberId)!.active]));
        expect(after.get('new')!.active).toHaveLength(Math.floor(partitions / (count + 1)));
      }),
    );
  });

  it('moves only what a member that leaves had', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.nat(7), counts, (count, leaver, partitions) => {
        const before = settled(named(count), placeTasks(named(count), partitions, 0));
        const left = before.filter((_, index) => index !== leaver % count);
        const after = placeTasks(left, partitions, 0);
        for (const { memberId, owned } of left)
          expect(after.get(memberId)!.active).toEqual(expect.arrayContaining([...owned]));
      }),
    );
  });

  it('stays as it is while the group does', () => {
    fc.assert(
      fc.property(groups, counts, (members, partitions) => {
        const first = placeTasks(members, partitions, 0);
        expect(placeTasks(settled(members, first), partitions, 0)).toEqual(first);
      }),
    );
  });

  it('sends partitions back to where their state is freshest', () => {
    const placement = placeTasks(
      [
        member('a', {
          owned: [0, 1, 2, 3, 4, 5],
          generationId: 4,
          freshness: new Map(range(6).map((p) => [p, 1_000])),
        }),
        member('back', {
          freshness: new Map([
            [1, 990],
            [4, 950],
            [5, 10],
          ]),
        }),
        member('blank'),
      ],
      6,
      0,
    );
    expect(placement.get('back')!.active).toEqual([1, 4]);
    expect(placement.get('a')!.active).toHaveLength(2);
  });

  it('lets those partitions choose first to which it matters most', () => {
    const placement = placeTasks(
      [
        member('a', {
          freshness: new Map([
            [0, 100],
            [1, 5_000],
          ]),
        }),
        member('b', { freshness: new Map([[0, 90]]) }),
      ],
      2,
      0,
    );
    expect(placement.get('a')!.active).toEqual([1]);
  });

  it('believes the newer of two claims', () => {
    const claims = [member('a', { owned: [0], generationId: 3 }), member('b', { owned: [0], generationId: 4 })];
    expect(placeTasks(claims, 1, 0).get('b')!.active).toEqual([0]);
  });
});

describe('a hand-out', () => {
  it('holds back what another still has, and is complete when everyone has given up what was asked', () => {
    fc.assert(
      fc.property(groups, counts, (members, partitions) => {
        const placement = placeTasks(members, partitions, 0);
        const first = handOut(placement, members);
        for (const [memberId, { active }] of first) {
          for (const other of members) {
            if (other.memberId === memberId) continue;
            const rival = members.find((one) => one.memberId === memberId)!;
            for (const partition of active.filter((p) => other.owned.includes(p)))
              expect(rival.owned.includes(partition) && rival.generationId >= other.generationId).toBe(true);
          }
        }
        const after = members.map((one) => ({ ...one, owned: first.get(one.memberId)!.active, generationId: 5 }));
        const second = handOut(placeTasks(after, partitions, 0), after);
        expect([...second.values()].flatMap(({ active }) => active).sort((a, b) => a - b)).toEqual(range(partitions));
        expect([...second.values()].some(({ unfinished }) => unfinished)).toBe(false);
      }),
    );
  });

  it('tells whoever has to give something up, and nobody else', () => {
    const members = [member('a', { owned: [0, 1], generationId: 1 }), member('b')];
    const handouts = handOut(placeTasks(members, 2, 0), members);
    expect(handouts.get('a')).toMatchObject({ active: [0], unfinished: true });
    expect(handouts.get('b')).toMatchObject({ active: [], unfinished: false });
  });
});

describe('standbys', () => {
  it('are on another process than the task and each other, as many as there are processes for', () => {
    fc.assert(
      fc.property(groups, counts, fc.integer({ min: 1, max: 2 }), (members, partitions, replicas) => {
        const placement = placeTasks(members, partitions, replicas);
        const processes = new Set(members.map(({ processId }) => processId)).size;
        for (const partition of range(partitions)) {
          const holders = members.filter(({ memberId }) => {
            const { active, standbys } = placement.get(memberId)!;
            return active.includes(partition) || standbys.includes(partition);
          });
          expect(holders).toHaveLength(Math.min(replicas + 1, processes));
          expect(new Set(holders.map(({ processId }) => processId)).size).toBe(holders.length);
        }
      }),
    );
  });

  it('are spread evenly, and stay where their state is', () => {
    const members = settled(named(3), placeTasks(named(3), 9, 0));
    const first = placeTasks(members, 9, 1);
    expect([...first.values()].map(({ standbys }) => standbys.length)).toEqual([3, 3, 3]);
    const warm = members.map((one) => ({
      ...one,
      freshness: new Map(first.get(one.memberId)!.standbys.map((partition) => [partition, 500])),
    }));
    expect(placeTasks(warm, 9, 1)).toEqual(first);
  });
});

describe('user data', () => {
  it('comes back as it went', () => {
    const offsets = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.tuple(fc.nat(5_000), offsets), { maxLength: 20 }),
        (processId, entries) => {
          const data = { processId, endpoint: `${processId}:1`, freshness: new Map(entries) };
          expect(decodeMemberData(encodeMemberData(data))).toEqual(data);
        },
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 20 }), fc.boolean(), (standbys, unfinished) => {
        expect(decodeHandoutData(encodeHandoutData({ standbys, unfinished }))).toEqual({ standbys, unfinished });
      }),
    );
  });

  it('that is empty, cut short, foreign or of a later version counts as nothing known', () => {
    const nothing = { processId: '', endpoint: '', freshness: new Map() };
    const whole = encodeMemberData({ processId: 'host:1', endpoint: 'host:2', freshness: new Map([[3, 70_000]]) });
    for (let length = 0; length < whole.length; length++)
      expect(decodeMemberData(whole.subarray(0, length))).toEqual(nothing);
    expect(decodeMemberData(null)).toEqual(nothing);
    expect(decodeMemberData(Buffer.from([2, ...whole.subarray(1)]))).toEqual(nothing);
    expect(decodeHandoutData(Buffer.alloc(0))).toEqual({ standbys: [], unfinished: false });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const offsets of decodeMemberData(Buffer.from(bytes)).freshness.values())
          expect(Number.isSafeInteger(offsets)).toBe(true);
        decodeHandoutData(Buffer.from(bytes));
      }),
    );
  });
});
