import type { AvroSchema } from '../../kit/avro.ts';
import type { Processor, ProcessorContext, StoreNode, StreamRecord, WindowStore } from '../../topology/types.ts';
import { PendingPairs } from './pending.ts';
import type { JoinKind } from './table-table.ts';

export interface StreamStreamJoin<L, R, O> {
  readonly kind: JoinKind;
  readonly leftStore: string;
  readonly rightStore: string;
  /** A right record is a partner from so long before the left one … */
  readonly beforeMs: number;
  /** … to so long after it, both inclusive. */
  readonly afterMs: number;
  /** How much later than that a partner may still come, in stream time. */
  readonly graceMs: number;
  readonly join: (left: L | null, right: R | null, key: string) => O;
}
type JoinWindow = Pick<StreamStreamJoin<unknown, unknown, unknown>, 'beforeMs' | 'afterMs' | 'graceMs'>;
/** All records of a key with one time, in the order of their coming. */
export interface Waiting<V> {
  readonly records: readonly { readonly value: V; readonly joined: boolean }[];
}

/** How often, in stream time, what has found no partner is looked for when no record comes to the join. */
const closingStepMs = ({ beforeMs, afterMs, graceMs }: JoinWindow): number =>
  Math.max(1, Math.ceil((Math.max(0, beforeMs, afterMs) + graceMs) / 64));

/** The store of one side. */
export const joinStore = (value: AvroSchema, kind: JoinKind, window: JoinWindow): StoreNode => ({
  kind: 'window',
  // What is given without a partner is given before it is deleted: a step later than it may be.
  retentionMs:
    Math.max(0, window.beforeMs, window.afterMs) + window.graceMs + (kind === 'inner' ? 0 : closingStepMs(window)),
  value: {
    type: 'record',
    name: 'Waiting',
    namespace: 'tidemark.join',
    fields: [
      {
        name: 'records',
        type: {
          type: 'array',
          items: {
            type: 'record',
            name: 'WaitingRecord',
            fields: [
              { name: 'value', type: value },
              { name: 'joined', type: 'boolean' },
            ],
          },
        },
      },
    ],
  } as AvroSchema,
});

/**
 * Stream–stream join by key within a window of event time, as Kafka Streams' `JoinWindows`: every pair whose times fit gives one result, at
 * the later of the two times. A record's window is closed when stream time has passed the time of its last possible partner by more than
 * the grace; from then on it has no partners, and one that comes later than that is late. In a left (outer) join a record without a
 * partner gives one result with null when its window closes, never before (KIP-633), in the order of closing.
 *
 * Gives the two processors, one for each side; both declare both stores. Records without key or value are counted and dropped.
 */
export function streamStreamJoin<L, R, O>(options: StreamStreamJoin<L, R, O>) {
  const { join, leftStore, rightStore, beforeMs, afterMs } = options;
  const left = side<L, R, O>(options, {
    isLeft: true,
    mine: leftStore,
    others: rightStore,
    beforeMs,
    afterMs,
    pair: join,
  });
  const right = side<R, L, O>(options, {
    isLeft: false,
    mine: rightStore,
    others: leftStore,
    beforeMs: afterMs,
    afterMs: beforeMs,
    pair: (mine, other, key) => join(other, mine, key),
  });
  return { left, right };
}

interface Side<M, T, O> {
  readonly isLeft: boolean;
  readonly mine: string;
  readonly others: string;
  /** Where partners lie, seen from this side. */
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly pair: (mine: M | null, other: T | null, key: string) => O;
}

const side =
  <M, T, O>(
    options: StreamStreamJoin<never, never, O> | StreamStreamJoin<M, T, O> | StreamStreamJoin<T, M, O>,
    own: Side<M, T, O>,
  ) =>
  (context: ProcessorContext): Processor<M | null> => {
    const { kind, graceMs, leftStore, rightStore, join } = options;
    const mine = context.windowStore<Waiting<M>>(own.mine);
    const others = context.windowStore<Waiting<T>>(own.others);
    const waits = kind === 'outer' || (kind === 'left' && own.isLeft);
    const othersWait = kind === 'outer' || (kind === 'left' && !own.isLeft);
    const pending = PendingPairs.of(context, options as never, leftStore, rightStore);
    const single = join as (left: unknown, right: unknown, key: string) => O;
    // Stream time may go on without a record of the join: those before it may be filtered, or of another source.
    if (own.isLeft && kind !== 'inner')
      context.schedule(closingStepMs(options), 'event-time', () => pending.close(context, single));
    return {
      process: ({ key, value, timestampMs }: StreamRecord<M | null>) => {
        pending.close(context, single);
        if (key === null || value === null) return context.count('null-dropped');
        if (timestampMs + own.afterMs + graceMs < context.streamTimeMs)
          return context.late(`its join window ended ${context.streamTimeMs - timestampMs - own.afterMs} ms ago`);
        let joined = false;
        const oldestMs = context.streamTimeMs - graceMs - own.beforeMs;
        // An other record's last partner is `beforeMs` of ours after it: with that behind stream time its window is closed.
        const fromMs = Math.max(timestampMs - own.beforeMs, oldestMs, 0);
        for (const [timeMs, { records }] of others.fetch(key, fromMs, timestampMs + own.afterMs)) {
          joined = true;
          for (const other of records)
            context.emit(key, own.pair(value, other.value, key), Math.max(timestampMs, timeMs));
          if (othersWait && records.some((other) => !other.joined))
            others.put(key, timeMs, { records: records.map((other) => ({ ...other, joined: true })) });
        }
        keep(mine, key, timestampMs, { value, joined: joined || !waits });
        if (waits && !joined) pending.add(own.isLeft, key, timestampMs);
      },
    };
  };

function keep<V>(
  store: WindowStore<Waiting<V>>,
  key: string,
  timeMs: number,
  record: { value: V; joined: boolean },
): void {
  const before = store.get(key, timeMs)?.records ?? [];
  store.put(key, timeMs, { records: [...before, record] });
}
