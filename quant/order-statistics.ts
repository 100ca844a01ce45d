import { requireFinite, requireLength, type Series } from './checks.ts';

/**
 * Writes the `count` lowest of the first `length` values to `out`, ascending. No garbage: it runs on every tick. Values must be
 * finite, and 1 <= count <= length; nothing checks it here. O(length) for few, O(length log count) at worst (a bounded heap).
 */
export function lowest(values: Float64Array, length: number, count: number, out: Float64Array): void {
  // A heap with the highest of those kept on top, so that most values are turned away by one comparison.
  for (let index = 0; index < count; index++) out[index] = values[index]!;
  for (let root = (count >>> 1) - 1; root >= 0; root--) sink(out, root, count, out[root]!);
  for (let index = count; index < length; index++) {
    const value = values[index]!;
    if (value < out[0]!) sink(out, 0, count, value);
  }
  for (let last = count - 1; last > 0; last--) {
    const value = out[last]!;
    out[last] = out[0]!;
    sink(out, 0, last, value);
  }
}

/** Puts a value in the place of the root of a heap of the first `size`, and lets it sink to where it belongs. */
function sink(heap: Float64Array, root: number, size: number, value: number): void {
  let hole = root;
  for (let child = 2 * hole + 1; child < size; child = 2 * hole + 1) {
    if (child + 1 < size && heap[child + 1]! > heap[child]!) child++;
    if (heap[child]! <= value) break;
    heap[hole] = heap[child]!;
    hole = child;
  }
  heap[hole] = value;
}

/** Where a quantile lies between two order statistics: `rank` from 0, and how far towards the next one, 0 <= fraction < 1. */
export interface Place {
  readonly rank: number;
  readonly fraction: number;
}

/** Place of the quantile `p` among `count` values by linear interpolation: (count - 1) × p (numpy's default, Hyndman and Fan's type 7). */
export function placeOf(p: number, count: number): Place {
  const position = (count - 1) * p;
  const rank = Math.floor(position);
  return { rank, fraction: position - rank };
}

/** Between two neighbours; exact at both ends, and never outside them. */
export const between = (low: number, high: number, fraction: number): number =>
  fraction === 0 ? low : low + (high - low) * fraction;

/** The quantile 0 <= p <= 1 by linear interpolation, as numpy.quantile. Throws HISTORY_TOO_SHORT without values, VALUE_NOT_FINITE. */
export function quantile(values: Series, p: number): number {
  requireLength(values, 1, 'A quantile');
  requireFinite(values, 'A quantile');
  const sorted = Float64Array.from(values).sort();
  const { rank, fraction } = placeOf(p, sorted.length);
  return between(sorted[rank]!, sorted[Math.min(rank + 1, sorted.length - 1)]!, fraction);
}
