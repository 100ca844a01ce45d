/** Which model may score a day, and what is said where none may. Pure: files are read elsewhere. */
import { FEATURE_NAMES, HORIZONS_DAYS } from './breach-table.ts';

/** What is said of a model in ml/models/breach/index.json. */
export interface BreachModel {
  /** File name in the same folder. */
  readonly file: string;
  /** First day that it may score, ISO 8601: 20 trading days after the last that any of its labels looked at. */
  readonly scoresFrom: string;
  /** Types of limits that it has seen breached. Of others it knows nothing. */
  readonly types: readonly string[];
  /** Of its training rows, in the order of the features: the reference of contributions. */
  readonly medians: readonly number[];
}

/** Name of what is said without a model: the closed-form passage of ln(utilisation) (first-passage.ts), not calibrated. */
export const BASELINE = 'first-passage';

/**
 * The newest model that could have been known on a day (ISO 8601) and knows the type of limit; null: the baseline. `models` by
 * `scoresFrom`. A replay that asks so looks at nothing of its own future.
 */
export function modelFor<M extends BreachModel>(models: readonly M[], date: string, type: string): M | null {
  const model = models.findLast(({ scoresFrom }) => scoresFrom <= date);
  return model?.types.includes(type) ? model : null;
}

const PASSAGES = HORIZONS_DAYS.map((days) => FEATURE_NAMES.indexOf(`passage${days}`));

/** The baseline's probabilities of a row, by horizon; none is below a shorter horizon's. */
export function baselineOf(row: Float64Array): number[] {
  let highest = 0;
  return PASSAGES.map((at) => {
    highest = Math.max(highest, row[at]!);
    return highest;
  });
}
