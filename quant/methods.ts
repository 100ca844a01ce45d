import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween } from './checks.ts';
import { filteredOutcomes } from './filtered-historical.ts';
import { FULL_CHOLESKY_POSITIONS, type MonteCarloOptions, monteCarloProfits, type Sampling } from './monte-carlo.ts';
import { ledoitWolf, mean, type SquareMatrix, standardDeviation } from './statistics.ts';
import { AGE_DECAY, ageWeightedTail, historicalTail, normalTail, type Tail, tailProbability } from './tail.ts';
import { EWMA_DECAY, ewmaVariance, fitGarch, GARCH_LEAST_OUTCOMES } from './volatility.ts';

/** Six ways to VaR and ES. What each is, its quantile rule, its mean and how it goes from one day to several. */
export const METHODS = {
  historical:
    'Past scenarios alike; linear quantile, ES the mean of the lowest floor((n-1)p)+1; several days by the root of time.',
  'age-weighted': `Past scenarios weighted by ${AGE_DECAY}^age (Boudoukh, Richardson and Whitelaw); several days by the root of time.`,
  normal: 'Normal with sample mean and deviation (ddof 1); mean times days, deviation times the root of days.',
  ewma: `Normal, zero mean, RiskMetrics variance with decay ${EWMA_DECAY}; several days by the root of time.`,
  'filtered-historical':
    'Past residuals of a GARCH(1,1) with constant mean at its next volatility; several days by simulated paths.',
  'monte-carlo':
    'Multivariate Student t (5 degrees of freedom), zero mean, Ledoit-Wolf covariance; linear quantile; covariance times days.',
} as const;
/** Name of a method. */
export type Method = keyof typeof METHODS;
/** In the order of the table. */
export const METHOD_NAMES = Object.keys(METHODS) as Method[];

/** Holdings in past scenarios. */
export interface Holdings {
  /** Profit of the whole in each scenario, oldest first, gains positive. */
  readonly profits: Float64Array;
  /** By instrument, in the profits' unit for a return of 1. */
  readonly exposures: Float64Array;
  /** Of each instrument its return in each scenario. */
  readonly returns: readonly Float64Array[];
}
export interface MethodOptions {
  /** Each at least 0.5 and below 1. */
  readonly confidences: readonly number[];
  /** Trading days ahead, each from 1; figures for several cost little more than for one. */
  readonly horizonsDays: readonly number[];
  /** Of what is drawn; the same seed gives the same figures. */
  readonly seed: string;
  /** Drawn by Monte Carlo, and by filtered historical simulation beyond one day. Default 10,000. */
  readonly paths?: number;
  /** Of the Monte Carlo method. Default: full-cholesky up to 100 positions that move, projected above. */
  readonly sampling?: Sampling;
}
/** Of one horizon. */
export interface MethodFigures {
  readonly horizonDays: number;
  /** In the order of the confidences, in the profits' unit. */
  readonly tails: readonly Tail[];
  /** How the figures were drawn; null where nothing is. */
  readonly sampling: Sampling | 'bootstrap' | null;
  /** Paths drawn; 0 where nothing is. */
  readonly paths: number;
}

/** Moments of fewer outcomes say little about a tail. */
const LEAST_MOMENTS = 30;
/** So that a figure is reproduced to about 2 %, whatever the seed. */
const DEFAULT_PATHS = 10_000;
/** Daily stock returns have tails about as heavy as those of t(3) to t(6) (Cont 2001, Empirical properties of asset returns). */
export const STUDENT_FREEDOM = 5;

/**
 * VaR and ES by a method, for each horizon. Nothing held, or profits of zero throughout: zero. Throws HISTORY_TOO_SHORT where the scenarios
 * are too few for the method (historical ones: below 1 ÷ (1 - confidence), so that the tail has at least one), VALUE_NOT_FINITE,
 * PARAMETER_INVALID, and of the filtered one NO_VARIATION and NOT_CONVERGED.
 */
export function tailsBy(method: Method, holdings: Holdings, options: MethodOptions): MethodFigures[] {
  const { profits } = holdings;
  const { confidences, horizonsDays } = options;
  requireOptions(method, profits, options);
  if (profits.every((profit) => profit === 0)) return nothing(options);
  /** What goes with the root of time is taken once. */
  const byRoot = (tails: readonly Tail[]) =>
    horizonsDays.map((horizonDays) => figures(horizonDays, tails, Math.sqrt(horizonDays)));
  switch (method) {
    case 'historical':
      return byRoot(confidences.map((confidence) => historicalTail(profits, confidence)));
    case 'age-weighted':
      return byRoot(confidences.map((confidence) => ageWeightedTail(profits, confidence)));
    case 'ewma': {
      const deviation = Math.sqrt(ewmaVariance(profits));
      return byRoot(confidences.map((confidence) => normalTail(0, deviation, confidence)));
    }
    case 'normal': {
      const middle = mean(profits);
      const deviation = standardDeviation(profits);
      return horizonsDays.map((days) => {
        const root = Math.sqrt(days);
        return figures(
          days,
          confidences.map((level) => normalTail(middle * days, deviation * root, level)),
        );
      });
    }
    case 'filtered-historical':
      return filtered(profits, options);
    case 'monte-carlo':
      return monteCarlo(holdings, options);
  }
}

function filtered(profits: Float64Array, { confidences, horizonsDays, seed, paths = DEFAULT_PATHS }: MethodOptions) {
  const model = fitGarch(profits);
  return horizonsDays.map((horizonDays): MethodFigures => {
    const outcomes = filteredOutcomes(profits, model, { horizonDays, seed, paths });
    const tails = confidences.map((confidence) => historicalTail(outcomes, confidence));
    const isDrawn = horizonDays > 1;
    return { ...figures(horizonDays, tails), sampling: isDrawn ? 'bootstrap' : null, paths: isDrawn ? paths : 0 };
  });
}

function monteCarlo(holdings: Holdings, options: MethodOptions): MethodFigures[] {
  const { seed, paths = DEFAULT_PATHS } = options;
  const book = drawable(holdings);
  if (!book) return nothing(options);
  const { exposures, covariance } = book;
  const sampling = options.sampling ?? (covariance.size <= FULL_CHOLESKY_POSITIONS ? 'full-cholesky' : 'projected');
  return drawn(
    monteCarloProfits(exposures, covariance, { paths, seed, freedom: STUDENT_FREEDOM, sampling }),
    sampling,
    options,
  );
}

/** Draws profits as monteCarloProfits does by full Cholesky, somewhere else. */
export type Simulation = (
  exposures: Float64Array,
  covariance: SquareMatrix,
  options: Omit<MonteCarloOptions, 'sampling'>,
) => Promise<Float64Array>;

/** The figures of the method `monte-carlo` by another simulation. Throws as tailsBy, and what the simulation throws. */
export async function simulatedTails(
  simulation: Simulation,
  holdings: Holdings,
  options: Omit<MethodOptions, 'sampling'>,
): Promise<MethodFigures[]> {
  const { seed, paths = DEFAULT_PATHS } = options;
  requireOptions('monte-carlo', holdings.profits, options);
  const book = holdings.profits.every((profit) => profit === 0) ? null : drawable(holdings);
  if (!book) return nothing(options);
  const profits = await simulation(book.exposures, book.covariance, { paths, seed, freedom: STUDENT_FREEDOM });
  return drawn(profits, 'full-cholesky', options);
}

/** What Monte Carlo draws from; null: nothing that is held moves. */
function drawable({ exposures, returns }: Holdings): { exposures: Float64Array; covariance: SquareMatrix } | null {
  // What never moves has no covariance to draw from.
  const moves = (row: Float64Array) => row.some((value) => value !== row[0]);
  const held = [...exposures.keys()].filter((index) => exposures[index] !== 0 && moves(returns[index]!));
  if (held.length === 0) return null;
  return {
    exposures: Float64Array.from(held, (index) => exposures[index]!),
    covariance: ledoitWolf(held.map((index) => returns[index]!)),
  };
}

function drawn(
  profits: Float64Array,
  sampling: Sampling,
  { confidences, horizonsDays, paths = DEFAULT_PATHS }: MethodOptions,
): MethodFigures[] {
  const tails = confidences.map((confidence) => historicalTail(profits, confidence));
  return horizonsDays.map((days) => ({ ...figures(days, tails, Math.sqrt(days)), sampling, paths }));
}

const figures = (horizonDays: number, tails: readonly Tail[], factor = 1): MethodFigures => ({
  horizonDays,
  tails: tails.map(({ valueAtRisk, expectedShortfall }) => ({
    valueAtRisk: valueAtRisk * factor,
    expectedShortfall: expectedShortfall * factor,
  })),
  sampling: null,
  paths: 0,
});

const nothing = ({ confidences, horizonsDays }: MethodOptions): MethodFigures[] =>
  horizonsDays.map((days) =>
    figures(
      days,
      confidences.map(() => ({ valueAtRisk: 0, expectedShortfall: 0 })),
    ),
  );

function requireOptions(method: Method, profits: Float64Array, { confidences, horizonsDays }: MethodOptions): void {
  for (const days of horizonsDays) requireBetween(days, 0.5, 1_000, 'The horizon in days');
  for (const confidence of confidences) requireScenarios(method, profits.length, confidence);
}

function requireScenarios(method: Method, count: number, confidence: number): void {
  const least = leastScenarios(method, confidence);
  if (count < least)
    throw new TidemarkError(
      'HISTORY_TOO_SHORT',
      `${method} VaR at ${confidence * 100} % needs at least ${least} scenarios, there are ${count}`,
    );
}

/** Fewest scenarios from which a method says something at a level. Throws PARAMETER_INVALID for the confidence. */
export function leastScenarios(method: Method, confidence: number): number {
  const tail = Math.ceil(1 / tailProbability(confidence) - 1e-9);
  switch (method) {
    case 'historical':
    case 'age-weighted':
      return tail;
    case 'filtered-historical':
      return Math.max(tail, GARCH_LEAST_OUTCOMES);
    default:
      return LEAST_MOMENTS;
  }
}
