/** All portfolios whose limits a model looks at, as days that are whole. Pure. */
import type { BreachRecord, MarketReturn } from '../features/breach-set.ts';
import {
  LimitDays,
  type LimitDaysSnapshot,
  type LivePrediction,
  type Observation,
  type Settled,
} from './limit-days.ts';

/** A day of which every portfolio is known. */
export interface WatchedDay {
  /** UTC day, whole days since 1970. */
  readonly day: number;
  readonly observations: readonly Observation[];
  readonly settled: readonly Settled[];
}
export interface LimitWatchSnapshot {
  readonly portfolios: readonly (readonly [string, LimitDaysSnapshot])[];
  readonly market: readonly MarketReturn[];
  readonly closed: readonly WatchedDay[];
}

/** A portfolio of which nothing is predicted for so many days is not waited for. */
const IDLE_DAYS = 7;

/**
 * Days come out in their order, and what is in them by portfolio and limit, so that it does not matter which portfolio was read
 * first. A day comes out when each portfolio that is predicted for is past it.
 */
export class LimitWatch {
  readonly #portfolios: Map<string, LimitDays>;
  readonly #market: MarketReturn[];
  /** Days that are over for some portfolio. */
  readonly #closed: Map<number, { observations: Observation[]; settled: Settled[] }>;

  constructor(from?: LimitWatchSnapshot) {
    this.#portfolios = new Map(from?.portfolios.map(([portfolio, days]) => [portfolio, new LimitDays(days)]));
    this.#market = [...(from?.market ?? [])];
    this.#closed = new Map(
      from?.closed.map(({ day, observations, settled }) => {
        const rows = observations.map((row) => ({ ...row, features: Float64Array.from(row.features) }));
        return [day, { observations: rows, settled: [...settled] }];
      }),
    );
  }

  /** Records left out because they say what cannot be. */
  get refused(): number {
    return [...this.#portfolios.values()].reduce((sum, { refused }) => sum + refused, 0);
  }

  take(portfolio: string, record: BreachRecord): void {
    this.#daysOf(portfolio).take(record);
  }

  /** The market's return on a day; of a day that was told already the newer one counts where it has not been used. */
  takeMarket({ day, simpleReturn }: MarketReturn): void {
    const at = this.#market.findLastIndex((each) => each.day <= day);
    if (this.#market[at]?.day === day) this.#market[at] = { day, simpleReturn };
    else this.#market.splice(at + 1, 0, { day, simpleReturn });
  }

  /** The days that are over with it, oldest first. */
  predict(prediction: LivePrediction): WatchedDay[] {
    const closed = this.#daysOf(prediction.portfolio).predict(prediction, this.#market);
    if (!closed) return [];
    const { day, observations, settled } = closed;
    const known = this.#closed.get(day) ?? { observations: [], settled: [] };
    this.#closed.set(day, known);
    known.observations.push(...observations);
    known.settled.push(...settled);
    return this.#release();
  }

  snapshot(): LimitWatchSnapshot {
    return {
      portfolios: [...this.#portfolios].map(([portfolio, days]) => [portfolio, days.snapshot()]),
      market: this.#market,
      closed: [...this.#closed].map(([day, { observations, settled }]) => ({
        day,
        // Typed arrays are objects in JSON.
        observations: observations.map((row) => ({ ...row, features: [...row.features] as unknown as Float64Array })),
        settled,
      })),
    };
  }

  #release(): WatchedDay[] {
    const open = [...this.#portfolios.values()].flatMap(({ openDay }) => (openDay === null ? [] : [openDay]));
    const newest = Math.max(...open);
    const until = Math.min(...open.filter((day) => day >= newest - IDLE_DAYS));
    const days = [...this.#closed.keys()].filter((day) => day < until).sort((a, b) => a - b);
    return days.map((day) => {
      const { observations, settled } = this.#closed.get(day)!;
      this.#closed.delete(day);
      observations.sort(byPlace);
      settled.sort(byPlace);
      return { day, observations, settled };
    });
  }

  #daysOf(portfolio: string): LimitDays {
    const known = this.#portfolios.get(portfolio);
    if (known) return known;
    const added = new LimitDays();
    this.#portfolios.set(portfolio, added);
    return added;
  }
}

interface Place {
  readonly portfolio: string;
  readonly limitId: string;
}
const byPlace = (a: Place, b: Place) => order(a.portfolio, b.portfolio) || order(a.limitId, b.limitId);
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
