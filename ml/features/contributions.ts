/**
 * Which groups of features a prediction is made of: exact Shapley values of a game whose players are the groups of breach-table.ts. What a
 * coalition of groups is worth is the log-odds of the model on a row that has their features from the row that is explained, and all others
 * from a row of reference, the training set's medians (baseline Shapley: Lundberg and Lee, A Unified Approach to Interpreting Model
 * Predictions, 2017; Sundararajan and Najmi, The Many Shapley Values for Model Explanation, 2020; groups as players: Owen, 1977, with
 * one feature a union). Log-odds, because probabilities do not add (Robnik-Šikonja and Kononenko, 2008).
 *
 * It needs nothing of a model but its scores: 2^8 = 256 rows in one batch, so it is the same for any model, and exact: the contributions add
 * up to the row's log-odds less those of the reference. Features that say nearly the same (utilisation, its highs, distances) are
 * one player: taken away one by one each would seem to do nothing.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { FEATURES, GROUP_NAMES, type GroupName } from './breach-table.ts';

export interface Contribution {
  readonly group: GroupName;
  /** What the group adds to the log-odds of a breach: above 0 it makes one likelier. */
  readonly logOdds: number;
  /** The feature of the group that by itself changes the score most when it is exchanged for the reference. */
  readonly feature: string;
  readonly value: number;
}

/** Rows of the batch. */
export const COALITIONS = 2 ** GROUP_NAMES.length;
export const BATCH_ROWS = COALITIONS + FEATURES.length;
/** Log-odds beyond this are as good as certain. */
const MOST_LOG_ODDS = 30;

const MEMBERS = GROUP_NAMES.map((group) => FEATURES.flatMap((feature, at) => (feature.group === group ? [at] : [])));
/** Weight of a coalition of so many other players in a Shapley value: s! (n - s - 1)! / n!. */
const WEIGHTS = GROUP_NAMES.map(
  (_, size) => (factorial(size) * factorial(GROUP_NAMES.length - size - 1)) / factorial(GROUP_NAMES.length),
);

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}

/**
 * The rows whose scores explain `row`, one after the other: first every coalition of groups, the bits of whose number are the groups in it, then
 * `row` with one feature after the other exchanged. Throws SHAPE_MISMATCH.
 */
export function rowsToExplain(row: Float64Array, reference: Float64Array): Float64Array {
  const count = FEATURES.length;
  if (row.length !== count || reference.length !== count)
    throw new TidemarkError(
      'SHAPE_MISMATCH',
      `${row.length} features and ${reference.length} of reference: expected ${count}`,
    );
  const rows = new Float64Array(BATCH_ROWS * count);
  for (let coalition = 0; coalition < COALITIONS; coalition++) {
    const start = coalition * count;
    rows.set(reference, start);
    MEMBERS.forEach((members, group) => {
      if (coalition & (1 << group)) for (const at of members) rows[start + at] = row[at]!;
    });
  }
  for (let at = 0; at < count; at++) {
    const start = (COALITIONS + at) * count;
    rows.set(row, start);
    rows[start + at] = reference[at]!;
  }
  return rows;
}

/**
 * The contributions of all groups, those that change most first; of equal ones in the order of GROUPS. `probabilities`: the model's for the rows
 * of `rowsToExplain`, of one horizon. Throws SHAPE_MISMATCH, and VALUE_NOT_FINITE for what is no probability.
 */
export function contributionsOf(row: Float64Array, probabilities: Float64Array): Contribution[] {
  if (probabilities.length !== BATCH_ROWS)
    throw new TidemarkError('SHAPE_MISMATCH', `${probabilities.length} probabilities: expected ${BATCH_ROWS}`);
  const worth = probabilities.map(logOdds);
  const whole = worth[COALITIONS - 1]!;
  return GROUP_NAMES.map((group, player) => {
    const feature = leading(MEMBERS[player]!, worth, whole);
    return { group, logOdds: shapleyValue(player, worth), feature: FEATURES[feature]!.name, value: row[feature]! };
  }).sort((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds));
}

function shapleyValue(player: number, worth: Float64Array): number {
  const bit = 1 << player;
  let sum = 0;
  for (let coalition = 0; coalition < COALITIONS; coalition++) {
    if (coalition & bit) continue;
    sum += WEIGHTS[sizeOf(coalition)]! * (worth[coalition | bit]! - worth[coalition]!);
  }
  return sum;
}

/** The first in the order of the table where none changes anything. Of the type it is the flag that is set. */
function leading(members: readonly number[], worth: Float64Array, whole: number): number {
  const change = (at: number) => Math.abs(whole - worth[COALITIONS + at]!);
  return members.reduce((best, at) => (change(at) > change(best) ? at : best));
}

function sizeOf(coalition: number): number {
  let size = 0;
  for (let rest = coalition; rest > 0; rest &= rest - 1) size++;
  return size;
}

function logOdds(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new TidemarkError('VALUE_NOT_FINITE', `${p} is no probability`);
  return Math.max(-MOST_LOG_ODDS, Math.min(MOST_LOG_ODDS, Math.log(p / (1 - p))));
}
