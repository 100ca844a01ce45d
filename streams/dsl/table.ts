import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Processor, ProcessorContext, StreamRecord } from '../topology/types.ts';
import { tableOf, versionedTableOf } from './aggregate.ts';
import { type Change, type PackedChange, pack, packedChangeSchema } from './change.ts';
import { type Graph, schemaFor } from './graph.ts';
import { KGroupedTable } from './grouped.ts';
import { joinTables } from './join.ts';
import type { Key, NodeOptions, SourceTableOptions, StoreOptions, ValueOptions } from './options.ts';
import { inKeyValueStore, type TablePlace } from './place.ts';
import { type KeyValue, mapValuesWith } from './stateless.ts';
import { KStream } from './stream.ts';
import { heldChangeSchema, type Suppression, suppressUntil } from './suppress.ts';
import type { Windowed } from './windows.ts';

/** What is made of a table's row; it is called with the old value of a change as well as with the new one. */
export type TableMapper<V, K, R> = (value: V, key: K) => R;

/** A table that changes: for each key the newest value. Functions may be called with a value more than once, and must not remember. */
export class KTable<V, K extends string | Windowed = string> {
  /** @internal */
  readonly place: TablePlace<K>;

  /** @internal */
  constructor(place: TablePlace<K>) {
    this.place = place;
  }

  /** The store to read from outside or in a processor; null where the table is only computed on the way. */
  get store(): string | null {
    return this.place.store;
  }

  /** Rows that are no longer accepted are deleted. */
  filter(accepts: TableMapper<V, K, boolean>, options: NodeOptions = {}): KTable<V, K> {
    return this.#derived('filter', options, this.place.value, (value, key) => (accepts(value, key) ? value : null));
  }
  /** Rows that are rejected are deleted. */
  filterNot(rejects: TableMapper<V, K, boolean>, options: NodeOptions = {}): KTable<V, K> {
    return this.#derived('filter-not', options, this.place.value, (value, key) => (rejects(value, key) ? null : value));
  }
  /** A new value for each row, null for no row; computed on the way, not stored. */
  mapValues<R>(convert: TableMapper<V, K, R>, options: ValueOptions = {}): KTable<R, K> {
    return this.#derived('map-values', options, options.value ?? null, convert);
  }
  /** Every change as a record; null where the key was deleted. */
  toStream({ name }: NodeOptions = {}): KStream<V | null, K> {
    const { graph, inputs, value, keyOf } = this.place;
    const node = graph.name('to-stream', name);
    graph.addProcessor(node, { inputs, create: mapValuesWith<Change<V>, V | null>(({ value: { after } }) => after) });
    return new KStream<V | null, K>({ graph, inputs: [node], value, isRekeyed: false, dropsNulls: false, keyOf });
  }
  /**
   * By a new key and value, through a repartition topic. An aggregate of the groups subtracts what a change takes away and adds what it
   * brings. Throws SCHEMA_MISSING without the option `value`.
   */
  groupBy<R>(group: TableMapper<V, K, KeyValue<R>>, { name, value }: ValueOptions = {}): KGroupedTable<R> {
    const { graph, inputs, keyOf } = this.place;
    const node = graph.name('group-by', name);
    const schema = schemaFor(node, 'its repartition topic', value);
    graph.addProcessor(`${node}-keys`, { inputs, create: regroup((row: V, key) => group(row, keyOf(key))) });
    graph.addRepartition(node, { inputs: [`${node}-keys`], value: packedChangeSchema(schema) });
    return new KGroupedTable<R>({ graph, inputs: [node], value: schema });
  }
  /**
   * Holds changes back, in a store: `untilWindowCloses` (of windowed tables) or `untilTimeLimit`. Throws SUPPRESS_NOT_WINDOWED, and
   * SUPPRESS_INVALID where `maxRecords` is less than 1.
   */
  suppress(suppression: Suppression, options: StoreOptions = {}): KTable<V, K> {
    const { graph, inputs, windows } = this.place;
    const name = graph.name('suppress', options.name);
    if (suppression.kind === 'window-closes' && !windows)
      throw new TidemarkError(
        'SUPPRESS_NOT_WINDOWED',
        `Node "${name}" waits for windows to close, but its table has none: use untilTimeLimit`,
      );
    if (!Number.isSafeInteger(suppression.maxRecords) || suppression.maxRecords < 1)
      throw new TidemarkError('SUPPRESS_INVALID', `Node "${name}": maxRecords must be a whole number from 1`);
    const value = schemaFor(name, 'its buffer', options.value, this.place.value);
    const store = options.store ?? `${name}-store`;
    graph.addStore(store, { value: heldChangeSchema(value) });
    graph.addProcessor(name, { inputs, stores: [store], create: suppressUntil<V>(store, suppression, windows) });
    return new KTable<V, K>({ ...this.place, inputs: [name], value, store: null, isVersioned: false });
  }
  /**
   * The same table in a key-value store of its own, where it has none yet: to be read by processors and from outside. Of a windowed table
   * it keeps the windows that the window store has let go, too.
   */
  materialize(options: StoreOptions = {}): KTable<V, K> {
    const name = this.place.graph.name('materialize', options.name);
    return new KTable<V, K>(inKeyValueStore(this.place, name, options));
  }

  /** A row for each key that both tables have. It has the time of the change that made it; in Kafka Streams the later one of both sides. */
  join<R, O>(
    this: KTable<V>,
    other: KTable<R>,
    join: (left: V, right: R, key: string) => O,
    options: ValueOptions = {},
  ): KTable<O> {
    return new KTable<O>(joinTables('inner', this.place, other.place, join as never, options));
  }
  /** As `join`; a row for each key of this table, with null where the other has none. */
  leftJoin<R, O>(
    this: KTable<V>,
    other: KTable<R>,
    join: (left: V, right: R | null, key: string) => O,
    options: ValueOptions = {},
  ): KTable<O> {
    return new KTable<O>(joinTables('left', this.place, other.place, join as never, options));
  }
  /** As `join`; a row for each key that any of the two has, with null for the side that has none. */
  outerJoin<R, O>(
    this: KTable<V>,
    other: KTable<R>,
    join: (left: V | null, right: R | null, key: string) => O,
    options: ValueOptions = {},
  ): KTable<O> {
    return new KTable<O>(joinTables('outer', this.place, other.place, join, options));
  }

  /** A table computed from each change; null: no row. */
  #derived<R>(
    kind: string,
    { name }: NodeOptions,
    value: AvroSchema | null,
    convert: TableMapper<V, K, R | null>,
  ): KTable<R, K> {
    const { graph, inputs, keyOf } = this.place;
    const node = graph.name(kind, name);
    graph.addProcessor(node, { inputs, create: convertChanges((row: V, key) => convert(row, keyOf(key))) });
    return new KTable<R, K>({ ...this.place, inputs: [node], value, store: null, isVersioned: false });
  }
}

/** A topic that every task reads whole: joined to streams by any key, read by processors by its name. */
export class GlobalKTable<V> {
  /** Of its node: what `context.global` and the option `globals` take. */
  readonly name: string;
  /** It keeps versions, and is read as of a record's time. */
  readonly hasHistory: boolean;
  /** The type of its values; there is nothing to read here. */
  declare readonly valueType?: V;

  /** @internal */
  constructor(name: string, hasHistory: boolean) {
    this.name = name;
    this.hasHistory = hasHistory;
  }
}

interface TableInput<K extends Key> {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly value: AvroSchema | null;
  readonly keyOf: (key: string | null) => K;
}
/** Makes a table of records whose keys lie with their task. */
export function tableFrom<K extends Key>(
  { graph, inputs, name, value, keyOf }: TableInput<K>,
  options: SourceTableOptions,
): TablePlace<K> {
  const { store = `${name}-store`, ttlMs, historyMs } = options;
  const schema = schemaFor(name, 'its table', options.value, value);
  if (ttlMs !== undefined && historyMs !== undefined)
    throw new TidemarkError('TABLE_INVALID', `Node "${name}": a table has either ttlMs or historyMs`);
  const isVersioned = historyMs !== undefined;
  if (isVersioned) graph.addStore(store, { kind: 'versioned', value: schema, historyMs });
  else graph.addStore(store, { value: schema, ...(ttlMs === undefined ? {} : { ttlMs }) });
  graph.addProcessor(name, { inputs, stores: [store], create: isVersioned ? versionedTableOf(store) : tableOf(store) });
  return { graph, inputs: [name], value: schema, store, isVersioned, windows: null, keyOf };
}

const convertChanges =
  <V, R>(convert: (value: V, key: string | null) => R | null) =>
  (context: ProcessorContext): Processor<Change<V>> => ({
    process: ({ key, value: { before, after }, timestampMs, headers }: StreamRecord<Change<V>>) => {
      const change: Change<R> = {
        before: before === null ? null : convert(before, key),
        after: after === null ? null : convert(after, key),
      };
      if (change.before !== null || change.after !== null) context.emit(key, change, timestampMs, headers);
    },
  });

/** A change by its new keys: one record where the group stays, one for each group otherwise, what is taken away first. */
const regroup =
  <V, R>(group: (value: V, key: string | null) => KeyValue<R>) =>
  (context: ProcessorContext): Processor<Change<V>> => ({
    process: ({ key, value: { before, after }, timestampMs, headers }: StreamRecord<Change<V>>) => {
      const from = before === null ? null : group(before, key);
      const to = after === null ? null : group(after, key);
      const emit = (group: string, change: Change<R>) =>
        context.emit<PackedChange<R>>(group, pack(change), timestampMs, headers);
      if (from && to && from.key === to.key) emit(from.key, { before: from.value, after: to.value });
      else {
        if (from) emit(from.key, { before: from.value, after: null });
        if (to) emit(to.key, { before: null, after: to.value });
      }
    },
  });
