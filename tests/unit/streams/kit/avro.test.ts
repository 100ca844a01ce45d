import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AvroSchema, type AvroType, avroType } from '#streams/kit/avro.ts';

const decimal = (precision = 38, scale = 9) =>
  ({ type: 'bytes', logicalType: 'decimal', precision, scale }) as unknown as AvroSchema;
const record = (...fields: { name: string; type: unknown; default?: unknown }[]) =>
  ({ type: 'record', name: 'R', fields }) as unknown as AvroSchema;
const micros = { type: 'long', logicalType: 'timestamp-micros' };
const millis = { type: 'long', logicalType: 'timestamp-millis' };

/** What a reader with one schema makes of bytes that a writer with another has written. */
function resolve(writer: AvroSchema, reader: AvroSchema, value: unknown): unknown {
  const written = avroType(writer);
  const type = avroType(reader);
  return type.fromBuffer(written.toBuffer(value), type.createResolver(written));
}
function decode(type: AvroType, bytes: Buffer): unknown {
  const { value, offset } = type.decode(bytes, 0);
  if (offset !== bytes.length) throw new Error('not exactly one value');
  return value;
}

describe('Avro decimals', () => {
  // As Java's BigInteger.toByteArray gives them.
  it.each([
    [0n, '00'],
    [1n, '01'],
    [-1n, 'ff'],
    [127n, '7f'],
    [128n, '0080'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [32_768n, '008000'],
    [-(2n ** 47n), '800000000000'],
    [2n ** 47n, '00800000000000'],
    [2n ** 63n - 1n, '7fffffffffffffff'],
    [2n ** 63n, '008000000000000000'],
    [-(2n ** 63n) - 1n, 'ff7fffffffffffffff'],
    [10n ** 38n - 1n, '4b3b4ca85a86c47a098a223fffffffff'],
    [1n - 10n ** 38n, 'b4c4b357a5793b85f675ddc000000001'],
  ])('writes and reads %s as Java does', (value, hex) => {
    const type = avroType(decimal());
    const bytes = type.toBuffer(value);
    expect(bytes.subarray(1).toString('hex')).toBe(hex);
    expect(type.fromBuffer(bytes)).toBe(value);
  });

  it('reads back every amount, and as many leading sign bytes as somebody may write', () => {
    const type = avroType(decimal());
    const limit = 10n ** 38n - 1n;
    fc.assert(
      fc.property(fc.bigInt({ min: -limit, max: limit }), fc.integer({ min: 0, max: 12 }), (value, signBytes) => {
        const bytes = type.toBuffer(value);
        expect(type.fromBuffer(bytes)).toBe(value);
        const padded = Buffer.concat([Buffer.alloc(signBytes, value < 0n ? 0xff : 0), bytes.subarray(1)]);
        expect(type.fromBuffer(Buffer.concat([Buffer.from([padded.length * 2]), padded]))).toBe(value);
      }),
    );
  });

  it('refuses amounts of more digits than the schema has, both ways', () => {
    const small = avroType(decimal(5, 2));
    expect(() => small.toBuffer(100_000n)).toThrow(/invalid/);
    expect(() => small.toBuffer(1.5)).toThrow(/invalid/);
    expect(() => small.fromBuffer(avroType(decimal(9, 2)).toBuffer(-100_000n))).toThrow(/more than 5 digits/);
    expect(small.fromBuffer(small.toBuffer(-99_999n))).toBe(-99_999n);
  });

  it('refuses a schema whose decimal is none instead of giving its bytes', () => {
    expect(() => avroType({ type: 'bytes', logicalType: 'decimal' } as unknown as AvroSchema)).toThrow(
      /is not a decimal/,
    );
  });

  it('reads narrower and wider writers, never one of another scale', () => {
    const old = record({ name: 'a', type: decimal(18, 9) });
    const now = record({ name: 'a', type: decimal(38, 9) });
    expect(resolve(old, now, { a: -5n })).toEqual({ a: -5n });
    expect(resolve(now, old, { a: 7n })).toEqual({ a: 7n });
    expect(() => resolve(now, old, { a: 10n ** 18n })).toThrow(/more than 18 digits/);
    expect(() => resolve(record({ name: 'a', type: decimal(38, 6) }), now, { a: 1n })).toThrow(/cannot read/);
    expect(() => resolve(record({ name: 'a', type: 'bytes' }), now, { a: Buffer.from([1]) })).toThrow(/cannot read/);
  });

  it('reads optional amounts of older writers, and defaults where they had none', () => {
    const optional = { name: 'a', type: ['null', decimal()], default: null };
    expect(resolve(record({ name: 'a', type: decimal() }), record(optional), { a: 3n })).toEqual({ a: 3n });
    expect(resolve(record(optional), record(optional), { a: null })).toEqual({ a: null });
    const grown = record({ name: 'b', type: 'int' }, { name: 'a', type: decimal(), default: '\u0005' });
    expect(resolve(record({ name: 'b', type: 'int' }), grown, { b: 1 })).toEqual({ b: 1, a: 5n });
  });
});

describe('Avro values that may be null', () => {
  const types: [unknown, unknown[]][] = [
    [decimal(), [0n, -1n, 10n ** 37n]],
    [micros, [0, 631_152_000_000_000]],
    ['double', [0, -0.5, 1e300]],
    ['string', ['', 'x', 'résumé', '😀'.repeat(40)]],
    [{ type: 'array', items: 'string' }, [[], ['a', 'b']]],
  ];

  it('read back, null too, beside others and where the buffer is too short at first', () => {
    for (const [type, values] of types) {
      const many = avroType(record({ name: 'a', type: { type: 'array', items: ['null', type] } }));
      const all = { a: Array.from({ length: 200 }, () => [null, ...values]).flat() };
      expect(many.fromBuffer(many.toBuffer(all))).toEqual(all);
    }
  });

  it('are refused where they are neither null nor of the type', () => {
    for (const [type] of types) {
      const optional = avroType(record({ name: 'a', type: ['null', type] }));
      for (const wrong of [undefined, true, Symbol('x')]) expect(() => optional.toBuffer({ a: wrong })).toThrow();
    }
  });

  it('are an error of a branch that there is not', () => {
    const optional = avroType(record({ name: 'a', type: ['null', 'double'] }));
    for (const branch of [4, 1, 255]) expect(() => decode(optional, Buffer.alloc(9, branch))).toThrow();
  });
});

describe('Avro strings', () => {
  it('that are cut off are an error, and so is one of a length below zero', () => {
    const type = avroType(record({ name: 's', type: 'string' }));
    const bytes = type.toBuffer({ s: 'abcdef' });
    for (let length = 0; length < bytes.length; length++)
      expect(() => type.fromBuffer(bytes.subarray(0, length))).toThrow();
    expect(() => decode(type, Buffer.from([1, 65, 66]))).toThrow();
  });

  it('read by another schema are the same', () => {
    expect(
      resolve(record({ name: 's', type: 'string' }), record({ name: 's', type: ['null', 'string'] }), { s: 'ü' }),
    ).toEqual({
      s: 'ü',
    });
  });
});

describe('Avro event times', () => {
  const now = record({ name: 't', type: micros });
  it('stay microseconds, whole ones only', () => {
    const type = avroType(now);
    for (const t of [0, -1, 631_152_000_000_000, Number.MAX_SAFE_INTEGER - 1])
      expect(type.fromBuffer(type.toBuffer({ t }))).toEqual({ t });
    for (const t of [1.5, Number.NaN, Infinity, 2 ** 53, 1n, '1'])
      expect(() => type.toBuffer({ t })).toThrow(/invalid/);
  });
  it('are an error beyond what a number holds exactly', () => {
    expect(() => avroType(now).fromBuffer(Buffer.from('ffffffffffffffffff01', 'hex'))).toThrow(/precision/);
  });
  it('of a writer in milliseconds become microseconds', () => {
    expect(resolve(record({ name: 't', type: millis }), now, { t: 1_234 })).toEqual({ t: 1_234_000 });
    expect(resolve(record({ name: 't', type: 'long' }), now, { t: 1_234 })).toEqual({ t: 1_234 });
    const optional = record({ name: 't', type: ['null', micros], default: null });
    expect(resolve(record({ name: 't', type: ['null', millis] }), optional, { t: 2 })).toEqual({ t: 2_000 });
  });
});

describe('Avro arrays and maps', () => {
  const lists = record(
    { name: 'ends', type: { type: 'array', items: 'long' } },
    { name: 'tags', type: { type: 'map', values: 'string' } },
  );
  it('read back, in blocks with and without their size too', () => {
    const type = avroType(lists);
    const value = { ends: [1, -2, 3], tags: { a: 'x', b: 'y' } };
    expect(type.fromBuffer(type.toBuffer(value))).toEqual(value);
    // Java's blocking encoder: count -2, the block's bytes, the items; then a plain block.
    expect(type.fromBuffer(Buffer.from('0304020402060000', 'hex'))).toEqual({ ends: [1, 2, 3], tags: {} });
  });

  it.each([
    ['an array', 'feffffffffffff0f'],
    ['an array of 4 billion', 'feffffff1f'],
    ['an array with its size', 'fdffffff1f02'],
    ['a map', '00feffffffffffff0f'],
  ])('of %s end at once when their count cannot be', (_, hex) => {
    const type = avroType(lists);
    expect(() => decode(type, Buffer.from(`${hex}0202`, 'hex'))).toThrow();
    const without = avroType(record());
    const skipping = without.createResolver(type);
    expect(() => without.decode(Buffer.from(`${hex}0202`, 'hex'), 0, skipping)).toThrow();
  });

  it('are not skipped backwards, which would never end', () => {
    const without = avroType(record());
    // Count -1 with a size of -4.
    expect(() => without.fromBuffer(Buffer.from('010700', 'hex'), without.createResolver(avroType(lists)))).toThrow();
  });
});

it('decoding corrupt Avro ends in an error or a value, never in a hang', () => {
  const type = avroType(
    record(
      { name: 'a', type: decimal() },
      { name: 't', type: ['null', micros], default: null },
      { name: 's', type: 'string' },
      { name: 'l', type: { type: 'array', items: ['null', 'string'] } },
      { name: 'm', type: { type: 'map', values: { type: 'array', items: 'double' } } },
      { name: 'b', type: 'bytes' },
    ),
  );
  const sample = type.toBuffer({
    a: 123_456_789n,
    t: 631_152_000_000_000,
    s: 'résumé',
    l: [null, 'x'],
    m: { k: [1.5] },
    b: Buffer.from('abc'),
  });
  const change = fc.tuple(fc.nat(sample.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), fc.nat(sample.length), (changes, length) => {
      const bytes = Buffer.from(sample);
      for (const [at, byte] of changes) bytes[at] = byte;
      try {
        decode(type, bytes.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 3_000 },
  );
});
