import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import snappy from 'snappy';
import { describe, expect, it } from 'vitest';
import {
  type Compression,
  compress,
  compressionAttribute,
  decompress,
  MAX_UNPACKED_BYTES,
} from '#streams/kafka/codec/compression.ts';

const KINDS: readonly Compression[] = ['gzip', 'snappy', 'lz4', 'zstd'];
const unpack = (kind: Compression, data: Buffer) => decompress(compressionAttribute(kind), data);
const bomb = Buffer.alloc(MAX_UNPACKED_BYTES + 1);

describe('compression', () => {
  it.each(KINDS)('%s packs and unpacks, the empty buffer too', (kind) => {
    for (const size of [0, 1, 1_000, 3_000_000]) {
      const data = Buffer.from(Array.from({ length: size }, (_, index) => (index * index) % 251));
      expect(unpack(kind, compress(kind, data)).equals(data)).toBe(true);
    }
  });

  it.each<[Compression, Buffer]>([
    ['gzip', gzipSync(bomb)],
    ['zstd', zstdCompressSync(bomb)],
    ['lz4', compressFrameSync(bomb)],
    ['snappy', compress('snappy', bomb)],
    ['snappy', snappy.compressSync(bomb) as Buffer],
  ])('%s stops at 64 MiB', (kind, packed) => {
    expect(packed.length).toBeLessThan(4_000_000);
    expect(() => unpack(kind, packed)).toThrow(expect.objectContaining({ code: 'BATCH_TOO_LARGE' }));
  });

  it('lets LZ4 through just below the limit, packed well or not at all', () => {
    const full = Buffer.alloc(MAX_UNPACKED_BYTES);
    expect(unpack('lz4', compressFrameSync(full)).length).toBe(full.length);
    // Numbers that do not compress: their blocks are stored as they are.
    const noise = randomBytes(800_000);
    expect(unpack('lz4', compressFrameSync(noise, { blockChecksums: true, contentChecksum: true })).equals(noise)).toBe(
      true,
    );
  });

  it('reads snappy without the framing of the Java client, and in several of its blocks', () => {
    const data = Buffer.from('tick '.repeat(1_000));
    expect(unpack('snappy', snappy.compressSync(data) as Buffer).equals(data)).toBe(true);
    const framed = compress('snappy', data);
    const twice = Buffer.concat([framed, framed.subarray(16)]);
    expect(unpack('snappy', twice).equals(Buffer.concat([data, data]))).toBe(true);
  });

  it.each(KINDS)('%s that is broken is an error', (kind) => {
    const packed = compress(kind, Buffer.from('tick '.repeat(1_000)));
    expect(() => unpack(kind, packed.subarray(0, packed.length >> 1))).toThrow(
      expect.objectContaining({ code: 'BATCH_CORRUPT' }),
    );
    expect(() => unpack(kind, Buffer.from('nothing of the kind'))).toThrow(
      expect.objectContaining({ code: 'BATCH_CORRUPT' }),
    );
  });
});
