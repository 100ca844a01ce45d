/** What a model said of limits at the end of each day, on which features, and what came of it. Pure. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { BreachFeatures, type BreachSnapshot, dayOf, type PnlFigures } from '../features/breach.ts';
import type { BreachRecord, MarketReturn } from '../features/breach-set.ts';
import { HORIZONS_DAYS } from '../features/breach-table.ts';

/** What was said of a limit, and by which versions. */
export interface LivePrediction {
  readonly portfolio: string;
  readonly limitId: string;
  /** Microseconds UTC. */
  readonly eventTime: number;
  /** Null: it was said without a model. */
  readonly version: string | null;
  /** Probabilities by horizon. */
  readonly scores: readonly number[];
  /** What another version said of the same row, for comparison only. */
  readonly shadow: { readonly version: string; readonly scores: readonly number[] } | null;
}
/** The last prediction of a day, with the row at its end. */
export interface Observation {
  readonly portfolio: string;
  readonly limitId: string;
  readonly eventTime: number;
  readonly version: string;
  readonly features: Float64Array;
  readonly scores: readonly number[];
}
/** A prediction by two versions, and by horizon what came of it. */
export interface Settled {
  readonly portfolio: string;
  readonly limitId: string;
  readonly eventTime: number;
  readonly version: string;
  readonly shadow: string;
  readonly champion: readonly number[];
  readonly candidate: readonly number[];
  readonly outcomes: readonly (0 | 1)[];
}
export interface ClosedDay {
  readonly observations: readonly Observation[];
  /** Of predictions made the longest horizon before. */
  readonly settled: readonly Settled[];
}

interface Buffered {
  /** The newest of the day: it is what the day ends with. */
  pnl: PnlFigures | null;
  readonly others: BreachRecord[];
}
interface Pending extends Omit<Settled, 'outcomes'> {
  /** Trading day, counted from the first. */
  readonly at: number;
}
export interface LimitDaysSnapshot {
  readonly features: BreachSnapshot;
  readonly openDay: number | null;
  readonly days: number;
  readonly buffer: readonly (readonly [number, Buffered])[];
  readonly predictions: readonly LivePrediction[];
  readonly types: readonly (readonly [string, string])[];
  readonly breaches: readonly (readonly [string, readonly number[]])[];
  readonly pending: readonly Pending[];
}

const LONGEST = HORIZONS_DAYS[HORIZONS_DAYS.length - 1]!;
const DAY_MICROS = 86_400e6;
/** Of one event time P&L comes first, and what the limit engine makes of it after it. */
const ORDER = { pnl: 0, utilisation: 1, breach: 2 } as const;
const timeOf = (record: BreachRecord) => (record.kind === 'utilisation' ? record.eventTime : record.value.eventTime);

/**
 * One portfolio. Its records wait by day until a prediction of a later day comes: who predicts has read what was before, so the day is whole
 * then, in whatever order topics were read. Features are those of ml/features/breach.ts; outcomes are labelled as in training.
 */
export class LimitDays {
  readonly #features: BreachFeatures;
  /** Day of the newest return of the market that the features have. */
  #marketDay: number;
  #refused = 0;
  #openDay: number | null;
  /** Trading days that are over. */
  #days: number;
  readonly #buffer: Map<number, Buffered>;
  readonly #predictions: Map<string, LivePrediction>;
  readonly #types: Map<string, string>;
  readonly #breaches: Map<string, number[]>;
  #pending: Pending[];

  constructor(from?: LimitDaysSnapshot) {
    this.#features = new BreachFeatures(from?.features);
    this.#marketDay = from?.features.market.day ?? -1;
    this.#openDay = from?.openDay ?? null;
    this.#days = from?.days ?? 0;
    this.#buffer = new Map(from?.buffer.map(([day, { pnl, others }]) => [day, { pnl, others: [...others] }]));
    this.#predictions = new Map(from?.predictions.map((each) => [each.limitId, each]));
    this.#types = new Map(from?.types);
    this.#breaches = new Map(from?.breaches.map(([limitId, at]) => [limitId, [...at]]));
    this.#pending = [...(from?.pending ?? [])];
  }

  /** The day of the newest prediction; null before the first. Days before it are closed. */
  get openDay(): number | null {
    return this.#openDay;
  }

  /** Records left out because they say what cannot be. */
  get refused(): number {
    return this.#refused;
  }

  /** What comes after its day was closed counts as of the day that is open. */
  take(record: BreachRecord): void {
    const day = Math.max(dayOf(timeOf(record)), this.#openDay ?? Number.NEGATIVE_INFINITY);
    const buffered = this.#buffer.get(day) ?? { pnl: null, others: [] };
    this.#buffer.set(day, buffered);
    if (record.kind !== 'pnl') buffered.others.push(record);
    else if (!buffered.pnl || record.value.eventTime >= buffered.pnl.eventTime) {
      const { eventTime, equity, dayPnl, drawdown, grossExposure } = record.value;
      buffered.pnl = { eventTime, equity, dayPnl, drawdown, grossExposure };
    }
  }

  /** Takes a prediction; the day that it ends, with its number, or null. `market`: returns of days, rising. */
  predict(prediction: LivePrediction, market: readonly MarketReturn[]): (ClosedDay & { day: number }) | null {
    const day = dayOf(prediction.eventTime);
    const before = this.#openDay;
    if (before !== null && day < before) return null;
    const closed = before !== null && day > before ? { day: before, ...this.#close(day, market) } : null;
    this.#openDay = day;
    this.#predictions.set(prediction.limitId, prediction);
    return closed;
  }

  snapshot(): LimitDaysSnapshot {
    return {
      features: this.#features.snapshot(),
      openDay: this.#openDay,
      days: this.#days,
      buffer: [...this.#buffer],
      predictions: [...this.#predictions.values()],
      types: [...this.#types],
      breaches: [...this.#breaches],
      pending: this.#pending,
    };
  }

  /** Ends all days before one. */
  #close(until: number, market: readonly MarketReturn[]): ClosedDay {
    const observations: Observation[] = [];
    const settled: Settled[] = [];
    const days = [...this.#buffer.keys()].filter((day) => day < until).sort((a, b) => a - b);
    for (const day of days) {
      this.#feed(day, this.#buffer.get(day)!, market);
      this.#buffer.delete(day);
      if (!this.#features.isTradingDay) continue;
      if (day === this.#openDay) observations.push(...this.#observe());
      settled.push(...this.#settle());
      this.#days++;
    }
    this.#predictions.clear();
    return { observations, settled };
  }

  #feed(day: number, { pnl, others }: Buffered, market: readonly MarketReturn[]): void {
    this.#features.advance(day * DAY_MICROS);
    for (let at = firstFrom(market, this.#marketDay + 1); market[at] && market[at]!.day < day; at++) {
      const { day: past, simpleReturn } = market[at]!;
      this.#marketDay = past;
      this.#guarded(() => this.#features.onMarket(past, simpleReturn));
    }
    const records = [...others, ...(pnl ? [{ kind: 'pnl', value: pnl } as const] : [])];
    // The sort is stable: what was recorded first stays first.
    records.sort((a, b) => timeOf(a) - timeOf(b) || ORDER[a.kind] - ORDER[b.kind]);
    for (const record of records) this.#guarded(() => this.#apply(record));
  }

  /** What is no sound record changes nothing: whoever owns its meaning tells of it. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#refused++;
    }
  }

  #apply(record: BreachRecord): void {
    if (record.kind === 'pnl') this.#features.onPnl(record.value);
    else if (record.kind === 'utilisation') {
      const { limitId, value } = record;
      this.#features.onUtilisation(limitId, value);
      if (this.#types.get(limitId) !== value?.type) this.#forget(limitId);
      if (value) this.#types.set(limitId, value.type);
    } else {
      this.#features.onBreach(record.value);
      const { limitId, level } = record.value;
      if (level !== 'BREACH') return;
      const found = this.#breaches.get(limitId) ?? [];
      if (found.at(-1) !== this.#days) this.#breaches.set(limitId, [...found, this.#days].slice(-LONGEST - 1));
    }
  }

  /** A limit that was taken away, or is another one now: nothing came of what was said. */
  #forget(limitId: string): void {
    this.#types.delete(limitId);
    this.#breaches.delete(limitId);
    this.#pending = this.#pending.filter((each) => each.limitId !== limitId);
  }

  #observe(): Observation[] {
    const found: Observation[] = [];
    for (const limitId of this.#features.limitIds) {
      const prediction = this.#predictions.get(limitId);
      const { values, isBroken } = this.#features.peek(limitId);
      if (!prediction || prediction.version === null || values === null || isBroken) continue;
      const { portfolio, eventTime, version, scores, shadow } = prediction;
      found.push({ portfolio, limitId, eventTime, version, features: values, scores });
      if (shadow)
        this.#pending.push({
          ...{ portfolio, limitId, at: this.#days, eventTime, version, shadow: shadow.version },
          ...{ champion: scores, candidate: shadow.scores },
        });
    }
    return found;
  }

  #settle(): Settled[] {
    const settled: Settled[] = [];
    while (this.#pending[0] && this.#pending[0].at <= this.#days - LONGEST) {
      const { at, ...said } = this.#pending.shift()!;
      const next = this.#breaches.get(said.limitId)?.find((day) => day > at) ?? Number.POSITIVE_INFINITY;
      settled.push({ ...said, outcomes: HORIZONS_DAYS.map((days) => (next <= at + days ? 1 : 0)) });
    }
    return settled;
  }
}

/** Index of the first return of a day or later. */
function firstFrom(market: readonly MarketReturn[], day: number): number {
  let [low, high] = [0, market.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (market[middle]!.day < day) low = middle + 1;
    else high = middle;
  }
  return low;
}
