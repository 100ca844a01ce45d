import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { createStore } from '#streams/state/create.ts';
import type { StateStore } from '#streams/state/store.ts';
import type { SessionStore, StoreNode, VersionedStore, WindowStore } from '#streams/topology/types.ts';

const VALUE: AvroSchema = { type: 'record', name: 'N', fields: [{ name: 'n', type: 'int' }] };
interface N {
  readonly n: number;
}
const RETENTION_MS = 1_000;
/** One time step of a retention of 1,000 ms is 16 ms. */
const STEP_MS = 16;

/** A store with a stream time, and the changelog that its commits leave. */
class Harness<S> {
  streamTimeMs = 0;
  readonly log = new Map<string, Buffer | null>();
  #pending = new Map<string, Buffer | null>();
  #committedTimeMs = 0;
  #node: StoreNode;
  readonly state: StateStore;

  constructor(node: StoreNode) {
    this.#node = node;
    this.state = createStore({ name: 'store', node, version: 1, streamTimeMs: () => this.streamTimeMs });
  }
  get store(): S {
    return this.state as unknown as S;
  }
  commit(): void {
    this.state.expire(this.streamTimeMs);
    this.#pending = new Map();
    this.state.freeze((key, from, to, value, start, end) => {
      this.#pending.set(key.toString('utf8', from, to), value && Buffer.from(value.subarray(start, end)));
    });
    this.state.commit();
    for (const [key, value] of this.#pending) this.log.set(key, value);
    this.#committedTimeMs = this.streamTimeMs;
  }
  abort(): void {
    this.state.rollback();
    this.streamTimeMs = this.#committedTimeMs;
  }
  /** What a restart reads back, in any order. */
  restarted(): Harness<S> {
    const copy = new Harness<S>(this.#node);
    copy.streamTimeMs = this.#committedTimeMs;
    for (const [text, value] of [...this.log].reverse()) {
      const key = Buffer.from(text);
      copy.state.restore(key, 0, key.length, value, 0, value?.length ?? 0);
    }
    return copy;
  }
}

const keys = fc.constantFrom('a', 'b\u0000', '株', '');
type Step = { do: 'put'; key: string; at: number; length: number; n: number | null } | { do: 'commit' | 'abort' };
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        key: keys,
        at: fc.nat(3_000),
        length: fc.nat(100),
        n: fc.option(fc.nat(9), { freq: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.constant<Step>({ do: 'commit' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'abort' }) },
  ),
  { maxLength: 40 },
);

/** Runs steps against a store and a model that remembers every put that was taken, undone by aborts. */
function run<S, Model>(
  harness: Harness<S>,
  script: readonly Step[],
  model: { empty: () => Model; copy: (model: Model) => Model; put: (model: Model, step: Step & { do: 'put' }) => void },
  check: (store: S, model: Model, streamTimeMs: number) => void,
): void {
  let open = model.empty();
  let committed = model.empty();
  for (const step of script) {
    if (step.do === 'put') {
      harness.streamTimeMs = Math.max(harness.streamTimeMs, step.at);
      model.put(open, step);
    } else if (step.do === 'commit') {
      harness.commit();
      committed = model.copy(open);
    } else {
      harness.abort();
      open = model.copy(committed);
    }
    check(harness.store, open, harness.streamTimeMs);
  }
  harness.abort();
  const restarted = harness.restarted();
  check(harness.store, committed, harness.streamTimeMs);
  check(restarted.store, committed, harness.streamTimeMs);
}

describe('stores with time', () => {
  it('a window store holds what is in its retention, through commits, aborts and restarts', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const harness = new Harness<WindowStore<N>>({ kind: 'window', value: VALUE, retentionMs: RETENTION_MS });
        const model = {
          empty: () => new Map<string, { key: string; at: number; n: number }>(),
          copy: (map: Map<string, { key: string; at: number; n: number }>) => new Map(map),
          put: (map: Map<string, { key: string; at: number; n: number }>, { key, at, n }: Step & { do: 'put' }) => {
            if (n === null) {
              harness.store.delete(key, at);
              map.delete(`${at} ${key}`);
            } else if (harness.store.put(key, at, { n })) map.set(`${at} ${key}`, { key, at, n });
            else expect(at).toBeLessThan(harness.streamTimeMs - RETENTION_MS);
          },
        };
        run(harness, script, model, (store, map, streamTimeMs) => {
          const alive = [...map.values()].filter(({ at }) => at >= streamTimeMs - RETENTION_MS);
          for (const key of ['a', 'b\u0000', '株', '']) {
            const wanted = alive.filter((entry) => entry.key === key && entry.at >= 500 && entry.at <= 2_500);
            const found = [...store.fetch(key, 500, 2_500)].filter(([at]) => at >= streamTimeMs - RETENTION_MS);
            expect(found.map(([at, { n }]) => [at, n])).toEqual(
              wanted.sort((a, b) => a.at - b.at).map(({ at, n }) => [at, n]),
            );
          }
        });
        harness.streamTimeMs += RETENTION_MS + 2 * STEP_MS + 3_000;
        harness.commit();
        expect(harness.store.size).toBe(0);
        expect([...harness.log.values()].every((value) => value === null)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('a session store finds the sessions that touch a time, through commits, aborts and restarts', () => {
    fc.assert(
      fc.property(steps, (script) => {
        type Entry = { key: string; startMs: number; endMs: number; n: number };
        const harness = new Harness<SessionStore<N>>({ kind: 'session', value: VALUE, retentionMs: RETENTION_MS });
        const model = {
          empty: () => new Map<string, Entry>(),
          copy: (map: Map<string, Entry>) => new Map(map),
          put: (map: Map<string, Entry>, { key, at, length, n }: Step & { do: 'put' }) => {
            const entry = { key, startMs: at, endMs: at + length };
            const id = JSON.stringify(entry);
            if (n === null) {
              harness.store.delete(key, at, at + length);
              map.delete(id);
            } else if (harness.store.put(key, at, at + length, { n })) map.set(id, { ...entry, n });
          },
        };
        run(harness, script, model, (store, map, streamTimeMs) => {
          const horizonMs = streamTimeMs - RETENTION_MS;
          for (const key of ['a', '株']) {
            const wanted = [...map.values()]
              .filter(
                (entry) => entry.key === key && entry.endMs >= Math.max(1_000, horizonMs) && entry.startMs <= 1_500,
              )
              .map(({ startMs, endMs, n }) => ({ startMs, endMs, value: { n } }))
              .sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
            const found = [...store.find(key, 1_000, 1_500)].filter(({ endMs }) => endMs >= horizonMs);
            expect(found.map((session) => ({ ...session, value: { ...session.value } }))).toEqual(wanted);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('a versioned store answers as of any time of its history as the whole log would', () => {
    fc.assert(
      fc.property(steps, (script) => {
        type Entry = { key: string; at: number; n: number | null };
        const harness = new Harness<VersionedStore<N>>({ kind: 'versioned', value: VALUE, historyMs: RETENTION_MS });
        const model = {
          empty: (): Entry[] => [],
          copy: (log: Entry[]) => [...log],
          put: (log: Entry[], { key, at, n }: Step & { do: 'put' }) => {
            harness.store.put(key, n === null ? null : { n }, at);
            log.push({ key, at, n });
          },
        };
        run(harness, script, model, (store, log, streamTimeMs) => {
          for (const key of ['a', 'b\u0000']) {
            for (const asOfMs of [streamTimeMs - RETENTION_MS, streamTimeMs - 500, streamTimeMs, streamTimeMs + 1]) {
              const known = log.filter((entry) => entry.key === key && entry.at <= asOfMs);
              const newestMs = Math.max(...known.map(({ at }) => at));
              const held = known.findLast(({ at }) => at === newestMs);
              expect(store.getAsOf(key, asOfMs)?.value.n ?? null).toBe(held?.n ?? null);
            }
          }
        });
      }),
      {
        numRuns: 300,
        examples: [
          [
            [
              { do: 'put', key: 'a', at: 1016, length: 0, n: null },
              { do: 'put', key: 'a', at: 1, length: 0, n: null },
              { do: 'commit' },
              { do: 'put', key: 'a', at: 0, length: 0, n: 0 },
            ],
          ],
        ],
      },
    );
  });
});
