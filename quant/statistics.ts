import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, requireSameLength, type Series } from './checks.ts';

/** Arithmetic mean, in two passes so that a large offset costs no digits. Throws HISTORY_TOO_SHORT without values, VALUE_NOT_FINITE. */
export function mean(values: Series): number {
  requireLength(values, 1, 'A mean');
  requireFinite(values, 'A mean');
  const count = values.length;
  let sum = 0;
  for (let index = 0; index < count; index++) sum += values[index]!;
  const first = sum / count;
  let rest = 0;
  for (let index = 0; index < count; index++) rest += values[index]! - first;
  return first + rest / count;
}

/** Sample variance about the mean, ddof 1. Throws HISTORY_TOO_SHORT below 2 values, VALUE_NOT_FINITE. */
export function variance(values: Series): number {
  return covariance(values, values);
}

/** Square root of the sample variance (ddof 1). Throws as `variance`. */
export const standardDeviation = (values: Series): number => Math.sqrt(variance(values));

/** Sample covariance, ddof 1. Throws HISTORY_TOO_SHORT below 2 pairs, SHAPE_MISMATCH, VALUE_NOT_FINITE. */
export function covariance(x: Series, y: Series): number {
  requireSameLength(x, y, 'A covariance');
  requireLength(x, 2, 'A covariance');
  const meanX = mean(x);
  const meanY = x === y ? meanX : mean(y);
  let sum = 0;
  for (let index = 0; index < x.length; index++) sum += (x[index]! - meanX) * (y[index]! - meanY);
  return sum / (x.length - 1);
}

/**
 * Pearson's correlation, from -1 to 1. Throws NO_VARIATION when one of them is constant up to rounding noise, else as `covariance`.
 */
export function correlation(x: Series, y: Series): number {
  const both = covariance(x, y);
  const deviations = deviationOf(x, 'the first') * deviationOf(y, 'the second');
  return Math.max(-1, Math.min(1, both / deviations));
}

/** Slope of y on x by least squares: covariance ÷ variance of x. Throws NO_VARIATION when x is constant, else as `covariance`. */
export function beta(y: Series, x: Series): number {
  const both = covariance(y, x);
  return both / deviationOf(x, 'the benchmark') ** 2;
}

/** A deviation below this share of the largest value is what rounding leaves of a constant. */
const NOISE = 1e-14;

function deviationOf(values: Series, which: string): number {
  const deviation = standardDeviation(values);
  let largest = 0;
  for (let index = 0; index < values.length; index++) largest = Math.max(largest, Math.abs(values[index]!));
  if (deviation <= largest * NOISE)
    throw new TidemarkError('NO_VARIATION', `${which} of the series is constant, so there is nothing to relate to`);
  return deviation;
}

/** A square matrix, row by row. */
export interface SquareMatrix {
  readonly size: number;
  /** size × size. */
  readonly values: Float64Array;
}

/**
 * Sample covariance matrix (ddof 1) of series of one length, symmetric to the bit. Throws HISTORY_TOO_SHORT below 2 observations or
 * without series, SHAPE_MISMATCH, VALUE_NOT_FINITE.
 */
export function covarianceMatrix(series: readonly Series[]): SquareMatrix {
  const centred = centre(series);
  return products(centred, centred[0]!.length - 1);
}

/** Correlations of a covariance matrix, 1 on the diagonal. Throws NO_VARIATION, naming the index, where a variance is not positive. */
export function correlationMatrix({ size, values }: SquareMatrix): SquareMatrix {
  const deviations = Float64Array.from({ length: size }, (_, index) => {
    const own = values[index * size + index]!;
    if (!(own > 0)) throw new TidemarkError('NO_VARIATION', `series ${index} is constant: it has no correlations`);
    return Math.sqrt(own);
  });
  const correlations = values.map((value, place) => {
    const row = Math.floor(place / size);
    const column = place % size;
    return row === column ? 1 : Math.max(-1, Math.min(1, value / (deviations[row]! * deviations[column]!)));
  });
  return { size, values: correlations };
}

/** A covariance matrix pulled towards a multiple of the identity, and by how much: 0 not at all, 1 altogether. */
export interface ShrunkCovariance extends SquareMatrix {
  readonly shrinkage: number;
  /** What was shrunk: the sample covariance, ddof 0. */
  readonly sample: SquareMatrix;
}

/**
 * Ledoit and Wolf's shrunk covariance (A well-conditioned estimator for large-dimensional covariance matrices, 2004; scikit-learn's
 * `ledoit_wolf`): (1 - s) S + s m I, with S of ddof 0 and m its mean variance. Positive definite whatever the number of series, unless
 * all are constant. Throws as `covarianceMatrix`.
 */
export function ledoitWolf(series: readonly Series[]): ShrunkCovariance {
  const centred = centre(series);
  const size = centred.length;
  const count = centred[0]!.length;
  const { values } = products(centred, count);
  let trace = 0;
  for (let index = 0; index < size; index++) trace += values[index * size + index]!;
  const level = trace / size;
  let squares = 0;
  for (const value of values) squares += value * value;
  // Sum over observations of |x|⁴: how far single observations are from the matrix that they make.
  const norms = new Float64Array(count);
  for (const row of centred) for (let time = 0; time < count; time++) norms[time]! += row[time]! * row[time]!;
  const fourth = dot(norms, norms, count);
  const distance = (squares - size * level * level) / size;
  const error = Math.min((fourth / count - squares) / (size * count), distance);
  const shrinkage = distance > 0 ? Math.max(0, error / distance) : 0;
  const shrunk = values.map((value) => value * (1 - shrinkage));
  for (let index = 0; index < size; index++) shrunk[index * size + index]! += shrinkage * level;
  return { size, values: shrunk, shrinkage, sample: { size, values } };
}

function centre(series: readonly Series[]): Float64Array[] {
  if (series.length === 0) throw new TidemarkError('HISTORY_TOO_SHORT', 'A covariance matrix of no series');
  requireLength(series[0]!, 2, 'A covariance matrix');
  return series.map((row) => {
    requireSameLength(row, series[0]!, 'A covariance matrix');
    const middle = mean(row);
    const centred = new Float64Array(row.length);
    for (let time = 0; time < row.length; time++) centred[time] = row[time]! - middle;
    return centred;
  });
}

function products(rows: readonly Float64Array[], divisor: number): SquareMatrix {
  const size = rows.length;
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const a = rows[i]!;
    for (let j = 0; j <= i; j++) {
      const value = dot(a, rows[j]!, a.length) / divisor;
      values[i * size + j] = value;
      values[j * size + i] = value;
    }
  }
  return { size, values };
}

/** Σ a b over the first `length`, in four sums side by side: a single one would wait for each addition. */
export function dot(a: Float64Array, b: Float64Array, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = length - (length % 4);
  for (let index = 0; index < whole; index += 4) {
    s0 += a[index]! * b[index]!;
    s1 += a[index + 1]! * b[index + 1]!;
    s2 += a[index + 2]! * b[index + 2]!;
    s3 += a[index + 3]! * b[index + 3]!;
  }
  for (let index = whole; index < length; index++) s0 += a[index]! * b[index]!;
  return s0 + s1 + (s2 + s3);
}

/**
 * Lower triangle L, row by row (zeros above), with L Lᵀ = matrix (Cholesky and Banachiewicz). Throws NOT_POSITIVE_DEFINITE, naming the
 * row, where a pivot is not above rounding noise: such a matrix has no density to draw from.
 */
export function cholesky({ size, values }: SquareMatrix): Float64Array {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = values[i * size + j]!;
      const a = i * size;
      const b = j * size;
      for (let k = 0; k < j; k++) sum -= lower[a + k]! * lower[b + k]!;
      if (i !== j) lower[a + j] = sum / lower[b + j]!;
      else if (sum > values[a + i]! * size * Number.EPSILON) lower[a + i] = Math.sqrt(sum);
      else throw new TidemarkError('NOT_POSITIVE_DEFINITE', `the matrix is not positive definite (row ${i})`);
    }
  }
  return lower;
}
