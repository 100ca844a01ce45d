/** How a column was distributed in training; ml/train/drift_reference.py writes it. */
import type { Fields } from '../model/json-fields.ts';

export interface ColumnReference {
  readonly name: string;
  /** Blocks (days) with a value. */
  readonly blocks: number;
  /** Of the blocks' means, and their standard deviation (ddof 0); 0 of a constant. */
  readonly mean: number;
  readonly deviation: number;
  /** Of one block's mean with the next, -0.99 to 0.99. */
  readonly autocorrelation: number;
  /** Quantiles 0, 0.02 … 1 of the innovations: what a block's mean is beyond what the one before lets expect, in standard deviations. */
  readonly quantiles: readonly number[];
  /** How many blocks one independent innovation is worth, from 1: one where a column goes as its autocorrelation says. */
  readonly levelPersistence: number;
  /** The same of how large innovations are: volatility comes in clusters. */
  readonly sizePersistence: number;
}

const QUANTILES = 51;
/** Quantiles have nine digits; values this close are the same. */
const SAME = 1e-7;
const MAX_AUTOCORRELATION = 0.99;
const MAX_PERSISTENCE = 1_000;

/** Throws METADATA_MISSING, METADATA_INVALID. */
export function columnReference(json: Fields): ColumnReference {
  const quantiles = json.list('quantiles', QUANTILES);
  if (quantiles.some((value, index) => index > 0 && value < quantiles[index - 1]!))
    throw json.wrong('quantiles', 'numbers that do not fall');
  return {
    name: json.matching('name', /\S/, 'a name'),
    blocks: json.whole('blocks', 1),
    mean: json.number('mean', -Number.MAX_VALUE, Number.MAX_VALUE),
    deviation: json.number('deviation', 0, Number.MAX_VALUE),
    autocorrelation: json.number('autocorrelation', -MAX_AUTOCORRELATION, MAX_AUTOCORRELATION),
    quantiles,
    levelPersistence: json.number('levelPersistence', 1, MAX_PERSISTENCE),
    sizePersistence: json.number('sizePersistence', 1, MAX_PERSISTENCE),
  };
}

/**
 * How a block's mean compares with training: 0 to 1, uniform as long as nothing has changed. Its place among the innovations of training,
 * between quantiles on a line; where several quantiles are the same, of their value in their middle.
 */
export function placeOf(innovation: number, { quantiles }: ColumnReference): number {
  const same = SAME * Math.max(1, Math.abs(innovation));
  let below = 0;
  while (below < QUANTILES && quantiles[below]! < innovation - same) below++;
  let through = below;
  while (through < QUANTILES && quantiles[through]! <= innovation + same) through++;
  if (through > below) return (below + through - 1) / 2 / (QUANTILES - 1);
  if (below === 0) return 0;
  if (below === QUANTILES) return 1;
  const [low, high] = [quantiles[below - 1]!, quantiles[below]!];
  return (below - 1 + (innovation - low) / (high - low)) / (QUANTILES - 1);
}

/** The innovation at a place from 0 to 1: the inverse of {@link placeOf}. */
export function innovationAt(place: number, { quantiles }: ColumnReference): number {
  const last = QUANTILES - 1;
  const at = Math.min(Math.floor(place * last), last - 1);
  const share = place * last - at;
  return quantiles[at]! + share * (quantiles[at + 1]! - quantiles[at]!);
}
