import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkDecimal,
  DecimalError,
  decimalFromNumber,
  decimalToNumber,
  divideHalfEven,
  formatDecimal,
  multiplyDecimal,
  ONE,
  parseDecimal,
} from '#schemas/decimal.ts';

const LIMIT = 10n ** 38n;
const amount = fc.bigInt({ min: 1n - LIMIT, max: LIMIT - 1n });

describe('parseDecimal and formatDecimal', () => {
  it.each([
    ['0', 0n],
    ['-0', 0n],
    ['1', ONE],
    ['+1.5', 1_500_000_000n],
    ['-0.000000001', -1n],
    ['.5', 500_000_000n],
    ['5.', 5n * ONE],
    ['1e3', 1000n * ONE],
    ['1.5E-9', null],
    ['15e-10', null],
    ['10e-10', 1n],
    ['1.0000000000', ONE],
    ['1.0000000001', null],
    [' 7 ', 7n * ONE],
    ['', null],
    ['.', null],
    ['-', null],
    ['1,000', null],
    ['0x10', null],
    ['NaN', null],
    ['Infinity', null],
    ['1 2', null],
    ['9'.repeat(29), BigInt('9'.repeat(29)) * ONE],
    [`1${'0'.repeat(29)}`, null],
    ['1e999', null],
  ])('%s', (text, expected) => {
    if (expected === null) expect(() => parseDecimal(text)).toThrow(DecimalError);
    else expect(parseDecimal(text)).toBe(expected);
  });

  it('are inverses over the whole range', () => {
    fc.assert(fc.property(amount, (value) => parseDecimal(formatDecimal(value)) === value));
  });

  it('prints the shortest plain string', () => {
    expect([0n, -1n, 1_500_000_000n, -2_000_000_000n, 10n * ONE].map(formatDecimal)).toEqual([
      '0',
      '-0.000000001',
      '1.5',
      '-2',
      '10',
    ]);
  });

  it('takes zero with any exponent', () => {
    expect(parseDecimal('0e999')).toBe(0n);
    expect(parseDecimal('0e-999')).toBe(0n);
  });
});

describe('divideHalfEven', () => {
  it.each([
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [-7n, 2n, -4n],
    [5n, -2n, -2n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [-1n, 3n, 0n],
    [-2n, 3n, -1n],
    [6n, 3n, 2n],
  ])('%s / %s = %s', (a, b, expected) => expect(divideHalfEven(a, b)).toBe(expected));

  it('is the nearest integer, the even one of two, for any signs', () => {
    const divisor = amount.filter((value) => value !== 0n);
    fc.assert(
      fc.property(amount, divisor, (a, b) => {
        const size = b < 0n ? -b : b;
        const quotient = divideHalfEven(a, b);
        const twiceError = 2n * (a - quotient * b);
        const distance = twiceError < 0n ? -twiceError : twiceError;
        expect(distance < size || (distance === size && quotient % 2n === 0n)).toBe(true);
        expect(divideHalfEven(-a, b)).toBe(-quotient);
      }),
    );
  });
});

describe('multiplyDecimal', () => {
  it('rounds half-even at the 9th decimal', () => {
    expect(multiplyDecimal(parseDecimal('0.000000001'), parseDecimal('0.5'))).toBe(0n);
    expect(multiplyDecimal(parseDecimal('0.000000003'), parseDecimal('0.5'))).toBe(2n);
    expect(multiplyDecimal(parseDecimal('12.5'), parseDecimal('-4'))).toBe(-50n * ONE);
  });
});

describe('conversions to and from doubles', () => {
  it('reads the digits that the double prints as', () => {
    expect(decimalFromNumber(0.1)).toBe(100_000_000n);
    expect(decimalFromNumber(-1234.5)).toBe(-1_234_500_000_000n);
    expect(decimalFromNumber(1e21)).toBe(10n ** 30n);
    expect(decimalFromNumber(1e-10)).toBe(0n);
    expect(decimalFromNumber(1.5e-9)).toBe(2n);
    expect(decimalFromNumber(5e-324)).toBe(0n);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1e30])
      expect(() => decimalFromNumber(value)).toThrow(DecimalError);
  });

  it('is the nearest double', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 9 }), (digits, decimals) => {
        const text = `${digits}e-${decimals}`;
        expect(decimalToNumber(parseDecimal(text))).toBe(Number(text) + 0);
      }),
    );
  });
});

describe('checkDecimal', () => {
  it('ends at 38 digits', () => {
    expect(checkDecimal(LIMIT - 1n)).toBe(LIMIT - 1n);
    expect(() => checkDecimal(LIMIT)).toThrow(DecimalError);
    expect(() => checkDecimal(-LIMIT)).toThrow(DecimalError);
  });
});
