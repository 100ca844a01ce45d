import type { RiskLimit } from '#schemas/generated/types.ts';
import { MAX_WINDOW_MS } from '#schemas/limits.ts';
import type { ProcessorContext, WindowStore } from '#streams/topology/types.ts';
import type { StoredActivity } from './stored.ts';

const HOUR_MS = 3_600_000;

/** Buckets of one length. */
export const BUCKETS = {
  'activity-seconds': { lengthMs: 1_000, retentionMs: HOUR_MS },
  'activity-hours': { lengthMs: HOUR_MS, retentionMs: MAX_WINDOW_MS },
} as const;
type BucketStore = keyof typeof BUCKETS;

interface Bucket extends StoredActivity {
  readonly startMs: number;
}

/**
 * Orders and fills of every portfolio by instrument and strategy, in buckets: a window counts the buckets that it touches, so it
 * is up to a bucket longer than was asked for and never shorter.
 */
export class Activity {
  readonly #stores: Readonly<Record<BucketStore, WindowStore<StoredActivity>>>;
  /** By portfolio, then by instrument/strategy; oldest first. */
  readonly #series: Readonly<Record<BucketStore, Map<string, Map<string, Bucket[]>>>>;

  constructor(context: ProcessorContext) {
    this.#stores = {
      'activity-seconds': context.windowStore('activity-seconds'),
      'activity-hours': context.windowStore('activity-hours'),
    };
    this.#series = { 'activity-seconds': new Map(), 'activity-hours': new Map() };
  }

  /** From the stores: to be called at the first record. */
  load(): void {
    for (const name of Object.keys(BUCKETS) as BucketStore[])
      for (const [key, startMs, value] of this.#stores[name].all()) this.#list(name, key).push({ startMs, ...value });
  }

  /** Adds an order (orders 1) or a fill (its value). */
  add(portfolio: string, instrument: string, strategy: string, timeMs: number, orders: number, traded: number): void {
    const key = `${portfolio}/${instrument}/${strategy}`;
    for (const [name, { lengthMs, retentionMs }] of Object.entries(BUCKETS)) {
      const store = this.#stores[name as BucketStore];
      const series = this.#list(name as BucketStore, key);
      const startMs = Math.floor(timeMs / lengthMs) * lengthMs;
      const before = store.get(key, startMs) ?? { orders: 0, traded: 0 };
      const after = { orders: before.orders + orders, traded: before.traded + traded };
      // Older than what is kept: no window reaches back to it.
      if (!store.put(key, startMs, after)) continue;
      const at = series.findLastIndex((bucket) => bucket.startMs <= startMs);
      if (series[at]?.startMs === startMs) series[at] = { startMs, ...after };
      else series.splice(at + 1, 0, { startMs, ...after });
      const oldest = series.at(-1)!.startMs - retentionMs;
      while (series[0]!.startMs < oldest) series.shift();
    }
  }

  /** Sum over the limit's window, up to and with a time, in its scope. */
  within({ portfolio, scope, scopeId, windowMs }: RiskLimit, timeMs: number, what: keyof StoredActivity): number {
    const name = windowMs! <= HOUR_MS ? 'activity-seconds' : 'activity-hours';
    const { lengthMs } = BUCKETS[name];
    const fromMs = timeMs - windowMs!;
    let sum = 0;
    for (const [key, series] of this.#series[name].get(portfolio) ?? []) {
      const [instrument, strategy] = cut(key);
      if (scope === 'INSTRUMENT' && instrument !== scopeId) continue;
      if (scope === 'STRATEGY' && strategy !== scopeId) continue;
      for (let at = series.length - 1; at >= 0 && series[at]!.startMs + lengthMs > fromMs; at--)
        if (series[at]!.startMs <= timeMs) sum += series[at]![what];
    }
    return sum;
  }

  #list(name: BucketStore, key: string): Bucket[] {
    const [portfolio, rest] = cut(key);
    const all = this.#series[name];
    const own = all.get(portfolio) ?? new Map<string, Bucket[]>();
    all.set(portfolio, own);
    const series = own.get(rest) ?? [];
    own.set(rest, series);
    return series;
  }
}

/** At the first slash: neither a portfolio nor an instrument has one, a strategy may. */
function cut(key: string): readonly [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
