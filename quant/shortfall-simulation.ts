/**
 * Are so large losses beyond VaR compatible with the ES that was forecast? p-values of tests 1 and 2 of Acerbi and Székely (Backtesting
 * expected shortfall, 2014) by simulation, as in their paper; the statistics are those of backtest.ts.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import { type Backtest, shortfallTests, type TestResult } from './backtest.ts';
import { requireBetween, type Series } from './checks.ts';
import { historicalTail, normalTail, studentTTail, type Tail } from './tail.ts';

/** What a day's profit would come from if the forecasts were right. Normal and Student t have mean zero; `freedom` is above 2. */
export type NullDistribution =
  | { readonly kind: 'normal' }
  | { readonly kind: 'student-t'; readonly freedom: number }
  | { readonly kind: 'scenarios'; readonly profits: Series };

export interface SimulationOptions {
  readonly distribution: NullDistribution;
  /** Rows of days drawn: 10,000 of 250 days take some 0.2 s. */
  readonly simulations: number;
  readonly seed: string;
}

const MAX_SIMULATIONS = 1e7;
/** Relative: the same losses added up in another order are the same. */
const SAME = 1e-9;

/**
 * Z1 and Z2 with the probability of values as low or lower when the forecasts are right: rows of as many days as were judged are drawn from
 * the distribution, each day alone. Only a day's profit over its ES counts; in a family of mean zero that differs by scale alone this has one
 * distribution, whatever VaR and ES each day had. Scenarios are drawn with replacement, VaR and ES of theirs taken by historical
 * simulation; where they change from day to day, those given stand for all. Probability = (1 + rows as low) ÷ (1 + rows), so that it is
 * never 0 (Davison and Hinkley, Bootstrap methods, 4.2); of Z1 among rows with an exception, and Z1 is null without one. The same seed gives
 * the same figures. Throws HISTORY_TOO_SHORT without days, below 2 scenarios; PARAMETER_INVALID, also for scenarios without a loss in
 * their tail; VALUE_NOT_FINITE.
 */
export function simulateShortfallTests(
  backtest: Pick<Backtest, 'observations' | 'exceptions' | 'shortfallRatios'>,
  p: number,
  { distribution, simulations, seed }: SimulationOptions,
): { readonly z1: TestResult | null; readonly z2: TestResult } {
  const { z1, z2 } = shortfallTests(backtest, p);
  if (!Number.isSafeInteger(simulations) || simulations < 1 || simulations > MAX_SIMULATIONS)
    throw new TidemarkError(
      'PARAMETER_INVALID',
      `${simulations} simulations: expected a whole number up to 10,000,000`,
    );
  const { tail, draw } = drawing(distribution, 1 - p, new Random(seed));
  const { valueAtRisk, expectedShortfall } = tail;
  requireBetween(expectedShortfall, 0, Number.POSITIVE_INFINITY, 'ES of the distribution');
  const { observations, exceptions, shortfallRatios } = backtest;
  const edge = shortfallRatios + SAME * Math.abs(shortfallRatios);
  const meanEdge = edge / exceptions;
  let low = 0;
  let meanLow = 0;
  let withException = 0;
  for (let row = 0; row < simulations; row++) {
    let count = 0;
    let sum = 0;
    for (let day = 0; day < observations; day++) {
      const profit = draw();
      if (-profit <= valueAtRisk) continue;
      count++;
      sum += profit / expectedShortfall;
    }
    low += Number(sum <= edge);
    withException += Number(count > 0);
    meanLow += Number(count > 0 && sum / count <= meanEdge);
  }
  return {
    z1: z1 === null ? null : { statistic: z1, pValue: (1 + meanLow) / (1 + withException) },
    z2: { statistic: z2, pValue: (1 + low) / (1 + simulations) },
  };
}

/** VaR and ES of the distribution, and a profit from it. */
function drawing(
  distribution: NullDistribution,
  confidence: number,
  random: Random,
): { readonly tail: Tail; readonly draw: () => number } {
  if (distribution.kind === 'normal') return { tail: normalTail(0, 1, confidence), draw: () => random.normal() };
  if (distribution.kind === 'student-t') {
    const { freedom } = distribution;
    const tail = studentTTail(0, 1, freedom, confidence);
    const scale = Math.sqrt((freedom - 2) / freedom);
    return { tail, draw: () => scale * studentT(random, freedom) };
  }
  const profits = Float64Array.from(distribution.profits);
  const tail = historicalTail(profits, confidence);
  return { tail, draw: () => profits[random.below(profits.length)]! };
}

/** A number of Student's t by the polar method (Bailey, Polar generation of random variates with the t-distribution, 1994). */
function studentT(random: Random, freedom: number): number {
  let x: number;
  let square: number;
  do {
    x = 2 * random.uniform() - 1;
    const y = 2 * random.uniform() - 1;
    square = x * x + y * y;
  } while (square >= 1 || square === 0);
  return x * Math.sqrt((freedom * Math.expm1((-2 / freedom) * Math.log(square))) / square);
}
