/**
 * Distribution functions in double precision: by incomplete gamma and beta functions, the normal quantile by Wichura's AS 241, Student's by
 * safeguarded Newton steps. Against 40 digits, tails down to 1e-12 and less: 1e-12 relative, Student's from 10,000 degrees of freedom on
 * 1e-11, binomial of p below 0.0001 about 1e-16 ÷ p; quantiles near the median 1e-15 absolute. Probabilities outside (0, 1), degrees of
 * freedom that are not positive, arguments that are not finite, and what a double cannot answer throw PARAMETER_INVALID; more than 10,000
 * terms (many millions of trials or of degrees of freedom of χ²) throw NOT_CONVERGED.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween } from './checks.ts';
import { incompleteBeta, logBeta, upperGamma } from './special-functions.ts';

const LIMIT = Number.POSITIVE_INFINITY;
const SQRT_2_PI = Math.sqrt(2 * Math.PI);
/** Squares of larger numbers are not numbers. */
const SQUARABLE = 1e150;
/** From here on Student's t goes over the normal distribution: the fraction has lost digits, the expansion has none to lose. */
const NEARLY_NORMAL = 1e5;

/** φ(x) of the standard normal distribution. */
export function normalDensity(x: number): number {
  requireBetween(x, -LIMIT, LIMIT, 'The argument of φ');
  return Math.exp((-x * x) / 2) / SQRT_2_PI;
}

/** Φ(x) of the standard normal distribution, with all digits in the lower tail too. */
export function normalCdf(x: number): number {
  requireBetween(x, -LIMIT, LIMIT, 'The argument of Φ');
  const tail = upperGamma(0.5, (x * x) / 2) / 2;
  return x <= 0 ? tail : 1 - tail;
}

/** Numerator and denominator of a rational function, highest power first. */
type Rational = readonly [readonly number[], readonly number[]];
/** Wichura, Algorithm AS 241 (Applied Statistics 37, 1988), PPND16: about 16 digits. For |p - 1/2| <= 0.425. */
const MIDDLE: Rational = [
  [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513,
    133.14166789178438, 3.3871328727963665,
  ],
  [
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579,
    42.31333070160091, 1,
  ],
];
/** For √(-ln of the tail) <= 5. */
const TAIL: Rational = [
  [
    7.745450142783414e-4, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  [
    1.0507500716444169e-9, 5.475938084995345e-4, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
];
/** Beyond. */
const FAR_TAIL: Rational = [
  [
    2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.2965605718285049,
    1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  [
    2.0442631033899397e-15, 1.4215117583164459e-7, 1.8463183175100548e-5, 7.868691311456133e-4, 0.014875361290850615,
    0.1369298809227358, 0.599832206555888, 1,
  ],
];
const polynomial = (coefficients: readonly number[], x: number) =>
  coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
const rational = ([above, below]: Rational, x: number) => polynomial(above, x) / polynomial(below, x);

/** The standard normal quantile of 0 < p < 1. */
export function normalQuantile(p: number): number {
  requireProbability(p);
  const fromMiddle = p - 0.5;
  if (Math.abs(fromMiddle) <= 0.425) return fromMiddle * rational(MIDDLE, 0.180625 - fromMiddle * fromMiddle);
  const root = Math.sqrt(-Math.log(Math.min(p, 1 - p)));
  const distance = root <= 5 ? rational(TAIL, root - 1.6) : rational(FAR_TAIL, root - 5);
  return p < 0.5 ? -distance : distance;
}

/** Density of Student's t. */
export function studentTDensity(x: number, freedom: number): number {
  requireFreedom(freedom);
  requireStudentT(x);
  const scale = -logBeta(freedom / 2, 0.5) - Math.log(freedom) / 2;
  return Math.exp(scale - ((freedom + 1) / 2) * Math.log1p((x * x) / freedom));
}

/** Distribution function of Student's t, with all digits in the lower tail too. */
export function studentTCdf(x: number, freedom: number): number {
  requireFreedom(freedom);
  requireStudentT(x);
  const tail = lowerStudentT(x * x, freedom);
  return x <= 0 ? tail : 1 - tail;
}

/** Probability of less than -√square. */
function lowerStudentT(square: number, freedom: number): number {
  if (freedom < NEARLY_NORMAL)
    return incompleteBeta(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square)) / 2;
  // Hill, Algorithm 395 (Communications of the ACM 13, 1970), as far as its terms can be seen.
  const almost = freedom - 0.5;
  const z = Math.sqrt(almost * Math.log1p(square / freedom));
  return normalCdf(-z - (z * (z * z + 3)) / 48 / almost / almost);
}

/**
 * Quantile of Student's t, 0 < p < 1. Newton's method on the logarithm of the tail, which is nearly straight far out, within a bracket that
 * shrinks at every step. Few degrees of freedom can put it beyond 1e150, which is PARAMETER_INVALID.
 */
export function studentTQuantile(p: number, freedom: number): number {
  requireProbability(p);
  requireFreedom(freedom);
  if (p === 0.5) return 0;
  // Near the middle 1 - p has lost nothing; in the tails p itself is used.
  const target = Math.min(p, 1 - p);
  let low = 0;
  let high = LIMIT;
  // Heavy tails: beyond its own scale the tail goes as x to the power of -ν.
  let x = Math.max(-normalQuantile(target), target ** (-1 / freedom) / 2);
  for (let step = 0; step < 200; step++) {
    const tail = studentTCdf(-x, freedom);
    if (tail > target) low = x;
    else high = x;
    const newton = x + (tail * Math.log(tail / target)) / studentTDensity(x, freedom);
    const isInside = newton > low && newton < high;
    const next = isInside ? newton : high === LIMIT ? 2 * x : (low + high) / 2;
    if (Math.abs(next - x) <= 2 * Number.EPSILON * Math.abs(x) || next === low || next === high) break;
    x = next;
  }
  return p < 0.5 ? -x : x;
}

/** P(X > x) of χ². x below 0 is 1. */
export function chiSquareSurvival(x: number, freedom: number): number {
  requireFreedom(freedom);
  requireBetween(x, -LIMIT, LIMIT, 'The argument of χ²');
  return x <= 0 ? 1 : upperGamma(freedom / 2, x / 2);
}

/** P(X <= k) of a binomial distribution of n whole trials with probability 0 < p < 1. k of other than whole numbers is rounded down. */
export function binomialCdf(k: number, n: number, p: number): number {
  requireProbability(p);
  requireBetween(k, -LIMIT, LIMIT, 'The number of successes');
  if (!Number.isSafeInteger(n) || n < 1)
    throw new TidemarkError('PARAMETER_INVALID', `The number of trials is ${n}: expected a whole number from 1`);
  if (k < 0) return 0;
  return k >= n ? 1 : incompleteBeta(n - Math.floor(k), Math.floor(k) + 1, 1 - p, p);
}

const requireProbability = (p: number) => requireBetween(p, 0, 1, 'The probability');
const requireFreedom = (freedom: number) => requireBetween(freedom, 0, LIMIT, 'The degrees of freedom');
const requireStudentT = (x: number) => requireBetween(x, -SQUARABLE, SQUARABLE, "The argument of Student's t");
