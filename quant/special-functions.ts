/**
 * Gamma and beta functions in double precision: ln Γ by Lanczos' sum, the incomplete ones by power series and continued fractions (Press et
 * al., Numerical Recipes, 6.2 and 6.4). A series that does not end within 10,000 terms throws NOT_CONVERGED; nothing else is checked here
 * but the argument of ln Γ.
 */
import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween } from './checks.ts';

const SQRT_2_PI = Math.sqrt(2 * Math.PI);
/** Of a continued fraction: below this a denominator is taken for zero (Lentz's method). */
const TINY = 1e-300;
const MAX_TERMS = 10_000;
/** From here on Stirling's series has all digits. */
const STIRLING_FROM = 10;
/** ln Γ of larger numbers is not a number. */
const LARGEST_GAMMA = 1e305;

/** Lanczos' coefficients for g = 7 and nine terms (Godfrey 2001): ln Γ to about 15 digits. */
const LANCZOS = [
  0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for 0 < x < 1e305. Throws PARAMETER_INVALID. */
export function logGamma(x: number): number {
  requireBetween(x, 0, LARGEST_GAMMA, 'The argument of ln Γ');
  // Γ(x + 1) = x Γ(x): the sum loses digits near zero.
  if (x < 0.5) return logGamma(x + 1) - Math.log(x);
  const shifted = x - 1;
  let sum = LANCZOS[0]!;
  for (let term = 1; term < LANCZOS.length; term++) sum += LANCZOS[term]! / (shifted + term);
  const base = shifted + 7.5;
  return Math.log(SQRT_2_PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

/** What Stirling's formula leaves of ln Γ(x), x >= 10. */
function stirlingRest(x: number): number {
  const square = 1 / (x * x);
  const inner = 1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - (square * 691) / 360_360));
  return (1 / 12 - square * (1 / 360 - square * inner)) / x;
}

/** ln B(a, b). Of large arguments not from ln Γ: there three large numbers would cancel. */
export function logBeta(a: number, b: number): number {
  if (a < b) return logBeta(b, a);
  if (a < STIRLING_FROM) return logGamma(a) + logGamma(b) - logGamma(a + b);
  const large = stirlingRest(a) - stirlingRest(a + b) - (a - 0.5) * Math.log1p(b / a);
  if (b < STIRLING_FROM) return large + logGamma(b) + b * (1 - Math.log(a + b));
  return large + stirlingRest(b) + b * Math.log(b / (a + b)) - Math.log(b) / 2 + Math.log(SQRT_2_PI);
}

/** Regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0. */
export function upperGamma(a: number, x: number): number {
  if (x === 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; Math.abs(term) > Math.abs(sum) * Number.EPSILON; n++) {
      requireTerms(n);
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

function requireTerms(n: number): void {
  if (n >= MAX_TERMS) throw new TidemarkError('NOT_CONVERGED', `a distribution function takes over ${MAX_TERMS} terms`);
}

/** 1 ÷ (b₀ + a₁ ÷ (b₁ + a₂ ÷ (b₂ + …))) by Lentz's method. */
function fraction(first: number, a: (n: number) => number, b: (n: number) => number): number {
  let value = Math.abs(first) < TINY ? TINY : first;
  let c = value;
  let d = 0;
  let step = 0;
  for (let n = 1; Math.abs(step - 1) >= Number.EPSILON; n++) {
    requireTerms(n);
    d = b(n) + a(n) * d;
    if (Math.abs(d) < TINY) d = TINY;
    c = b(n) + a(n) / c;
    if (Math.abs(c) < TINY) c = TINY;
    d = 1 / d;
    step = c * d;
    value *= step;
  }
  return 1 / value;
}

/** Regularised incomplete beta function I_x(a, b); `y` is 1 - x, given so that neither has lost digits. */
export function incompleteBeta(a: number, b: number, x: number, y: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  // The fraction converges fast below the mean; above it the function is turned round.
  return x > (a + 1) / (a + b + 2) ? 1 - betaBelowMean(b, a, y, x) : betaBelowMean(a, b, x, y);
}

function betaBelowMean(a: number, b: number, x: number, y: number): number {
  const logX = y < 0.5 ? Math.log1p(-y) : Math.log(x);
  const logY = x < 0.5 ? Math.log1p(-x) : Math.log(y);
  const coefficient = (n: number) => {
    const m = n >> 1;
    if (n % 2 === 0) return (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    return (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  };
  return (Math.exp(a * logX + b * logY - logBeta(a, b)) / a) * fraction(1, coefficient, () => 1);
}
