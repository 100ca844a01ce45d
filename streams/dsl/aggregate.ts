import type { ProcessorContext, ProcessorSupplier, StreamRecord } from '../topology/types.ts';
import { type Change, type PackedChange, unpack } from './change.ts';

/** Values of a key into one. Null deletes the result. */
export interface Aggregation<V, A> {
  /** The result of no value; null: the first value is the result (`reduce`). */
  readonly initial: (() => A) | null;
  readonly add: (aggregate: A, value: V, key: string) => A | null;
}
/** The result with one more value. */
export function addTo<V, A>({ initial, add }: Aggregation<V, A>, before: A | null, value: V, key: string): A | null {
  if (before !== null) return add(before, value, key);
  return initial ? add(initial(), value, key) : (value as unknown as A);
}

/** True when a record can be grouped; otherwise it is counted. */
export function isGroupable<V>(
  context: ProcessorContext,
  record: StreamRecord<V>,
): record is StreamRecord<V & {}> & {
  key: string;
} {
  if (record.key !== null && record.value !== null) return true;
  context.count(record.key === null ? 'null-key' : 'null-value');
  return false;
}

/** A table from a topic: the newest value of each key; null deletes. */
export const tableOf =
  <V>(store: string): ProcessorSupplier<V | null> =>
  (context) => {
    const rows = context.store<V>(store);
    return {
      process: ({ key, value, timestampMs, headers }) => {
        if (key === null) return context.count('null-key');
        const before = rows.get(key) ?? null;
        if (before === null && value === null) return;
        if (value === null) rows.delete(key);
        else rows.put(key, value);
        context.emit<Change<V>>(key, { before, after: value }, timestampMs, headers);
      },
    };
  };

/** As `tableOf`, with versions. A record older than the newest of its key adds to the history, and changes nothing now. */
export const versionedTableOf =
  <V>(store: string): ProcessorSupplier<V | null> =>
  (context) => {
    const rows = context.versionedStore<V>(store);
    return {
      process: ({ key, value, timestampMs, headers }) => {
        if (key === null) return context.count('null-key');
        const before = rows.get(key);
        if (!rows.put(key, value, timestampMs)) return context.late('it is older than the history of its table');
        const after = rows.get(key);
        const isNewest =
          value === null ? before !== undefined && after === undefined : after?.timestampMs === timestampMs;
        if (isNewest)
          context.emit<Change<V>>(key, { before: before?.value ?? null, after: value }, timestampMs, headers);
      },
    };
  };

/** Writes a table's changes to a store, and hands them on. */
export const materializeTo =
  <V>(store: string): ProcessorSupplier<Change<V>> =>
  (context) => {
    const rows = context.store<V>(store);
    return {
      process: ({ key, value, timestampMs, headers }) => {
        if (value.after === null) rows.delete(key!);
        else rows.put(key!, value.after);
        context.emit(key, value, timestampMs, headers);
      },
    };
  };

/** A stream's values aggregated by key. */
export const aggregateOf =
  <V, A>(store: string, aggregation: Aggregation<V, A>): ProcessorSupplier<V> =>
  (context) => {
    const rows = context.store<A>(store);
    return {
      process: (record) => {
        if (!isGroupable(context, record)) return;
        const { key, value, timestampMs, headers } = record;
        const before = rows.get(key) ?? null;
        const after = addTo(aggregation, before, value, key);
        if (after === null) rows.delete(key);
        else rows.put(key, after);
        context.emit<Change<A>>(key, { before, after }, timestampMs, headers);
      },
    };
  };

/** A table's values aggregated by another key: what leaves a group is subtracted, what enters it is added. */
export const tableAggregateOf =
  <V, A>(
    store: string,
    aggregation: Aggregation<V, A>,
    subtract: (aggregate: A, value: V, key: string) => A | null,
  ): ProcessorSupplier<PackedChange<V>> =>
  (context) => {
    const rows = context.store<A>(store);
    return {
      process: ({ key, value, timestampMs, headers }) => {
        const group = key!;
        const change = unpack(value);
        const before = rows.get(group) ?? null;
        let after: A | null = before;
        if (change.before !== null && after !== null) after = subtract(after, change.before, group);
        if (change.after !== null) after = addTo(aggregation, after, change.after, group);
        if (after === null) rows.delete(group);
        else rows.put(group, after);
        context.emit<Change<A>>(group, { before, after }, timestampMs, headers);
      },
    };
  };
