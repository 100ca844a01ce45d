import { requireLength, requireSameLength } from '#quant/checks.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Added to each bin, or an empty one would be infinite. */
const HALF_A_ROW = 0.5;

/**
 * The population stability index: how far counts by bin are from the shares expected, the sum of (share - expected) × ln(share ÷ expected), from 0. Half
 * a row is added to each bin. In credit scoring, where it comes from, 0.1 is a change worth a look and 0.25 a large one; with few rows chance alone
 * gives more (bins ÷ rows is what to expect), which is why {@link DriftMonitor} compares it with chance. Throws SHAPE_MISMATCH,
 * HISTORY_TOO_SHORT below two bins, PARAMETER_INVALID where an expected share is not positive or a count is negative.
 */
export function populationStability(counts: ArrayLike<number>, expected: readonly number[]): number {
  const given = Array.from(counts);
  requireSameLength(given, expected, 'Counts and shares');
  requireLength(expected, 2, 'Bins');
  let rows = 0;
  for (let bin = 0; bin < given.length; bin++) {
    if (!(expected[bin]! > 0) || !(given[bin]! >= 0 && given[bin]! < Infinity))
      throw new TidemarkError(
        'PARAMETER_INVALID',
        `Bin ${bin} has ${given[bin]} rows for an expected share of ${expected[bin]}`,
      );
    rows += given[bin]! + HALF_A_ROW;
  }
  let index = 0;
  for (let bin = 0; bin < given.length; bin++) {
    const share = (given[bin]! + HALF_A_ROW) / rows;
    index += (share - expected[bin]!) * Math.log(share / expected[bin]!);
  }
  return index;
}
