import { TidemarkError } from '#streams/kit/errors.ts';

/** Value of a function at `point`; writes its gradient there to `gradient`. Infinity where it is not defined. */
export type Differentiable = (point: Float64Array, gradient: Float64Array) => number;

const MAX_ITERATIONS = 500;
/** Of the gradient, relative to the function's size: at the minimum rounding leaves no more than this. */
const TOLERANCE = 1e-9;
/** Armijo's and Wolfe's constants (Nocedal and Wright, Numerical Optimization, 3.1). */
const DECREASE = 1e-4;
const CURVATURE = 0.9;
const MAX_STEPS = 60;

/**
 * A local minimum by BFGS (Nocedal and Wright, algorithm 6.1) with a line search by bisection to the weak Wolfe conditions. For a few
 * smooth dimensions. Throws NOT_CONVERGED after 500 iterations, or where no step goes down though the gradient is not small.
 */
export function minimise(
  f: Differentiable,
  start: readonly number[],
): { readonly point: Float64Array; readonly value: number } {
  const size = start.length;
  let point = Float64Array.from(start);
  let gradient = new Float64Array(size);
  let value = f(point, gradient);
  let inverse = identity(size);
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    if (largest(gradient) <= TOLERANCE * Math.max(1, Math.abs(value))) return { point, value };
    let direction = descent(inverse, gradient);
    if (product(direction, gradient) >= 0) {
      inverse = identity(size);
      direction = descent(inverse, gradient);
    }
    const next = search(f, point, value, gradient, direction);
    if (!next) {
      if (largest(gradient) <= Math.sqrt(TOLERANCE) * Math.max(1, Math.abs(value))) return { point, value };
      throw new TidemarkError('NOT_CONVERGED', `no step goes down from a gradient of ${largest(gradient)}`);
    }
    const step = next.point.map((x, index) => x - point[index]!);
    const change = next.gradient.map((g, index) => g - gradient[index]!);
    inverse = updated(inverse, step, change, iteration === 0);
    ({ point, gradient, value } = next);
  }
  throw new TidemarkError('NOT_CONVERGED', `no minimum was found in ${MAX_ITERATIONS} iterations`);
}

interface Place {
  readonly point: Float64Array<ArrayBuffer>;
  readonly gradient: Float64Array<ArrayBuffer>;
  readonly value: number;
}

function search(
  f: Differentiable,
  from: Float64Array,
  value: number,
  gradient: Float64Array,
  direction: Float64Array,
): Place | null {
  const slope = product(direction, gradient);
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let length = 1;
  for (let step = 0; step < MAX_STEPS; step++) {
    const point = Float64Array.from(from, (x, index) => x + length * direction[index]!);
    const there = new Float64Array(from.length);
    const found = f(point, there);
    if (!(found <= value + DECREASE * length * slope)) high = length;
    else if (product(direction, there) < CURVATURE * slope) low = length;
    else return { point, gradient: there, value: found };
    length = high === Number.POSITIVE_INFINITY ? 2 * length : (low + high) / 2;
  }
  return null;
}

/** The inverse Hessian after a step (6.17); before the first, scaled to the curvature that was met (6.20). */
function updated(inverse: Float64Array, step: Float64Array, change: Float64Array, first: boolean): Float64Array {
  const size = step.length;
  const curvature = product(step, change);
  if (!(curvature > 0)) return inverse;
  const before = first ? inverse.map((x) => (x * curvature) / product(change, change)) : inverse;
  const moved = Float64Array.from(step, (_, row) => {
    let sum = 0;
    for (let column = 0; column < size; column++) sum += before[row * size + column]! * change[column]!;
    return sum;
  });
  const along = (1 + product(change, moved) / curvature) / curvature;
  return before.map((x, place) => {
    const row = Math.floor(place / size);
    const column = place % size;
    const mixed = (moved[row]! * step[column]! + step[row]! * moved[column]!) / curvature;
    return x + along * step[row]! * step[column]! - mixed;
  });
}

function descent(inverse: Float64Array, gradient: Float64Array): Float64Array {
  const size = gradient.length;
  return Float64Array.from(gradient, (_, row) => {
    let sum = 0;
    for (let column = 0; column < size; column++) sum -= inverse[row * size + column]! * gradient[column]!;
    return sum;
  });
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let index = 0; index < size; index++) matrix[index * size + index] = 1;
  return matrix;
}

const product = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, index) => sum + x * b[index]!, 0);
const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
