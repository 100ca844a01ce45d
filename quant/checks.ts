import { TidemarkError } from '#streams/kit/errors.ts';

/** Any row of numbers; none of the functions of this folder changes what it is given. */
export type Series = Float64Array | readonly number[];

/** Throws VALUE_NOT_FINITE at the first NaN or infinity, naming the series and the index. */
export function requireFinite(values: Series, what: string): void {
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index]))
      throw new TidemarkError('VALUE_NOT_FINITE', `${what}: value ${index} is ${values[index]}, not a finite number`);
  }
}

/** Throws HISTORY_TOO_SHORT below `least` values. */
export function requireLength(values: Series, least: number, what: string): void {
  if (values.length < least)
    throw new TidemarkError('HISTORY_TOO_SHORT', `${what}: ${values.length} values, at least ${least} are needed`);
}

/** Throws SHAPE_MISMATCH unless both have one length. */
export function requireSameLength(a: Series, b: Series, what: string): void {
  if (a.length !== b.length)
    throw new TidemarkError('SHAPE_MISMATCH', `${what}: ${a.length} values against ${b.length}`);
}

/** Throws PARAMETER_INVALID unless low < value < high; NaN never is. */
export function requireBetween(value: number, low: number, high: number, what: string): void {
  if (!(value > low && value < high))
    throw new TidemarkError('PARAMETER_INVALID', `${what} is ${value}: expected a number between ${low} and ${high}`);
}
