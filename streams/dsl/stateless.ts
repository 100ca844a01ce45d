import type { ProcessorSupplier, StreamRecord } from '../topology/types.ts';

/** A key and a value, as `map` and `flatMap` return them. */
export interface KeyValue<V> {
  readonly key: string;
  readonly value: V;
}
type Take<V, R> = (record: StreamRecord<V>) => R;

export const passOn =
  <V>(): ProcessorSupplier<V> =>
  (context) => ({
    process: ({ key, value, timestampMs, headers }) => context.emit(key, value, timestampMs, headers),
  });

export const filterBy =
  <V>(accepts: Take<V, boolean>): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      if (accepts(record)) context.emit(record.key, record.value, record.timestampMs, record.headers);
    },
  });

export const mapWith =
  <V, R>(convert: Take<V, { readonly key: string | null; readonly value: R }>): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      const { key, value } = convert(record);
      context.emit(key, value, record.timestampMs, record.headers);
    },
  });

export const mapValuesWith =
  <V, R>(convert: Take<V, R>): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => context.emit(record.key, convert(record), record.timestampMs, record.headers),
  });

export const flatMapWith =
  <V, R>(convert: Take<V, Iterable<{ readonly key: string | null; readonly value: R }>>): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      for (const { key, value } of convert(record)) context.emit(key, value, record.timestampMs, record.headers);
    },
  });

export const peekWith =
  <V>(look: Take<V, void>): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      look(record);
      context.emit(record.key, record.value, record.timestampMs, record.headers);
    },
  });

/** Hands a record to the first branch whose predicate accepts it, if any. */
export const splitBy =
  <V>(branches: readonly (readonly [node: string, accepts: Take<V, boolean>])[]): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      for (const [node, accepts] of branches) {
        if (!accepts(record)) continue;
        context.forward(node, record.key, record.value, record.timestampMs, record.headers);
        return;
      }
    },
  });

/**
 * Before a topic that goes by key: gives each record its key. One whose key is null is counted and dropped, and so is one whose value is
 * null unless `keepsNulls`.
 */
export const keyBy =
  <V>(keyOf: Take<V, string | null>, keepsNulls: boolean): ProcessorSupplier<V> =>
  (context) => ({
    process: (record) => {
      if (record.value === null && !keepsNulls) return context.count('null-value');
      const key = keyOf(record);
      if (key === null) context.count('null-key');
      else context.emit(key, record.value, record.timestampMs, record.headers);
    },
  });

/** Keeps tombstones from a processor whose values are never null. */
export const withoutNulls =
  <V>(create: ProcessorSupplier<V>): ProcessorSupplier<V> =>
  (context) => {
    const processor = create(context);
    return {
      process: (record) => {
        if (record.value === null) context.count('null-value');
        else processor.process(record);
      },
      ...(processor.prepareCommit ? { prepareCommit: () => processor.prepareCommit!() } : {}),
      ...(processor.beforeCommit ? { beforeCommit: () => processor.beforeCommit!() } : {}),
    };
  };
