import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findBatch, holdsWholeBatch } from '#streams/kafka/codec/batch-cursor.ts';
import { BATCH_HEADER_BYTES, BatchWriter } from '#streams/kafka/codec/batch-writer.ts';
import type { Compression } from '#streams/kafka/codec/compression.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type Entry, makeBatch, makeMarker, readAll, seal, simple } from './batches.ts';

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const values = (section: Buffer, options = {}) => readAll(section, options).records.map(({ value }) => value);

const text = fc.option(fc.string({ unit: 'binary', maxLength: 300 }), { nil: null });
const header = fc.record({
  key: fc.string({ unit: 'binary', maxLength: 20 }),
  value: fc.option(
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    { nil: null },
  ),
});
const entry: fc.Arbitrary<Entry> = fc.record({
  key: text,
  value: text,
  timestampMs: fc.oneof(
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.integer({ min: 631_152_000_000, max: 1_672_444_800_000 }),
    fc.integer({ min: 0, max: 2 ** 52 }),
  ),
  headers: fc.array(header, { maxLength: 4 }),
});

describe('record batches', () => {
  it('read back as they were written, whatever keys, values, times, headers and compression', () => {
    const entries = fc.array(entry, { minLength: 1, maxLength: 30 });
    const baseOffset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 });
    fc.assert(
      fc.property(entries, baseOffset, fc.constantFrom(...COMPRESSIONS), (written, first, compression) => {
        const batch = makeBatch(written, { baseOffset: first, compression });
        const { records, nextOffset } = readAll(batch, { fetchOffset: first });
        expect(records).toEqual(written.map((record, index) => ({ ...record, offset: first + index })));
        expect(nextOffset).toBe(first + written.length);
        const times = written.map(({ timestampMs }) => timestampMs);
        expect(Number(batch.readBigInt64BE(27))).toBe(times[0]);
        expect(Number(batch.readBigInt64BE(35))).toBe(Math.max(...times));
      }),
    );
  });

  it('have the bytes of the specification', () => {
    const writer = new BatchWriter();
    writer.reset(7n, 2, 40, true);
    const value = Buffer.from('..hi..');
    writer.append(Buffer.from('k'), 0, 1, value, 2, 4, 1_700_000_000_000, [{ key: 'h', value: null }]);
    writer.append(null, 0, 0, null, 0, 0, 1_699_999_999_999);
    const batch = writer.finish();
    const record1 = '18' + '00' + '00' + '00' + '026b' + '046869' + '02' + '0268' + '01';
    const record2 = '0c' + '00' + '01' + '02' + '01' + '01' + '00';
    const body =
      '0010' +
      '00000001' +
      '0000018bcfe56800' +
      '0000018bcfe56800' +
      '0000000000000007' +
      '0002' +
      '00000028' +
      '00000002';
    expect(batch.subarray(21).toString('hex')).toBe(body + record1 + record2);
    expect(batch.subarray(0, 17).toString('hex')).toBe('0000000000000000' + '00000045' + 'ffffffff' + '02');
    expect(readAll(batch).records).toHaveLength(2);
  });

  it('grow with what they hold, and the writer can be used again', () => {
    const writer = new BatchWriter();
    const big = Buffer.alloc(300_000, 'x');
    for (const compression of COMPRESSIONS) {
      writer.reset(-1n, -1, -1, false);
      expect(writer.isEmpty).toBe(true);
      for (let n = 0; n < 5; n++) writer.append(big, 0, 10, big, 0, big.length, n);
      expect(writer.count).toBe(5);
      expect(writer.sizeBytes).toBeGreaterThan(5 * big.length);
      const { records } = readAll(writer.finish(compression));
      expect(records.map(({ value }) => value!.length)).toEqual(Array(5).fill(big.length));
    }
  });

  it.each([-1, 1.5, Number.NaN, Infinity, 2 ** 52 + 1])(
    'refuse the timestamp %s before they take anything',
    (timestampMs) => {
      const writer = new BatchWriter();
      writer.reset(-1n, -1, -1, false);
      const size = writer.sizeBytes;
      expect(() => writer.append(null, 0, 0, null, 0, 0, timestampMs)).toThrow(
        expect.objectContaining({ code: 'TIMESTAMP_INVALID' }),
      );
      expect([writer.count, writer.sizeBytes]).toEqual([0, size]);
    },
  );

  it('are read from the middle, and their cut-off tail is left for the next fetch', () => {
    const first = makeBatch(simple('a', 'b', 'c'), { baseOffset: 10 });
    const second = makeBatch(simple('d', 'e'), { baseOffset: 13 });
    const section = Buffer.concat([first, second]);
    expect(values(section, { fetchOffset: 12 })).toEqual(['c', 'd', 'e']);
    for (let length = 0; length < section.length; length++) {
      const { records, nextOffset } = readAll(section.subarray(0, length), { fetchOffset: 12 });
      expect(records.map(({ value }) => value)).toEqual(length < first.length ? [] : ['c']);
      expect(nextOffset).toBe(length < first.length ? 12 : 13);
      expect(holdsWholeBatch(section.subarray(0, length))).toBe(length >= first.length);
    }
  });

  it('count positions over what compaction took away', () => {
    const batch = makeBatch(simple('a'), { baseOffset: 100 });
    batch.writeInt32BE(49, 23);
    expect(readAll(seal(batch), { fetchOffset: 100 })).toMatchObject({ records: [{ offset: 100 }], nextOffset: 150 });
    const empty = batch.subarray(0, BATCH_HEADER_BYTES);
    empty.writeInt32BE(BATCH_HEADER_BYTES - 12, 8);
    empty.writeInt32BE(0, 57);
    const section = Buffer.concat([seal(empty), makeBatch(simple('b'), { baseOffset: 150 })]);
    expect(readAll(section, { fetchOffset: 100 })).toMatchObject({ records: [{ offset: 150 }], nextOffset: 151 });
  });

  it('tell the time at which the broker appended them, where that is asked for', () => {
    const batch = makeBatch(simple('a', 'b'));
    batch.writeInt16BE(8, 21);
    batch.writeBigInt64BE(5_000n, 35);
    expect(readAll(seal(batch)).records.map(({ timestampMs }) => timestampMs)).toEqual([5_000, 5_000]);
  });

  it('are found again by their producer, epoch and sequence', () => {
    const make = (sequence: number, baseOffset: number) => {
      const writer = new BatchWriter();
      writer.reset(9n, 1, sequence, false);
      writer.append(null, 0, 0, null, 0, 0, 0);
      const batch = writer.finish();
      batch.writeBigInt64BE(BigInt(baseOffset), 0);
      return batch;
    };
    const section = Buffer.concat([make(0, 20), makeBatch(simple('x'), { baseOffset: 21 }), make(1, 22)]);
    expect(findBatch(section, make(1, 0))).toMatchObject({ baseOffset: 22 });
    expect(findBatch(section, make(2, 0))).toEqual({ baseOffset: -1, next: 23 });
    expect(findBatch(section.subarray(0, -1), make(1, 0))).toEqual({ baseOffset: -1, next: 22 });
  });
});

describe('transactions', () => {
  const A = 1n;
  const B = 2n;
  it('leave out what was aborted, and every marker', () => {
    const section = Buffer.concat([
      makeBatch(simple('a1'), { producerId: A, baseOffset: 0 }),
      makeBatch(simple('b1'), { producerId: B, baseOffset: 1 }),
      makeBatch(simple('plain'), { baseOffset: 2 }),
      makeMarker('abort', A, 3),
      makeBatch(simple('a2'), { producerId: A, baseOffset: 4 }),
      makeMarker('commit', B, 5),
      makeBatch(simple('b2'), { producerId: B, baseOffset: 6 }),
      makeMarker('commit', A, 7),
      makeBatch(simple('b3'), { producerId: B, baseOffset: 8 }),
      makeMarker('abort', B, 9),
    ]);
    const abortedTransactions = [
      { producerId: B, firstOffset: 6 },
      { producerId: A, firstOffset: 0 },
    ];
    expect(values(section, { abortedTransactions })).toEqual(['b1', 'plain', 'a2']);
    expect(readAll(section, { abortedTransactions }).nextOffset).toBe(10);
    // Read uncommitted: everything but the markers.
    expect(values(section)).toEqual(['a1', 'b1', 'plain', 'a2', 'b2', 'b3']);
  });

  it('that begin before the fetch or end after it are known by the list alone', () => {
    const section = makeBatch(simple('a', 'b'), { producerId: A, baseOffset: 50 });
    expect(values(section, { fetchOffset: 51, abortedTransactions: [{ producerId: A, firstOffset: 7 }] })).toEqual([]);
    expect(values(section, { fetchOffset: 51, abortedTransactions: [{ producerId: A, firstOffset: 60 }] })).toEqual([
      'b',
    ]);
  });

  it('whose aborted records were compacted away do not condemn the next of their producer', () => {
    const section = Buffer.concat([
      makeMarker('abort', A, 5),
      makeBatch(simple('good'), { producerId: A, baseOffset: 6 }),
      makeMarker('commit', A, 7),
    ]);
    expect(values(section, { abortedTransactions: [{ producerId: A, firstOffset: 2 }] })).toEqual(['good']);
  });
});

describe('broken batches', () => {
  const error = (section: Buffer, options = {}): TidemarkError => {
    try {
      readAll(section, options);
    } catch (thrown) {
      return thrown as TidemarkError;
    }
    throw new Error('nothing was thrown');
  };
  const changed = (change: (batch: Buffer) => void, compression: Compression = 'none'): Buffer => {
    const batch = makeBatch(simple('abc', 'def'), { baseOffset: 10, compression });
    change(batch);
    return seal(batch);
  };

  it.each<[string, Buffer]>([
    ['a wrong checksum', makeBatch(simple('a'), { baseOffset: 10 }).fill(1, 70, 71)],
    ['a negative length', changed((batch) => batch.writeInt32BE(-5, 8))],
    ['a length below the header', changed((batch) => batch.writeInt32BE(48, 8))],
    ['a negative offset', changed((batch) => batch.writeBigInt64BE(-7n, 0))],
    ['an offset beyond what is exact', changed((batch) => batch.writeBigInt64BE(2n ** 53n, 0))],
    ['a last offset before the first', changed((batch) => batch.writeInt32BE(-1, 23))],
    ['fewer offsets than records', changed((batch) => batch.writeInt32BE(0, 23))],
    ['a negative count', changed((batch) => batch.writeInt32BE(-1, 57))],
    ['more records than there are', changed((batch) => batch.writeInt32BE(3, 57) && batch.writeInt32BE(9, 23))],
    ['fewer records than there are', changed((batch) => batch.writeInt32BE(1, 57))],
    ['an unknown compression', changed((batch) => batch.writeInt16BE(5, 21))],
    ['a compression that it has not', changed((batch) => batch.writeInt16BE(1, 21))],
    ['a record longer than the batch', changed((batch) => batch.writeUInt8(126, 61))],
    ['a record of negative length', changed((batch) => batch.writeUInt8(3, 61))],
    ['a record shorter than its content', changed((batch) => batch.writeUInt8(4, 61))],
    ['a key longer than the record', changed((batch) => batch.writeUInt8(126, 65))],
    ['a format that does not exist', changed((batch) => batch.writeUInt8(3, 16))],
  ])('with %s are refused, with their place', (_, section) => {
    expect(error(section, { fetchOffset: 10 })).toMatchObject({
      code: 'BATCH_CORRUPT',
      retriable: false,
      position: { topic: 't', partition: 3 },
    });
  });

  it('of Kafka before 0.11 are named', () => {
    expect(error(changed((batch) => batch.writeUInt8(1, 16))).code).toBe('BATCH_UNSUPPORTED');
  });

  it('do not take what came before them along', () => {
    const good = makeBatch(simple('a'), { baseOffset: 9 });
    const bad = changed((batch) => batch.writeInt32BE(-1, 57));
    expect(error(Buffer.concat([good, bad]), { fetchOffset: 9 }).position).toEqual({
      topic: 't',
      partition: 3,
      offset: 10,
    });
  });

  it('with headers that lie are refused when the headers are read', () => {
    const entries = [{ key: null, value: 'v', timestampMs: 1, headers: [{ key: 'h', value: Buffer.from('abc') }] }];
    const batch = makeBatch(entries);
    batch[batch.length - 4] = 126;
    expect(error(seal(batch)).code).toBe('BATCH_CORRUPT');
  });

  it.each(COMPRESSIONS)(
    'of any kind (%s) end in an error or in records, never in a hang or a read outside',
    (compression) => {
      const headers = [{ key: 'h', value: Buffer.from('abc') }];
      const sample = Buffer.concat([
        makeBatch([...simple('abc', 'd'.repeat(200)), { key: null, value: null, timestampMs: 9, headers }], {
          compression,
        }),
        makeMarker('abort', 1n, 3),
        makeBatch(simple('x', 'y'), { baseOffset: 4, producerId: 1n, compression }),
      ]);
      const change = fc.tuple(fc.nat(sample.length - 1), fc.nat(255));
      const lengths = sample.readInt32BE(8) + 12;
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), fc.nat(sample.length), (changes, length) => {
          const section = Buffer.from(sample.subarray(0, length));
          for (const [at, byte] of changes) if (at < length) section[at] = byte;
          // A right checksum lets the damage through to what lies behind it.
          if (length >= lengths) seal(section.subarray(0, lengths)).copy(section);
          const before = Buffer.from(section);
          try {
            const { records, nextOffset } = readAll(section, {
              abortedTransactions: [{ producerId: 1n, firstOffset: 0 }],
            });
            expect(nextOffset).toBeGreaterThanOrEqual(0);
            expect(records.length).toBeLessThan(100);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(TidemarkError);
            expect((thrown as TidemarkError).code).toMatch(/^BATCH_(CORRUPT|TOO_LARGE|UNSUPPORTED)$/);
          }
          expect(section.equals(before)).toBe(true);
        }),
        { numRuns: 1_500 },
      );
    },
  );
});
