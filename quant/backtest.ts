/**
 * Was a value at risk right? Tests of a row of days on which a loss was, or was not, above the VaR forecast for it (an exception). Also of
 * expected shortfall. Probabilities p are those of the tail: 0.01 for VaR at 99 %.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween } from './checks.ts';
import { binomialCdf, chiSquareSurvival } from './distributions.ts';

/** A likelihood ratio and the probability of one as large or larger when the forecasts are right. */
export interface TestResult {
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * Counts of a row of forecasts that are judged one by one. Plain data of a bounded size, so that it can be stored: the window is kept as
 * the numbers of its exceptions, of which a sound model has few.
 */
export interface Backtest {
  /** Days judged. */
  readonly observations: number;
  readonly exceptions: number;
  /** Days with an exception after a day with one. */
  readonly exceptionsInARow: number;
  /** Of the last day judged. */
  readonly lastWasException: boolean;
  /** Of the first. */
  readonly firstWasException: boolean;
  /** Numbers of the exceptions among the last 250 days; the first day is 0. */
  readonly recent: readonly number[];
  /** Σ profit ÷ ES over the exceptions: what the tests of Acerbi and Székely are made of. */
  readonly shortfallRatios: number;
}

export const NO_DAYS: Backtest = {
  observations: 0,
  exceptions: 0,
  exceptionsInARow: 0,
  lastWasException: false,
  firstWasException: false,
  recent: [],
  shortfallRatios: 0,
};
/** Days of Basel's traffic light. */
export const BASEL_DAYS = 250;

/** A loss above VaR. Profits are positive gains, VaR a positive loss; a loss of just VaR is none. */
export const isException = (profit: number, valueAtRisk: number): boolean => -profit > valueAtRisk;

/**
 * The counts after one more day. `profit` is what the day brought to the holdings that the forecast was for. An ES of zero or less with an
 * exception counts as one whose loss was as expected. Throws VALUE_NOT_FINITE, also for a loss that is infinite over its ES.
 */
export function judge(before: Backtest, profit: number, valueAtRisk: number, expectedShortfall: number): Backtest {
  if (![profit, valueAtRisk, expectedShortfall].every(Number.isFinite))
    throw new TidemarkError(
      'VALUE_NOT_FINITE',
      `a profit of ${profit} against VaR ${valueAtRisk}, ES ${expectedShortfall}`,
    );
  const { observations, recent } = before;
  const hit = isException(profit, valueAtRisk);
  const kept = recent.filter((day) => day > observations - BASEL_DAYS);
  const ratio = expectedShortfall > 0 ? profit / expectedShortfall : -1;
  const shortfallRatios = before.shortfallRatios + (hit ? ratio : 0);
  if (!Number.isFinite(shortfallRatios))
    throw new TidemarkError('VALUE_NOT_FINITE', `a profit of ${profit} over an ES of ${expectedShortfall}`);
  return {
    observations: observations + 1,
    exceptions: before.exceptions + Number(hit),
    exceptionsInARow: before.exceptionsInARow + Number(hit && before.lastWasException),
    lastWasException: hit,
    firstWasException: observations === 0 ? hit : before.firstWasException,
    recent: hit ? [...kept, observations] : kept,
    shortfallRatios,
  };
}

/** Throws HISTORY_TOO_SHORT without days, PARAMETER_INVALID unless both are whole and there are no more exceptions than days. */
function requireCounts(exceptions: number, days: number, what: string): void {
  if (days < 1) throw new TidemarkError('HISTORY_TOO_SHORT', `${what} needs at least one day`);
  if (!Number.isSafeInteger(days) || !Number.isSafeInteger(exceptions) || exceptions < 0 || exceptions > days)
    throw new TidemarkError('PARAMETER_INVALID', `${what}: ${exceptions} exceptions in ${days} days`);
}

/** x ln y, 0 where x is 0. */
const times = (x: number, y: number) => (x === 0 ? 0 : x * Math.log(y));

const ratioTest = (free: number, bound: number, freedom: number): TestResult => {
  // Rounding may leave a ratio a hair below zero.
  const statistic = Math.max(0, 2 * (free - bound));
  return { statistic, pValue: chiSquareSurvival(statistic, freedom) };
};

/**
 * Kupiec's test of unconditional coverage (Techniques for verifying the accuracy of risk measurement models, 1995): is the share of
 * exceptions p? χ² with one degree of freedom; 0 ln 0 = 0. Throws HISTORY_TOO_SHORT without days, PARAMETER_INVALID for p.
 */
export function kupiec(
  { observations, exceptions }: Pick<Backtest, 'observations' | 'exceptions'>,
  p: number,
): TestResult {
  requireBetween(p, 0, 1, 'The probability of an exception');
  requireCounts(exceptions, observations, "Kupiec's test");
  const others = observations - exceptions;
  const share = exceptions / observations;
  return ratioTest(times(exceptions, share) + times(others, 1 - share), times(exceptions, p) + times(others, 1 - p), 1);
}

/**
 * Christoffersen's test of independence (Evaluating interval forecasts, 1998): is an exception as likely after one as after none? First-order
 * Markov chain against independent days, over the days after the first. χ² with one degree of freedom. Without two days in a row, or without
 * an exception among the days before the last, there is nothing to compare: statistic 0, probability 1. Throws HISTORY_TOO_SHORT below 2 days.
 */
export function independence(backtest: Backtest): TestResult {
  const { observations, exceptions, exceptionsInARow, firstWasException, lastWasException } = backtest;
  if (observations < 2) throw new TidemarkError('HISTORY_TOO_SHORT', "Christoffersen's test needs at least two days");
  const pairs = observations - 1;
  const after = exceptions - Number(lastWasException);
  const n11 = exceptionsInARow;
  const n10 = after - n11;
  const n01 = exceptions - Number(firstWasException) - n11;
  const n00 = pairs - n11 - n10 - n01;
  const share = (n01 + n11) / pairs;
  const bound = times(n01 + n11, share) + times(n00 + n10, 1 - share);
  const row = (stays: number, hits: number) =>
    times(hits, hits / (stays + hits)) + times(stays, stays / (stays + hits));
  return ratioTest(row(n00, n01) + row(n10, n11), bound, 1);
}

/** Christoffersen's test of conditional coverage: both at once, Kupiec's ratio plus that of independence, χ² with two degrees of freedom. */
export function conditionalCoverage(backtest: Backtest, p: number): TestResult {
  const statistic = kupiec(backtest, p).statistic + independence(backtest).statistic;
  return { statistic, pValue: chiSquareSurvival(statistic, 2) };
}

export type Zone = 'GREEN' | 'YELLOW' | 'RED';
export interface TrafficLight {
  readonly zone: Zone;
  /** Of the capital requirement: 1.50 to 2.00; null for other than 250 days at 99 %. */
  readonly multiplier: number | null;
}

/** Basel Framework MAR32.9, table 1 (1.50 plus a backtesting add-on): by exceptions in 250 days at 99 %; from 10 on the last. */
const MULTIPLIERS = [1.5, 1.5, 1.5, 1.5, 1.5, 1.7, 1.76, 1.83, 1.88, 1.92, 2];
const YELLOW_FROM = 0.95;
const RED_FROM = 0.9999;
const BASEL_P = 0.01;

/**
 * Basel's traffic light: yellow from where so many exceptions or fewer have a probability of 95 %, red from 99.99 %, if the model is right (MAR99).
 * For 250 days at 99 % that is green to 4, yellow to 9, red from 10. Throws PARAMETER_INVALID, HISTORY_TOO_SHORT without days.
 */
export function trafficLight(exceptions: number, days = BASEL_DAYS, p = BASEL_P): TrafficLight {
  requireBetween(p, 0, 1, 'The probability of an exception');
  requireCounts(exceptions, days, 'A traffic light');
  const upTo = binomialCdf(exceptions, days, p);
  const zone = upTo >= RED_FROM ? 'RED' : upTo >= YELLOW_FROM ? 'YELLOW' : 'GREEN';
  const isBasel = days === BASEL_DAYS && p === BASEL_P;
  return { zone, multiplier: isBasel ? MULTIPLIERS[Math.min(exceptions, MULTIPLIERS.length - 1)]! : null };
}

/** The light of the last 250 days; null before there are as many. */
export function recentLight({ observations, recent }: Backtest, p: number): TrafficLight | null {
  return observations < BASEL_DAYS ? null : trafficLight(recent.length, BASEL_DAYS, p);
}

/**
 * Tests 1 and 2 of Acerbi and Székely (Backtesting expected shortfall, 2014): Z1 = 1 + mean of profit ÷ ES over the exceptions; Z2 = 1 + Σ of it
 * ÷ (days × p). Zero is expected; below it losses were larger than said. Of rows of 250 days at 97.5 % a right model with normal tails puts
 * one in 20 under Z2 = -0.7 and one in 10,000 under -1.8 (their table 1); with tails of Student t with 3 degrees of freedom that is -0.8 and
 * -4.6, and one in 20 of 8,000 normal days at 99 % is under -0.19: for probabilities see shortfall-simulation.ts. Z1 null without
 * exceptions. Throws HISTORY_TOO_SHORT without days, PARAMETER_INVALID.
 */
export function shortfallTests(
  { observations, exceptions, shortfallRatios }: Pick<Backtest, 'observations' | 'exceptions' | 'shortfallRatios'>,
  p: number,
): { readonly z1: number | null; readonly z2: number } {
  requireBetween(p, 0, 1, 'The probability of an exception');
  requireCounts(exceptions, observations, 'A test of a shortfall');
  return {
    z1: exceptions === 0 ? null : shortfallRatios / exceptions + 1,
    z2: shortfallRatios / (observations * p) + 1,
  };
}
