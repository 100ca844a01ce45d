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

const COMPRESSION = 7;
const APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

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
  /** The offset after the last whole batch that was begun: where to fetch on when all is read. */
  nextOffset: number;
  readonly #section: Buffer;
  readonly #options: CursorOptions;
  readonly #aborted: AbortedTransaction[];
  readonly #abortedProducers = new Set<bigint>();
  #batchAt = 0;
  #baseOffset = 0;
  #baseTimestampMs = 0;
  #appendTime = false;
  #left = 0;
  #position = 0;
  #end = 0;
  #headersAt = 0;

  constructor(section: Buffer, options: CursorOptions) {
    this.#section = section;
    this.buffer = section;
    this.#options = options;
    this.nextOffset = options.fetchOffset;
    this.#aborted = [...(options.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Moves to the next record; false at the end. */
  next(): boolean {
    for (;;) {
      while (this.#left > 0) {
        this.#left--;
        this.#record();
        if (this.offset >= this.#options.fetchOffset) return true;
      }
      if (!this.#batch()) return false;
    }
  }

  /** How many headers the current record has: a look before `headers()` makes them. */
  get headerCount(): number {
    const resume = this.#position;
    this.#position = this.#headersAt;
    const count = this.#varint();
    this.#position = resume;
    return count;
  }

  /** Headers of the current record. */
  headers(): Header[] {
    const resume = this.#position;
    this.#position = this.#headersAt;
    const count = this.#varint();
    const headers: Header[] = [];
    for (let index = 0; index < count; index++) {
      const keyLength = this.#varint();
      const keyStart = this.#position;
      this.#skip(keyLength, 'a header key');
      const valueLength = this.#varint();
      const valueStart = this.#position;
      if (valueLength >= 0) this.#skip(valueLength, 'a header value');
      const value = valueLength < 0 ? null : this.buffer.subarray(valueStart, valueStart + valueLength);
      headers.push({ key: this.buffer.toString('utf8', keyStart, keyStart + keyLength), value });
    }
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
        throw this.#error(
          'BATCH_UNSUPPORTED',
          `record format ${section[at + 16]} is older than Kafka 0.11 and is not read`,
        );
      }
      if (length < BATCH_HEADER_BYTES - 12) throw this.#error('BATCH_CORRUPT', `a batch of ${length} bytes cannot be`);
      const end = at + 12 + length;
      if (end > section.length) return false;
      if (crc32c(section.subarray(at + 21, end)) >>> 0 !== section.readUInt32BE(at + 17))
        throw this.#error('BATCH_CORRUPT', 'the checksum is wrong');
      this.#batchAt = end;
      this.nextOffset = Math.max(this.nextOffset, this.#baseOffset + section.readInt32BE(at + 23) + 1);
      const attributes = section.readInt16BE(at + 21);
      if (this.#passOver(at, attributes)) continue;
      this.#open(at, end, attributes);
      return true;
    }
    return false;
  }

  #open(at: number, end: number, attributes: number): void {
    const section = this.#section;
    this.#appendTime = (attributes & APPEND_TIME) !== 0;
    this.#baseTimestampMs = Number(section.readBigInt64BE(at + (this.#appendTime ? 35 : 27)));
    this.#left = section.readInt32BE(at + 57);
    if (this.#left < 0) throw this.#error('BATCH_CORRUPT', `a batch of ${this.#left} records cannot be`);
    if ((attributes & COMPRESSION) === 0) {
      this.buffer = section;
      this.#position = at + BATCH_HEADER_BYTES;
      this.#end = end;
      return;
    }
    try {
      this.buffer = decompress(attributes & COMPRESSION, section.subarray(at + BATCH_HEADER_BYTES, end));
    } catch (error) {
      throw error instanceof TidemarkError ? this.#error(error.code, error.message, error) : error;
    }
    this.#position = 0;
    this.#end = this.buffer.length;
  }

  /** True for control batches and for batches of transactions that were aborted (KIP-98: by producer, up to its marker). */
  #passOver(at: number, attributes: number): boolean {
    const producerId = this.#section.readBigInt64BE(at + 43);
    if ((attributes & CONTROL) !== 0) {
      this.#abortedProducers.delete(producerId);
      return true;
    }
    if ((attributes & TRANSACTIONAL) === 0) return false;
    const last = this.#baseOffset + this.#section.readInt32BE(at + 23);
    while (this.#aborted.length > 0 && this.#aborted[0]!.firstOffset <= last)
      this.#abortedProducers.add(this.#aborted.shift()!.producerId);
    return this.#abortedProducers.has(producerId);
  }

  #record(): void {
    const size = this.#varint();
    const start = this.#position;
    const end = start + size;
    if (size < 0 || end > this.#end) throw this.#error('BATCH_CORRUPT', 'a record reaches beyond its batch');
    this.#position++;
    const timestampDelta = this.#varlong();
    this.timestampMs = this.#appendTime ? this.#baseTimestampMs : this.#baseTimestampMs + timestampDelta;
    this.offset = this.#baseOffset + this.#varint();
    const keyLength = this.#varint();
    this.keyStart = keyLength < 0 ? -1 : this.#position;
    if (keyLength > 0) this.#skip(keyLength, 'a key');
    this.keyEnd = keyLength < 0 ? -1 : this.#position;
    const valueLength = this.#varint();
    this.valueStart = valueLength < 0 ? -1 : this.#position;
    if (valueLength > 0) this.#skip(valueLength, 'a value');
    this.valueEnd = valueLength < 0 ? -1 : this.#position;
    this.#headersAt = this.#position;
    if (this.#position > end) throw this.#error('BATCH_CORRUPT', 'a record reaches beyond its length');
    this.#position = end;
  }

  #skip(length: number, what: string): void {
    if (length < 0 || this.#position + length > this.#end)
      throw this.#error('BATCH_CORRUPT', `${what} reaches beyond its batch`);
    this.#position += length;
  }

  #varint(): number {
    const { buffer } = this;
    let position = this.#position;
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (position >= this.#end || shift > 28) throw this.#error('BATCH_CORRUPT', 'a number is cut off or too long');
      const byte = buffer[position++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    this.#position = position;
    return (value >>> 1) ^ -(value & 1);
  }

  #varlong(): number {
    const start = this.#position;
    let value = 0;
    let scale = 1;
    for (let count = 0; ; count++) {
      if (this.#position >= this.#end || count > 9)
        throw this.#error('BATCH_CORRUPT', 'a number is cut off or too long');
      const byte = this.buffer[this.#position++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    // Odd is negative. The lowest bit lies in the first byte, whatever a double lost of the highest.
    return this.buffer[start]! & 1 ? -(value + 1) / 2 : value / 2;
  }

  #error(code: string, message: string, cause?: unknown): TidemarkError {
    const { topic, partition } = this.#options;
    const position = { topic, partition, offset: Math.max(this.#baseOffset, this.offset) };
    return new TidemarkError(code, `${topic}/${partition} near offset ${position.offset}: ${message}`, {
      position,
      cause,
    });
  }
}
