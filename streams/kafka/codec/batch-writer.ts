import { crc32c } from '@node-rs/crc32';
import { TidemarkError } from '../../kit/errors.ts';
import { type Compression, compress, compressionAttribute } from './compression.ts';

/** A Kafka record header. */
export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** Bytes before the first record of a batch (record batch format, magic 2: KIP-98). */
export const BATCH_HEADER_BYTES = 61;
const INITIAL_BYTES = 64 * 1024;
/**
 * A batch up to this size leaves as a copy. Memory outside the heap counts towards V8's next full collection: with a new buffer for every small
 * batch, a stream of 50 transactions a second spent a fiftieth of its time in those.
 */
const COPIED_BYTES = 16 * 1024;
const TRANSACTIONAL = 16;
/** Differences up to this are exact in the doubled form (zigzag) in which they are written; it is the year 144,683. */
const MAX_TIMESTAMP_MS = 2 ** 52;

/** How many records a finished batch holds. */
export const recordCount = (batch: Buffer): number => batch.readInt32BE(57);

/** Encodes records straight into one growing buffer: a record batch of magic 2 without an object per record. */
export class BatchWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #position = BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;
  #producerId = -1n;
  #epoch = -1;
  #sequence = -1;
  #transactional = false;

  get count(): number {
    return this.#count;
  }
  get isEmpty(): boolean {
    return this.#count === 0;
  }
  /** Bytes of the batch so far, uncompressed, its header included. */
  get sizeBytes(): number {
    return this.#position;
  }

  /** Begins a batch of a producer; `sequence` is that of its first record. Producer id -1: not idempotent. */
  reset(producerId: bigint, epoch: number, sequence: number, transactional: boolean): void {
    this.#producerId = producerId;
    this.#epoch = epoch;
    this.#sequence = sequence;
    this.#transactional = transactional;
    this.#position = BATCH_HEADER_BYTES;
    this.#count = 0;
  }

  /** Appends a record; key and value are ranges of buffers, a null buffer is a null. Throws TIMESTAMP_INVALID, never half a record. */
  append(
    key: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: Buffer | null,
    valueStart: number,
    valueEnd: number,
    timestampMs: number,
    headers: readonly Header[] = [],
  ): void {
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0 || timestampMs > MAX_TIMESTAMP_MS) {
      throw new TidemarkError(
        'TIMESTAMP_INVALID',
        `${timestampMs} is not a record timestamp: expected whole milliseconds since 1970`,
      );
    }
    const keyLength = key === null ? -1 : keyEnd - keyStart;
    const valueLength = value === null ? -1 : valueEnd - valueStart;
    if (this.#count === 0) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs;
    else if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    const delta = timestampMs - this.#baseTimestampMs;
    let size = 1 + varlongSize(delta) + varintSize(this.#count) + varintSize(keyLength) + Math.max(0, keyLength);
    size += varintSize(valueLength) + Math.max(0, valueLength) + varintSize(headers.length);
    for (const header of headers) size += headerSize(header);
    this.#reserve(size + 5);
    this.#varint(size);
    this.#buffer[this.#position++] = 0;
    if (varlongSize(delta) < 5) this.#varint(delta);
    else this.#varlong(delta);
    this.#varint(this.#count++);
    this.#varint(keyLength);
    if (keyLength > 0) this.#copy(key!, keyStart, keyEnd);
    this.#varint(valueLength);
    if (valueLength > 0) this.#copy(value!, valueStart, valueEnd);
    this.#varint(headers.length);
    for (const { key: name, value: content } of headers) {
      this.#varint(Buffer.byteLength(name));
      this.#position += this.#buffer.write(name, this.#position);
      this.#varint(content === null ? -1 : content.length);
      if (content !== null) this.#copy(content, 0, content.length);
    }
  }

  /** The finished batch with header and CRC-32C. The writer must be `reset` before its next record. */
  finish(compression: Compression = 'none'): Buffer {
    const whole = this.#buffer.subarray(0, this.#position);
    const isCopied = compression !== 'none' || this.#position <= COPIED_BYTES;
    let batch = whole;
    if (compression !== 'none') {
      const records = compress(compression, whole.subarray(BATCH_HEADER_BYTES));
      batch = Buffer.concat([whole.subarray(0, BATCH_HEADER_BYTES), records]);
    } else if (isCopied) batch = Buffer.from(whole);
    batch.writeBigInt64BE(0n, 0);
    batch.writeInt32BE(batch.length - 12, 8);
    batch.writeInt32BE(-1, 12);
    batch[16] = 2;
    batch.writeInt16BE(compressionAttribute(compression) | (this.#transactional ? TRANSACTIONAL : 0), 21);
    batch.writeInt32BE(this.#count - 1, 23);
    batch.writeBigInt64BE(BigInt(this.#baseTimestampMs), 27);
    batch.writeBigInt64BE(BigInt(this.#maxTimestampMs), 35);
    batch.writeBigInt64BE(this.#producerId, 43);
    batch.writeInt16BE(this.#epoch, 51);
    batch.writeInt32BE(this.#sequence, 53);
    batch.writeInt32BE(this.#count, 57);
    batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17);
    // The batch leaves with this buffer: the next one needs its own. Sized by what came, so that it rarely grows.
    if (!isCopied) this.#buffer = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, this.#position + (this.#position >> 3)));
    return batch;
  }

  #reserve(bytes: number): void {
    const needed = this.#position + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#position);
    this.#buffer = grown;
  }

  #copy(source: Buffer, start: number, end: number): void {
    const target = this.#buffer;
    let position = this.#position;
    // Below about this length a loop beats the call into native code.
    if (end - start > 48) position += source.copy(target, position, start, end);
    else for (let index = start; index < end; index++) target[position++] = source[index]!;
    this.#position = position;
  }

  #varint(value: number): void {
    const buffer = this.#buffer;
    let position = this.#position;
    let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    while (zigzag > 127) {
      buffer[position++] = (zigzag & 127) | 128;
      zigzag >>>= 7;
    }
    buffer[position++] = zigzag;
    this.#position = position;
  }

  /** As `#varint` for deltas beyond 32 bits: 25 days of milliseconds are more than that holds. */
  #varlong(value: number): void {
    let zigzag = value < 0 ? -2 * value - 1 : 2 * value;
    while (zigzag > 127) {
      this.#buffer[this.#position++] = (zigzag % 128) | 128;
      zigzag = Math.floor(zigzag / 128);
    }
    this.#buffer[this.#position++] = zigzag;
  }
}

function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x200000 ? 3 : zigzag < 0x10000000 ? 4 : 5;
}

function varlongSize(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return varintSize(value);
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value;
  let size = 1;
  for (; zigzag > 127; size++) zigzag = Math.floor(zigzag / 128);
  return size;
}

function headerSize({ key, value }: Header): number {
  const keyBytes = Buffer.byteLength(key);
  return varintSize(keyBytes) + keyBytes + varintSize(value === null ? -1 : value.length) + (value?.length ?? 0);
}
