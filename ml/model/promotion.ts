/** Whether a candidate takes the champion's place: the one test that decides it, by itself and for people. */
import { compareForecasts } from '#quant/forecast-comparison.ts';
import { neweyWestLag } from '#quant/regression.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** What a candidate has to show. */
export const PROMOTION = {
  /** Probability of being that much better by chance, one-sided. */
  significance: 0.05,
  /** Days with outcomes that neither model was trained on. */
  leastDays: 60,
  /** How much worse its calibration error may be, of probability: less is within what bins of some hundred rows say by chance. */
  calibrationSlack: 0.01,
} as const;

const DAY_MICROS = 86_400_000_000;
const CALIBRATION_BINS = 10;
/** Log loss of a probability of 0 for what happened would be infinite. */
const LEAST_PROBABILITY = 1e-12;

/** Predictions of one probability by both models, and what came of it. */
export interface Paired {
  /** Of each prediction, microseconds UTC; rising or not. */
  readonly eventTimes: ArrayLike<number>;
  /** Probabilities, 0 to 1. */
  readonly champion: ArrayLike<number>;
  readonly candidate: ArrayLike<number>;
  /** 1 where it happened, 0 where not. */
  readonly outcomes: ArrayLike<number>;
}
export interface PromotionRules {
  readonly loss: 'brier' | 'log';
  /** Days that an outcome takes: predictions less than that apart share what comes. */
  readonly horizonDays: number;
  /** Only predictions after it count: when the labels of both models' training end, microseconds UTC. */
  readonly after: number;
}
export type Refusal = 'TOO_FEW_DAYS' | 'NO_DIFFERENCE' | 'NOT_BETTER' | 'WORSE_CALIBRATED';

export interface Verdict {
  readonly promote: boolean;
  /** Why not, the first that holds; null: it is promoted. */
  readonly refusal: Refusal | null;
  /** The verdict in a sentence. */
  readonly reason: string;
  readonly rows: number;
  readonly days: number;
  /** Mean loss a row. */
  readonly championLoss: number;
  readonly candidateLoss: number;
  /** Expected calibration error, ten bins with as many rows each. */
  readonly championCalibrationError: number;
  readonly candidateCalibrationError: number;
  /** Of Diebold and Mariano's test; null where there is nothing to test. */
  readonly statistic: number | null;
  readonly p: number | null;
  readonly lag: number | null;
}

/**
 * Compares a candidate with the champion out of sample. Losses are averaged over the rows of each UTC day, since rows of a day share their market and would
 * count for more than they are; then Diebold and Mariano's test on the days, over as many lags as the horizon makes days depend on each other (at least
 * Newey and West's). It is promoted where there are enough days, the candidate is better with p below 0.05, and it is not worse calibrated. Throws
 * SHAPE_MISMATCH, PREDICTION_INVALID.
 */
export function judgeCandidate(paired: Paired, { loss, horizonDays, after }: PromotionRules): Verdict {
  const rows = soundRows(paired, after);
  const [champion, candidate] = [paired.champion, paired.candidate].map((scores) =>
    lossesOf(loss, scores, paired.outcomes),
  );
  const days = [...groupByDay(rows, paired.eventTimes).entries()].sort(([a], [b]) => a - b).map(([, of]) => of);
  const figures = {
    rows: rows.length,
    days: days.length,
    championLoss: averageOf(rows, champion!),
    candidateLoss: averageOf(rows, candidate!),
    championCalibrationError: calibrationError(rows, paired.champion, paired.outcomes),
    candidateCalibrationError: calibrationError(rows, paired.candidate, paired.outcomes),
  };
  const refused = (refusal: Refusal, reason: string, tested: Tested = UNTESTED): Verdict => ({
    ...{ promote: false, refusal, reason },
    ...figures,
    ...tested,
  });
  if (days.length < PROMOTION.leastDays)
    return refused('TOO_FEW_DAYS', `${days.length} days with outcomes: at least ${PROMOTION.leastDays} are needed`);
  const lag = Math.min(Math.max(horizonDays - 1, neweyWestLag(days.length)), Math.ceil(days.length / 2) - 1);
  const byDay = (losses: Float64Array) => Float64Array.from(days, (of) => averageOf(of, losses));
  let tested: Tested;
  try {
    const { statistic, p } = compareForecasts(byDay(champion!), byDay(candidate!), lag);
    tested = { statistic, p, lag };
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'NO_VARIATION') throw error;
    return refused('NO_DIFFERENCE', 'both models say the same');
  }
  const shown = `p = ${tested.p!.toPrecision(2)} over ${days.length} days`;
  if (!(tested.p! < PROMOTION.significance))
    return refused('NOT_BETTER', `it is not better than by chance: ${shown}`, tested);
  const { championCalibrationError: before, candidateCalibrationError: now } = figures;
  if (now > before + PROMOTION.calibrationSlack)
    return refused(
      'WORSE_CALIBRATED',
      `its calibration error is ${now.toFixed(3)} against ${before.toFixed(3)}`,
      tested,
    );
  return { promote: true, refusal: null, reason: `it is better than the champion: ${shown}`, ...figures, ...tested };
}

type Tested = Pick<Verdict, 'statistic' | 'p' | 'lag'>;
const UNTESTED: Tested = { statistic: null, p: null, lag: null };

/** Rows after a time. Throws where a row is no prediction with an outcome. */
function soundRows({ eventTimes, champion, candidate, outcomes }: Paired, after: number): number[] {
  const count = eventTimes.length;
  if (champion.length !== count || candidate.length !== count || outcomes.length !== count)
    throw new TidemarkError(
      'SHAPE_MISMATCH',
      `${count} times, ${champion.length} and ${candidate.length} predictions, ${outcomes.length} outcomes`,
    );
  const rows: number[] = [];
  for (let row = 0; row < count; row++) {
    const [a, b, outcome] = [champion[row]!, candidate[row]!, outcomes[row]!];
    if (
      !(a >= 0 && a <= 1 && b >= 0 && b <= 1 && (outcome === 0 || outcome === 1) && Number.isFinite(eventTimes[row]!))
    )
      throw new TidemarkError(
        'PREDICTION_INVALID',
        `Row ${row} has probabilities ${a} and ${b}, outcome ${outcome}, time ${eventTimes[row]}`,
      );
    if (eventTimes[row]! > after) rows.push(row);
  }
  return rows;
}

function lossesOf(kind: 'brier' | 'log', scores: ArrayLike<number>, outcomes: ArrayLike<number>): Float64Array {
  return Float64Array.from(scores, (score, row) => {
    const outcome = outcomes[row]!;
    if (kind === 'brier') return (score - outcome) ** 2;
    return -Math.log(Math.max(LEAST_PROBABILITY, outcome === 1 ? score : 1 - score));
  });
}

function groupByDay(rows: readonly number[], eventTimes: ArrayLike<number>): Map<number, number[]> {
  const days = new Map<number, number[]>();
  for (const row of rows) {
    const day = Math.floor(eventTimes[row]! / DAY_MICROS);
    const of = days.get(day);
    if (of) of.push(row);
    else days.set(day, [row]);
  }
  return days;
}

function averageOf(rows: readonly number[], values: ArrayLike<number>): number {
  let sum = 0;
  for (const row of rows) sum += values[row]!;
  return rows.length === 0 ? 0 : sum / rows.length;
}

/** Mean over bins of |what was said - what happened|, bins of as many rows each by what was said (as scikit-learn's quantile strategy). */
function calibrationError(rows: readonly number[], scores: ArrayLike<number>, outcomes: ArrayLike<number>): number {
  const ordered = rows.toSorted((a, b) => scores[a]! - scores[b]! || a - b);
  let error = 0;
  for (let bin = 0; bin < CALIBRATION_BINS; bin++) {
    const [from, to] = [bin, bin + 1].map((edge) => Math.round((edge * ordered.length) / CALIBRATION_BINS));
    const within = ordered.slice(from, to);
    error +=
      (within.length / Math.max(1, ordered.length)) * Math.abs(averageOf(within, scores) - averageOf(within, outcomes));
  }
  return error;
}

/** A verdict's numbers, for an event. */
export const figuresOf = (verdict: Verdict): { readonly name: string; readonly value: number }[] =>
  Object.entries(verdict).flatMap(([name, value]) => (typeof value === 'number' ? [{ name, value }] : []));
