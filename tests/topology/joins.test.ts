import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asOfJoin } from '#streams/dsl/joins/lookup.ts';
import { joinStore, streamStreamJoin } from '#streams/dsl/joins/stream-stream.ts';
import { type JoinKind, tableTableJoin } from '#streams/dsl/joins/table-table.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import type { ProcessorContext, StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';

const N: AvroSchema = { type: 'record', name: 'N', fields: [{ name: 'n', type: 'int' }] };
const PAIR: AvroSchema = { type: 'record', name: 'Pair', fields: [{ name: 'text', type: 'string' }] };
interface N {
  readonly n: number;
}
const text = (left: N | null, right: N | null) => ({ text: `${left?.n ?? '-'}:${right?.n ?? '-'}` });

interface Arrival {
  readonly side: 'left' | 'right';
  readonly key: string;
  readonly timestampMs: number;
  readonly n: number;
}
/** Times that mostly rise, with stragglers; every record has a number of its own. */
const arrivals = fc
  .array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.constantFrom('a', 'b'),
      step: fc.integer({ min: -60, max: 40 }),
    }),
    { maxLength: 40 },
  )
  .map((steps) => {
    let timestampMs = 1_000;
    return steps.map(({ side, key, step }, n): Arrival => {
      timestampMs = Math.max(0, timestampMs + step);
      return { side, key, timestampMs, n };
    });
  });

const sources = {
  left: { topic: 'left', value: N },
  right: { topic: 'right', value: N },
};
const passing = (context: ProcessorContext) => ({
  process: ({ key, value, timestampMs }: StreamRecord) => context.emit(key, value, timestampMs),
});
const sinks = { out: { inputs: ['joined'], topic: 'out', value: PAIR } };

function results(topology: TopologyDefinition, input: readonly Arrival[], abortEvery = 0): string[] {
  const driver = new TopologyTestDriver(topology);
  const found: string[] = [];
  for (const [index, { side, key, timestampMs, n }] of input.entries()) {
    if (abortEvery > 0 && index % abortEvery === 0) {
      // A transaction that is aborted: what it gave is not read, and is done again.
      driver.commit();
      driver.pipe(side, { key, value: { n }, timestampMs });
      driver.abort();
      driver.read('out');
    }
    driver.pipe(side, { key, value: { n }, timestampMs });
    for (const record of driver.read<{ text: string }>('out'))
      found.push(`${record.key} ${record.value.text} @${record.timestampMs}`);
  }
  return found;
}

const streamStream = (kind: JoinKind, beforeMs: number, afterMs: number, graceMs: number): TopologyDefinition => {
  const window = { beforeMs, afterMs, graceMs };
  const { left, right } = streamStreamJoin<N, N, { text: string }>({
    ...window,
    kind,
    leftStore: 'lefts',
    rightStore: 'rights',
    join: text,
  });
  const stores = ['lefts', 'rights'];
  return {
    name: 'joining',
    version: 1,
    sources,
    processors: {
      'join-left': { inputs: ['left'], stores, create: left },
      'join-right': { inputs: ['right'], stores, create: right },
      joined: { inputs: ['join-left', 'join-right'], create: passing },
    },
    stores: { lefts: joinStore(N, kind, window), rights: joinStore(N, kind, window) },
    sinks,
  };
};

/** Sees the whole input: which pairs come, and who stays alone, by the rule in the docstring of `streamStreamJoin`. */
function naiveStreamStream(
  kind: JoinKind,
  beforeMs: number,
  afterMs: number,
  graceMs: number,
  input: readonly Arrival[],
): string[] {
  const closes = ({ side, timestampMs }: Arrival) => timestampMs + (side === 'left' ? afterMs : beforeMs) + graceMs;
  const found: string[] = [];
  const paired = new Set<Arrival>();
  const accepted: Arrival[] = [];
  let streamTimeMs = -1;
  for (const arrival of input) {
    streamTimeMs = Math.max(streamTimeMs, arrival.timestampMs);
    if (closes(arrival) < streamTimeMs) continue;
    for (const other of accepted) {
      if (other.side === arrival.side || other.key !== arrival.key || closes(other) < streamTimeMs) continue;
      const [left, right] = arrival.side === 'left' ? [arrival, other] : [other, arrival];
      const gapMs = right.timestampMs - left.timestampMs;
      if (gapMs < -beforeMs || gapMs > afterMs) continue;
      paired.add(left).add(right);
      found.push(`${left.key} ${left.n}:${right.n} @${Math.max(left.timestampMs, right.timestampMs)}`);
    }
    accepted.push(arrival);
  }
  for (const arrival of accepted) {
    if (paired.has(arrival) || closes(arrival) >= streamTimeMs) continue;
    const { side, key, n, timestampMs } = arrival;
    if (kind === 'outer' || (kind === 'left' && side === 'left'))
      found.push(side === 'left' ? `${key} ${n}:- @${timestampMs}` : `${key} -:${n} @${timestampMs}`);
  }
  return found;
}

describe('joins', () => {
  it.each<JoinKind>(['inner', 'left', 'outer'])(
    'of two streams (%s) give each pair within the window once, and the partnerless when it closes',
    (kind) => {
      const spans = fc.integer({ min: 0, max: 50 });
      fc.assert(
        fc.property(
          arrivals,
          spans,
          spans,
          spans,
          fc.integer({ min: 0, max: 4 }),
          (input, before, after, grace, every) => {
            const found = results(streamStream(kind, before, after, grace), input, every);
            expect(found.sort()).toEqual(naiveStreamStream(kind, before, after, grace, input).sort());
          },
        ),
        { numRuns: 200 },
      );
    },
  );

  it.each(['inner', 'left'] as const)(
    'as of a time (%s) meet the last value at or before it, within the tolerance',
    (kind) => {
      fc.assert(
        fc.property(arrivals, fc.nat(80), (input, toleranceMs) => {
          const topology: TopologyDefinition = {
            name: 'joining',
            version: 1,
            sources,
            processors: {
              table: {
                inputs: ['right'],
                stores: ['rights'],
                create: (context) => {
                  const store = context.versionedStore<N>('rights');
                  return { process: ({ key, value, timestampMs }) => void store.put(key!, value as N, timestampMs) };
                },
              },
              joined: {
                inputs: ['left'],
                stores: ['rights'],
                create: asOfJoin<N, N, { text: string }>({ kind, store: 'rights', toleranceMs, join: text }),
              },
            },
            stores: { rights: { kind: 'versioned', value: N, historyMs: 10_000 } },
            sinks,
          };
          const expected: string[] = [];
          for (const [index, arrival] of input.entries()) {
            if (arrival.side === 'right') continue;
            const known = input
              .slice(0, index)
              .filter(
                ({ side, key, timestampMs }) =>
                  side === 'right' && key === arrival.key && timestampMs <= arrival.timestampMs,
              );
            const newestMs = Math.max(...known.map(({ timestampMs }) => timestampMs));
            const partner = known.findLast(({ timestampMs }) => timestampMs === newestMs);
            const isNear = partner !== undefined && arrival.timestampMs - partner.timestampMs <= toleranceMs;
            if (isNear || kind === 'left')
              expected.push(`${arrival.key} ${arrival.n}:${isNear ? partner.n : '-'} @${arrival.timestampMs}`);
          }
          expect(results(topology, input, 3)).toEqual(expected);
        }),
        { numRuns: 200 },
      );
    },
  );

  it.each<JoinKind>(['inner', 'left', 'outer'])(
    'of two tables (%s) are what a join of their contents is, after every change',
    (kind) => {
      const { left, right } = tableTableJoin<N, N, { text: string }>({
        kind,
        leftStore: 'lefts',
        rightStore: 'rights',
        join: text,
      });
      const rows = new Map<string, string>();
      const changes = fc.array(
        fc.record({ side: fc.constantFrom('left', 'right'), key: fc.constantFrom('a', 'b'), n: fc.option(fc.nat(9)) }),
      );
      const contents = { left: new Map<string, N>(), right: new Map<string, N>() };
      const tables = { left: new Map<string, N>(), right: new Map<string, N>() };
      fc.assert(
        fc.property(changes, (input) => {
          for (const map of [rows, contents.left, contents.right, tables.left, tables.right]) map.clear();
          // Each side's processor with a context of just what it uses.
          const context = (own: 'left' | 'right') =>
            ({
              store: (name: string) => tables[name === 'lefts' ? 'left' : 'right'],
              emit: (key: string, { after }: { after: { text: string } | null }) => {
                if (after) rows.set(key, after.text);
                else rows.delete(key);
              },
              own,
            }) as unknown as ProcessorContext;
          const processors = { left: left(context('left')), right: right(context('right')) };
          for (const { side, key, n } of input as { side: 'left' | 'right'; key: string; n: number | null }[]) {
            const before = contents[side].get(key) ?? null;
            const after = n === null ? null : { n };
            if (after) contents[side].set(key, after);
            else contents[side].delete(key);
            if (after) tables[side].set(key, after);
            else tables[side].delete(key);
            if (before === null && after === null) continue;
            const record = {
              key,
              value: { before, after },
              timestampMs: 1,
              headers: [],
              source: { topic: '', partition: 0, offset: 0 },
            };
            processors[side].process(record);
            const expected = new Map<string, string>();
            for (const each of ['a', 'b']) {
              const l = contents.left.get(each) ?? null;
              const r = contents.right.get(each) ?? null;
              const isThere = kind === 'inner' ? l && r : kind === 'left' ? l : (l ?? r);
              if (isThere) expected.set(each, text(l, r).text);
            }
            expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
          }
        }),
        { numRuns: 200 },
      );
    },
  );
});
