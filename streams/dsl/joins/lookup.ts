import type { Processor, ProcessorContext, StreamRecord, Version } from '../../topology/types.ts';

type Create<V> = (context: ProcessorContext) => Processor<V>;
/** Inner: only where there is a partner. Left: every record of the stream, with null where there is none. */
export type LookupKind = 'inner' | 'left';

export interface TableLookup<L, R, O> {
  readonly kind: LookupKind;
  /** The table's store: key-value, or versioned, which is read as of the record's time. */
  readonly store: string;
  readonly isVersioned: boolean;
  readonly join: (left: L, right: R | null, key: string) => O;
}
export interface AsOfLookup<L, R, O> {
  readonly kind: LookupKind;
  /** A versioned store. */
  readonly store: string;
  /** How old the partner may be; whatever is older counts as none. Default: any age. */
  readonly toleranceMs?: number;
  /** `ageMs`: how long before the record's time the partner's value was set. */
  readonly join: (left: L, right: R | null, key: string, ageMs: number | null) => O;
}
export interface GlobalLookup<L, R, O> {
  readonly kind: LookupKind;
  readonly global: string;
  /** The key in the global table; null: there is no partner. */
  readonly keyOf: (record: StreamRecord<L>) => string | null;
  /** Read as of the record's time; the table needs a history. */
  readonly asOf: boolean;
  readonly join: (left: L, right: R | null, key: string) => O;
}

/**
 * Stream–table join as in Kafka Streams: each record of the stream meets the row that the table has when the record is processed, or
 * with a versioned table (KIP-914) the row of the record's own time. The result has the record's key and time. The table's changes give no
 * results.
 */
export const streamTableJoin =
  <L, R, O>({ kind, store, isVersioned, join }: TableLookup<L, R, O>): Create<L> =>
  (context) => {
    const read: (key: string, timestampMs: number) => R | undefined = isVersioned
      ? valueAsOf(context, store)
      : (
          (table) => (key) =>
            table.get(key)
        )(context.store<R>(store));
    return {
      process: ({ key, value, timestampMs }) => {
        if (key === null) return context.count('null-key-dropped');
        const right = read(key, timestampMs) ?? null;
        if (right !== null || kind === 'left') context.emit(key, join(value, right, key), timestampMs);
      },
    };
  };

function valueAsOf<R>(context: ProcessorContext, store: string): (key: string, timestampMs: number) => R | undefined {
  const table = context.versionedStore<R>(store);
  return (key, timestampMs) => table.getAsOf(key, timestampMs)?.value;
}

/**
 * As-of join: each record of the stream meets the last value set at or before its event time, however late it is processed, and no older
 * than a tolerance: a trade and the quote that stood when it was done. Deterministic, as long as the table has what it had at that time.
 */
export const asOfJoin =
  <L, R, O>({ kind, store, toleranceMs = Number.POSITIVE_INFINITY, join }: AsOfLookup<L, R, O>): Create<L> =>
  (context) => {
    const table = context.versionedStore<R>(store);
    return {
      process: ({ key, value, timestampMs }) => {
        if (key === null) return context.count('null-key-dropped');
        const version = table.getAsOf(key, timestampMs);
        const ageMs = version ? timestampMs - version.timestampMs : 0;
        const partner: Version<R> | null = version && ageMs <= toleranceMs ? version : null;
        if (partner) context.emit(key, join(value, partner.value, key, ageMs), timestampMs);
        else if (kind === 'left') context.emit(key, join(value, null, key, null), timestampMs);
      },
    };
  };

/** Stream–global table join: by any key, since every task has the whole table. */
export const globalTableJoin =
  <L, R, O>({ kind, global, keyOf, asOf, join }: GlobalLookup<L, R, O>): Create<L> =>
  (context) => {
    const table = context.global<R>(global);
    return {
      process: (record) => {
        const { key, value, timestampMs } = record;
        const place = keyOf(record);
        const found = place === null ? undefined : asOf ? table.getAsOf(place, timestampMs)?.value : table.get(place);
        const right = found ?? null;
        if (right !== null || kind === 'left') context.emit(key, join(value, right, place ?? ''), timestampMs);
      },
    };
  };
