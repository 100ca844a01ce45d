import type { DailyReturn } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { GlobalTable } from '#streams/topology/types.ts';
import { DAY_MS, dateOf } from './days.ts';

/** What is read of market.returns: a table of a few hundred thousand rows in memory has no room for what nobody asks for. */
export type KnownReturn = Pick<DailyReturn, 'simpleReturn' | 'turnover'>;
export const KNOWN_RETURN_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'DailyReturn',
  namespace: 'tidemark',
  fields: [
    { name: 'simpleReturn', type: 'double' },
    { name: 'turnover', type: ['null', 'double'], default: null },
  ],
};

/** Daily returns of an instrument, oldest first; days without one are left out. */
export interface History {
  /** UTC days since 1970, rising. */
  readonly days: readonly number[];
  /** Simple returns, one a day; each since the day before it here. */
  readonly returns: readonly number[];
}

/** Returns can still change for so many days: bars are kept for less. */
const UNSETTLED_DAYS = 14;
/** Calendar days that surely hold a number of trading days: five in seven, less holidays, and a year without trading. */
const lookBack = (tradingDays: number) => Math.ceil(tradingDays * 1.5) + 365;
const NOTHING: History = { days: [], returns: [] };

interface Entry {
  readonly days: number[];
  readonly returns: number[];
  /** All days up to here are in the two rows above, and stay as they are. */
  settledTo: number;
  /** What was given last, and for which day. */
  day: number;
  latest: History;
}

/**
 * Return histories as they were known at the beginning of a UTC day, read from the global table of market.returns: 1995 does not see 2022, and
 * a restart sees what was seen before it. The newest days are looked up again as long as the last one is missing (bars may
 * be a moment behind) and at the beginning of each day, since late trades revise them.
 */
export class Histories {
  readonly #table: GlobalTable<KnownReturn>;
  readonly #window: number;
  readonly #entries = new Map<string, Entry>();
  /** Of past windows that stay as they are; key instrument/first/last. */
  readonly #past = new Map<string, History>();

  /** `window`: most returns that are given. */
  constructor(table: GlobalTable<KnownReturn>, window: number) {
    this.#table = table;
    this.#window = window;
  }

  /** The newest returns of days before `day`. The same object as long as nothing changed. */
  before(instrument: string, day: number): History {
    let entry = this.#entries.get(instrument);
    if (!entry) {
      entry = { days: [], returns: [], settledTo: day - lookBack(this.#window), day: -1, latest: NOTHING };
      this.#entries.set(instrument, entry);
    }
    const { latest } = entry;
    if (entry.day === day && latest.days.at(-1) === day - 1) return latest;
    this.#settle(entry, instrument, day);
    const settledTo = Math.min(entry.settledTo, day - 1 - UNSETTLED_DAYS);
    const days = entry.days.filter((settled) => settled <= settledTo);
    const returns = entry.returns.slice(0, days.length);
    this.#scan(instrument, settledTo + 1, day - 1, day, days, returns);
    const from = Math.max(0, days.length - this.#window);
    const history = { days: days.slice(from), returns: returns.slice(from) };
    entry.day = day;
    if (!same(history, latest)) entry.latest = history;
    return entry.latest;
  }

  /** Returns of the days from `first` to `last`, as known at the beginning of `day`. */
  between(instrument: string, first: number, last: number, day: number): History {
    const key = `${instrument}/${first}/${last}`;
    const known = this.#past.get(key);
    const isSettled = last < day - UNSETTLED_DAYS;
    if (known && isSettled) return known;
    const days: number[] = [];
    const returns: number[] = [];
    this.#scan(instrument, first, Math.min(last, day - 1), day, days, returns);
    if (isSettled) this.#past.set(key, { days, returns });
    return { days, returns };
  }

  /**
   * Average value traded a day over the newest `count` days with trades before `day`, at most three times as many calendar days back, in the
   * instrument's currency and without multiplier; null where it is not known of one of them, or of none.
   */
  averageTurnover(instrument: string, day: number, count: number): number | null {
    let sum = 0;
    let days = 0;
    for (let at = day - 1; at >= day - 3 * count && days < count; at--) {
      const version = this.#table.getAsOf(`${instrument}/${dateOf(at)}`, day * DAY_MS);
      if (!version) continue;
      if (version.value.turnover === null) return null;
      sum += version.value.turnover;
      days++;
    }
    return days === 0 ? null : sum / days;
  }

  /** Whether a return of any of the days from `first` to `last` was known at the beginning of `day`. */
  has(instrument: string, first: number, last: number, day: number): boolean {
    for (let at = first; at <= last; at++)
      if (this.#table.getAsOf(`${instrument}/${dateOf(at)}`, day * DAY_MS)) return true;
    return false;
  }

  #settle(entry: Entry, instrument: string, day: number): void {
    const settleTo = day - 1 - UNSETTLED_DAYS;
    if (settleTo <= entry.settledTo) return;
    this.#scan(instrument, entry.settledTo + 1, settleTo, day, entry.days, entry.returns);
    entry.settledTo = settleTo;
    // Twice the window, so that rows are moved once in a window and not each day.
    const surplus = entry.days.length - 2 * this.#window;
    if (surplus <= 0) return;
    entry.days.splice(0, surplus + this.#window);
    entry.returns.splice(0, surplus + this.#window);
  }

  #scan(instrument: string, first: number, last: number, day: number, days: number[], returns: number[]): void {
    const asOfMs = day * DAY_MS;
    for (let at = first; at <= last; at++) {
      const version = this.#table.getAsOf(`${instrument}/${dateOf(at)}`, asOfMs);
      if (!version) continue;
      days.push(at);
      returns.push(version.value.simpleReturn);
    }
  }
}

function same(a: History, b: History): boolean {
  return (
    a.days.length === b.days.length &&
    a.days.every((day, index) => day === b.days[index] && a.returns[index] === b.returns[index])
  );
}
