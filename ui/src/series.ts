/** One point of a portfolio's curves. */
export interface Point {
  /** Seconds since 1970-01-01 UTC, as the chart counts. */
  readonly time: number;
  readonly equity: number;
  readonly drawdown: number;
}

/** What a change of the points means to whoever draws them: the last point only, or all of them. */
export type Change = 'none' | 'last' | 'all';

/** Points at most; beyond it the older ones are thinned out. 33 years of days fit as they are. */
export const MAX_POINTS = 12_000;
/** The newest points, which thinning leaves alone. */
const FRESH_POINTS = 1_000;

/**
 * Of points in time order about `target`: equal stretches of them keep their lowest, highest and last equity, so that no
 * extreme disappears. The first and the last point stay.
 */
export function thin(points: readonly Point[], target: number): Point[] {
  if (points.length <= target) return [...points];
  const stretches = Math.max(1, Math.floor((target - 2) / 3));
  const kept: Point[] = [points[0]!];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const start = 1 + Math.floor((stretch * (points.length - 1)) / stretches);
    const end = 1 + Math.floor(((stretch + 1) * (points.length - 1)) / stretches);
    let low = start;
    let high = start;
    for (let index = start; index < end; index++) {
      if (points[index]!.equity < points[low]!.equity) low = index;
      if (points[index]!.equity > points[high]!.equity) high = index;
    }
    for (const index of [...new Set([low, high, end - 1])].sort((a, b) => a - b)) kept.push(points[index]!);
  }
  return kept;
}

/** A portfolio's curve: live points come at its end, history fills in behind them. Time rises strictly; memory is bounded. */
export class Series {
  #points: Point[] = [];

  get points(): readonly Point[] {
    return this.#points;
  }

  get last(): Point | undefined {
    return this.#points.at(-1);
  }

  /** Adds a live point. A point of the same second replaces the one there; an older one changes nothing. */
  append(point: Point): Change {
    const last = this.last;
    if (last && point.time < last.time) return 'none';
    if (last && point.time === last.time) this.#points[this.#points.length - 1] = point;
    else this.#points.push(point);
    return this.#bound() ? 'all' : 'last';
  }

  /** Fills in history, in time order. Where both have a second, the history's end-of-instant value counts, except at the live end. */
  merge(history: readonly Point[]): Change {
    if (history.length === 0) return 'none';
    const last = this.last;
    const merged: Point[] = [];
    let index = 0;
    for (const point of history) {
      while (index < this.#points.length && this.#points[index]!.time < point.time) merged.push(this.#points[index++]!);
      const here = this.#points[index];
      if (here?.time === point.time) {
        merged.push(here === last ? here : point);
        index++;
      } else if (merged.at(-1)?.time !== point.time) merged.push(point);
      else merged[merged.length - 1] = point;
    }
    merged.push(...this.#points.slice(index));
    this.#points = merged;
    this.#bound();
    return 'all';
  }

  #bound(): boolean {
    if (this.#points.length <= MAX_POINTS) return false;
    const old = this.#points.slice(0, -FRESH_POINTS);
    this.#points = [...thin(old, Math.floor(old.length / 2)), ...this.#points.slice(-FRESH_POINTS)];
    return true;
  }
}
