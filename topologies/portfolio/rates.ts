import { type FxQuotes, type FxRate, isCurrencyCode, isPairId, rateBetween } from '#schemas/fx.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { KeyValueStore } from '#streams/topology/types.ts';
import { begin, put, type Series, valueAt } from './series.ts';

/**
 * Rates between currencies (schemas/fx.ts) as of now and of the last instants. Prices of pairs are few and asked for often: they are in
 * memory, and in the store for the next start.
 */
export class Rates {
  readonly #store: KeyValueStore<Series>;
  readonly #pivot: string;
  #pairs: Map<string, Series> | null = null;

  /** `store`: of the newest prices of each pair; key pair. Throws CONFIG_INVALID for a pivot that is no currency. */
  constructor(store: KeyValueStore<Series>, pivot: string) {
    if (!isCurrencyCode(pivot))
      throw new TidemarkError(
        'CONFIG_INVALID',
        `The pivot of rates is "${pivot}": expected an ISO 4217 code such as USD`,
      );
    this.#store = store;
    this.#pivot = pivot;
  }

  /** Event time of the newest price, microseconds; -1 before the first. */
  newest(pair: string): number {
    return this.#all().get(pair)?.times.at(-1) ?? -1;
  }
  /** Takes a price that is not older than the newest. To be undone by what it returns, or kept by `keep`. */
  take(pair: string, eventTime: number, price: number): () => void {
    const before = this.#all().get(pair);
    this.#all().set(pair, before ? put(before, eventTime, price) : begin(null, eventTime, price));
    return () => {
      if (before) this.#all().set(pair, before);
      else this.#all().delete(pair);
    };
  }
  keep(pair: string): void {
    this.#store.put(pair, this.#all().get(pair)!);
  }

  /** Of now; null where none is quoted. */
  now(from: string, to: string): FxRate | null {
    return rateBetween(from, to, this.#quotesNow, this.#pivot);
  }
  /** As of an event time; null where none was quoted then. */
  at(from: string, to: string, time: number): number | null {
    const quotes: FxQuotes = (pair) => {
      const series = this.#all().get(pair);
      const price = series ? valueAt(series, time) : null;
      return price === null ? undefined : { price, eventTime: time };
    };
    return rateBetween(from, to, quotes, this.#pivot)?.rate ?? null;
  }
  /** As of an event time, or the first one after it and since when it holds; null while there is none. */
  atOrAfter(from: string, to: string, time: number): { readonly rate: number; readonly since: number } | null {
    const rate = this.at(from, to, time);
    if (rate !== null) return { rate, since: time };
    const later = [...this.#all().values()].flatMap(({ times }) => times.filter((each) => each > time));
    for (const since of later.sort((a, b) => a - b)) {
      const first = this.at(from, to, since);
      if (first !== null) return { rate: first, since };
    }
    return null;
  }
  /** Whether a price of the pair may change a rate. */
  concerns(pair: string, from: string, to: string): boolean {
    const codes = [from, to, this.#pivot];
    return isPairId(pair) && codes.includes(pair.slice(0, 3)) && codes.includes(pair.slice(3));
  }

  readonly #quotesNow: FxQuotes = (pair) => {
    const series = this.#all().get(pair);
    return series && { price: series.values.at(-1)!, eventTime: series.times.at(-1)! };
  };

  #all(): Map<string, Series> {
    this.#pairs ??= new Map(this.#store.entries());
    return this.#pairs;
  }
}
