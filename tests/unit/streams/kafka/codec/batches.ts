import { crc32c } from '@node-rs/crc32';
import { BatchCursor, type CursorOptions } from '#streams/kafka/codec/batch-cursor.ts';
import { BatchWriter, type Header } from '#streams/kafka/codec/batch-writer.ts';
import type { Compression } from '#streams/kafka/codec/compression.ts';

export interface Entry {
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
  readonly headers?: readonly Header[];
}
interface BatchOptions {
  readonly baseOffset?: number;
  readonly compression?: Compression;
  /** Makes it a batch of a transaction. */
  readonly producerId?: bigint;
}

/** Writes the checksum anew after a test has changed a batch. */
export function seal(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17);
  return batch;
}

export function makeBatch(entries: readonly Entry[], options: BatchOptions = {}): Buffer {
  const { baseOffset = 0, compression = 'none', producerId } = options;
  const writer = new BatchWriter();
  writer.reset(producerId ?? -1n, producerId === undefined ? -1 : 0, 0, producerId !== undefined);
  for (const { key, value, timestampMs, headers } of entries) {
    const k = key === null ? null : Buffer.from(key);
    const v = value === null ? null : Buffer.from(value);
    writer.append(k, 0, k?.length ?? 0, v, 0, v?.length ?? 0, timestampMs, headers);
  }
  const batch = writer.finish(compression);
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  return batch;
}

/** The marker with which a coordinator ends a transaction. */
export function makeMarker(type: 'abort' | 'commit', producerId: bigint, baseOffset: number): Buffer {
  const writer = new BatchWriter();
  writer.reset(producerId, 0, -1, true);
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  writer.append(key, 0, 4, Buffer.alloc(6), 0, 6, 0);
  const batch = writer.finish();
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt16BE(batch.readInt16BE(21) | 32, 21);
  return seal(batch);
}

export const simple = (...values: string[]): Entry[] =>
  values.map((value, index) => ({ key: `k${index}`, value, timestampMs: 1_000 + index }));

export function readAll(section: Buffer, options: Partial<CursorOptions> = {}) {
  const cursor = new BatchCursor(section, { topic: 't', partition: 3, fetchOffset: 0, ...options });
  const records: (Entry & { offset: number })[] = [];
  while (cursor.next()) {
    const { buffer, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    records.push({
      offset,
      timestampMs,
      key: keyStart < 0 ? null : buffer.toString('utf8', keyStart, keyEnd),
      value: valueStart < 0 ? null : buffer.toString('utf8', valueStart, valueEnd),
      headers: cursor.headers().map(({ key, value }) => ({ key, value: value && Buffer.from(value) })),
    });
  }
  return { records, nextOffset: cursor.nextOffset };
}
