import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import snappy from 'snappy';
import { TidemarkError } from '../../kit/errors.ts';

/** Kafka's codecs of record batches. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
/** In the order of the record batch's attribute bits. */
const CODECS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** What a batch may unpack to, bytes: a few kilobytes can be made to promise gigabytes. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Magic and version of the framing that Kafka's Java client puts around snappy (xerial snappy-java). */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const XERIAL_MAGIC = XERIAL.subarray(0, 8);
/** No LZ4 block unpacks to more than this many times its bytes. */
const LZ4_MAX_RATIO = 255;

export const compressionAttribute = (compression: Compression): number => CODECS.indexOf(compression);

export function compress(compression: Compression, data: Buffer): Buffer {
  switch (compression) {
    case 'gzip':
      return gzipSync(data);
    case 'zstd':
      return zstdCompressSync(data);
    case 'lz4':
      return compressFrameSync(data);
    case 'snappy': {
      const block = snappy.compressSync(data);
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      return Buffer.concat([XERIAL, length, block]);
    }
    default:
      return data;
  }
}

/** Unpacks a batch's records by its attribute bits. Throws BATCH_CORRUPT, or BATCH_TOO_LARGE past 64 MiB. */
export function decompress(attribute: number, data: Buffer): Buffer {
  const compression = CODECS[attribute];
  try {
    switch (compression) {
      case 'none':
        return data;
      case 'gzip':
        return gunzipSync(data, { maxOutputLength: MAX_UNPACKED_BYTES });
      case 'zstd':
        return zstdDecompressSync(data, { maxOutputLength: MAX_UNPACKED_BYTES });
      case 'lz4':
        if (data.length > MAX_UNPACKED_BYTES / LZ4_MAX_RATIO && lz4Length(data) > MAX_UNPACKED_BYTES) throw tooLarge();
        return decompressFrameSync(data);
      case 'snappy':
        return unpackSnappy(data);
      default:
        throw new TidemarkError('BATCH_CORRUPT', `compression type ${attribute} does not exist`);
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(error);
    throw new TidemarkError('BATCH_CORRUPT', `${compression} data cannot be unpacked`, { cause: error });
  }
}

function unpackSnappy(data: Buffer): Buffer {
  if (data.length < XERIAL.length || !data.subarray(0, 8).equals(XERIAL_MAGIC)) return unpackSnappyBlock(data);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = XERIAL.length; at + 4 <= data.length; ) {
    const length = data.readInt32BE(at);
    if (length < 0 || at + 4 + length > data.length)
      throw new TidemarkError('BATCH_CORRUPT', 'a snappy block is cut off');
    const block = unpackSnappyBlock(data.subarray(at + 4, at + 4 + length));
    total += block.length;
    if (total > MAX_UNPACKED_BYTES) throw tooLarge();
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

function unpackSnappyBlock(block: Buffer): Buffer {
  // A raw block begins with its unpacked length as a varint.
  let length = 0;
  for (let index = 0, scale = 1; index < Math.min(5, block.length); index++, scale *= 128) {
    length += (block[index]! & 127) * scale;
    if (block[index]! < 128) break;
  }
  if (length > MAX_UNPACKED_BYTES) throw tooLarge();
  return snappy.uncompressSync(block) as Buffer;
}

/** What an LZ4 frame unpacks to, bytes, counted without unpacking: the library at hand takes no limit. A broken frame gives any number. */
function lz4Length(frame: Buffer): number {
  const flags = frame[4]!;
  const blockChecksumBytes = flags & 16 ? 4 : 0;
  let at = 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
  let total = 0;
  while (at + 4 <= frame.length) {
    const size = frame.readUInt32LE(at);
    if (size === 0) break;
    at += 4;
    // The highest bit says that the block is stored as it is.
    if (size >= 0x80000000) {
      total += size - 0x80000000;
      at += size - 0x80000000 + blockChecksumBytes;
    } else {
      total += lz4BlockLength(frame, at, Math.min(frame.length, at + size));
      at += size + blockChecksumBytes;
    }
  }
  return total;
}

/** A block is a row of sequences: a token, literals, and a match of what came before; the last has no match. */
function lz4BlockLength(data: Buffer, start: number, end: number): number {
  let at = start;
  let total = 0;
  const extend = (length: number) => {
    let sum = length;
    if (length === 15) {
      while (data[at] === 255 && at < end) {
        sum += 255;
        at++;
      }
      sum += data[at++] ?? 0;
    }
    return sum;
  };
  while (at < end) {
    const token = data[at++]!;
    const literals = extend(token >> 4);
    total += literals;
    at += literals;
    if (at >= end) break;
    at += 2;
    total += extend(token & 15) + 4;
  }
  return total;
}

const tooLarge = (cause?: unknown) =>
  new TidemarkError('BATCH_TOO_LARGE', `a compressed batch unpacks to more than ${MAX_UNPACKED_BYTES} bytes`, {
    cause,
  });
