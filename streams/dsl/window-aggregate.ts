import type { Processor, ProcessorContext } from '../topology/types.ts';
import { type Aggregation, addTo, isGroupable } from './aggregate.ts';
import type { Change } from './change.ts';
import { closesAtMs, type SessionWindows, type TimeWindows, windowedKey } from './windows.ts';

type Create<V> = (context: ProcessorContext) => Processor<V>;

/** How long a window store must keep what its windows still need, milliseconds. */
export const timeRetentionMs = ({ sizeMs, graceMs }: TimeWindows): number => sizeMs + graceMs;
export const sessionRetentionMs = ({ gapMs, graceMs }: SessionWindows): number => gapMs + graceMs;

/** Tumbling and hopping windows. A record is late when one of its windows is closed; those that are open still take it. */
export const timeWindowsOf =
  <V, A>(store: string, windows: TimeWindows, aggregation: Aggregation<V, A>): Create<V> =>
  (context) => {
    const rows = context.windowStore<A>(store);
    const { sizeMs, advanceMs } = windows;
    return {
      process: (record) => {
        if (!isGroupable(context, record)) return;
        const { key, value, timestampMs, headers } = record;
        let closed = 0;
        const firstMs = Math.floor(Math.max(0, timestampMs - sizeMs + advanceMs) / advanceMs) * advanceMs;
        for (let startMs = firstMs; startMs <= timestampMs; startMs += advanceMs) {
          const endMs = startMs + sizeMs;
          if (closesAtMs(windows, endMs) <= context.streamTimeMs) {
            closed++;
            continue;
          }
          const before = rows.get(key, startMs) ?? null;
          const after = addTo(aggregation, before, value, key) as A;
          rows.put(key, startMs, after);
          context.emit<Change<A>>(windowedKey(key, startMs, endMs), { before, after }, timestampMs, headers);
        }
        if (closed > 0) context.late(lateReason(context, timestampMs, `${closed} of its windows closed`));
      },
    };
  };

/**
 * Sessions. A record joins all open sessions within the gap into one, and the sessions it joins are deleted. A closed session is
 * final: nothing joins it any more. A record whose session would be closed already is late.
 */
export const sessionsOf =
  <V, A>(
    store: string,
    windows: SessionWindows,
    aggregation: Aggregation<V, A>,
    merge: (first: A, second: A, key: string) => A,
  ): Create<V> =>
  (context) => {
    const rows = context.sessionStore<A>(store);
    const { gapMs } = windows;
    return {
      process: (record) => {
        if (!isGroupable(context, record)) return;
        const { key, value, timestampMs, headers } = record;
        const touched = [...rows.find(key, timestampMs - gapMs, timestampMs + gapMs)].filter(
          ({ endMs }) => closesAtMs(windows, endMs) > context.streamTimeMs,
        );
        const startMs = Math.min(timestampMs, ...touched.map((session) => session.startMs));
        const endMs = Math.max(timestampMs, ...touched.map((session) => session.endMs));
        if (closesAtMs(windows, endMs) <= context.streamTimeMs)
          return context.late(lateReason(context, timestampMs, 'its session closed'));
        let before: A | null = null;
        let joined: A | null = null;
        for (const session of touched) {
          joined = joined === null ? session.value : merge(joined, session.value, key);
          if (session.startMs === startMs && session.endMs === endMs) before = session.value;
          else {
            rows.delete(key, session.startMs, session.endMs);
            const gone: Change<A> = { before: session.value, after: null };
            context.emit(windowedKey(key, session.startMs, session.endMs), gone, timestampMs, headers);
          }
        }
        const after = addTo(aggregation, joined, value, key) as A;
        rows.put(key, startMs, endMs, after);
        context.emit<Change<A>>(windowedKey(key, startMs, endMs), { before, after }, timestampMs, headers);
      },
    };
  };

/** Says how late a record was, and for what. */
export function lateReason({ streamTimeMs }: ProcessorContext, timestampMs: number, what: string): string {
  return `${what}: its time ${timestampMs} is ${streamTimeMs - timestampMs} ms behind stream time`;
}
