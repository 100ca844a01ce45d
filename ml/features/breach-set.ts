/**
 * The training set of breach prediction: for every limit and day the features at the day's end, and whether the limit engine told of a breach
 * afterwards. Pure.
 */
import type { LimitUtilisation, RiskBreach } from '#schemas/generated/types.ts';
import { BreachFeatures, dayOf, type PnlFigures } from './breach.ts';
import { HORIZONS_DAYS } from './breach-table.ts';

/** A record as the topics have it, of one portfolio. */
export type BreachRecord =
  | { readonly kind: 'pnl'; readonly value: PnlFigures }
  | {
      readonly kind: 'utilisation';
      readonly limitId: string;
      readonly value: LimitUtilisation | null;
      readonly eventTime: number;
    }
  | { readonly kind: 'breach'; readonly value: RiskBreach };

/** A day's return of the market, known once the day is over. */
export interface MarketReturn {
  /** UTC day, whole days since 1970. */
  readonly day: number;
  readonly simpleReturn: number;
}
export interface LabelledRow {
  readonly limitId: string;
  readonly type: string;
  /** UTC day at whose end the features are. */
  readonly day: number;
  /** Of the newest record of the day, microseconds. */
  readonly eventTime: number;
  readonly values: Float64Array;
  /**
   * By horizon: 1 where the limit engine told of a breach (risk.breaches, level BREACH) on one of the next so many trading days of the
   * portfolio, 0 where it did not, null where those days are not over in the data, or the limit was taken away before.
   */
  readonly labels: readonly (0 | 1 | null)[];
}

interface OpenRow extends Omit<LabelledRow, 'labels'> {
  readonly at: number;
}
interface LimitLife {
  readonly rows: OpenRow[];
  /** Trading days, counted from the first of the portfolio, on which there was a breach. */
  readonly breaches: number[];
  /** Counted likewise: the last day that it was watched on. */
  lastDay: number;
}

/** Takes the records of one portfolio in the order of event time, and gives the rows of what the limits stood at when each trading day ended. */
export class BreachSet {
  readonly #features = new BreachFeatures();
  readonly #market: readonly MarketReturn[];
  #marketAt = 0;
  /** Trading days that are over. */
  #days = 0;
  #eventTime = 0;
  readonly #types = new Map<string, string>();
  readonly #lives = new Map<string, LimitLife[]>();

  /** `market`: in the order of days. */
  constructor(market: readonly MarketReturn[]) {
    this.#market = market;
  }

  take(record: BreachRecord): void {
    const eventTime = record.kind === 'utilisation' ? record.eventTime : record.value.eventTime;
    this.#advance(eventTime);
    if (record.kind === 'pnl') this.#features.onPnl(record.value);
    else if (record.kind === 'breach') this.#breach(record.value);
    else this.#utilisation(record.limitId, record.value);
  }

  /** Ends the last day, and gives the rows that were not in breach, limit after limit. */
  finish(): LabelledRow[] {
    this.#endDay();
    const all = [...this.#lives.values()].flat();
    return all.flatMap((life) => life.rows.map(({ at, ...row }) => ({ ...row, labels: labelsOf(at, life) })));
  }

  #advance(eventTime: number): void {
    const day = dayOf(eventTime);
    if (day > this.#features.day) {
      this.#endDay();
      this.#features.advance(eventTime);
      for (; (this.#market[this.#marketAt]?.day ?? day) < day; this.#marketAt++) {
        const { day: past, simpleReturn } = this.#market[this.#marketAt]!;
        this.#features.onMarket(past, simpleReturn);
      }
    }
    this.#eventTime = Math.max(this.#eventTime, eventTime);
  }

  #endDay(): void {
    if (!this.#features.isTradingDay) return;
    const { day } = this.#features;
    for (const limitId of this.#features.limitIds) {
      const life = this.#lives.get(limitId)!.at(-1)!;
      life.lastDay = this.#days;
      const { values, isBroken } = this.#features.peek(limitId);
      if (values === null || isBroken) continue;
      const type = this.#types.get(limitId)!;
      life.rows.push({ limitId, type, day, eventTime: this.#eventTime, values, at: this.#days });
    }
    this.#days++;
  }

  #utilisation(limitId: string, value: LimitUtilisation | null): void {
    this.#features.onUtilisation(limitId, value);
    const lives = this.#lives.get(limitId) ?? [];
    this.#lives.set(limitId, lives);
    const isNew = value !== null && this.#types.get(limitId) !== value.type;
    if (isNew) lives.push({ rows: [], breaches: [], lastDay: this.#days });
    if (value === null) this.#types.delete(limitId);
    else this.#types.set(limitId, value.type);
  }

  #breach(value: RiskBreach): void {
    this.#features.onBreach(value);
    if (value.level !== 'BREACH') return;
    const life = this.#lives.get(value.limitId)?.at(-1);
    if (life && life.breaches.at(-1) !== this.#days) life.breaches.push(this.#days);
  }
}

function labelsOf(at: number, { breaches, lastDay }: LimitLife): LabelledRow['labels'] {
  const next = firstAfter(breaches, at);
  return HORIZONS_DAYS.map((days) => (at + days > lastDay ? null : next <= at + days ? 1 : 0));
}

/** The first of rising numbers above one; Infinity if there is none. */
function firstAfter(rising: readonly number[], at: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return rising[low] ?? Number.POSITIVE_INFINITY;
}
