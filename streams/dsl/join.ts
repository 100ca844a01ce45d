import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { ProcessorSupplier } from '../topology/types.ts';
import { schemaFor } from './graph.ts';
import { asOfJoin, globalTableJoin, type LookupKind, streamTableJoin } from './joins/lookup.ts';
import { joinStore, streamStreamJoin } from './joins/stream-stream.ts';
import { type JoinKind, tableTableJoin } from './joins/table-table.ts';
import type { Key, Mapper, NodeOptions, ValueOptions } from './options.ts';
import { byKey, checkSameGraph, inKeyValueStore, type StreamPlace, type TablePlace } from './place.ts';
import { withoutNulls } from './stateless.ts';

/** Which records of two streams meet: those whose event times are so far apart. */
export interface StreamJoinOptions extends ValueOptions {
  /** The other's record is at most so long before this one's, if negative at least so long after it … */
  readonly beforeMs: number;
  /** … and at most so long after it, if negative at least so long before it. The sum of the two is not negative. */
  readonly afterMs: number;
  /** How long after the end of its window, in stream time, a record may still come; default 0. */
  readonly graceMs?: number;
  /** Schemas of the two sides' values, needed where the steps that made them did not give them. */
  readonly left?: AvroSchema;
  /** As `left`. */
  readonly right?: AvroSchema;
}
/** How a value as of an earlier time is looked for. */
export interface AsOfOptions extends ValueOptions {
  /** A table's value older than so much, at the record's time, counts as none. Default: any age. */
  readonly toleranceMs?: number;
}
export interface GlobalTableRef {
  readonly name: string;
  readonly hasHistory: boolean;
}
/** Joins of two places have the key of neither alone: the record's key where it has one. */
type Joined<K extends Key> = StreamPlace<Exclude<K, null>>;

const named = (kind: JoinKind) => (kind === 'inner' ? 'join' : `${kind}-join`);
function result<K extends Key>(place: StreamPlace<K>, inputs: readonly string[], { value }: ValueOptions): Joined<K> {
  const keyOf = place.keyOf as (key: string | null) => Exclude<K, null>;
  return { ...place, inputs, value: value ?? null, dropsNulls: false, keyOf };
}

/** Two streams within a window of event time. Nodes: `<name>-left` and `<name>-right`, each with a store. */
export function joinStreams<L, R, O, K extends Key>(
  kind: JoinKind,
  left: StreamPlace<K>,
  right: StreamPlace<Key>,
  join: (left: L | null, right: R | null, key: string) => O,
  options: StreamJoinOptions,
): Joined<K> {
  const { graph } = left;
  const name = graph.name(named(kind), options.name);
  checkSameGraph(name, graph, right.graph);
  const { beforeMs, afterMs, graceMs = 0 } = options;
  const isWhole = [beforeMs, afterMs, graceMs].every(Number.isSafeInteger);
  if (!isWhole || beforeMs + afterMs < 0 || graceMs < 0)
    throw new TidemarkError(
      'WINDOW_INVALID',
      `Node "${name}": beforeMs ${beforeMs}, afterMs ${afterMs} and graceMs ${graceMs} are no window of whole milliseconds`,
    );
  const sides = {
    left: byKey(left, `${name}-left-by-key`, options.left),
    right: byKey(right, `${name}-right-by-key`, options.right),
  };
  const stores = [`${name}-left-store`, `${name}-right-store`] as const;
  const window = { beforeMs, afterMs, graceMs };
  const [leftStore, rightStore] = stores;
  const processors = streamStreamJoin<L, R, O>({ kind, leftStore, rightStore, ...window, join });
  for (const side of ['left', 'right'] as const) {
    const node = `${name}-${side}`;
    const value = schemaFor(node, 'its store', sides[side].value);
    graph.addStore(`${node}-store`, joinStore(value, kind, window));
    graph.addProcessor(node, { inputs: sides[side].inputs, stores, create: processors[side] });
  }
  return { ...result(left, [`${name}-left`, `${name}-right`], options), isRekeyed: false };
}

/** A stream with a table of its key. */
export function joinTable<L, R, O, K extends Key>(
  kind: LookupKind,
  left: StreamPlace<K>,
  table: TablePlace<Key>,
  join: (left: L, right: R | null, key: string) => O,
  options: ValueOptions,
): Joined<K> {
  const name = left.graph.name(`table-${named(kind)}`, options.name);
  const place = table.isVersioned && table.store !== null ? table : inKeyValueStore(table, `${name}-table`);
  const { store, isVersioned } = place;
  const create = streamTableJoin<L, R, O>({ kind, store: store!, isVersioned, join });
  return lookUp(name, left, table, store!, create, options);
}

/** A stream with what a table had at the record's event time. */
export function joinAsOf<L, R, O, K extends Key>(
  kind: LookupKind,
  left: StreamPlace<K>,
  table: TablePlace<Key>,
  join: (left: L, right: R | null, key: string, ageMs: number | null) => O,
  { toleranceMs, ...options }: AsOfOptions,
): Joined<K> {
  const name = left.graph.name(kind === 'inner' ? 'as-of-join' : 'left-as-of-join', options.name);
  if (!table.isVersioned || table.store === null)
    throw new TidemarkError(
      'TABLE_NOT_VERSIONED',
      `Node "${name}" reads its table as of earlier times: make it with { historyMs }, by builder.table or toTable`,
    );
  const tolerance = toleranceMs === undefined ? {} : { toleranceMs };
  const create = asOfJoin<L, R, O>({ kind, store: table.store, ...tolerance, join });
  return lookUp(name, left, table, table.store, create, options);
}

function lookUp<L, K extends Key>(
  name: string,
  left: StreamPlace<K>,
  table: TablePlace<Key>,
  store: string,
  create: ProcessorSupplier<L>,
  options: ValueOptions,
): Joined<K> {
  checkSameGraph(name, left.graph, table.graph);
  const { inputs, dropsNulls } = byKey(left, `${name}-by-key`);
  left.graph.addProcessor(name, { inputs, stores: [store], create: dropsNulls ? withoutNulls(create) : create });
  return { ...result(left, [name], options), isRekeyed: false };
}

/** A stream with a global table, by any key; as of the record's event time where the table has a history. */
export function joinGlobal<L, R, O, K extends Key>(
  kind: LookupKind,
  left: StreamPlace<K>,
  table: GlobalTableRef,
  keyOf: Mapper<L, K, string | null>,
  join: (left: L, right: R | null, key: string) => O,
  options: ValueOptions,
): StreamPlace<K> {
  const name = left.graph.name(`global-${named(kind)}`, options.name);
  const create = globalTableJoin<L, R, O>({
    kind,
    global: table.name,
    keyOf: (record) => keyOf(record.value, left.keyOf(record.key), record),
    asOf: table.hasHistory,
    join,
  });
  const { inputs, dropsNulls } = left;
  left.graph.addProcessor(name, { inputs, globals: [table.name], create: dropsNulls ? withoutNulls(create) : create });
  return { ...left, inputs: [name], value: options.value ?? null, dropsNulls: false };
}

/** Two tables of the same key. Nodes: `<name>-left` and `<name>-right`. */
export function joinTables<L, R, O, K extends Key>(
  kind: JoinKind,
  left: TablePlace<K>,
  right: TablePlace<Key>,
  join: (left: L | null, right: R | null, key: string) => O,
  options: NodeOptions & ValueOptions,
): TablePlace<K> {
  const { graph } = left;
  const name = graph.name(named(kind), options.name);
  checkSameGraph(name, graph, right.graph);
  const sides = {
    left: inKeyValueStore(left, `${name}-left-table`),
    right: inKeyValueStore(right, `${name}-right-table`),
  };
  const stores = [...new Set([sides.left.store, sides.right.store])];
  const [leftStore, rightStore] = [sides.left.store, sides.right.store];
  const processors = tableTableJoin<L, R, O>({ kind, leftStore, rightStore, join });
  for (const side of ['left', 'right'] as const)
    graph.addProcessor(`${name}-${side}`, { inputs: sides[side].inputs, stores, create: processors[side] });
  const inputs = [`${name}-left`, `${name}-right`];
  return { ...left, inputs, value: options.value ?? null, store: null, isVersioned: false };
}
