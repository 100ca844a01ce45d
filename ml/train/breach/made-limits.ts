/** Limits that are learned from besides the demo's: of many types, set at levels that the portfolio's own past suggests, for a while. */
import { LIMITS } from '#connectors/demo/limits.ts';
import { quantile } from '#quant/order-statistics.ts';
import type { RiskLimit } from '#schemas/generated/types.ts';
import type { LimitTypeName } from '#schemas/limits.ts';
import type { Random } from '#streams/kit/random.ts';

type Definition = Partial<RiskLimit> & { readonly type: LimitTypeName };
const OF_EQUITY = { relativeTo: 'EQUITY' } as const;

/** What is limited, by the id of the probe that says what its figure was. */
const KINDS: Readonly<Record<string, Definition>> = {
  'var-99': { type: 'value-at-risk', ...OF_EQUITY },
  'var-95-ewma': { type: 'value-at-risk', ...OF_EQUITY, method: 'ewma', confidence: 0.95 },
  'es-97.5': { type: 'expected-shortfall', ...OF_EQUITY, confidence: 0.975 },
  'es-99-normal': { type: 'expected-shortfall', ...OF_EQUITY, method: 'normal' },
  stress: { type: 'stressed-loss', ...OF_EQUITY },
  'day-loss': { type: 'daily-loss', ...OF_EQUITY },
  drawdown: { type: 'drawdown' },
  volatility: { type: 'volatility' },
  beta: { type: 'beta' },
  correlation: { type: 'correlation' },
  leverage: { type: 'leverage' },
  gross: { type: 'gross-exposure' },
  net: { type: 'net-exposure' },
  position: { type: 'position-notional' },
  'single-name': { type: 'instrument-concentration' },
  sector: { type: 'sector-concentration' },
};
export const KIND_NAMES = Object.keys(KINDS);
/** A probe limits at 1, so its utilisation is the figure itself. Nothing is learned from it. */
export const PROBE = 'probe:';
/** Days with a figure before a limit is set by them, and how many of them it looks at. */
const LEAST_DAYS = 60;
const PAST_DAYS = 500;
/** How long nothing is limited before a limit of a kind is set, and how long that holds; trading days. */
const PAUSE_DAYS = { least: 20, most: 500 };
const LIFE_DAYS = { least: 250, most: 1250 };
const VOLATILE_SHARE = 0.3;

const asLimit = (portfolio: string, limitId: string, eventTime: number, rest: Partial<RiskLimit>): RiskLimit => ({
  // The first of the demo's has every field, and no adjustment.
  ...LIMITS[0]!,
  reason: null,
  severity: 'INFORMATIONAL',
  warnAt: 0.8,
  threshold: 1,
  setBy: 'training',
  ...rest,
  portfolio,
  limitId,
  eventTime,
});

export const probes = (portfolio: string, eventTime: number): RiskLimit[] =>
  KIND_NAMES.map((kind) => asLimit(portfolio, PROBE + kind, eventTime, KINDS[kind]!));

/** Of the demo's limits those that need no orders and no clock: of what is fed here. */
export const demoLimits = (portfolio: string, eventTime: number): RiskLimit[] =>
  LIMITS.filter(({ type }) => !['order-size', 'order-rate', 'turnover', 'stale-data'].includes(type)).map((limit) => ({
    ...limit,
    portfolio,
    eventTime,
  }));

/** Sets and takes away the limits of one kind as the days pass. */
export class MadeLimits {
  readonly #portfolio: string;
  readonly #kind: string;
  readonly #random: Random;
  readonly #figures: number[] = [];
  #inForce: string | null = null;
  #daysLeft: number;
  #made = 0;

  constructor(portfolio: string, kind: string, random: Random) {
    this.#portfolio = portfolio;
    this.#kind = kind;
    this.#random = random;
    this.#daysLeft = this.#between(PAUSE_DAYS);
  }

  /** At a day's end: the kind's figure, and what is done: a limit set, or one taken away (its id), or nothing. */
  endDay(figure: number | null, volatility: number | null, eventTime: number): RiskLimit | string | null {
    if (figure !== null) this.#figures.push(figure);
    if (this.#figures.length > PAST_DAYS) this.#figures.shift();
    if (--this.#daysLeft > 0) return null;
    if (this.#inForce !== null) {
      const ended = this.#inForce;
      this.#inForce = null;
      this.#daysLeft = this.#between(PAUSE_DAYS);
      return ended;
    }
    const threshold = this.#threshold();
    if (this.#figures.length < LEAST_DAYS || !(threshold > 0)) return null;
    this.#daysLeft = this.#between(LIFE_DAYS);
    this.#inForce = `made:${this.#kind}:${++this.#made}`;
    const isVolatile =
      volatility !== null && KINDS[this.#kind]!.type === 'value-at-risk' && this.#random.uniform() < VOLATILE_SHARE;
    const bounds = { reference: volatility, minimum: threshold * 0.6, maximum: threshold * 1.5 };
    const adjustment = isVolatile ? ({ adjustment: 'VOLATILITY', ...bounds } as const) : {};
    return asLimit(this.#portfolio, this.#inForce, eventTime, { ...KINDS[this.#kind]!, threshold, ...adjustment });
  }

  /** Somewhere from the middle of what was to well above its highest. */
  #threshold(): number {
    if (this.#figures.length === 0) return 0;
    const level = quantile(this.#figures, 0.5 + 0.499 * this.#random.uniform());
    return level * Math.exp(-0.05 + 0.6 * this.#random.uniform());
  }

  #between({ least, most }: { readonly least: number; readonly most: number }): number {
    return least + this.#random.below(most - least + 1);
  }
}
