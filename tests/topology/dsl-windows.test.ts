import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamsBuilder } from '#streams/dsl/builder.ts';
import type { KGroupedStream } from '#streams/dsl/grouped.ts';
import { untilWindowCloses } from '#streams/dsl/suppress.ts';
import type { KTable } from '#streams/dsl/table.ts';
import {
  closesAtMs,
  hopping,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  type TimeWindows,
  tumbling,
  type Windowed,
  type Windows,
  windowedKey,
} from '#streams/dsl/windows.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';

/** A record: its value is its number, so that a result, a list of numbers, tells which records it has and in what order. */
interface Input {
  readonly key: string;
  readonly timestampMs: number;
}
const inputsOf = (spreadMs: number) =>
  fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b@1/2'),
      timestampMs: fc.integer({ min: 0, max: spreadMs }),
    }),
    { maxLength: 40 },
  );
/** Where the work so far is committed, or undone and done again; by the number of the record before it. */
const cutsOf = fc.array(fc.record({ after: fc.nat(39), abort: fc.boolean() }), { maxLength: 6 });
type Cuts = readonly { readonly after: number; readonly abort: boolean }[];

const append = (list: string, value: number) => (list === '' ? `${value}` : `${list} ${value}`);
function aggregated(grouped: KGroupedStream<number>, windows: Windows): KTable<string, Windowed> {
  const options = { value: 'string', store: 'results' };
  if (windows.kind !== 'session') return grouped.windowedBy(windows).aggregate(() => '', append, options);
  const merge = (first: string, second: string) => `${first} ${second}`;
  return grouped.windowedBy(windows).aggregate(() => '', append, merge, options);
}
const driverOf = (windows: Windows, suppressed: boolean) => {
  const builder = new StreamsBuilder({ name: 'windows' });
  const table = aggregated(builder.stream<number>('in', 'long').groupByKey() as KGroupedStream<number>, windows);
  const last = suppressed ? table.suppress(untilWindowCloses({ maxRecords: 1000 })) : table;
  last.toStream().to('out', { value: 'string' });
  return new TopologyTestDriver(builder.build());
};

interface Run {
  /** Written after each record, `key@start/end=result`. */
  readonly outputs: string[][];
  readonly late: number[];
}
/** Runs the records through the library, with the cuts. */
function run(windows: Windows, inputs: readonly Input[], cuts: Cuts, suppressed = false): Run {
  const driver = driverOf(windows, suppressed);
  const outputs: string[][] = [];
  const late: number[] = [];
  const pipe = (index: number) => {
    driver.pipe('in', { ...inputs[index]!, value: index, offset: index });
    outputs[index] = driver.read<string | null>('out').map(({ key, value }) => `${key}=${value}`);
    if (driver.readLate().length > 0) late.push(index);
  };
  let committed = 0;
  for (let index = 0; index < inputs.length; index++) {
    pipe(index);
    for (const { after, abort } of cuts) {
      if (after !== index) continue;
      if (abort) {
        driver.abort();
        late.splice(0, late.length, ...late.filter((number) => number < committed));
        for (let again = committed; again <= index; again++) pipe(again);
      } else {
        driver.commit();
        committed = index + 1;
      }
    }
  }
  return { outputs, late };
}

/** What a model knows of one window. */
interface ModelWindow {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly records: readonly number[];
}
type Model = (inputs: readonly Input[]) => {
  readonly windows: readonly ModelWindow[];
  readonly late: readonly number[];
};

const timeModel =
  ({ sizeMs, advanceMs, graceMs }: TimeWindows): Model =>
  (inputs) => {
    const windows = new Map<string, { key: string; startMs: number; endMs: number; records: number[] }>();
    const late: number[] = [];
    let streamTimeMs = -1;
    inputs.forEach(({ key, timestampMs }, index) => {
      streamTimeMs = Math.max(streamTimeMs, timestampMs);
      let isLate = false;
      for (let startMs = 0; startMs <= timestampMs; startMs += advanceMs) {
        const endMs = startMs + sizeMs;
        if (timestampMs >= endMs) continue;
        if (endMs + graceMs <= streamTimeMs) isLate = true;
        else {
          const id = windowedKey(key, startMs, endMs);
          if (!windows.has(id)) windows.set(id, { key, startMs, endMs, records: [] });
          windows.get(id)!.records.push(index);
        }
      }
      if (isLate) late.push(index);
    });
    return { windows: [...windows.values()], late };
  };

const slidingModel =
  ({ differenceMs, graceMs }: SlidingWindows): Model =>
  (inputs) => {
    const accepted: (Input & { readonly index: number })[] = [];
    const late: number[] = [];
    let streamTimeMs = -1;
    inputs.forEach((input, index) => {
      streamTimeMs = Math.max(streamTimeMs, input.timestampMs);
      if (input.timestampMs + graceMs < streamTimeMs) late.push(index);
      else accepted.push({ ...input, index });
    });
    const windows = new Map<string, ModelWindow>();
    for (const { key, timestampMs } of accepted) {
      for (const startMs of [timestampMs - differenceMs, timestampMs + 1]) {
        const endMs = startMs + differenceMs;
        const held = accepted.filter(
          (other) => other.key === key && other.timestampMs >= startMs && other.timestampMs <= endMs,
        );
        const records = held.map(({ index }) => index);
        if (records.length > 0) windows.set(windowedKey(key, startMs, endMs), { key, startMs, endMs, records });
      }
    }
    return { windows: [...windows.values()], late };
  };

const sessionModel =
  ({ gapMs, graceMs }: SessionWindows): Model =>
  (inputs) => {
    let sessions: { key: string; records: number[] }[] = [];
    const late: number[] = [];
    let streamTimeMs = -1;
    const time = (index: number) => inputs[index]!.timestampMs;
    const end = (records: readonly number[]) => Math.max(...records.map(time));
    inputs.forEach(({ key, timestampMs }, index) => {
      streamTimeMs = Math.max(streamTimeMs, timestampMs);
      const isOpen = (records: readonly number[]) => end(records) + gapMs + graceMs >= streamTimeMs;
      const near = sessions.filter(
        (candidate) =>
          candidate.key === key &&
          isOpen(candidate.records) &&
          candidate.records.some((other) => Math.abs(time(other) - timestampMs) <= gapMs),
      );
      const records = [...near.flatMap((each) => each.records), index];
      if (!isOpen(records)) late.push(index);
      else sessions = [...sessions.filter((each) => !near.includes(each)), { key, records }];
    });
    const windows = sessions.map(({ key, records }) => {
      const startMs = Math.min(...records.map(time));
      return { key, startMs, endMs: end(records), records: [...records].sort((a, b) => a - b) };
    });
    return { windows, late };
  };

/** The last result of each window. Of a session the order of joining is no matter: its numbers are sorted. */
function lastResults(outputs: readonly string[][], windows: Windows): string[] {
  const last = new Map<string, string>();
  for (const line of outputs.flat()) {
    const at = line.indexOf('=');
    const result = line.slice(at + 1);
    if (result === 'null') last.delete(line.slice(0, at));
    else last.set(line.slice(0, at), windows.kind === 'session' ? sorted(result) : result);
  }
  return [...last].map(([key, result]) => `${key}=${result}`).sort();
}
const sorted = (list: string) =>
  list
    .split(' ')
    .sort((a, b) => Number(a) - Number(b))
    .join(' ');
const keyOf = ({ key, startMs, endMs }: ModelWindow) => windowedKey(key, startMs, endMs);
const show = (window: ModelWindow) => `${keyOf(window)}=${window.records.join(' ')}`;

const grace = fc.integer({ min: 0, max: 25 });
const KINDS: readonly [string, fc.Arbitrary<Windows>, (windows: never) => Model][] = [
  ['tumbling', fc.record({ sizeMs: fc.integer({ min: 1, max: 20 }), graceMs: grace }).map(tumbling), timeModel],
  [
    'hopping',
    fc
      .record({ sizeMs: fc.integer({ min: 1, max: 20 }), advance: fc.integer({ min: 1, max: 20 }), graceMs: grace })
      .map(({ sizeMs, advance, graceMs }) => hopping({ sizeMs, advanceMs: Math.min(sizeMs, advance), graceMs })),
    timeModel,
  ],
  ['sliding', fc.record({ differenceMs: fc.integer({ min: 0, max: 12 }), graceMs: grace }).map(sliding), slidingModel],
  ['session', fc.record({ gapMs: fc.integer({ min: 0, max: 8 }), graceMs: grace }).map(session), sessionModel],
];

describe.each(KINDS)('%s windows', (_kind, windowsOf, modelOf) => {
  it('hold what the model holds, in any order of times and with aborts between', () => {
    const property = fc.property(windowsOf, inputsOf(60), cutsOf, (windows, inputs, cuts) => {
      const { outputs, late } = run(windows, inputs, cuts);
      const model = modelOf(windows as never)(inputs);
      expect(lastResults(outputs, windows)).toEqual(model.windows.map(show).sort());
      expect(late).toEqual(model.late);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('are handed on once, when stream time closes them, by suppress', () => {
    const property = fc.property(windowsOf, inputsOf(80), cutsOf, (windows, inputs, cuts) => {
      const { outputs } = run(windows, inputs, cuts, true);
      let streamTimeMs = -1;
      const emitted = new Set<string>();
      inputs.forEach(({ timestampMs }, index) => {
        streamTimeMs = Math.max(streamTimeMs, timestampMs);
        const { windows: open } = modelOf(windows as never)(inputs.slice(0, index + 1));
        const closed = open
          .filter(({ endMs }) => closesAtMs(windows, endMs) <= streamTimeMs)
          .map((window) => ({ due: closesAtMs(windows, window.endMs), key: keyOf(window), line: show(window) }))
          .filter(({ line }) => !emitted.has(line))
          .sort((a, b) => a.due - b.due || (a.key < b.key ? -1 : 1));
        for (const { line } of closed) emitted.add(line);
        const actual = outputs[index]!.map((line) => {
          const at = line.indexOf('=');
          return windows.kind === 'session' ? `${line.slice(0, at)}=${sorted(line.slice(at + 1))}` : line;
        });
        expect(actual).toEqual(closed.map(({ line }) => line));
      });
    });
    fc.assert(property, { numRuns: 200 });
  });
});

describe('windows', () => {
  it('are read from their stores, of their own kind', () => {
    const driver = driverOf(tumbling({ sizeMs: 10 }), false);
    for (const timestampMs of [3, 5, 12]) driver.pipe('in', { key: 'a', value: timestampMs, timestampMs });
    expect([...driver.windowStore('results').fetch('a', 0, 100)]).toEqual([
      [0, '3 5'],
      [10, '12'],
    ]);
    const sessions = driverOf(session({ gapMs: 5 }), false);
    for (const timestampMs of [3, 8]) sessions.pipe('in', { key: 'a', value: timestampMs, timestampMs });
    expect([...sessions.sessionStore('results').all()]).toEqual([{ key: 'a', startMs: 3, endMs: 8, value: '3 8' }]);
    expect(() => sessions.windowStore('results')).toThrow(/"results" is a session store, not a window store/);
  });

  it('stop the topology rather than be held back without end', () => {
    const builder = new StreamsBuilder({ name: 'windows' });
    const counts = builder
      .stream('in', 'long')
      .groupByKey()
      .windowedBy(tumbling({ sizeMs: 10 }))
      .count();
    counts
      .suppress(untilWindowCloses({ maxRecords: 1 }))
      .toStream()
      .to('out');
    const driver = new TopologyTestDriver(builder.build());
    driver.pipe('in', { key: 'a', value: 1, timestampMs: 1 });
    expect(() => driver.pipe('in', { key: 'b', value: 1, timestampMs: 2 })).toThrow(/holds back more than 1 results/);
  });

  it('are kept at least as long as they can change', () => {
    const grouped = new StreamsBuilder({ name: 'windows' }).stream('in', 'long').groupByKey();
    const windows = grouped.windowedBy(tumbling({ sizeMs: 10, graceMs: 5 }));
    expect(() => windows.count({ retentionMs: 14 })).toThrow(/"count-1".*may change for 15 ms/);
  });

  it.each([
    [() => tumbling({ sizeMs: 0 }), /sizeMs is 0, expected whole milliseconds from 1/],
    [() => hopping({ sizeMs: 5, advanceMs: 6 }), /advanceMs is 6, expected whole milliseconds from 1 to 5/],
    [() => sliding({ differenceMs: 1.5 }), /differenceMs is 1.5/],
    [() => session({ gapMs: 1, graceMs: -1 }), /graceMs is -1/],
  ])('refuse what makes no sense', (make, message) => {
    expect(make).toThrow(message);
  });
});
