/** Which model may score a day, and what is said where none may. Pure: files are read elsewhere. */
import { TidemarkError } from '#streams/kit/errors.ts';
import { FEATURE_NAMES, HORIZONS_DAYS } from './breach-table.ts';

/** What a breach model says of itself beyond what every model does: the `details` of its metadata. */
export interface BreachDetails {
  /** First day that it may score, ISO 8601: 20 trading days after the last that any of its labels looked at. */
  readonly scoresFrom: string;
  /** Types of limits that it has seen breached. Of others it knows nothing. */
  readonly types: readonly string[];
  /** Of its training rows, in the order of the features: the reference of contributions. */
  readonly medians: readonly number[];
}
/** What is said of a model in ml/models/breach/index.json. */
export interface BreachModel extends BreachDetails {
  /** File name in the same folder. */
  readonly file: string;
}

/** Reads the details of a model's metadata. Throws METADATA_INVALID where they are no breach model's. */
export function breachDetails({ scoresFrom, types, medians }: Readonly<Record<string, unknown>>): BreachDetails {
  const isSound =
    typeof scoresFrom === 'string' &&
    /^\d{4}-\d{2}-\d{2}$/.test(scoresFrom) &&
    Array.isArray(types) &&
    types.every((type) => typeof type === 'string') &&
    Array.isArray(medians) &&
    medians.length === FEATURE_NAMES.length &&
    medians.every(Number.isFinite);
  if (!isSound)
    throw new TidemarkError('METADATA_INVALID', 'The details of a breach model are scoresFrom, types and medians');
  return { scoresFrom, types, medians };
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
