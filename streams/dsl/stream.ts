import type { AvroSchema } from '../kit/avro.ts';
import type { ProcessorSupplier, StreamRecord } from '../topology/types.ts';
import { schemaFor } from './graph.ts';
import { KGroupedStream } from './grouped.ts';
import { type AsOfOptions, joinAsOf, joinGlobal, joinStreams, joinTable, type StreamJoinOptions } from './join.ts';
import type {
  Key,
  Mapper,
  NodeOptions,
  ProcessOptions,
  SinkOptions,
  SourceTableOptions,
  ValueOptions,
} from './options.ts';
import { byKey, checkSameGraph, type StreamPlace, throughTopic } from './place.ts';
import {
  filterBy,
  flatMapWith,
  type KeyValue,
  mapValuesWith,
  mapWith,
  passOn,
  peekWith,
  splitBy,
  withoutNulls,
} from './stateless.ts';
import { type GlobalKTable, KTable, tableFrom } from './table.ts';

/**
 * A stream of records, in Kafka Streams' vocabulary. Every method adds to the graph and gives a new stream. Functions get (value, key,
 * record) and must not change what they get. Steps that need state of a key, or a topic, move the records by key first where
 * the key may have changed, through `<topology>.<node>.repartition`.
 */
export class KStream<V, K extends Key = string | null> {
  /** @internal */
  readonly place: StreamPlace<K>;

  /** @internal */
  constructor(place: StreamPlace<K>) {
    this.place = place;
  }

  /** Records that are accepted, with the type that the guard says. */
  filter<W extends V>(
    accepts: (value: V, key: K, record: StreamRecord<V>) => value is W,
    options?: NodeOptions,
  ): KStream<W, K>;
  /** Records that are accepted. */
  filter(accepts: Mapper<V, K, boolean>, options?: NodeOptions): KStream<V, K>;
  filter(accepts: Mapper<V, K, boolean>, { name }: NodeOptions = {}): KStream<V, K> {
    return this.#next('filter', name, filterBy(this.#call(accepts)));
  }
  /** Records that are not rejected. */
  filterNot(rejects: Mapper<V, K, boolean>, { name }: NodeOptions = {}): KStream<V, K> {
    const call = this.#call(rejects);
    return this.#next(
      'filter-not',
      name,
      filterBy((record) => !call(record)),
    );
  }
  /** A new key and value for each record. What follows moves records by their new keys if it needs state. */
  map<R>(convert: Mapper<V, K, KeyValue<R>>, { name, value }: ValueOptions = {}): KStream<R, string> {
    return this.#rekeyed('map', name, mapWith(this.#call(convert)), value ?? null);
  }
  /** A new value for each record, under its key; the records stay where they are. */
  mapValues<R>(convert: Mapper<V, K, R>, { name, value }: ValueOptions = {}): KStream<R, K> {
    const { inputs } = this.#next('map-values', name, mapValuesWith(this.#call(convert))).place;
    return new KStream<R, K>({ ...this.place, inputs, value: value ?? null, dropsNulls: false });
  }
  /** Any number of records for each, under new keys. */
  flatMap<R>(convert: Mapper<V, K, Iterable<KeyValue<R>>>, { name, value }: ValueOptions = {}): KStream<R, string> {
    return this.#rekeyed('flat-map', name, flatMapWith(this.#call(convert)), value ?? null);
  }
  /** Any number of values for each record, under its key. */
  flatMapValues<R>(convert: Mapper<V, K, Iterable<R>>, { name, value }: ValueOptions = {}): KStream<R, K> {
    const call = this.#call(convert);
    const create = flatMapWith<V, R>(function* (record) {
      for (const each of call(record)) yield { key: record.key, value: each };
    });
    const { inputs } = this.#next('flat-map-values', name, create).place;
    return new KStream<R, K>({ ...this.place, inputs, value: value ?? null, dropsNulls: false });
  }
  /** A new key for each record. What follows moves records by it if it needs state. */
  selectKey(keyOf: Mapper<V, K, string>, { name }: NodeOptions = {}): KStream<V, string> {
    const call = this.#call(keyOf);
    const create = mapWith<V, V>((record) => ({ key: call(record), value: record.value }));
    return this.#rekeyed('select-key', name, create, this.place.value);
  }
  /** Looks at records on their way, for logging and tests. After an abort the same records come again. */
  peek(look: Mapper<V, K, void>, { name }: NodeOptions = {}): KStream<V, K> {
    return this.#next('peek', name, peekWith(this.#call(look)));
  }
  /** Each record goes to the first branch that accepts it; one that none accepts is dropped. Nodes: `<name>-<branch>`. */
  split<B extends string>(branches: Readonly<Record<B, Mapper<V, K, boolean>>>, options: NodeOptions = {}) {
    const { graph } = this.place;
    const name = graph.name('split', options.name);
    const names = Object.keys(branches) as B[];
    const create = splitBy<V>(names.map((branch) => [`${name}-${branch}`, this.#call(branches[branch])] as const));
    const { place } = this.#next('split', name, create);
    const streams = names.map((branch) => {
      const node = `${name}-${branch}`;
      graph.addProcessor(node, { inputs: place.inputs, create: passOn<V>() });
      return [branch, new KStream<V, K>({ ...place, inputs: [node] })] as const;
    });
    return Object.fromEntries(streams) as Record<B, KStream<V, K>>;
  }
  /** The records of both, in the order in which the task takes them. Throws BUILDER_MIXED. */
  merge(other: KStream<V, K>, options: NodeOptions = {}): KStream<V, K> {
    const { graph, inputs, value } = this.place;
    const name = graph.name('merge', options.name);
    checkSameGraph(name, graph, other.place.graph);
    const dropsNulls = this.place.dropsNulls || other.place.dropsNulls;
    const create = dropsNulls ? withoutNulls(passOn<V>()) : passOn<V>();
    graph.addProcessor(name, { inputs: [...new Set([...inputs, ...other.place.inputs])], create });
    const isRekeyed = this.place.isRekeyed || other.place.isRekeyed;
    const schema = value === other.place.value ? value : null;
    return new KStream({ ...this.place, inputs: [name], value: schema, isRekeyed, dropsNulls: false });
  }

  /**
   * A processor of one's own: state, punctuators, headers, any number of outputs by `context.emit`. Its outputs' keys may be new, so
   * what follows moves them if it needs state; where they are not, use `processValues`.
   */
  process<R>(create: ProcessorSupplier<V>, options: ProcessOptions = {}): KStream<R, string> {
    const { inputs } = this.#processor('process', create, options);
    return new KStream<R, string>({
      graph: this.place.graph,
      inputs,
      value: options.value ?? null,
      isRekeyed: true,
      dropsNulls: false,
      keyOf: (key) => key as string,
    });
  }
  /** As `process`, for processors that emit under the key they were given, which is not checked: nothing is moved after it. */
  processValues<R>(create: ProcessorSupplier<V>, options: ProcessOptions = {}): KStream<R, K> {
    const { inputs } = this.#processor('process-values', create, options);
    return new KStream<R, K>({ ...this.place, inputs, value: options.value ?? null, dropsNulls: false });
  }

  /** Through a topic of the topology's own, to the task of the key. Records without a key are counted and dropped. */
  repartition({ name, value }: ValueOptions = {}): KStream<V, K> {
    const node = this.place.graph.name('repartition', name);
    return new KStream(
      throughTopic<V, K>(this.place, node, {
        value,
        keyOf: (record) => record.key,
        keepsNulls: !this.place.dropsNulls,
      }),
    );
  }
  /** By the key that records have; moved by it first where it may have changed. Records without a key are counted and dropped. */
  groupByKey({ name, value }: ValueOptions = {}): KGroupedStream<V, Exclude<K, null>> {
    const { graph, isRekeyed } = this.place;
    const keyOf = this.place.keyOf as (key: string | null) => Exclude<K, null>;
    const node = isRekeyed ? graph.name('group-by-key', name) : '';
    return new KGroupedStream({ ...byKey(this.place, node, value), keyOf });
  }
  /** By a new key, through a repartition topic. Records whose key is null are counted and dropped. */
  groupBy(keyOf: Mapper<V, K, string | null>, { name, value }: ValueOptions = {}): KGroupedStream<V, string> {
    const node = this.place.graph.name('group-by', name);
    const moved = throughTopic<V, K>(this.place, node, { value, keyOf: this.#call(keyOf), keepsNulls: false });
    return new KGroupedStream<V, string>({ ...moved, keyOf: (key) => key as string });
  }
  /** The newest value of each key; null deletes. With `historyMs` it can be read as of earlier times. Throws TABLE_INVALID. */
  toTable(options: SourceTableOptions = {}): KTable<V & {}, Exclude<K, null>> {
    const { graph } = this.place;
    const name = graph.name('to-table', options.name);
    const { inputs, value } = byKey(this.place, `${name}-by-key`, options.value, true);
    const keyOf = this.place.keyOf as (key: string | null) => Exclude<K, null>;
    return new KTable(tableFrom<Exclude<K, null>>({ graph, inputs, name, value, keyOf }, options));
  }
  /**
   * Writes to a topic, which the topology does not create. A windowed key is written as `key@startMs/endMs`, null as a tombstone. A record
   * without a key goes to its source's poison policy (KEY_MISSING).
   */
  to(topic: string, { name, value, partitionKey }: SinkOptions = {}): void {
    const { graph, inputs } = this.place;
    const node = graph.topicName('to', topic, name);
    const schema = schemaFor(node, `topic ${topic}`, value, this.place.value);
    graph.addSink(node, { inputs, topic, value: schema, ...(partitionKey ? { partitionKey } : {}) });
  }

  /**
   * Records of two streams that are near in event time: every pair gives a result, at the later of the two times. Records without key or
   * value are counted and dropped, one later than its window and grace is kept as late. Throws WINDOW_INVALID, BUILDER_MIXED.
   */
  join<R, O>(
    other: KStream<R, Key>,
    join: (left: V, right: R, key: string) => O,
    options: StreamJoinOptions,
  ): KStream<O, Exclude<K, null>>;
  /**
   * Each record with its key's row in the table, as it is by then; as of the record's time where the table has a history. Changes of the
   * table give no results. Throws BUILDER_MIXED.
   */
  join<R, O>(
    table: KTable<R>,
    join: (left: V, right: R, key: string) => O,
    options?: ValueOptions,
  ): KStream<O, Exclude<K, null>>;
  join<R, O>(
    other: KStream<R, Key> | KTable<R>,
    join: (left: V, right: R, key: string) => O,
    options: StreamJoinOptions | ValueOptions = {},
  ): KStream<O, Exclude<K, null>> {
    if (other instanceof KTable)
      return new KStream(joinTable('inner', this.place, other.place, join as never, options));
    return new KStream(joinStreams('inner', this.place, other.place, join as never, options as StreamJoinOptions));
  }
  /** As `join`; a record without a partner gives a result with null, with a stream when its window closes. */
  leftJoin<R, O>(
    other: KStream<R, Key>,
    join: (left: V, right: R | null, key: string) => O,
    options: StreamJoinOptions,
  ): KStream<O, Exclude<K, null>>;
  /** As `join`; with null where the table has no row. */
  leftJoin<R, O>(
    table: KTable<R>,
    join: (left: V, right: R | null, key: string) => O,
    options?: ValueOptions,
  ): KStream<O, Exclude<K, null>>;
  leftJoin<R, O>(
    other: KStream<R, Key> | KTable<R>,
    join: (left: V, right: R | null, key: string) => O,
    options: StreamJoinOptions | ValueOptions = {},
  ): KStream<O, Exclude<K, null>> {
    if (other instanceof KTable) return new KStream(joinTable('left', this.place, other.place, join, options));
    return new KStream(joinStreams('left', this.place, other.place, join as never, options as StreamJoinOptions));
  }
  /** As `join`; records of either side without a partner give a result with null when their window closes. */
  outerJoin<R, O>(
    other: KStream<R, Key>,
    join: (left: V | null, right: R | null, key: string) => O,
    options: StreamJoinOptions,
  ): KStream<O, Exclude<K, null>> {
    return new KStream(joinStreams('outer', this.place, other.place, join, options));
  }
  /**
   * Each record with the last value of its key set at or before its event time, however late it is processed: a trade with the quote that
   * stood when it was done. The table needs a history. `ageMs`: how old that value was. Throws TABLE_NOT_VERSIONED.
   */
  asOfJoin<R, O>(
    table: KTable<R>,
    join: (left: V, right: R, key: string, ageMs: number) => O,
    options: AsOfOptions = {},
  ): KStream<O, Exclude<K, null>> {
    return new KStream(joinAsOf('inner', this.place, table.place, join as never, options));
  }
  /** As `asOfJoin`, with null where there is no such value. */
  leftAsOfJoin<R, O>(
    table: KTable<R>,
    join: (left: V, right: R | null, key: string, ageMs: number | null) => O,
    options: AsOfOptions = {},
  ): KStream<O, Exclude<K, null>> {
    return new KStream(joinAsOf('left', this.place, table.place, join, options));
  }
  /**
   * Each record with a row of a global table, by any key; as of the record's event time where the table has a history. `keyOf` gives null
   * for no row.
   */
  joinGlobal<R, O>(
    table: GlobalKTable<R>,
    keyOf: Mapper<V, K, string | null>,
    join: (left: V, right: R, key: string) => O,
    options: ValueOptions = {},
  ): KStream<O, K> {
    return new KStream<O, K>(joinGlobal('inner', this.place, table, keyOf, join as never, options));
  }
  /** As `joinGlobal`; with null where there is no row. `join` gets the key of the row, '' where `keyOf` gave null. */
  leftJoinGlobal<R, O>(
    table: GlobalKTable<R>,
    keyOf: Mapper<V, K, string | null>,
    join: (left: V, right: R | null, key: string) => O,
    options: ValueOptions = {},
  ): KStream<O, K> {
    return new KStream<O, K>(joinGlobal('left', this.place, table, keyOf, join, options));
  }

  #call<T>(convert: Mapper<V, K, T>): (record: StreamRecord<V>) => T {
    const { keyOf } = this.place;
    return (record) => convert(record.value, keyOf(record.key), record);
  }
  /** A step that leaves key and kind of value as they are. */
  #next(kind: string, wanted: string | undefined, create: ProcessorSupplier<V>): KStream<V, K> {
    const { inputs } = this.#processor(kind, create, wanted === undefined ? {} : { name: wanted });
    return new KStream<V, K>({ ...this.place, inputs, dropsNulls: false });
  }
  #processor(kind: string, create: ProcessorSupplier<V>, { name, stores, globals }: ProcessOptions) {
    const { graph, inputs, dropsNulls } = this.place;
    const node = graph.name(kind, name);
    graph.addProcessor(node, {
      inputs,
      ...(stores ? { stores } : {}),
      ...(globals ? { globals } : {}),
      create: dropsNulls ? withoutNulls(create) : create,
    });
    return { inputs: [node] };
  }
  #rekeyed<R>(kind: string, wanted: string | undefined, create: ProcessorSupplier<V>, value: AvroSchema | null) {
    const { inputs } = this.#next(kind, wanted, create).place;
    return new KStream<R, string>({
      graph: this.place.graph,
      inputs,
      value,
      isRekeyed: true,
      dropsNulls: false,
      keyOf: (key) => key as string,
    });
  }
}
