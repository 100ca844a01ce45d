/**
 * A figure at the end of its last changes, by event time: a rate, or what a portfolio is worth in one currency. It goes as far back as a
 * portfolio's path (path.ts), every change of the figure being an instant of the path too; at an older time the oldest that is known
 * holds.
 */
import type { AvroSchema } from '#streams/kit/avro.ts';
import { WINDOW_INSTANTS } from './path.ts';

export interface Series {
  /** What it was before the first of the changes that are kept; null: nothing was known. */
  readonly before: number | null;
  /** Event times, rising, microseconds. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** The instants of a path that are over, and the present one. */
const WINDOW = WINDOW_INSTANTS + 1;

export const seriesSchema = (name: string, doc: string): AvroSchema =>
  ({
    type: 'record',
    name,
    namespace: 'tidemark.portfolio',
    doc,
    fields: [
      { name: 'before', type: ['null', 'double'] },
      { name: 'times', type: { type: 'array', items: 'long' } },
      { name: 'values', type: { type: 'array', items: 'double' } },
    ],
  }) as AvroSchema;

/** A series of one value. `before`: what it was until then. */
export const begin = (before: number | null, time: number, value: number): Series => ({
  before,
  times: [time],
  values: [value],
});

/** As of a time; null where nothing was known yet. */
export function valueAt({ before, times, values }: Series, time: number): number | null {
  for (let index = times.length - 1; index >= 0; index--) if (times[index]! <= time) return values[index]!;
  return before;
}

/** With another value from a time on that is not before its newest. */
export function put({ before, times, values }: Series, time: number, value: number): Series {
  const isSame = times.at(-1) === time;
  const kept = isSame ? times.length - 1 : times.length;
  const from = kept === WINDOW ? 1 : 0;
  return {
    before: from === 1 ? values[0]! : before,
    times: [...times.slice(from, kept), time],
    values: [...values.slice(from, kept), value],
  };
}

/** Larger by `change` from a time on that may be past. */
export function raise(series: Series, time: number, change: number): Series {
  const { before, times, values } = series;
  const first = times.findIndex((each) => each >= time);
  if (first === -1) return put(series, time, (values.at(-1) ?? before ?? 0) + change);
  const raised = values.map((value, index) => (index < first ? value : value + change));
  if (times[first] === time || (first === 0 && times.length === WINDOW)) return { before, times, values: raised };
  const next = {
    before,
    times: [...times.slice(0, first), time, ...times.slice(first)],
    values: [...raised.slice(0, first), (values[first - 1] ?? before ?? 0) + change, ...raised.slice(first)],
  };
  if (next.times.length <= WINDOW) return next;
  return { before: next.values[0]!, times: next.times.slice(1), values: next.values.slice(1) };
}
