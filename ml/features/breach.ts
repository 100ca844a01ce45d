/**
 * Features of breach prediction of one portfolio and its limits, online: records in, a row out at any moment as if the day ended now. A day
 * is a UTC day with a record of portfolio.pnl. Pure: no clock, no topic, nothing of a later day than the newest record's; the same
 * records give the same rows, to the bit, in training and on the stream. Units of the features: breach-table.ts.
 */
import type { LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { CAPS, FAST_DECAY, FEATURE_NAMES, SLOW_DECAY, WATCHED_TYPES } from './breach-table.ts';
import { add, type Decayed, decayed, meanOf, meanWith, Recent } from './days.ts';
import { checkUtilisation, type LimitSnapshot, LimitTrack, SQRT_YEAR, sigmas } from './limit-track.ts';
import { type MarketSnapshot, MarketTrack } from './market-track.ts';

const DAY_MICROS = 86_400e6;
const RETURN_DAYS = 20;

/** UTC day of an event time, whole days since 1970. Throws EVENT_TIME_INVALID. */
export function dayOf(eventTime: number): number {
  if (!Number.isFinite(eventTime)) throw new TidemarkError('EVENT_TIME_INVALID', `${eventTime} is no event time`);
  return Math.floor(eventTime / DAY_MICROS);
}

/** Why a limit has no row. */
export type NoRow = 'LIMIT_UNKNOWN' | 'NO_FIGURE' | 'NO_EQUITY';
export interface BreachRow {
  /** In the order of FEATURES; null with the reason. */
  readonly values: Float64Array | null;
  readonly reason: NoRow | null;
  /** It is broken already: there is nothing to foresee, and the model was not trained on such rows. */
  readonly isBroken: boolean;
}

/** What of a record of portfolio.pnl the features are made of. */
export type PnlFigures = Pick<PortfolioPnl, 'eventTime' | 'equity' | 'dayPnl' | 'drawdown' | 'grossExposure'>;
/** Of the newest record of portfolio.pnl. */
interface Figures {
  readonly equity: number;
  readonly dailyReturn: number;
  readonly drawdown: number;
  readonly gross: number;
}
export interface BreachSnapshot {
  /** Null before the first record. */
  readonly day: number | null;
  readonly isTradingDay: boolean;
  readonly figures: Figures | null;
  readonly returns: readonly number[];
  readonly fast: Decayed;
  readonly slow: Decayed;
  readonly market: MarketSnapshot;
  readonly limits: Readonly<Record<string, LimitSnapshot>>;
}

export class BreachFeatures {
  #day: number;
  /** A record of portfolio.pnl has come today. */
  #isTradingDay: boolean;
  #figures: Figures | null;
  /** Daily returns of the days that are over, and means of their squares. */
  readonly #returns: Recent;
  readonly #fast: Decayed;
  readonly #slow: Decayed;
  readonly #market: MarketTrack;
  readonly #limits: Map<string, LimitTrack>;

  /** Begun anew, or as a snapshot left it. Throws SNAPSHOT_INVALID. */
  constructor(from?: BreachSnapshot) {
    this.#day = from?.day ?? Number.NEGATIVE_INFINITY;
    this.#isTradingDay = from?.isTradingDay ?? false;
    this.#figures = from?.figures ?? null;
    this.#returns = new Recent(RETURN_DAYS, from?.returns);
    this.#fast = { ...(from?.fast ?? decayed()) };
    this.#slow = { ...(from?.slow ?? decayed()) };
    this.#market = new MarketTrack(from?.market);
    const limits = Object.entries(from?.limits ?? {});
    this.#limits = new Map(limits.map(([limitId, limit]) => [limitId, new LimitTrack(limit.type, limit)]));
  }

  /** The day of the newest record; -Infinity before the first. */
  get day(): number {
    return this.#day;
  }
  get isTradingDay(): boolean {
    return this.#isTradingDay;
  }
  get limitIds(): Iterable<string> {
    return this.#limits.keys();
  }
  /** Limits with their types. */
  *limits(): Generator<[limitId: string, type: string]> {
    for (const [limitId, { type }] of this.#limits) yield [limitId, type];
  }
  /** What a limit stands at, 0 to 1000; null where that is not known. */
  utilisation(limitId: string): number | null {
    return this.#limits.get(limitId)?.utilisation ?? null;
  }
  /** Probabilities that a limit is broken within 5, 30 and 60 minutes; empty where its figure does not move within the day. */
  minutesAhead(limitId: string): readonly number[] {
    return this.#limits.get(limitId)?.minutesAhead() ?? [];
  }
  /** Newest day of the market that was told; null before the first. */
  get marketDay(): number | null {
    return this.#market.day;
  }

  /** Moves on to the day of an event time, which ends the one before; of an earlier one nothing happens: what comes late counts as of now. */
  advance(eventTime: number): void {
    const day = dayOf(eventTime);
    if (day <= this.#day) return;
    if (this.#isTradingDay) this.#closeDay();
    this.#day = day;
    this.#isTradingDay = false;
  }

  /** Throws PNL_INVALID for figures that are no numbers; without equity above zero there are no rows until there is. */
  onPnl({ eventTime, equity, dayPnl, drawdown, grossExposure }: PnlFigures): void {
    if (![equity ?? 0, dayPnl ?? 0, drawdown ?? 0, grossExposure ?? 0].every(Number.isFinite))
      throw new TidemarkError(
        'PNL_INVALID',
        `Equity ${equity}, day P&L ${dayPnl}, drawdown ${drawdown}, exposure ${grossExposure}: not all are numbers`,
      );
    this.advance(eventTime);
    this.#isTradingDay = true;
    if (equity === null || dayPnl === null || drawdown === null || grossExposure === null || equity <= 0) {
      this.#figures = null;
      return;
    }
    const before = equity - dayPnl;
    this.#figures = { equity, dailyReturn: before > 0 ? dayPnl / before : 0, drawdown, gross: grossExposure };
  }

  /** Null: the limit was taken away. Throws LIMIT_TYPE_UNKNOWN, UTILISATION_INVALID, EVENT_TIME_INVALID. */
  onUtilisation(limitId: string, record: LimitUtilisation | null): void {
    if (record === null) {
      this.#limits.delete(limitId);
      return;
    }
    const type = checkUtilisation(record);
    this.advance(record.eventTime);
    let limit = this.#limits.get(limitId);
    if (limit?.type !== type) {
      limit = new LimitTrack(type);
      this.#limits.set(limitId, limit);
    }
    limit.take(record);
  }

  /** What an incident says of the day; of a limit without a figure so far nothing. */
  onBreach({ eventTime, limitId, level }: RiskBreach): void {
    this.advance(eventTime);
    if (level === 'BREACH') this.#limits.get(limitId)?.breach();
  }

  /**
   * The market's return on a day, in the order of days; a day that was told already is passed over. Throws MARKET_AHEAD unless the day is over:
   * today's return comes before or after the portfolio's records as it happens, and a row must not depend on which. Throws RETURN_INVALID.
   */
  onMarket(day: number, simpleReturn: number): void {
    if (!(day < this.#day))
      throw new TidemarkError('MARKET_AHEAD', `Day ${day} of the market is not before day ${this.#day}`);
    this.#market.take(day, simpleReturn);
  }

  /** The row of a limit as if the day ended now. Nothing is changed. */
  peek(limitId: string): BreachRow {
    const limit = this.#limits.get(limitId);
    if (!limit) return { values: null, reason: 'LIMIT_UNKNOWN', isBroken: false };
    const { isBroken } = limit;
    if (!limit.isKnown) return { values: null, reason: 'NO_FIGURE', isBroken };
    if (!this.#figures) return { values: null, reason: 'NO_EQUITY', isBroken };
    const { equity, dailyReturn, drawdown, gross } = this.#figures;
    const square = dailyReturn * dailyReturn;
    const fast = Math.sqrt(this.#isTradingDay ? meanWith(this.#fast, square, FAST_DECAY) : meanOf(this.#fast));
    const slow = Math.sqrt(this.#isTradingDay ? meanWith(this.#slow, square, SLOW_DECAY) : meanOf(this.#slow));
    const features: Record<string, number> = {
      ...limit.features(equity, fast),
      ...this.#market.features(),
      drawdown,
      ...this.#past(slow),
      leverage: Math.min(CAPS.ratio, gross / equity),
      equityVolatility: fast * SQRT_YEAR,
      equityVolatilityRatio: slow > 0 ? Math.min(CAPS.ratio, fast / slow) : 1,
    };
    for (const name of WATCHED_TYPES) features[`is-${name}`] = Number(limit.type === name);
    return { values: Float64Array.from(FEATURE_NAMES, (name) => features[name]!), reason: null, isBroken };
  }

  snapshot(): BreachSnapshot {
    return {
      day: this.#day === Number.NEGATIVE_INFINITY ? null : this.#day,
      isTradingDay: this.#isTradingDay,
      figures: this.#figures,
      returns: this.#returns.toArray(),
      fast: { ...this.#fast },
      slow: { ...this.#slow },
      market: this.#market.snapshot(),
      limits: Object.fromEntries([...this.#limits].map(([limitId, limit]) => [limitId, limit.snapshot()])),
    };
  }

  #closeDay(): void {
    if (this.#figures) {
      const { dailyReturn } = this.#figures;
      this.#returns.push(dailyReturn);
      add(this.#fast, dailyReturn * dailyReturn, FAST_DECAY);
      add(this.#slow, dailyReturn * dailyReturn, SLOW_DECAY);
    }
    for (const limit of this.#limits.values()) limit.closeDay();
  }

  /** Sums of the newest daily returns, today's among them, in slow standard deviations. */
  #past(slow: number): Record<string, number> {
    let sum = this.#isTradingDay ? this.#figures!.dailyReturn : 0;
    const sums = { return1: sum, return5: sum, return20: sum };
    const days = Math.min(this.#returns.count, RETURN_DAYS - 1);
    for (let back = 0; back < days; back++) {
      sum += this.#returns.back(back);
      if (back < 4) sums.return5 = sum;
      sums.return20 = sum;
    }
    const scaled = (past: number, days: number) => (slow > 0 ? sigmas(past, slow * Math.sqrt(days)) : 0);
    return {
      return1: scaled(sums.return1, 1),
      return5: scaled(sums.return5, 5),
      return20: scaled(sums.return20, RETURN_DAYS),
    };
  }
}
