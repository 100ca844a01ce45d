import { crc32c } from '@node-rs/crc32';
import { TidemarkError } from '../../kit/errors.ts';
import { BATCH_HEADER_BYTES, type Header } from './batch-writer.ts';
import { decompress } from './compression.ts';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}
export interface CursorOptions {
  readonly topic: string;
  readonly partition: number;
  /** Records below are passed over: the broker sends whole batches. */
  readonly fetchOffset: number;
  /** Of the fetch response; needed under read_committed. */
  readonly abortedTransactions?: readonly AbortedTransaction[];
}

/** False when a section is only the beginning of a batch. What is too broken to tell counts as whole: the cursor says what is wrong. */
export function holdsWholeBatch(section: Buffer): boolean {
  return section.length >= BATCH_HEADER_BYTES && section.readInt32BE(8) + 12 <= section.length;
}

/** The base offset of a producer's batch within a section, or -1; `next` is the offset after the last whole batch. */
export function findBatch(section: Buffer, batch: Buffer): { readonly baseOffset: number; readonly next: number } {
  let next = -1;
  for (let at = 0; at + BATCH_HEADER_BYTES <= section.length; ) {
    const end = at + 12 + section.readInt32BE(at + 8);
    if (end > section.length || end < at + BATCH_HEADER_BYTES) break;
    const baseOffset = section.readInt32BE(at) * 4294967296 + section.readUInt32BE(at + 4);
    next = baseOffset + section.readInt32BE(at + 23) + 1;
    // Producer id, epoch and first sequence number, which the broker leaves as they are.
    if (section.compare(batch, 43, 57, at + 43, at + 57) === 0) return { baseOffset, next };
    at = end;
  }
  return { baseOffset: -1, next };
}

const COMPRESSION = 7;
const APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;
/** Type of a control record that ends a transaction by undoing it; the second number of the record's key. */
const ABORT_MARKER = 0;

/**
 * Walks the record batches of a fetched section lazily: `next()` moves to the next record and the fields say where it lies in
 * `buffer`. Control batches and records of aborted transactions are passed over as Kafka's consumer does, a cut-off tail is
 * left for the next fetch. Every batch's CRC is checked. Throws BATCH_CORRUPT, BATCH_TOO_LARGE or BATCH_UNSUPPORTED with the
 * position, and never reads outside the section.
 */
export class BatchCursor {
  /** Where the current record lies; its key and value are ranges of it. Start -1: null. */
  buffer: Buffer;
  offset = -1;
  timestampMs = -1;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  /** The offset after the last whole batch that was begun: where to fetch on when all is read. */
  nextOffset: number;
  readonly #section: Buffer;
  readonly #options: CursorOptions;
  readonly #fetchOffset: number;
  /** By first offset, those not met yet. */
  readonly #aborted: AbortedTransaction[];
  readonly #abortedProducers = new Set<bigint>();
  #batchAt = 0;
  #baseOffset = 0;
  #lastOffsetDelta = 0;
  #baseTimestampMs = 0;
  #appendTime = false;
  #left = 0;
  #position = 0;
  #end = 0;
  #headersAt = 0;
  #recordEnd = 0;

  constructor(section: Buffer, options: CursorOptions) {
    this.#section = section;
    this.buffer = section;
    this.#options = options;
    this.#fetchOffset = options.fetchOffset;
    this.nextOffset = options.fetchOffset;
    this.#aborted = [...(options.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Moves to the next record; false at the end. After an error the cursor is at its end. */
  next(): boolean {
    for (;;) {
      while (this.#left > 0) {
        this.#record();
        if (this.offset >= this.#fetchOffset) return true;
      }
      if (!this.#batch()) return false;
    }
  }

  /** Headers of the current record. */
  headers(): Header[] {
    const headers: Header[] = [];
    if (this.headerCount === 0) return headers;
    const resume = this.#position;
    this.#position = this.#headersAt;
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = this.#varint(this.#position);
      const keyStart = this.#position;
      if (keyLength < 0) throw this.#error('BATCH_CORRUPT', 'a header has no key');
      this.#position += keyLength;
      const valueLength = this.#varint(this.#position);
      const valueStart = this.#position;
      this.#position += Math.max(0, valueLength);
      if (this.#position > this.#recordEnd) throw this.#error('BATCH_CORRUPT', 'a header reaches beyond its record');
      const value = valueLength < 0 ? null : this.buffer.subarray(valueStart, this.#position);
      headers.push({ key: this.buffer.toString('utf8', keyStart, keyStart + keyLength), value });
    }
    if (this.#position !== this.#recordEnd) throw this.#error('BATCH_CORRUPT', 'a record is longer than what it holds');
    this.#position = resume;
    return headers;
  }

  /** Opens the next batch with records to read; false when none is left whole. */
  #batch(): boolean {
    const section = this.#section;
    while (this.#batchAt + BATCH_HEADER_BYTES <= section.length) {
      const at = this.#batchAt;
      const length = section.readInt32BE(at + 8);
      this.#baseOffset = section.readInt32BE(at) * 4294967296 + section.readUInt32BE(at + 4);
      if (section[at + 16] !== 2) {
        const format = section[at + 16]!;
        if (format > 2) throw this.#error('BATCH_CORRUPT', `record format ${format} does not exist`);
        throw this.#error('BATCH_UNSUPPORTED', `record format ${format} is older than Kafka 0.11 and is not read`);
      }
      if (length < BATCH_HEADER_BYTES - 12) throw this.#error('BATCH_CORRUPT', `a batch of ${length} bytes cannot be`);
      const end = at + 12 + length;
      if (end > section.length) return false;
      if (crc32c(section.subarray(at + 21, end)) >>> 0 !== section.readUInt32BE(at + 17))
        throw this.#error('BATCH_CORRUPT', 'the checksum is wrong');
      this.#lastOffsetDelta = section.readInt32BE(at + 23);
      const lastOffset = this.#baseOffset + this.#lastOffsetDelta;
      if (this.#baseOffset < 0 || this.#lastOffsetDelta < 0 || !Number.isSafeInteger(lastOffset))
        throw this.#error('BATCH_CORRUPT', `a batch cannot end at offset ${lastOffset}`);
      this.#batchAt = end;
      // Compaction leaves batches with fewer records, even none: positions count by what the batch once held.
      this.nextOffset = Math.max(this.nextOffset, lastOffset + 1);
      const attributes = section.readInt16BE(at + 21);
      if (this.#passOver(at, end, attributes, lastOffset)) continue;
      this.#open(at, end, attributes);
      if (this.#left > 0) return true;
    }
    return false;
  }

  #open(at: number, end: number, attributes: number): void {
    const section = this.#section;
    this.#appendTime = (attributes & APPEND_TIME) !== 0;
    this.#baseTimestampMs = Number(section.readBigInt64BE(at + (this.#appendTime ? 35 : 27)));
    const count = section.readInt32BE(at + 57);
    if (count < 0 || count > this.#lastOffsetDelta + 1)
      throw this.#error('BATCH_CORRUPT', `a batch cannot hold ${count} records`);
    if ((attributes & COMPRESSION) === 0) {
      this.buffer = section;
      this.#position = at + BATCH_HEADER_BYTES;
      this.#end = end;
    } else {
      try {
        this.buffer = decompress(attributes & COMPRESSION, section.subarray(at + BATCH_HEADER_BYTES, end));
      } catch (error) {
        throw error instanceof TidemarkError ? this.#error(error.code, error.message, error) : error;
      }
      this.#position = 0;
      this.#end = this.buffer.length;
    }
    this.#left = count;
  }

  /**
   * True for control batches and for batches of transactions that were aborted (KIP-98): a transaction of the list counts from its
   * first offset on, until its producer's abort marker. The list is consumed at markers too, or one whose data was compacted
   * away would condemn its producer's next transaction.
   */
  #passOver(at: number, end: number, attributes: number, lastOffset: number): boolean {
    const isControl = (attributes & CONTROL) !== 0;
    if (!isControl && (attributes & TRANSACTIONAL) === 0) return false;
    const producerId = this.#section.readBigInt64BE(at + 43);
    while (this.#aborted.length > 0 && this.#aborted[0]!.firstOffset <= lastOffset)
      this.#abortedProducers.add(this.#aborted.shift()!.producerId);
    if (!isControl) return this.#abortedProducers.has(producerId);
    if (this.#abortedProducers.has(producerId) && this.#isAbortMarker(at, end, attributes))
      this.#abortedProducers.delete(producerId);
    return true;
  }

  #isAbortMarker(at: number, end: number, attributes: number): boolean {
    this.#open(at, end, attributes);
    if (this.#left === 0) return false;
    this.#record();
    this.#left = 0;
    if (this.keyEnd - this.keyStart < 4) throw this.#error('BATCH_CORRUPT', 'a transaction marker has no type');
    return this.buffer.readInt16BE(this.keyStart + 2) === ABORT_MARKER;
  }

  /** Reads a record's frame. Numbers of one byte, nearly all, are read in place; what lies outside is seen at the latest at the end. */
  #record(): void {
    const { buffer } = this;
    let at = this.#position;
    let byte = buffer[at]!;
    let size: number;
    if (byte < 128) {
      at++;
      size = (byte >>> 1) ^ -(byte & 1);
    } else {
      size = this.#varint(at);
      at = this.#position;
    }
    const end = at + size;
    if (size < 0 || end > this.#end) throw this.#error('BATCH_CORRUPT', 'a record reaches beyond its batch');
    // The record's attributes, one byte, say nothing yet.
    at++;
    byte = buffer[at]!;
    let timestampDelta: number;
    if (byte < 128) {
      at++;
      timestampDelta = (byte >>> 1) ^ -(byte & 1);
    } else {
      timestampDelta = this.#varlong(at);
      at = this.#position;
    }
    byte = buffer[at]!;
    let offsetDelta: number;
    if (byte < 128) {
      at++;
      offsetDelta = (byte >>> 1) ^ -(byte & 1);
    } else {
      offsetDelta = this.#varint(at);
      at = this.#position;
    }
    if (offsetDelta < 0 || offsetDelta > this.#lastOffsetDelta)
      throw this.#error('BATCH_CORRUPT', 'a record lies outside the offsets of its batch');
    this.timestampMs = this.#appendTime ? this.#baseTimestampMs : this.#baseTimestampMs + timestampDelta;
    this.offset = this.#baseOffset + offsetDelta;
    this.#content(at, end);
    this.#position = end;
    this.#left--;
    if (this.#left === 0 && end !== this.#end) throw this.#error('BATCH_CORRUPT', 'bytes follow the last record');
  }

  /** Key, value and number of headers. */
  #content(start: number, end: number): void {
    const { buffer } = this;
    let at = start;
    let byte = buffer[at]!;
    let length: number;
    if (byte < 128) {
      at++;
      length = (byte >>> 1) ^ -(byte & 1);
    } else {
      length = this.#varint(at);
      at = this.#position;
    }
    this.keyStart = length < 0 ? -1 : at;
    if (length > 0) at += length;
    this.keyEnd = length < 0 ? -1 : at;
    byte = buffer[at]!;
    if (byte < 128) {
      at++;
      length = (byte >>> 1) ^ -(byte & 1);
    } else {
      length = this.#varint(at);
      at = this.#position;
    }
    this.valueStart = length < 0 ? -1 : at;
    if (length > 0) at += length;
    this.valueEnd = length < 0 ? -1 : at;
    byte = buffer[at]!;
    if (byte < 128) {
      at++;
      this.headerCount = (byte >>> 1) ^ -(byte & 1);
    } else {
      this.headerCount = this.#varint(at);
      at = this.#position;
    }
    if (this.headerCount === 0 ? at !== end : this.headerCount < 0 || at > end)
      throw this.#error('BATCH_CORRUPT', 'a record is not as long as it says');
    this.#headersAt = at;
    this.#recordEnd = end;
  }

  /** A zigzag varint at a place; `#position` is behind it. */
  #varint(at: number): number {
    const { buffer } = this;
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= this.#end || shift > 28) throw this.#error('BATCH_CORRUPT', 'a number is cut off or too long');
      const byte = buffer[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    this.#position = at;
    return (value >>> 1) ^ -(value & 1);
  }

  /** As `#varint` for 64 bits: milliseconds between records may be more than 32 hold. Exact up to 2^52. */
  #varlong(start: number): number {
    const { buffer } = this;
    let at = start;
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count++) {
      if (at >= this.#end || count > 10) throw this.#error('BATCH_CORRUPT', 'a number is cut off or too long');
      const byte = buffer[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    this.#position = at;
    // Odd is negative. The lowest bit lies in the first byte, whatever a double lost of the highest.
    return buffer[start]! & 1 ? -(value + 1) / 2 : value / 2;
  }

  #error(code: string, message: string, cause?: unknown): TidemarkError {
    this.#left = 0;
    this.#batchAt = this.#section.length;
    const { topic, partition } = this.#options;
    const position = { topic, partition, offset: Math.max(this.#baseOffset, this.#fetchOffset, this.offset) };
    return new TidemarkError(code, `${topic}/${partition} near offset ${position.offset}: ${message}`, {
      position,
      cause,
    });
  }
}
