import { crc32c } from '@node-rs/crc32';
import { Writer } from '@platformatic/kafka';
import type { AbortedTransaction } from '#streams/kafka/codec/batch-cursor.ts';
import { BATCH_HEADER_BYTES, BatchWriter, type Header } from '#streams/kafka/codec/batch-writer.ts';
import { type Compression, compress, compressionAttribute } from '#streams/kafka/codec/compression.ts';
import type { Random } from '#streams/kit/random.ts';

export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const SAMPLES = 400;
const PRODUCERS = 3;
/** What length, count and offset fields are most likely believed to be. */
const TELLING = [
  -(2 ** 31),
  -61,
  -2,
  -1,
  0,
  1,
  2,
  7,
  48,
  49,
  50,
  61,
  127,
  128,
  255,
  65_535,
  2 ** 24,
  2 ** 30,
  2 ** 31 - 1,
];
/** Fields of a batch's header: where they lie and how many bytes they have. */
const FIELDS: readonly (readonly [at: number, bytes: number])[] = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 1],
  [21, 2],
  [23, 4],
  [27, 8],
  [35, 8],
  [43, 8],
  [51, 2],
  [53, 4],
  [57, 4],
];
/** Where an attribute byte says transactional or control. */
const CONTROL = 32;

/** A record batch, and its records as they were before they were packed. */
export interface Sample {
  readonly batch: Buffer;
  readonly records: Buffer;
  readonly compression: Compression;
}

const pick = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)]!;
const bytes = (random: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => random.below(256)));

/** Valid batches of every compression: data of few and of many records, transactions and their markers. */
export function makeSamples(random: Random): Sample[] {
  return Array.from({ length: SAMPLES }, (_, index) => {
    const compression = COMPRESSIONS[index % COMPRESSIONS.length]!;
    return index % 9 === 8 ? makeMarker(random) : makeBatch(random, compression);
  });
}

function makeBatch(random: Random, compression: Compression): Sample {
  const isTransactional = random.below(3) === 0;
  const writer = new BatchWriter();
  writer.reset(isTransactional ? BigInt(random.below(PRODUCERS)) : -1n, 0, 0, isTransactional);
  const count = 1 + random.below(random.below(8) === 0 ? 200 : 6);
  for (let n = 0; n < count; n++) {
    const key = random.below(4) === 0 ? null : bytes(random, random.below(20));
    const value = random.below(6) === 0 ? null : bytes(random, random.below(random.below(5) === 0 ? 400 : 30));
    const headers: Header[] = Array.from({ length: random.below(4) === 0 ? random.below(4) : 0 }, () => ({
      key: 'h'.repeat(random.below(4)),
      value: random.below(3) === 0 ? null : bytes(random, random.below(10)),
    }));
    const timestampMs = random.below(2) === 0 ? random.below(2 ** 31) : 1_600_000_000_000 + random.below(2 ** 31);
    writer.append(key, 0, key?.length ?? 0, value, 0, value?.length ?? 0, timestampMs, headers);
  }
  const plain = writer.finish();
  const records = Buffer.from(plain.subarray(BATCH_HEADER_BYTES));
  return { batch: wrap(plain, records, compression), records, compression };
}

function makeMarker(random: Random): Sample {
  const writer = new BatchWriter();
  writer.reset(BigInt(random.below(PRODUCERS)), 0, -1, true);
  writer.append(Buffer.from([0, 0, 0, random.below(2)]), 0, 4, Buffer.alloc(6), 0, 6, random.below(2 ** 31));
  const batch = writer.finish();
  batch[22] = batch[22]! | CONTROL;
  return { batch: seal(batch), records: Buffer.from(batch.subarray(BATCH_HEADER_BYTES)), compression: 'none' };
}

/** A batch with the header of `like` around other records. */
export function wrap(like: Buffer, records: Buffer, compression: Compression): Buffer {
  const batch = Buffer.concat([like.subarray(0, BATCH_HEADER_BYTES), compress(compression, records)]);
  batch[22] = (batch[22]! & ~7) | compressionAttribute(compression);
  batch.writeInt32BE(batch.length - 12, 8);
  return seal(batch);
}

/** A right checksum lets the damage through to what lies behind it. */
export function seal(batch: Buffer): Buffer {
  if (batch.length >= BATCH_HEADER_BYTES) batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17);
  return batch;
}

/** Damages bytes in a few places: flips, overwrites, numbers that lie, cuts, insertions, repetitions. May change the length. */
export function damage(random: Random, original: Buffer): Buffer {
  let data: Buffer = Buffer.from(original);
  for (let left = 1 + random.below(4); left > 0 && data.length > 0; left--) {
    const at = random.below(data.length);
    switch (random.below(8)) {
      case 0:
        data[at] = data[at]! ^ (1 << random.below(8));
        break;
      case 1:
        data[at] = random.below(256);
        break;
      case 2:
        // A varint that goes on, or one that is suddenly huge.
        data.fill(pick(random, [0x80, 0xff, 0x7f, 0xfe, 0]), at, Math.min(data.length, at + 1 + random.below(10)));
        break;
      case 3:
        if (at + 4 <= data.length) writeTelling(random, data, at, 4);
        break;
      case 4:
        data = data.subarray(0, at);
        break;
      case 5:
        data = Buffer.concat([data.subarray(0, at), bytes(random, 1 + random.below(12)), data.subarray(at)]);
        break;
      case 6:
        data = Buffer.concat([data.subarray(0, at), data.subarray(Math.max(0, at - random.below(40)))]);
        break;
      default:
        data = Buffer.concat([data.subarray(0, at), data.subarray(at + 1 + random.below(12))]);
    }
  }
  return data;
}

/** Makes fields of a batch's header lie. */
export function lie(random: Random, original: Buffer): Buffer {
  const batch = Buffer.from(original);
  for (let left = 1 + random.below(2); left > 0; left--) {
    const [at, length] = pick(random, FIELDS);
    if (random.below(4) === 0) bytes(random, length).copy(batch, at);
    else writeTelling(random, batch, at, length);
  }
  return batch;
}

function writeTelling(random: Random, data: Buffer, at: number, length: number): void {
  const value = pick(random, TELLING) + (random.below(4) === 0 ? random.below(3) - 1 : 0);
  if (length === 8) data.writeBigInt64BE(BigInt(value) * (random.below(2) === 0 ? 1n : 2n ** 31n), at);
  else if (length === 4) data.writeInt32BE(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value)), at);
  else if (length === 2) data.writeInt16BE((value << 16) >> 16, at);
  else data[at] = value & 255;
}

/** What lies at the beginning of a packed batch: magic numbers, flags, promised lengths. */
const FRAME_HEAD_BYTES = 24;

/** A few kilobytes that unpack to more than a batch may, or that say so. */
export function makeBomb(random: Random, compression: Compression): Buffer {
  const unpacked = Buffer.alloc(pick(random, [1, 63, 64, 65, 80]) * 1024 * 1024, random.below(256));
  const packed = compress(compression, unpacked);
  switch (random.below(4)) {
    case 0:
      return damage(random, packed);
    case 1:
      return Buffer.concat([damage(random, packed.subarray(0, FRAME_HEAD_BYTES)), packed.subarray(FRAME_HEAD_BYTES)]);
    case 2:
      return Buffer.concat([compress(compression, Buffer.from('first')), packed]);
    default:
      return packed;
  }
}

/** The body of a fetch response with these sections, as a broker sends it. */
export function makeResponse(
  random: Random,
  sections: readonly Buffer[],
  aborted: readonly AbortedTransaction[],
): Buffer {
  const topics = random.below(2) === 0 ? [[...sections]] : sections.map((section) => [section]);
  return Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendInt32(0)
    .appendArray(topics, (outer, entries, index) => {
      outer.appendString(`topic-${index}`).appendArray(entries, (inner, section, partition) => {
        inner.appendInt32(partition).appendInt16(0).appendInt64(100n).appendInt64(90n).appendInt64(0n);
        inner.appendArray([...aborted], (each, { producerId, firstOffset }) => {
          each.appendInt64(producerId).appendInt64(BigInt(firstOffset));
        });
        inner
          .appendInt32(-1)
          .appendUnsignedVarInt(section.length + 1)
          .append(section);
      });
    })
    .appendTaggedFields().buffer;
}
