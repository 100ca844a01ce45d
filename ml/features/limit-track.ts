import type { LimitUtilisation } from '#schemas/generated/types.ts';
import { LIMIT_TYPES, type LimitTypeName } from '#schemas/limits.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { CAPS, FAST_DECAY, HORIZONS_DAYS, LEAST_UTILISATION, MEMORY_DAYS, SLOW_DECAY } from './breach-table.ts';
import { add, type Decayed, decayed, meanOf, meanWith, Recent } from './days.ts';
import { firstPassage } from './first-passage.ts';
import { IntradayMotion, type MotionSnapshot } from './intraday-motion.ts';

/** What a limit stands at, of its newest record. */
interface Now {
  readonly utilisation: number;
  readonly value: number;
  readonly threshold: number;
}
/** Means of the days that are over: of ln u the changes and their squares, of u the squares. */
const MEANS = {
  drift: FAST_DECAY,
  logFast: FAST_DECAY,
  logSlow: SLOW_DECAY,
  fast: FAST_DECAY,
  slow: SLOW_DECAY,
} as const;
type MeanName = keyof typeof MEANS;

export interface LimitSnapshot {
  readonly type: LimitTypeName;
  readonly now: Now | null;
  readonly isBroken: boolean;
  readonly wasBrokenToday: boolean;
  readonly sinceBroken: number;
  /** Days with a figure so far, also those that are forgotten. */
  readonly days: number;
  readonly utilisations: readonly number[];
  readonly broken: readonly number[];
  readonly means: Readonly<Record<MeanName, Decayed>>;
  readonly motion: MotionSnapshot;
}

/** One limit: what it stands at, and its last 250 days with a figure. About 5 KB. */
export class LimitTrack {
  readonly type: LimitTypeName;
  #now: Now | null;
  #isBroken: boolean;
  #wasBrokenToday: boolean;
  /** Days that are over since the newest one on which it was broken. */
  #sinceBroken: number;
  #days: number;
  readonly #utilisations: Recent;
  readonly #broken: Recent;
  readonly #means: Readonly<Record<MeanName, Decayed>>;
  readonly #motion: IntradayMotion;

  constructor(type: LimitTypeName, from?: LimitSnapshot) {
    this.type = type;
    this.#now = from?.now ?? null;
    this.#isBroken = from?.isBroken ?? false;
    this.#wasBrokenToday = from?.wasBrokenToday ?? false;
    this.#sinceBroken = from?.sinceBroken ?? CAPS.days;
    this.#days = from?.days ?? 0;
    this.#utilisations = new Recent(MEMORY_DAYS, from?.utilisations);
    this.#broken = new Recent(MEMORY_DAYS, from?.broken);
    this.#motion = new IntradayMotion(from?.motion);
    const mean = (name: MeanName) => ({ ...(from?.means[name] ?? decayed()) });
    this.#means = {
      drift: mean('drift'),
      logFast: mean('logFast'),
      logSlow: mean('logSlow'),
      fast: mean('fast'),
      slow: mean('slow'),
    };
  }

  /** It has a figure now. */
  get isKnown(): boolean {
    return this.#now !== null;
  }
  get utilisation(): number | null {
    return this.#now?.utilisation ?? null;
  }
  /** By the limit engine's newest word. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Takes what it stands at, which `checkUtilisation` has passed. A null utilisation is no figure. */
  take({ eventTime, utilisation, value, threshold, state }: LimitUtilisation): void {
    this.#isBroken = state === 'BREACHED';
    if (this.#isBroken) this.#wasBrokenToday = true;
    if (utilisation === null) {
      this.#now = null;
      return;
    }
    // A figure may be below zero (a correlation): no limit is further away than nothing at all.
    const bounded = Math.max(0, Math.min(utilisation, CAPS.utilisation));
    this.#motion.take(eventTime, bounded);
    // Nothing held is no risk, whatever the threshold: it is not known then.
    this.#now = { utilisation: bounded, value: value ?? 0, threshold: threshold ?? 0 };
  }

  /** Probabilities of a breach within minutes (intraday-motion.ts); empty where that is not known. */
  minutesAhead(): readonly number[] {
    return this.#now ? this.#motion.ahead(this.#now.utilisation) : [];
  }

  /** By any record of today; while none has come, as it was. */
  get #brokenToday(): boolean {
    return this.#wasBrokenToday || this.#isBroken;
  }

  /** The limit engine told of a breach. */
  breach(): void {
    this.#wasBrokenToday = true;
  }

  closeDay(): void {
    if (this.#now !== null) {
      const { utilisation } = this.#now;
      if (this.#utilisations.count > 0) {
        const before = this.#utilisations.back(0);
        const log = logOf(utilisation) - logOf(before);
        const change = utilisation - before;
        const values = {
          drift: log,
          logFast: log * log,
          logSlow: log * log,
          fast: change * change,
          slow: change * change,
        };
        for (const name of Object.keys(MEANS) as MeanName[]) add(this.#means[name], values[name], MEANS[name]);
      }
      this.#utilisations.push(utilisation);
      this.#days++;
      this.#broken.push(Number(this.#brokenToday));
      this.#sinceBroken = this.#brokenToday ? 0 : Math.min(CAPS.days, this.#sinceBroken + 1);
    }
    this.#wasBrokenToday = false;
  }

  /**
   * Its own features as if the day ended now; only while it is known. `deviation`: of the portfolio's daily returns, fast; `equity` above 0.
   */
  features(equity: number, deviation: number): Record<string, number> {
    const now = this.#now!;
    const { utilisation } = now;
    const count = this.#utilisations.count;
    const back = (days: number) => (count === 0 ? utilisation : this.#utilisations.back(Math.min(days, count) - 1));
    const change = utilisation - back(1);
    const log = logOf(utilisation) - logOf(back(1));
    const mean = (name: MeanName, value: number) =>
      count === 0 ? meanOf(this.#means[name]) : meanWith(this.#means[name], value, MEANS[name]);
    const drift = mean('drift', log);
    const logFast = Math.sqrt(mean('logFast', log * log));
    const barrier = -Math.log(Math.max(utilisation, LEAST_UTILISATION));
    const passages = HORIZONS_DAYS.map((days) => [`passage${days}`, firstPassage(barrier, drift, logFast, days)]);
    return {
      utilisation,
      distanceFast: sigmas(1 - utilisation, Math.sqrt(mean('fast', change * change))),
      distanceSlow: sigmas(1 - utilisation, Math.sqrt(mean('slow', change * change))),
      logDistanceFast: sigmas(barrier, logFast),
      logDistanceSlow: sigmas(barrier, Math.sqrt(mean('logSlow', log * log))),
      ...Object.fromEntries(passages),
      change1: change,
      change5: utilisation - back(5),
      change20: utilisation - back(20),
      drift,
      ...this.#memory(utilisation),
      ...this.#room(now, equity, deviation),
    };
  }

  #memory(utilisation: number): Record<string, number> {
    const days = Math.min(this.#utilisations.count + 1, MEMORY_DAYS);
    const highs = [utilisation, utilisation, utilisation];
    let [over80, over90, broken] = [Number(utilisation >= 0.8), Number(utilisation >= 0.9), Number(this.#brokenToday)];
    for (let back = 0; back < days - 1; back++) {
      const value = this.#utilisations.back(back);
      if (value >= 0.8) over80++;
      if (value >= 0.9) over90++;
      broken += this.#broken.back(back);
      if (back < 19) highs[0] = Math.max(highs[0]!, value);
      if (back < 59) highs[1] = Math.max(highs[1]!, value);
      highs[2] = Math.max(highs[2]!, value);
    }
    return {
      high20: highs[0]!,
      high60: highs[1]!,
      high250: highs[2]!,
      share80: over80 / days,
      share90: over90 / days,
      daysSinceBreach: this.#brokenToday ? 0 : Math.min(CAPS.days, this.#sinceBroken + 1),
      breachShare: broken / days,
      historyDays: days,
    };
  }

  /** The limit, and what is left of it, as a loss in standard deviations of a day. */
  #room({ value, threshold }: Now, equity: number, deviation: number): Record<string, number> {
    const of = (limit: number, room: number) => ({
      thresholdToVolatility: sigmas(limit, deviation),
      roomToVolatility: sigmas(room, deviation),
    });
    if (this.type === 'drawdown') return of(threshold, value < 1 ? 1 - (1 - threshold) / (1 - value) : -1);
    if (this.type === 'daily-loss') return of(threshold / equity, threshold / equity);
    if (this.type === 'volatility') return of(threshold / SQRT_YEAR, (threshold - value) / SQRT_YEAR);
    if (LOSSES.has(this.type)) return of(threshold / equity, (threshold - value) / equity);
    return { thresholdToVolatility: CAPS.sigmas, roomToVolatility: CAPS.sigmas };
  }

  snapshot(): LimitSnapshot {
    const means = Object.fromEntries(Object.entries(this.#means).map(([name, mean]) => [name, { ...mean }]));
    return {
      type: this.type,
      now: this.#now,
      isBroken: this.#isBroken,
      wasBrokenToday: this.#wasBrokenToday,
      sinceBroken: this.#sinceBroken,
      days: this.#days,
      utilisations: this.#utilisations.toArray(),
      broken: this.#broken.toArray(),
      means: means as Record<MeanName, Decayed>,
      motion: this.#motion.snapshot(),
    };
  }
}

export const SQRT_YEAR = Math.sqrt(252);
/** Types whose figure is a loss that the portfolio may make. */
const LOSSES: ReadonlySet<LimitTypeName> = new Set(['value-at-risk', 'expected-shortfall', 'stressed-loss']);

/** Throws LIMIT_TYPE_UNKNOWN, and UTILISATION_INVALID for a figure that is no number. */
export function checkUtilisation({ limitId, type, utilisation, value, threshold }: LimitUtilisation): LimitTypeName {
  if (!isLimitType(type)) throw new TidemarkError('LIMIT_TYPE_UNKNOWN', `Limit ${limitId}: there is no type "${type}"`);
  if (![utilisation ?? 0, value ?? 0, threshold ?? 0].every(Number.isFinite))
    throw new TidemarkError(
      'UTILISATION_INVALID',
      `Limit ${limitId}: utilisation ${utilisation}, value ${value}, threshold ${threshold}: not all are numbers`,
    );
  return type;
}

const isLimitType = (name: string): name is LimitTypeName => Object.hasOwn(LIMIT_TYPES, name);

const logOf = (utilisation: number): number => Math.log(Math.max(utilisation, LEAST_UTILISATION));

/** `amount` in standard deviations, -50 to 50; with no deviation 50, and -50 where the amount is below 0. */
export function sigmas(amount: number, deviation: number): number {
  const { sigmas: cap } = CAPS;
  if (!(deviation > 0)) return amount >= 0 ? cap : -cap;
  return Math.max(-cap, Math.min(cap, amount / deviation));
}
