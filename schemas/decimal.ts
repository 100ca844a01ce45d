/**
 * Exact ledger amounts: signed fixed-point with 9 decimals, carried as a bigint of 1e-9 units (`1.5` is `1_500_000_000n`).
 * Rounding is half-even (IEEE 754 roundTiesToEven), the rule of DESIGN.md, Numbers.
 */
export const DECIMAL_SCALE = 9;
/** Largest digits count a ledger amount may have in Avro (`decimal(38, 9)`). */
export const DECIMAL_PRECISION = 38;
export const ONE = 1_000_000_000n;
const LIMIT = 10n ** BigInt(DECIMAL_PRECISION);
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

export class DecimalError extends Error {
  override name = 'DecimalError';
}

/** Parses a decimal string exactly. Throws {@link DecimalError} on anything else, on more than 9 decimals, or beyond 38 digits. */
export function parseDecimal(text: string): bigint {
  const match = PATTERN.exec(text.trim());
  if (!match || !(match[2] || match[3])) throw new DecimalError(`"${text.slice(0, 40)}" is not a decimal number`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length + DECIMAL_SCALE;
  let digits = BigInt(whole + fraction);
  if (shift >= 0) digits *= 10n ** BigInt(Math.min(shift, DECIMAL_PRECISION * 2));
  else {
    const divisor = 10n ** BigInt(-shift);
    if (digits % divisor !== 0n) {
      throw new DecimalError(
        `"${text.slice(0, 40)}" has more than ${DECIMAL_SCALE} decimals; round it before it is sent`,
      );
    }
    digits /= divisor;
  }
  return checkDecimal(sign === '-' ? -digits : digits);
}

/** Returns `value` if it fits decimal(38, 9); throws {@link DecimalError} otherwise. */
export function checkDecimal(value: bigint): bigint {
  if (value >= LIMIT || value <= -LIMIT) throw new DecimalError(`an amount has more than ${DECIMAL_PRECISION} digits`);
  return value;
}

/** Shortest plain decimal string: no exponent, no trailing zeros, `-0` is `0`. The inverse of {@link parseDecimal}. */
export function formatDecimal(value: bigint): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(DECIMAL_SCALE + 1, '0');
  const fraction = digits.slice(-DECIMAL_SCALE).replace(/0+$/, '');
  const text = digits.slice(0, -DECIMAL_SCALE) + (fraction && `.${fraction}`);
  return negative ? `-${text}` : text;
}

/** Nearest double, for statistics and display. The only way from the ledger to doubles. */
export const decimalToNumber = (value: bigint): number => Number(value) / 1e9;

/**
 * The decimal that a double prints as (shortest round-trip digits, half-even at the 9th decimal). The only way from doubles
 * to the ledger. Throws {@link DecimalError} on NaN and infinities.
 */
export function decimalFromNumber(value: number): bigint {
  if (!Number.isFinite(value)) throw new DecimalError(`${value} is not a finite number`);
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const fraction = (mantissa.split('.')[1] ?? '').length;
  const digits = BigInt(mantissa.replace('.', ''));
  const shift = Number(exponent) - fraction + DECIMAL_SCALE;
  return checkDecimal(shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfEven(digits, 10n ** BigInt(-shift)));
}

/** Integer division rounded half to even. `divisor` must not be zero. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  if (divisor < 0n) return divideHalfEven(-dividend, -divisor);
  let quotient = dividend / divisor;
  let remainder = dividend % divisor;
  if (remainder < 0n) {
    remainder += divisor;
    quotient -= 1n;
  }
  const twice = remainder * 2n;
  if (twice > divisor || (twice === divisor && (quotient & 1n) === 1n)) quotient += 1n;
  return quotient;
}

/** Product of two decimals, rounded half-even to 9 decimals. */
export const multiplyDecimal = (a: bigint, b: bigint): bigint => divideHalfEven(a * b, ONE);
