import { describe, expect, it } from 'vitest';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { Table } from '#streams/state/table.ts';
import { stampedType, TtlStore } from '#streams/state/ttl-store.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = HOUR_MS / 64;
const LONG: AvroSchema = { type: 'record', name: 'N', fields: [{ name: 'n', type: 'long' }] };

function make() {
  const clock = { nowMs: 0 };
  const table = new Table<{ writtenMs: number; value: { n: number } }>('recent', stampedType(LONG), 1);
  const store = new TtlStore(table, HOUR_MS, () => clock.nowMs);
  const tombstones: string[] = [];
  const cut = (nowMs: number) => {
    clock.nowMs = nowMs;
    store.expire(nowMs);
    store.freeze((key, from, to, value) => {
      if (value === null) tombstones.push(key.toString('utf8', from, to));
    });
  };
  return { clock, store, tombstones, cut };
}

describe('a store with a time to live', () => {
  it('forgets what was not written for that long, with a tombstone, and keeps what was written again', () => {
    const { store, tombstones, cut } = make();
    store.put('old', { n: 1 });
    store.put('renewed', { n: 1 });
    cut(HOUR_MS / 2);
    store.commit();
    store.put('renewed', { n: 2 });
    cut(HOUR_MS);
    store.commit();
    expect([...store.entries()].map(([key]) => key).sort()).toEqual(['old', 'renewed']);
    cut(HOUR_MS + STEP_MS);
    store.commit();
    expect([...store.entries()]).toEqual([['renewed', { n: 2 }]]);
    expect(tombstones).toEqual(['old']);
    cut(3 * HOUR_MS);
    store.commit();
    expect(store.size).toBe(0);
  });

  it('has everything back when the transaction in which it expired is aborted, and forgets it again', () => {
    const { store, cut } = make();
    store.put('a', { n: 1 });
    cut(0);
    store.commit();
    cut(2 * HOUR_MS);
    store.rollback();
    expect(store.get('a')).toEqual({ n: 1 });
    cut(2 * HOUR_MS);
    store.commit();
    expect(store.get('a')).toBeUndefined();
  });

  it('knows the age of what a restart reads back', () => {
    const { store, cut, clock } = make();
    const rows: { key: Buffer; value: Buffer }[] = [];
    clock.nowMs = 1_000;
    store.put('a', { n: 1 });
    cut(1_000);
    store.commit();
    [
      ...store.committedRows((key, keyStart, keyEnd, value, start, end) => {
        rows.push({
          key: Buffer.from(key.subarray(keyStart, keyEnd)),
          value: Buffer.from(value!.subarray(start, end)),
        });
      }, 10),
    ];
    const again = make();
    for (const { key, value } of rows) again.store.restore(key, 0, key.length, value, 0, value.length);
    again.cut(HOUR_MS);
    again.store.commit();
    expect(again.store.get('a')).toEqual({ n: 1 });
    again.cut(HOUR_MS + 1_000 + 2 * STEP_MS);
    again.store.commit();
    expect(again.store.size).toBe(0);
  });
});
