/** What the classifier of regimes sees of an instrument: the same in training and on the stream. Pure; a function of the window alone. */
import type { ReturnWindow } from '#quant/regimes/return-window.ts';

const YEAR = 250;
/** Returns that a row needs. */
export const FIRST_REGIME_ROW = YEAR;
const FAST_DECAY = 0.94;
const SLOW_DECAY = 0.97;
const MOST_SIGMAS = 10;
const TRADING_DAYS = 252;

const clip = (value: number) => Math.max(-MOST_SIGMAS, Math.min(MOST_SIGMAS, value));

interface View {
  readonly window: ReturnWindow;
  /** Usual daily volatility. */
  readonly usual: number;
  readonly year: ReturnType<ReturnWindow['extremes']>;
}
interface RegimeFeature {
  readonly name: string;
  readonly unit: 'log' | 'sigmas' | 'ratio' | 'days' | 'annual';
  readonly what: string;
  readonly of: (view: View) => number;
}

const volatilityOf = (days: number): RegimeFeature => ({
  name: `volatility${days}`,
  unit: 'log',
  what: `Logarithm of the volatility of ${days} days over the usual one.`,
  of: ({ window, usual }) => Math.log(window.volatility(days) / usual),
});
const decayedOf = (decay: number): RegimeFeature => ({
  name: `decayed${Math.round(decay * 100)}`,
  unit: 'log',
  what: `Logarithm of the volatility with decay ${decay} over the usual one.`,
  of: ({ window, usual }) => Math.log(window.decayedVolatility(decay, YEAR) / usual),
});
const trendOf = (days: number): RegimeFeature => ({
  name: `trend${days}`,
  unit: 'sigmas',
  what: `Return of ${days} days in usual standard deviations of so many days, -10 to 10.`,
  of: ({ window, usual }) => clip(window.sum(days) / (usual * Math.sqrt(days))),
});
const ownTrendOf = (days: number): RegimeFeature => ({
  name: `ownTrend${days}`,
  unit: 'sigmas',
  what: `Return of ${days} days in their own standard deviations, -10 to 10.`,
  of: ({ window }) => clip(window.sum(days) / (window.volatility(days) * Math.sqrt(days))),
});

/** The features in their order. "Usual" is what ReturnWindow.usualVolatility says. */
export const REGIME_FEATURES: readonly RegimeFeature[] = [
  ...[2, 5, 21, 63, 126, YEAR].map(volatilityOf),
  decayedOf(FAST_DECAY),
  decayedOf(SLOW_DECAY),
  {
    name: 'surprise',
    unit: 'sigmas',
    what: "Today's return over the volatility with decay 0.94, -10 to 10.",
    of: ({ window }) => clip(window.back(0) / window.decayedVolatility(FAST_DECAY, YEAR)),
  },
  ...[5, 21, 63, 126, YEAR].map(trendOf),
  ...[21, 63].map(ownTrendOf),
  {
    name: 'below',
    unit: 'sigmas',
    what: 'Fall below the highest level of 250 days in usual standard deviations of 21 days, at most 10.',
    of: ({ usual, year }) => clip(year.below / (usual * Math.sqrt(21))),
  },
  {
    name: 'above',
    unit: 'sigmas',
    what: 'Rise above the lowest level of 250 days, as below.',
    of: ({ usual, year }) => clip(year.above / (usual * Math.sqrt(21))),
  },
  {
    name: 'sinceHigh',
    unit: 'days',
    what: 'Days since the highest level of 250 days.',
    of: ({ year }) => year.sinceHigh,
  },
  {
    name: 'fallShare',
    unit: 'ratio',
    what: 'Share of falls in the squared returns of 21 days.',
    of: ({ window }) => fallShare(window, 21),
  },
  {
    name: 'largest21',
    unit: 'sigmas',
    what: 'Largest absolute return of 21 days in usual standard deviations, at most 10.',
    of: ({ window, usual }) => clip(largest(window, 21) / usual),
  },
  {
    name: 'efficiency63',
    unit: 'ratio',
    what: 'Absolute return of 63 days over the sum of their absolute returns: 1 goes straight, 0 goes nowhere.',
    of: ({ window }) => efficiency(window, 63),
  },
  {
    name: 'usual',
    unit: 'annual',
    what: 'Usual volatility of a year.',
    of: ({ usual }) => usual * Math.sqrt(TRADING_DAYS),
  },
];
export const REGIME_FEATURE_NAMES: readonly string[] = REGIME_FEATURES.map(({ name }) => name);

/** The row as of the newest return; null before FIRST_REGIME_ROW returns. All finite. */
export function regimeRow(window: ReturnWindow): Float64Array | null {
  if (window.count < FIRST_REGIME_ROW) return null;
  const view = { window, usual: window.usualVolatility(), year: window.extremes(YEAR) };
  return Float64Array.from(REGIME_FEATURES, ({ of }) => of(view));
}

function fallShare(window: ReturnWindow, days: number): number {
  let [falls, all] = [0, 0];
  for (let day = 0; day < days; day++) {
    const square = window.back(day) ** 2;
    all += square;
    if (window.back(day) < 0) falls += square;
  }
  return all > 0 ? falls / all : 0.5;
}

function largest(window: ReturnWindow, days: number): number {
  let most = 0;
  for (let day = 0; day < days; day++) most = Math.max(most, Math.abs(window.back(day)));
  return most;
}

function efficiency(window: ReturnWindow, days: number): number {
  let path = 0;
  for (let day = 0; day < days; day++) path += Math.abs(window.back(day));
  return path > 0 ? Math.abs(window.sum(days)) / path : 0;
}
