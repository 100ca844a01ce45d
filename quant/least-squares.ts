import { TidemarkError } from '#streams/kit/errors.ts';
import type { Series } from './checks.ts';

export interface LeastSquares {
  /** Of each column. */
  readonly estimates: readonly number[];
  readonly residuals: Float64Array;
  /** Diagonal of (XᵀX)⁻¹. */
  readonly inverseDiagonal: readonly number[];
  /** Of each column a row of (XᵀX)⁻¹Xᵀ: how much the estimate moves with each value. */
  readonly influences: readonly Float64Array[];
}

/** Columns of length one that are nearer than this to what the ones before them span leave an estimate no digits worth showing. */
const COLLINEAR = 1e-10;

/**
 * The combination of columns (at least one, each as long as the values, more values than columns) that is nearest to the values: QR by
 * Householder's reflections (Golub and Van Loan, Matrix Computations, 5.2 and 5.3), of columns scaled to length one. The normal equations
 * would square the condition. Throws COLLINEAR, naming the column.
 */
export function leastSquares(values: Series, columns: readonly Series[]): LeastSquares {
  const lengths = columns.map((column) => norm(column));
  const scaled = columns.map((column, index) => {
    if (!(lengths[index]! > 0)) throw collinear(index);
    return Float64Array.from(column, (value) => value / lengths[index]!);
  });
  const rows = scaled.map((column) => column.slice());
  const right = Float64Array.from(values);
  rows.forEach((column, index) => {
    const mirror = reflector(column, index);
    for (const other of [...rows.slice(index), right]) reflect(mirror, other, index);
    // The diagonal is how much of a column of length one the columns before it do not span.
    if (!(Math.abs(column[index]!) > COLLINEAR)) throw collinear(index);
  });
  const solution = solveUpper(rows, right);
  const residuals = Float64Array.from(values, (value, day) =>
    solution.reduce((rest, estimate, index) => rest - estimate * scaled[index]![day]!, value),
  );
  const influences = scaled.map(() => new Float64Array(values.length));
  for (let day = 0; day < values.length; day++) {
    const moved = solveUpper(
      rows,
      solveLower(
        rows,
        scaled.map((column) => column[day]!),
      ),
    );
    moved.forEach((value, index) => {
      influences[index]![day] = value / lengths[index]!;
    });
  }
  const inverseDiagonal = scaled.map((_, index) => {
    const unit = scaled.map((__, other) => Number(other === index));
    return solveUpper(rows, solveLower(rows, unit))[index]! / lengths[index]! ** 2;
  });
  const estimates = solution.map((estimate, index) => estimate / lengths[index]!);
  return { estimates, residuals, inverseDiagonal, influences };
}

/** The vector whose reflection leaves nothing of the column below `from`; of length √2, so that no division is needed. */
function reflector(column: Float64Array, from: number): Float64Array {
  const mirror = column.slice();
  mirror.fill(0, 0, from);
  const rest = norm(mirror);
  mirror[from] = mirror[from]! + (mirror[from]! < 0 ? -rest : rest);
  const length = norm(mirror);
  return length > 0 ? mirror.map((value) => (value * Math.SQRT2) / length) : mirror;
}

function reflect(mirror: Float64Array, column: Float64Array, from: number): void {
  let product = 0;
  for (let row = from; row < column.length; row++) product += mirror[row]! * column[row]!;
  for (let row = from; row < column.length; row++) column[row] = column[row]! - product * mirror[row]!;
}

/** Euclidean length; of numbers of any size. */
export function norm(values: Series): number {
  let largest = 0;
  for (let row = 0; row < values.length; row++) largest = Math.max(largest, Math.abs(values[row]!));
  if (largest === 0) return 0;
  let squares = 0;
  for (let row = 0; row < values.length; row++) squares += (values[row]! / largest) ** 2;
  return largest * Math.sqrt(squares);
}

/** Solves Rx = b, R above the diagonal of the columns. */
function solveUpper(columns: readonly Float64Array[], right: Series): number[] {
  const solution: number[] = new Array(columns.length).fill(0);
  for (let row = columns.length - 1; row >= 0; row--) {
    let rest = right[row]!;
    for (let column = row + 1; column < columns.length; column++) rest -= columns[column]![row]! * solution[column]!;
    solution[row] = rest / columns[row]![row]!;
  }
  return solution;
}

/** Solves Rᵀx = b. */
function solveLower(columns: readonly Float64Array[], right: Series): number[] {
  const solution: number[] = [];
  for (let row = 0; row < columns.length; row++) {
    let rest = right[row]!;
    for (let column = 0; column < row; column++) rest -= columns[row]![column]! * solution[column]!;
    solution.push(rest / columns[row]![row]!);
  }
  return solution;
}

const collinear = (index: number) =>
  new TidemarkError('COLLINEAR', `column ${index} is made up of the columns before it (column 0 is the constant)`);
