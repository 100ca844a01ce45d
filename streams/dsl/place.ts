import type { AvroSchema } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { StreamRecord } from '../topology/types.ts';
import { materializeTo } from './aggregate.ts';
import { type Graph, schemaFor } from './graph.ts';
import type { Key } from './options.ts';
import { keyBy } from './stateless.ts';
import type { Windows } from './windows.ts';

/** Where a stream stands in the graph. */
export interface StreamPlace<K extends Key> {
  readonly graph: Graph;
  /** The nodes that give its records. */
  readonly inputs: readonly string[];
  /** Schema of its values where it is known. */
  readonly value: AvroSchema | null;
  /** The key may differ from the one that picked the partition. */
  readonly isRekeyed: boolean;
  /** The topic may have tombstones that the values' type does not show: the next step drops them. */
  readonly dropsNulls: boolean;
  readonly keyOf: (key: string | null) => K;
}

/** Where a table stands in the graph; what its nodes hand on are changes. */
export interface TablePlace<K extends Key> {
  readonly graph: Graph;
  readonly inputs: readonly string[];
  readonly value: AvroSchema | null;
  /** The store that holds it, where one does: key-value, versioned, or of a windowed table a window or session store. */
  readonly store: string | null;
  readonly isVersioned: boolean;
  /** Of a windowed table. */
  readonly windows: Windows | null;
  readonly keyOf: (key: string | null) => K;
}

/** Through a topic `<topology>.<name>.repartition`, by a key of each record. */
export function throughTopic<V, K extends Key>(
  place: StreamPlace<K>,
  name: string,
  options: {
    readonly value: AvroSchema | null | undefined;
    readonly keyOf: (record: StreamRecord<V>) => string | null;
    readonly keepsNulls: boolean;
  },
): StreamPlace<K> {
  const { graph, inputs } = place;
  const value = schemaFor(name, 'its repartition topic', options.value, place.value);
  graph.addProcessor(`${name}-keys`, { inputs, create: keyBy<V>(options.keyOf, options.keepsNulls) });
  graph.addRepartition(name, { inputs: [`${name}-keys`], value });
  return { ...place, inputs: [name], value, isRekeyed: false, dropsNulls: false };
}

/** Where records lie with the task of their key: as it is, or behind a repartition topic where keys changed. */
export function byKey<K extends Key>(
  place: StreamPlace<K>,
  name: string,
  value?: AvroSchema | null,
  keepsNulls = false,
): StreamPlace<K> {
  if (!place.isRekeyed) return value ? { ...place, value } : place;
  return throughTopic(place, name, { value, keyOf: (record) => record.key, keepsNulls });
}

/** The same table in a key-value store: its own, or a new one behind it. */
export function inKeyValueStore<K extends Key>(
  place: TablePlace<K>,
  name: string,
  options: { readonly store?: string | undefined; readonly value?: AvroSchema | undefined } = {},
): TablePlace<K> & { readonly store: string } {
  const { graph, inputs, isVersioned, windows } = place;
  if (place.store !== null && !isVersioned && !windows) return { ...place, store: place.store };
  const store = options.store ?? `${name}-store`;
  const value = schemaFor(name, 'its store', options.value, place.value);
  graph.addStore(store, { value });
  graph.addProcessor(name, { inputs, stores: [store], create: materializeTo(store) });
  return { ...place, inputs: [name], value, store, isVersioned: false, windows: null };
}

/** Throws BUILDER_MIXED where two streams or tables are of different builders. */
export function checkSameGraph(node: string, one: Graph, other: Graph): void {
  if (one !== other)
    throw new TidemarkError('BUILDER_MIXED', `Node "${node}" would join parts of two builders: build both with one`);
}
