import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroType } from '#streams/kit/avro.ts';
import { Table } from '#streams/state/table.ts';

const TYPE = avroType({
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'text', type: 'string' },
  ],
});
interface Row {
  readonly n: number;
  readonly text: string;
}
const table = () => new Table<Row>('rows', TYPE, 1);
const contents = (store: Table<Row>) => new Map([...store.entries()].map(([key, value]) => [key, { ...value }]));
/** The changelog that a cut writes, as a broker would keep it: bytes by key. */
type Log = Map<string, Buffer | null>;
const freeze = (store: Table<Row>, log: Log) =>
  store.freeze((key, keyStart, keyEnd, value, start, end) => {
    log.set(key.toString('utf8', keyStart, keyEnd), value ? Buffer.from(value.subarray(start, end)) : null);
  });
function restored(log: Log): Table<Row> {
  const store = table();
  for (const [text, value] of log) {
    const key = Buffer.from(text);
    store.restore(key, 0, key.length, value, 0, value?.length ?? 0);
  }
  return store;
}

const keys = fc.constantFrom('a', 'b', 'key-17', 'Zürich', '', 'x'.repeat(80), '株');
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('put' as const), key: keys, n: fc.integer(), size: fc.nat(90) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), key: keys }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('freeze' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const) }) },
  ),
  { maxLength: 60 },
);

describe('Table', () => {
  it('equals a map of maps over puts, deletes, overlapped cuts, commits and aborts, and so does its changelog', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const store = table();
        const log: Log = new Map();
        let committed = new Map<string, Row>();
        let frozen: Map<string, Row> | null = null;
        let pending: Log = new Map();
        let open = new Map<string, Row>();
        for (const step of script) {
          if (step.do === 'put') {
            const value = { n: step.n, text: '·'.repeat(step.size) };
            store.put(step.key, value);
            open.set(step.key, value);
          } else if (step.do === 'delete') {
            store.delete(step.key);
            open.delete(step.key);
          } else if (step.do === 'freeze' && !frozen) {
            pending = new Map();
            freeze(store, pending);
            frozen = new Map(open);
          } else if (step.do === 'commit' && frozen) {
            store.commit();
            for (const [key, value] of pending) log.set(key, value);
            committed = frozen;
            frozen = null;
          } else if (step.do === 'rollback') {
            store.rollback();
            open = new Map(committed);
            frozen = null;
          }
          expect(contents(store)).toEqual(open);
          expect(store.size).toBe(open.size);
          expect(new Map([...store.committedRange()].map(([key, value]) => [key, { ...value }]))).toEqual(committed);
          for (const key of ['a', 'Zürich', '']) expect(store.get(key)).toEqual(open.get(key));
        }
        expect(contents(restored(log))).toEqual(committed);
        const rows = new Map<string, Buffer>();
        const visit = [
          ...store.committedRows((key, from, to, value, start, end) => {
            rows.set(key.toString('utf8', from, to), Buffer.from(value!.subarray(start, end)));
          }, 2),
        ];
        expect(visit.at(-1)).toBe(rows.size);
        expect(contents(restored(rows))).toEqual(committed);
      }),
      { numRuns: 500 },
    );
  });

  it('finds every key of many, through growth, removal and values that change their size', () => {
    const store = table();
    const log: Log = new Map();
    for (let n = 0; n < 100_000; n++) store.put(`key-${n}`, { n, text: 'x'.repeat(n % 40) });
    freeze(store, log);
    store.commit();
    for (let n = 0; n < 100_000; n += 2) store.delete(`key-${n}`);
    for (let n = 1; n < 100_000; n += 6) store.put(`key-${n}`, { n: -n, text: 'y'.repeat(n % 300) });
    freeze(store, log);
    store.commit();
    expect(store.size).toBe(50_000);
    for (let n = 0; n < 100_000; n++) {
      const expected = n % 2 === 0 ? undefined : n % 6 === 1 ? -n : n;
      if (store.get(`key-${n}`)?.n !== expected) throw new Error(`key-${n}: ${store.get(`key-${n}`)?.n}`);
    }
    expect(restored(log).size).toBe(50_000);
  });

  it('keeps a value larger than a segment', () => {
    const store = table();
    const text = 'z'.repeat(9_000_000);
    for (const [key, n] of [
      ['small', 1],
      ['big', 2],
      ['after', 3],
    ] as const)
      store.put(key, { n, text: n === 2 ? text : '' });
    const log: Log = new Map();
    freeze(store, log);
    store.commit();
    const copy = restored(log);
    expect(copy.get('big')?.text.length).toBe(text.length);
    expect(copy.get('after')).toEqual({ n: 3, text: '' });
    expect([...copy.range('b', 'c')].map(([key]) => key)).toEqual(['big']);
  });

  it('writes what came and went within a transaction nowhere, and an unchanged value not again', () => {
    const store = table();
    const log: Log = new Map();
    const value = { n: 1, text: '' };
    store.put('a', value);
    store.put('gone', value);
    store.delete('gone');
    expect(freeze(store, log)).toBe(1);
    store.commit();
    store.put('a', value);
    expect(freeze(store, log)).toBe(0);
    store.commit();
    expect([...log.keys()]).toEqual(['a']);
  });

  it('refuses a value of null', () => {
    expect(() => table().put('a', null as unknown as Row)).toThrow('put(a) needs a value; use delete');
  });
});
