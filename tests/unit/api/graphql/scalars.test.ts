import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DateTime, Decimal, formatMicros, parseIsoMicros } from '#api/graphql/scalars.ts';

describe('DateTime', () => {
  it('is ISO 8601 in UTC with milliseconds, and with microseconds where there are any', () => {
    expect(formatMicros(631_310_400_000_000)).toBe('1990-01-02T20:00:00.000Z');
    expect(formatMicros(631_310_400_123_456)).toBe('1990-01-02T20:00:00.123456Z');
    expect(formatMicros(631_310_400_000_007)).toBe('1990-01-02T20:00:00.000007Z');
    expect(formatMicros(-1)).toBe('1969-12-31T23:59:59.999999Z');
  });

  it.each([
    ['1990-01-02', '1990-01-02T00:00:00.000Z'],
    ['1990-01-02T21:00Z', '1990-01-02T21:00:00.000Z'],
    ['1990-01-02 21:00:05', '1990-01-02T21:00:05.000Z'],
    ['1990-01-02t21:00:05.1z', '1990-01-02T21:00:05.100Z'],
    ['1990-01-02T16:00:00-05:00', '1990-01-02T21:00:00.000Z'],
    ['1990-01-02T16:00:00-0530', '1990-01-02T21:30:00.000Z'],
    ['1990-01-02T16:00:00+01', '1990-01-02T15:00:00.000Z'],
    ['2024-02-29T23:59:59.123456789Z', '2024-02-29T23:59:59.123456Z'],
  ])('reads %s', (text, expected) => {
    const micros = parseIsoMicros(text);
    expect(micros).not.toBeNull();
    expect(formatMicros(micros ?? 0)).toBe(expected);
  });

  it.each([
    '',
    'now',
    '1990',
    '1990-13-01',
    '1990-02-30',
    '2023-02-29',
    '1990-01-02T24:01Z',
    '1990-01-02T10:60Z',
    '631310400',
    '1990-01-02T10:00+99',
  ])('refuses %j', (text) => {
    expect(parseIsoMicros(text)).toBeNull();
    expect(() => DateTime.parseValue(text)).toThrow('ISO 8601');
  });

  it('refuses a number', () => expect(() => DateTime.parseValue(631_310_400)).toThrow('ISO 8601'));

  it('reads back whatever it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: -2_000_000_000_000_000, max: 8_000_000_000_000_000 }), (micros) => {
        expect(parseIsoMicros(formatMicros(micros))).toBe(micros);
      }),
    );
  });
});

describe('Decimal', () => {
  it('is a plain decimal string, exact beyond doubles, without trailing zeros', () => {
    expect(Decimal.serialize(12_345_678_901_234_567_890_123_456_789n)).toBe('12345678901234567890.123456789');
    expect(Decimal.serialize(-1_500_000_000n)).toBe('-1.5');
    expect(Decimal.serialize(0n)).toBe('0');
    expect(Decimal.serialize('9998123.450000000')).toBe('9998123.45');
  });

  it('is read from strings only: a JSON number has lost digits before it arrives', () => {
    expect(Decimal.parseValue('0.1')).toBe(100_000_000n);
    expect(() => Decimal.parseValue(0.1)).toThrow('not exact');
    expect(() => Decimal.parseValue('1,5')).toThrow('not a decimal');
    expect(() => Decimal.parseValue('0.0000000001')).toThrow('more than 9 decimals');
  });
});
