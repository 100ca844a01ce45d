import { BreachFeatures, type BreachSnapshot } from '#ml/features/breach.ts';
import { MEMORY_DAYS } from '#ml/features/breach-table.ts';
import type { Decayed } from '#ml/features/days.ts';
import type { LimitSnapshot } from '#ml/features/limit-track.ts';
import type { KeyValueStore, ProcessorContext } from '#streams/topology/types.ts';
import type { Said, StoredDay, StoredLimit, StoredMarket, StoredPortfolio } from './stored.ts';

/** In the order in which they are stored. */
const MEANS = ['drift', 'logFast', 'logSlow', 'fast', 'slow'] as const;

/** A portfolio in memory. */
export interface Live {
  readonly portfolio: string;
  readonly features: BreachFeatures;
  /** By limit, what was said last; null: nothing yet. */
  readonly said: Map<string, Said | null>;
  /** By limit, what is in the store of it. */
  readonly stored: Map<string, { readonly type: string; readonly days: number }>;
  /** Limits that are gone since the last commit. */
  readonly gone: Set<string>;
  /** Newest day of the market that is in the store. */
  storedMarketDay: number | null;
}

/**
 * Portfolios in stores: what changes with every record is small, and of the 250 days that each limit is remembered for only the new ones are
 * written. An index in memory, made at the first record; an abort makes a new one.
 */
export class Portfolios {
  readonly #portfolios: KeyValueStore<StoredPortfolio>;
  readonly #markets: KeyValueStore<StoredMarket>;
  readonly #limits: KeyValueStore<StoredLimit>;
  readonly #days: KeyValueStore<StoredDay>;
  #live: Map<string, Live> | null = null;

  constructor(context: ProcessorContext) {
    this.#portfolios = context.store('portfolios');
    this.#markets = context.store('markets');
    this.#limits = context.store('limits');
    this.#days = context.store('days');
  }

  get(portfolio: string): Live {
    this.#live ??= this.#load();
    let live = this.#live.get(portfolio);
    if (!live) {
      live = liveOf(portfolio, new BreachFeatures(), null);
      this.#live.set(portfolio, live);
    }
    return live;
  }

  /** Writes what has changed since the last commit. */
  save(live: Live): void {
    const snapshot = live.features.snapshot();
    const { portfolio } = live;
    const { day, isTradingDay, figures, returns, fast, slow, market } = snapshot;
    this.#portfolios.put(portfolio, {
      day,
      isTradingDay,
      figures: figures && [figures.equity, figures.dailyReturn, figures.drawdown, figures.gross],
      returns,
      means: numbersOf([fast, slow]),
    });
    if (market.day !== live.storedMarketDay) {
      const levels = Buffer.from(Float64Array.from(market.levels).buffer);
      this.#markets.put(portfolio, { day: market.day, means: numbersOf([market.fast, market.slow]), levels });
      live.storedMarketDay = market.day;
    }
    for (const limitId of live.gone) this.#forget(live, limitId);
    live.gone.clear();
    for (const [limitId, limit] of Object.entries(snapshot.limits)) this.#saveLimit(live, limitId, limit);
  }

  #saveLimit(live: Live, limitId: string, limit: LimitSnapshot): void {
    const key = `${live.portfolio}/${limitId}`;
    const { type, now, isBroken, wasBrokenToday, sinceBroken, days, utilisations, broken, means, motion } = limit;
    const stored = live.stored.get(limitId);
    // One of another type begins anew.
    const before = stored?.type === type ? stored.days : 0;
    const fresh = Math.min(days - before, utilisations.length);
    for (let back = fresh - 1; back >= 0; back--) {
      const at = utilisations.length - 1 - back;
      const place = (days - 1 - back) % MEMORY_DAYS;
      this.#days.put(`${key}/${place}`, { utilisation: utilisations[at]!, isBroken: broken[at] === 1 });
    }
    live.stored.set(limitId, { type, days });
    this.#limits.put(key, {
      type,
      now: now && [now.utilisation, now.value, now.threshold],
      isBroken,
      wasBrokenToday,
      sinceBroken,
      days,
      means: numbersOf(MEANS.map((name) => means[name])),
      motion,
      said: live.said.get(limitId) ?? null,
    });
  }

  #forget({ portfolio, stored, said }: Live, limitId: string): void {
    const key = `${portfolio}/${limitId}`;
    const days = Math.min(stored.get(limitId)?.days ?? 0, MEMORY_DAYS);
    for (let place = 0; place < days; place++) this.#days.delete(`${key}/${place}`);
    this.#limits.delete(key);
    stored.delete(limitId);
    said.delete(limitId);
  }

  #load(): Map<string, Live> {
    const limits = new Map<string, [string, StoredLimit][]>();
    for (const [key, limit] of this.#limits.entries()) {
      const slash = key.indexOf('/');
      const own = limits.get(key.slice(0, slash)) ?? [];
      own.push([key.slice(slash + 1), limit]);
      limits.set(key.slice(0, slash), own);
    }
    const all = new Map<string, Live>();
    for (const [portfolio, stored] of this.#portfolios.entries()) {
      const own = limits.get(portfolio) ?? [];
      const market = this.#markets.get(portfolio);
      const snapshot: BreachSnapshot = {
        ...portfolioOf(stored),
        market: market ? marketOf(market) : new BreachFeatures().snapshot().market,
        limits: Object.fromEntries(own.map(([limitId, limit]) => [limitId, this.#limitOf(portfolio, limitId, limit)])),
      };
      const live = liveOf(portfolio, new BreachFeatures(snapshot), market?.day ?? null);
      for (const [limitId, { said, type, days }] of own) {
        live.said.set(limitId, said);
        live.stored.set(limitId, { type, days });
      }
      all.set(portfolio, live);
    }
    return all;
  }

  #limitOf(portfolio: string, limitId: string, stored: StoredLimit): LimitSnapshot {
    const { type, now, isBroken, wasBrokenToday, sinceBroken, days, means, motion } = stored;
    const kept: StoredDay[] = [];
    for (let day = Math.max(0, days - MEMORY_DAYS); day < days; day++)
      kept.push(this.#days.get(`${portfolio}/${limitId}/${day % MEMORY_DAYS}`)!);
    return {
      type: type as LimitSnapshot['type'],
      now: now && { utilisation: now[0]!, value: now[1]!, threshold: now[2]! },
      isBroken,
      wasBrokenToday,
      sinceBroken,
      days,
      utilisations: kept.map(({ utilisation }) => utilisation),
      broken: kept.map((day) => Number(day.isBroken)),
      means: Object.fromEntries(MEANS.map((name, at) => [name, meanAt(means, at)])) as LimitSnapshot['means'],
      motion: motion as unknown as LimitSnapshot['motion'],
    };
  }
}

const liveOf = (portfolio: string, features: BreachFeatures, storedMarketDay: number | null): Live => ({
  portfolio,
  features,
  said: new Map(),
  stored: new Map(),
  gone: new Set(),
  storedMarketDay,
});
const numbersOf = (means: readonly Decayed[]) => means.flatMap(({ sum, weight }) => [sum, weight]);
const meanAt = (numbers: readonly number[], at: number): Decayed => ({
  sum: numbers[2 * at]!,
  weight: numbers[2 * at + 1]!,
});

const portfolioOf = ({ day, isTradingDay, figures, returns, means }: StoredPortfolio) => ({
  day,
  isTradingDay,
  figures: figures && {
    equity: figures[0]!,
    dailyReturn: figures[1]!,
    drawdown: figures[2]!,
    gross: figures[3]!,
  },
  returns,
  fast: meanAt(means, 0),
  slow: meanAt(means, 1),
});
const marketOf = ({ day, means, levels }: StoredMarket): BreachSnapshot['market'] => ({
  day,
  fast: meanAt(means, 0),
  slow: meanAt(means, 1),
  // In memory of their own: the bytes may stand anywhere.
  levels: [...new Float64Array(Uint8Array.from(levels).buffer)],
});
