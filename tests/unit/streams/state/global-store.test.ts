import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GlobalStore } from '#streams/state/global-store.ts';

const changes = fc.array(
  fc.record({ key: fc.constantFrom('a', 'b'), value: fc.option(fc.nat(99)), timestampMs: fc.nat(50) }),
  { maxLength: 30 },
);

describe('a global table', () => {
  it('with a history answers as of any time that it still remembers as the whole log would', () => {
    fc.assert(
      fc.property(changes, fc.nat(60), (log, historyMs) => {
        const store = new GlobalStore<number>(historyMs);
        for (const { key, value, timestampMs } of log) store.apply(key, value, timestampMs);
        const newestMs = Math.max(-1, ...log.map(({ timestampMs }) => timestampMs));
        for (const key of ['a', 'b']) {
          for (let asOfMs = Math.max(0, newestMs - historyMs); asOfMs <= 51; asOfMs++) {
            const known = log.filter((change) => change.key === key && change.timestampMs <= asOfMs);
            const newest = Math.max(...known.map(({ timestampMs }) => timestampMs));
            const held = known.findLast(({ timestampMs }) => timestampMs === newest);
            expect(store.getAsOf(key, asOfMs)?.value).toBe(held?.value ?? undefined);
          }
        }
        expect(store.size).toBe([...store.entries()].length);
      }),
    );
  });

  it('without one keeps what came last, whatever its time', () => {
    const store = new GlobalStore<number>(null);
    store.apply('a', 1, 100);
    store.apply('a', 2, 50);
    store.apply('b', 3, 10);
    store.apply('b', null, 5);
    expect([...store.entries()]).toEqual([['a', 2]]);
    expect(store.getAsOf('a', 0)).toEqual({ value: 2, timestampMs: 50 });
    expect(store.size).toBe(1);
  });
});
