import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Processor, ProcessorContext, StoreNode } from '../topology/types.ts';
import { type Aggregation, aggregateOf, tableAggregateOf } from './aggregate.ts';
import type { PackedChange } from './change.ts';
import { type Graph, schemaFor } from './graph.ts';
import type { Key, TableOptions, WindowOptions } from './options.ts';
import type { StreamPlace } from './place.ts';
import { slidingRetentionMs, slidingRowSchema, slidingWindowsOf } from './sliding.ts';
import { withoutNulls } from './stateless.ts';
import { KTable } from './table.ts';
import { sessionRetentionMs, sessionsOf, timeRetentionMs, timeWindowsOf } from './window-aggregate.ts';
import {
  parseWindowedKey,
  type SessionWindows,
  type SlidingWindows,
  type TimeWindows,
  type Windowed,
} from './windows.ts';

/** Counts are Avro longs. */
const COUNT: AvroSchema = 'long';
const counting: Aggregation<unknown, number> = { initial: () => 0, add: (count) => count + 1 };

/** A stream whose records lie with their key's task. */
export class KGroupedStream<V, K extends string | Windowed = string> {
  readonly #place: StreamPlace<K>;

  /** @internal */
  constructor(place: StreamPlace<K>) {
    this.#place = place;
  }

  /** Records of each key, an Avro long; records whose value is null are counted as `null-value` and left out. */
  count(options: TableOptions = {}): KTable<number, K> {
    return this.#table('count', counting, { ...options, value: options.value ?? COUNT });
  }
  /** The first value of a key is its first result. The schema is that of the stream unless `value` is given. */
  reduce(add: (result: V, value: V, key: K) => V, options: TableOptions = {}): KTable<V, K> {
    const value = options.value ?? this.#place.value;
    return this.#table('reduce', { initial: null, add: this.#keyed(add) }, { ...options, ...(value ? { value } : {}) });
  }
  /** Null deletes the key's result. The option `value` is the schema of the results. */
  aggregate<A>(initial: () => A, add: (result: A, value: V, key: K) => A | null, options: TableOptions): KTable<A, K> {
    return this.#table('aggregate', { initial, add: this.#keyed(add) }, options);
  }
  /** By sessions, which each key has of its own. */
  windowedBy(windows: SessionWindows): SessionWindowedKStream<V>;
  /** By windows of a fixed length. */
  windowedBy(windows: TimeWindows | SlidingWindows): TimeWindowedKStream<V>;
  windowedBy(
    windows: TimeWindows | SlidingWindows | SessionWindows,
  ): SessionWindowedKStream<V> | TimeWindowedKStream<V> {
    return windows.kind === 'session'
      ? new SessionWindowedKStream(this.#place, windows)
      : new TimeWindowedKStream(this.#place, windows);
  }

  #keyed<A, R>(add: (result: A, value: V, key: K) => R): (result: A, value: V, key: string) => R {
    const { keyOf } = this.#place;
    return (result, value, key) => add(result, value, keyOf(key));
  }
  #table<A>(kind: string, aggregation: Aggregation<V, A>, options: TableOptions): KTable<A, K> {
    const { graph, keyOf } = this.#place;
    const name = graph.name(kind, options.name);
    const store = options.store ?? `${name}-store`;
    const value = schemaFor(name, 'its store', options.value);
    graph.addStore(store, { value, ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }) });
    addStateful(this.#place, name, store, aggregateOf(store, aggregation));
    return new KTable<A, K>({ graph, inputs: [name], value, store, isVersioned: false, windows: null, keyOf });
  }
}

/** Results per key and window. Late records are counted as `late-record` and kept in `<topology>.late-records`. */
export class TimeWindowedKStream<V> {
  readonly #place: StreamPlace<Key>;
  readonly #windows: TimeWindows | SlidingWindows;

  /** @internal */
  constructor(place: StreamPlace<Key>, windows: TimeWindows | SlidingWindows) {
    this.#place = place;
    this.#windows = windows;
  }

  /** Records of each key and window, an Avro long. */
  count(options: WindowOptions = {}): KTable<number, Windowed> {
    return this.#table('count', counting, { ...options, value: options.value ?? COUNT });
  }
  /** The first value of a window is its first result. The schema is that of the stream unless `value` is given. */
  reduce(add: (result: V, value: V, key: string) => V, options: WindowOptions = {}): KTable<V, Windowed> {
    const value = options.value ?? this.#place.value;
    return this.#table('reduce', { initial: null, add }, { ...options, ...(value ? { value } : {}) });
  }
  /** The option `value` is the schema of the results. */
  aggregate<A>(
    initial: () => A,
    add: (result: A, value: V, key: string) => A,
    options: WindowOptions,
  ): KTable<A, Windowed> {
    return this.#table('aggregate', { initial, add }, options);
  }

  #table<A>(kind: string, aggregation: Aggregation<V, A>, options: WindowOptions): KTable<A, Windowed> {
    const windows = this.#windows;
    if (windows.kind === 'time')
      return windowedTable(this.#place, kind, options, windows, {
        retentionMs: timeRetentionMs(windows),
        store: (value, retentionMs) => ({ kind: 'window', value, retentionMs }),
        create: (store) => timeWindowsOf(store, windows, aggregation),
      });
    return windowedTable(this.#place, kind, options, windows, {
      retentionMs: slidingRetentionMs(windows),
      store: (value, retentionMs) => ({ kind: 'window', value: slidingRowSchema(value), retentionMs }),
      create: (store) => slidingWindowsOf(store, windows, aggregation),
    });
  }
}

/** Results per key and session; joined sessions need a way to make one result of two. */
export class SessionWindowedKStream<V> {
  readonly #place: StreamPlace<Key>;
  readonly #windows: SessionWindows;

  /** @internal */
  constructor(place: StreamPlace<Key>, windows: SessionWindows) {
    this.#place = place;
    this.#windows = windows;
  }

  /** Records of each session, an Avro long. */
  count(options: WindowOptions = {}): KTable<number, Windowed> {
    return this.#table('count', counting, (a, b) => a + b, { ...options, value: options.value ?? COUNT });
  }
  /** The first value of a session is its first result; `add` also joins the results of two sessions, the earlier first. */
  reduce(add: (result: V, value: V, key: string) => V, options: WindowOptions = {}): KTable<V, Windowed> {
    const value = options.value ?? this.#place.value;
    return this.#table('reduce', { initial: null, add }, add, { ...options, ...(value ? { value } : {}) });
  }
  /** `merge` joins the results of two sessions, the earlier first. The option `value` is the schema of the results. */
  aggregate<A>(
    initial: () => A,
    add: (result: A, value: V, key: string) => A,
    merge: (first: A, second: A, key: string) => A,
    options: WindowOptions,
  ): KTable<A, Windowed> {
    return this.#table('aggregate', { initial, add }, merge, options);
  }

  #table<A>(
    kind: string,
    aggregation: Aggregation<V, A>,
    merge: (first: A, second: A, key: string) => A,
    options: WindowOptions,
  ): KTable<A, Windowed> {
    const windows = this.#windows;
    return windowedTable(this.#place, kind, options, windows, {
      retentionMs: sessionRetentionMs(windows),
      store: (value, retentionMs) => ({ kind: 'session', value, retentionMs }),
      create: (store) => sessionsOf(store, windows, aggregation, merge),
    });
  }
}

/** A table by a key of its own, whose aggregates take part of a change away and add the other. */
export class KGroupedTable<V> {
  readonly #graph: Graph;
  readonly #inputs: readonly string[];
  readonly #value: AvroSchema;

  /** @internal */
  constructor({ graph, inputs, value }: { graph: Graph; inputs: readonly string[]; value: AvroSchema }) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#value = value;
  }

  /** Rows of each group, an Avro long; a group that has lost its last row stays, with 0. */
  count(options: TableOptions = {}): KTable<number> {
    return this.#table('count', counting, (count) => count - 1, { ...options, value: options.value ?? COUNT });
  }
  /** The first value of a group is its first result. What `subtract` gives null for has no result any more. */
  reduce(
    add: (result: V, value: V, key: string) => V,
    subtract: (result: V, value: V, key: string) => V | null,
    options: TableOptions = {},
  ): KTable<V> {
    return this.#table('reduce', { initial: null, add }, subtract, { ...options, value: options.value ?? this.#value });
  }
  /** Null deletes the group's result. The option `value` is the schema of the results. */
  aggregate<A>(
    initial: () => A,
    add: (result: A, value: V, key: string) => A | null,
    subtract: (result: A, value: V, key: string) => A | null,
    options: TableOptions,
  ): KTable<A> {
    return this.#table('aggregate', { initial, add }, subtract, options);
  }

  #table<A>(
    kind: string,
    aggregation: Aggregation<V, A>,
    subtract: (result: A, value: V, key: string) => A | null,
    options: TableOptions,
  ): KTable<A> {
    const graph = this.#graph;
    const name = graph.name(kind, options.name);
    const store = options.store ?? `${name}-store`;
    const value = schemaFor(name, 'its store', options.value);
    graph.addStore(store, { value, ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }) });
    const create: (context: ProcessorContext) => Processor<PackedChange<V>> = tableAggregateOf(
      store,
      aggregation,
      subtract,
    );
    graph.addProcessor(name, { inputs: this.#inputs, stores: [store], create });
    return new KTable<A>({
      graph,
      inputs: [name],
      value,
      store,
      isVersioned: false,
      windows: null,
      keyOf: (key) => key as string,
    });
  }
}

interface WindowedState<V> {
  /** The least that the store must keep. */
  readonly retentionMs: number;
  readonly store: (value: AvroSchema, retentionMs: number) => StoreNode;
  readonly create: (store: string) => (context: ProcessorContext) => Processor<V>;
}
function windowedTable<V, A>(
  place: StreamPlace<Key>,
  kind: string,
  options: WindowOptions,
  windows: TimeWindows | SlidingWindows | SessionWindows,
  state: WindowedState<V>,
): KTable<A, Windowed> {
  const { graph } = place;
  const name = graph.name(kind, options.name);
  const { store = `${name}-store`, retentionMs = state.retentionMs } = options;
  if (retentionMs < state.retentionMs)
    throw new TidemarkError(
      'RETENTION_TOO_SHORT',
      `Node "${name}": its windows may change for ${state.retentionMs} ms, so retentionMs of ${retentionMs} is too short`,
    );
  const value = schemaFor(name, 'its store', options.value);
  graph.addStore(store, state.store(value, retentionMs));
  addStateful(place, name, store, state.create(store));
  const keyOf = (key: string | null) => parseWindowedKey(key!);
  return new KTable<A, Windowed>({ graph, inputs: [name], value, store, isVersioned: false, windows, keyOf });
}

function addStateful<V>(
  { graph, inputs, dropsNulls }: StreamPlace<Key>,
  name: string,
  store: string,
  create: (context: ProcessorContext) => Processor<V>,
): void {
  graph.addProcessor(name, { inputs, stores: [store], create: dropsNulls ? withoutNulls(create) : create });
}
