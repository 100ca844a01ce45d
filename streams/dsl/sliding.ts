import type { AvroSchema } from '../kit/avro.ts';
import type { Processor, ProcessorContext } from '../topology/types.ts';
import { type Aggregation, addTo, isGroupable } from './aggregate.ts';
import type { Change } from './change.ts';
import { lateReason } from './window-aggregate.ts';
import { closesAtMs, type SlidingWindows, windowedKey } from './windows.ts';

/** A row of a sliding window's store: the result, and the time of the newest record in it. */
export interface SlidingRow<A> {
  readonly newestMs: number;
  readonly value: A;
}
export const slidingRowSchema = (value: AvroSchema): AvroSchema =>
  ({
    type: 'record',
    name: 'TidemarkSlidingRow',
    fields: [
      { name: 'newestMs', type: 'long' },
      { name: 'value', type: value },
    ],
  }) as AvroSchema;

/**
 * Rows are stored by the end of their window: its start may be before 1970. Windows as old as the grace still change, and to know what a
 * new one holds, those that ended a length earlier are read.
 */
export const slidingRetentionMs = ({ differenceMs, graceMs }: SlidingWindows): number => graceMs + differenceMs + 1;

/**
 * Sliding windows: for each record at t one that ends at t, and one that starts at t + 1 if any record lies in it. A record is late
 * when the window that ends with it is closed, and then takes part in none.
 *
 * A new window needs the result of records that came before it. What a window holds, as a function of its start, changes only where a
 * window of the above starts (or where it becomes empty), so any window holds the same as the nearest stored one that does not
 * start after it, provided that one's newest record is not before it.
 */
export const slidingWindowsOf =
  <V, A>(
    store: string,
    windows: SlidingWindows,
    aggregation: Aggregation<V, A>,
  ): ((c: ProcessorContext) => Processor<V>) =>
  (context) => {
    const rows = context.windowStore<SlidingRow<A>>(store);
    const { differenceMs } = windows;
    return {
      process: (record) => {
        if (!isGroupable(context, record)) return;
        const { key, value, timestampMs, headers } = record;
        if (closesAtMs(windows, timestampMs) <= context.streamTimeMs)
          return context.late(lateReason(context, timestampMs, 'its windows closed'));
        const near: Row<A>[] = [];
        for (const [endMs, row] of rows.fetch(key, timestampMs - differenceMs - 1, timestampMs + differenceMs + 1))
          near.push([endMs - differenceMs, row]);
        for (const { startMs, before, base, takes } of affected(near, timestampMs, differenceMs)) {
          const after = takes ? (addTo(aggregation, base?.value ?? null, value, key) as A) : base!.value;
          const newestMs = takes ? Math.max(base?.newestMs ?? 0, timestampMs) : base!.newestMs;
          rows.put(key, startMs + differenceMs, { newestMs, value: after });
          const change: Change<A> = { before: before?.value ?? null, after };
          context.emit(windowedKey(key, startMs, startMs + differenceMs), change, timestampMs, headers);
        }
      },
    };
  };

type Row<A> = readonly [startMs: number, row: SlidingRow<A>];
/** A window that a record changes or brings about. */
interface Affected<A> {
  readonly startMs: number;
  readonly before: SlidingRow<A> | null;
  /** What it holds without the record. */
  readonly base: SlidingRow<A> | null;
  /** Whether the record lies in it. */
  readonly takes: boolean;
}

/** The windows that a record at `timestampMs` affects, by rising start; `near` are the key's windows around it by rising start. */
function affected<A>(near: readonly Row<A>[], timestampMs: number, differenceMs: number): Affected<A>[] {
  const stored = new Map(near);
  const leftMs = timestampMs - differenceMs;
  const found: Affected<A>[] = near
    .filter(([startMs]) => startMs >= leftMs && startMs <= timestampMs)
    .map(([startMs, row]) => ({ startMs, before: row, base: row, takes: true }));
  // The window that ends with it holds a record of just that time: all windows that its time brings about are there.
  if (stored.get(leftMs)?.newestMs === timestampMs) return found;
  const create = (startMs: number, base: SlidingRow<A> | null, takes: boolean) => {
    if (!stored.has(startMs) && !found.some((window) => window.startMs === startMs))
      found.push({ startMs, before: null, base, takes });
  };
  create(leftMs, heldFrom(near, leftMs), true);
  // Right after the record before it there may have been nothing; now there is this one.
  const previous = heldFrom(near, leftMs - 1);
  if (previous) create(previous.newestMs + 1, null, true);
  const right = heldFrom(near, timestampMs + 1);
  if (right) create(timestampMs + 1, right, false);
  return found.sort((a, b) => a.startMs - b.startMs);
}

/** What a window with this start holds, whether it is stored or not; null: nothing. */
function heldFrom<A>(near: readonly Row<A>[], startMs: number): SlidingRow<A> | null {
  const nearest = near.findLast(([start]) => start <= startMs);
  return nearest && nearest[1].newestMs >= startMs ? nearest[1] : null;
}
