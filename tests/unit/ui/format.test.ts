import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDecimal } from '#schemas/decimal.ts';
import {
  directionOf,
  formatCompact,
  formatExact,
  formatNumber,
  formatPercent,
  formatPrice,
  formatQuantity,
  sumExact,
} from '#ui/src/format.ts';

describe('exact amounts', () => {
  it.each([
    ['1234567.895', '1,234,567.90'],
    ['0.005', '0.00'],
    ['0.015', '0.02'],
    ['0.0150000001', '0.02'],
    ['-1250.5', '\u22121,250.50'],
    ['-0.001', '0.00'],
    ['999.999', '1,000.00'],
    ['12345678901234567890.123456789', '12,345,678,901,234,567,890.12'],
    ['0', '0.00'],
  ])('%s is shown as %s, half-even, never through a double', (text, shown) => expect(formatExact(text)).toBe(shown));

  it('carry a plus only where asked, and none at zero', () => {
    expect(formatExact('5', 2, true)).toBe('+5.00');
    expect(formatExact('0.001', 2, true)).toBe('0.00');
  });

  it('show what is no decimal as it is', () => expect(formatExact('1e5')).toBe('1e5'));

  it('of quantities keep all their decimals', () => {
    expect(formatQuantity('1032833')).toBe('1,032,833');
    expect(formatQuantity('-0.000000001')).toBe('\u22120.000000001');
  });

  it('add up without loss', () => {
    expect(sumExact(['0.1', '0.2', '-0.3', '9007199254740993'])).toBe('9007199254740993');
    expect(sumExact([])).toBe('0');
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n })), (units) => {
        expect(sumExact(units.map(formatDecimal))).toBe(formatDecimal(units.reduce((sum, unit) => sum + unit, 0n)));
      }),
    );
  });
});

describe('doubles', () => {
  it('have separators, signs, and a dash where there is nothing', () => {
    expect(formatNumber(-1234.567, 1)).toBe('\u22121,234.6');
    expect(formatNumber(-0.001, 2, true)).toBe('0.00');
    expect(formatNumber(Number.NaN)).toBe('–');
    expect(formatPercent(-0.0512, 1)).toBe('\u22125.1\u2009%');
    expect(formatPercent(null)).toBe('–');
    expect(formatPrice(0.21)).toBe('0.2100');
    expect(formatPrice(3783.218)).toBe('3,783.22');
  });

  it('are three digits on axes', () => {
    expect([0, 950, 12_345, 980_000, 9_999_999, 50e6, 106.4e6, 9.237e9, -18e9].map(formatCompact)).toEqual([
      '0',
      '950',
      '12.3k',
      '980k',
      '10.00M',
      '50.0M',
      '106M',
      '9.24B',
      '\u221218.0B',
    ]);
  });
});

it('a direction is read from the sign, of strings too', () => {
  expect(['-0.5', '0.00', '3', -1, 0, 2, null].map(directionOf)).toEqual([
    'down',
    'flat',
    'up',
    'down',
    'flat',
    'up',
    'flat',
  ]);
});
