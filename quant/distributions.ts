/**
 * Distribution functions in double precision. Incomplete gamma and beta functions by power series and continued fractions (Press et al.,
 * Numerical Recipes, 6.2 and 6.4), quantiles by safeguarded Newton steps on them. Probabilities outside (0, 1), degrees of freedom that
 * are not positive and NaN throw PARAMETER_INVALID.
 */
import { requireBetween } from './checks.ts';

const LIMIT = Number.POSITIVE_INFINITY;
const SQRT_2_PI = Math.sqrt(2 * Math.PI);
/** Of a continued fraction: below this a denominator is taken for zero (Lentz's method). */
const TINY = 1e-300;
const MAX_TERMS = 10_000;

/** Lanczos' coefficients for g = 7 and nine terms (Godfrey 2001): ln Γ to about 15 digits. */
const LANCZOS = [
  0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  requireBetween(x, 0, LIMIT, 'The argument of ln Γ');
  // Reflection: the sum loses digits near zero.
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  let sum = LANCZOS[0]!;
  for (let term = 1; term < LANCZOS.length; term++) sum += LANCZOS[term]! / (shifted + term);
  const base = shifted + 7.5;
  return Math.log(SQRT_2_PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

/** Regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0. */
function upperGamma(a: number, x: number): number {
  if (x === 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MAX_TERMS && Math.abs(term) > Math.abs(sum) * Number.EPSILON; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - scale * sum;
  }
  return (
    scale *
    fraction(
      x + 1 - a,
      (n) => -n * (n - a),
      (n) => x + 2 * n + 1 - a,
    )
  );
}

/** 1 ÷ (b₀ + a₁ ÷ (b₁ + a₂ ÷ (b₂ + …))) by Lentz's method. */
function fraction(first: number, a: (n: number) => number, b: (n: number) => number): number {
  let value = Math.abs(first) < TINY ? TINY : first;
  let c = value;
  let d = 0;
  for (let n = 1; n < MAX_TERMS; n++) {
    d = b(n) + a(n) * d;
    if (Math.abs(d) < TINY) d = TINY;
    c = b(n) + a(n) / c;
    if (Math.abs(c) < TINY) c = TINY;
    d = 1 / d;
    const step = c * d;
    value *= step;
    if (Math.abs(step - 1) < Number.EPSILON) break;
  }
  return 1 / value;
}

/** Regularised incomplete beta function I_x(a, b), and 1 - I_x, each without cancellation; `y` is 1 - x. */
function beta(a: number, b: number, x: number, y: number): { readonly lower: number; readonly upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (y <= 0) return { lower: 1, upper: 0 };
  // The fraction converges fast below the mean; above it the function is turned round.
  if (x > (a + 1) / (a + b + 2)) {
    const { lower, upper } = beta(b, a, y, x);
    return { lower: upper, upper: lower };
  }
  const scale = Math.exp(a * Math.log(x) + b * Math.log(y) - (logGamma(a) + logGamma(b) - logGamma(a + b))) / a;
  const coefficient = (n: number) => {
    const m = n >> 1;
    if (n % 2 === 0) return (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    return (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  };
  const lower = scale * fraction(1, coefficient, () => 1);
  return { lower, upper: 1 - lower };
}

/** φ(x) of the standard normal distribution. */
export const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / SQRT_2_PI;

/** Φ(x) of the standard normal distribution, with all digits in the lower tail too. */
export function normalCdf(x: number): number {
  requireBetween(x, -LIMIT, LIMIT, 'The argument of Φ');
  const tail = upperGamma(0.5, (x * x) / 2) / 2;
  return x <= 0 ? tail : 1 - tail;
}

/** The standard normal quantile of 0 < p < 1. */
export function normalQuantile(p: number): number {
  requireProbability(p);
  return symmetricQuantile(p, Math.sqrt(-2 * Math.log(Math.min(p, 1 - p))), (x) => normalCdf(-x), normalDensity);
}

/** Density of Student's t. */
export function studentTDensity(x: number, freedom: number): number {
  requireFreedom(freedom);
  const half = (freedom + 1) / 2;
  const scale = logGamma(half) - logGamma(freedom / 2) - Math.log(freedom * Math.PI) / 2;
  return Math.exp(scale - half * Math.log1p((x * x) / freedom));
}

/** Distribution function of Student's t, with all digits in the lower tail too. */
export function studentTCdf(x: number, freedom: number): number {
  requireFreedom(freedom);
  requireBetween(x, -LIMIT, LIMIT, "The argument of Student's t");
  const square = x * x;
  const tail = beta(freedom / 2, 0.5, freedom / (freedom + square), square / (freedom + square)).lower / 2;
  return x <= 0 ? tail : 1 - tail;
}

/** Quantile of Student's t, 0 < p < 1. */
export function studentTQuantile(p: number, freedom: number): number {
  requireProbability(p);
  requireFreedom(freedom);
  const tail = Math.min(p, 1 - p);
  // Heavy tails: beyond its own scale the tail goes as x to the power of -ν.
  const start = Math.max(Math.abs(normalQuantile(tail)), tail ** (-1 / freedom) / 2);
  return symmetricQuantile(
    p,
    start,
    (x) => studentTCdf(-x, freedom),
    (x) => studentTDensity(x, freedom),
  );
}

/** P(X > x) of χ². x below 0 is 1. */
export function chiSquareSurvival(x: number, freedom: number): number {
  requireFreedom(freedom);
  requireBetween(x, -LIMIT, LIMIT, 'The argument of χ²');
  return x <= 0 ? 1 : upperGamma(freedom / 2, x / 2);
}

/** P(X <= k) of a binomial distribution of n trials with probability 0 < p < 1. */
export function binomialCdf(k: number, n: number, p: number): number {
  requireProbability(p);
  requireBetween(n, 0, LIMIT, 'The number of trials');
  if (k < 0) return 0;
  return k >= n ? 1 : beta(n - Math.floor(k), Math.floor(k) + 1, 1 - p, p).lower;
}

/**
 * Quantile of a distribution that is symmetric about 0, from the probability of its upper tail. Newton's method on its logarithm, which is
 * nearly straight far out, within a bracket that shrinks at every step.
 */
function symmetricQuantile(
  p: number,
  start: number,
  upperTail: (x: number) => number,
  density: (x: number) => number,
): number {
  if (p === 0.5) return 0;
  // Near the middle 1 - p has lost nothing; in the tails p itself is used.
  const target = Math.min(p, 1 - p);
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let x = start;
  for (let step = 0; step < 200; step++) {
    const tail = upperTail(x);
    if (tail > target) low = x;
    else high = x;
    const newton = x + (tail * Math.log(tail / target)) / density(x);
    const isInside = newton > low && newton < high;
    const next = isInside ? newton : high === Number.POSITIVE_INFINITY ? 2 * x : (low + high) / 2;
    if (Math.abs(next - x) <= 2 * Number.EPSILON * Math.abs(x) || next === low || next === high) break;
    x = next;
  }
  return p < 0.5 ? -x : x;
}

const requireProbability = (p: number) => requireBetween(p, 0, 1, 'The probability');
const requireFreedom = (freedom: number) => requireBetween(freedom, 0, LIMIT, 'The degrees of freedom');
