import { type Connection, Reader } from '@platformatic/kafka';
import {
  type AbortedTransaction,
  BatchCursor,
  type CursorOptions,
  findBatch,
  holdsWholeBatch,
} from '#streams/kafka/codec/batch-cursor.ts';
import { BoundedReader } from '#streams/kafka/codec/bounded-reader.ts';
import { compressionAttribute, decompress, MAX_UNPACKED_BYTES } from '#streams/kafka/codec/compression.ts';
import { type FetchedPartition, fetchRaw } from '#streams/kafka/codec/requests.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import { COMPRESSIONS, damage, lie, makeBomb, makeResponse, makeSamples, type Sample, seal, wrap } from './inputs.ts';

type OpenCursor = (section: Buffer, options: CursorOptions) => BatchCursor;
type ParseResponse = (correlationId: number, apiKey: number, apiVersion: number, reader: Reader) => FetchedPartition[];

/** Bytes around a section, which a decoder has no business with. */
const MARGIN_BYTES = 512;
/** A record takes at least seven bytes: length, attributes, time, offset, lengths of key and value, number of headers. */
const RECORD_BYTES = 7;
/** What one input may take; the largest ones unpack to 64 MiB. */
const LIMIT_MS = 3_000;
const EXPECTED_CODES = new Set(['BATCH_CORRUPT', 'BATCH_TOO_LARGE', 'BATCH_UNSUPPORTED']);
/** One input in so many is a bomb: they take a thousand times as long as the others. */
const BOMB_EVERY = 2_500;

/** The decoder did what it must not. */
export class FuzzFailure extends Error {}

/** What came of an input: how it ended, and every record as text. */
interface Outcome {
  readonly end: string;
  readonly records: readonly string[];
}

/**
 * Feeds the decoder damaged input, the same for the same seed, and checks what it makes of it: records or a BATCH_ error, in
 * bounded time and memory, with every exposed range within the section or its unpacked copy, whatever lies around the section.
 */
export class DecoderFuzzer {
  readonly #seed: string;
  readonly #samples: readonly Sample[];
  readonly #parse: ParseResponse = captureParser();
  readonly #open: OpenCursor;
  /** How inputs ended: `records`, or the code of an error. */
  readonly ends = new Map<string, number>();
  records = 0;
  slowestMs = 0;

  constructor(seed: string, open: OpenCursor = (section, options) => new BatchCursor(section, options)) {
    this.#seed = seed;
    this.#samples = makeSamples(new Random(`${seed}/samples`));
    this.#open = open;
  }

  /** Runs input number `n`. Throws FuzzFailure. */
  run(n: number): void {
    const random = new Random(`${this.#seed}/${n}`);
    const startMs = performance.now();
    if (n % BOMB_EVERY === BOMB_EVERY - 1) this.#bomb(random);
    else if (random.below(6) === 0) this.#response(random);
    else this.#section(this.#makeSection(random), random);
    const tookMs = performance.now() - startMs;
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    if (tookMs > LIMIT_MS) throw new FuzzFailure(`took ${Math.round(tookMs)} ms`);
  }

  #sample(random: Random): Sample {
    return this.#samples[random.below(this.#samples.length)]!;
  }

  /** One to four batches, most of them damaged somewhere; or bytes that never were a batch. */
  #makeSection(random: Random): Buffer {
    if (random.below(20) === 0) {
      const noise = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)));
      if (noise.length > 61 && random.below(2) === 0) {
        noise.writeInt32BE(noise.length - 12, 8);
        noise[16] = 2;
        seal(noise);
      }
      return noise;
    }
    const batches = Array.from({ length: 1 + random.below(4) }, () => this.#makeBatch(random));
    const section = Buffer.concat(batches);
    // The end of a fetch, anywhere.
    return random.below(4) === 0 ? section.subarray(0, random.below(section.length + 1)) : section;
  }

  #makeBatch(random: Random): Buffer {
    const { batch, records, compression } = this.#sample(random);
    switch (random.below(6)) {
      case 0:
        return batch;
      case 1:
        // Behind the compression, where only the decoder of records sees it.
        return wrap(batch, damage(random, records), compression);
      case 2:
        return wrap(lie(random, batch), damage(random, records), compression);
      case 3:
        return seal(lie(random, batch));
      case 4: {
        const packed = damage(random, batch.subarray(61));
        const damaged = Buffer.concat([batch.subarray(0, 61), packed]);
        damaged.writeInt32BE(damaged.length - 12, 8);
        return seal(damaged);
      }
      default:
        return random.below(3) === 0 ? damage(random, batch) : seal(damage(random, batch));
    }
  }

  #aborted(random: Random): AbortedTransaction[] {
    return Array.from({ length: random.below(4) }, () => ({
      producerId: BigInt(random.below(3)),
      firstOffset: random.below(10) - 1,
    }));
  }

  #section(section: Buffer, random: Random): void {
    const options: CursorOptions = {
      topic: 't',
      partition: 0,
      fetchOffset: random.below(3) === 0 ? random.below(20) : 0,
      abortedTransactions: this.#aborted(random),
    };
    const first = this.#decode(section, options, 0xa5);
    // What lies around a section must not show in what is read from it.
    const second = this.#decode(section, options, random.below(256));
    if (first.end !== second.end || first.records.join() !== second.records.join())
      throw new FuzzFailure(`reads what lies around its section: ${first.end}, then ${second.end}`);
    this.ends.set(first.end, (this.ends.get(first.end) ?? 0) + 1);
    this.records += first.records.length;
    holdsWholeBatch(section);
    findBatch(section, this.#sample(random).batch);
  }

  /** Decodes a section that lies between canaries. */
  #decode(bytes: Buffer, options: CursorOptions, canary: number): Outcome {
    const memory = Buffer.alloc(bytes.length + 2 * MARGIN_BYTES, canary);
    bytes.copy(memory, MARGIN_BYTES);
    const section = memory.subarray(MARGIN_BYTES, MARGIN_BYTES + bytes.length);
    const outcome = this.#walk(section, options);
    const isIntact =
      section.equals(bytes) &&
      memory.subarray(0, MARGIN_BYTES).every((byte) => byte === canary) &&
      memory.subarray(MARGIN_BYTES + bytes.length).every((byte) => byte === canary);
    if (!isIntact) throw new FuzzFailure('writes into what it reads');
    return outcome;
  }

  #walk(section: Buffer, options: CursorOptions): Outcome {
    const records: string[] = [];
    const cursor = this.#open(section, options);
    const buffers = new Set<Buffer>([section]);
    let room = section.length;
    try {
      while (cursor.next()) {
        if (!buffers.has(cursor.buffer)) room += cursor.buffer.length;
        buffers.add(cursor.buffer);
        checkRecord(cursor, options.fetchOffset);
        const { buffer, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd } = cursor;
        const headers = headersOf(cursor).map(({ key, value }) => `${key}=${value?.toString('hex')}`);
        const key = keyStart < 0 ? null : buffer.toString('hex', keyStart, keyEnd);
        const value = valueStart < 0 ? null : buffer.toString('hex', valueStart, valueEnd);
        records.push(`${offset} ${timestampMs} ${key} ${value} ${headers.join()}`);
        if (records.length * RECORD_BYTES > room) throw new FuzzFailure('finds more records than there are bytes');
      }
    } catch (error) {
      const end = codeOf(error);
      if (cursor.next()) throw new FuzzFailure(`goes on after ${end}`);
      return { end, records };
    }
    if (!Number.isSafeInteger(cursor.nextOffset) || cursor.nextOffset < options.fetchOffset)
      throw new FuzzFailure(`would fetch on at ${cursor.nextOffset}`);
    return { end: 'records', records };
  }

  /** A whole fetch response, damaged anywhere; what its parser takes for sections goes to the decoder. */
  #response(random: Random): void {
    const sections = Array.from({ length: 1 + random.below(3) }, () => this.#makeSection(random));
    const whole = makeResponse(random, sections, this.#aborted(random));
    const response = random.below(4) === 0 ? whole : damage(random, whole);
    let parsed: FetchedPartition[];
    try {
      // As a socket gives it: in one chunk, or in two that meet anywhere.
      const cut = 1 + random.below(response.length + 1);
      const { buffer } = Reader.from(Buffer.from(response.subarray(0, cut)));
      if (cut < response.length) buffer.append(response.subarray(cut));
      parsed = this.#parse(0, 1, 12, new BoundedReader(buffer));
    } catch (error) {
      if (!(error instanceof Error) || error instanceof FuzzFailure) throw error;
      this.ends.set('response refused', (this.ends.get('response refused') ?? 0) + 1);
      return;
    }
    for (const { records, abortedTransactions } of parsed) {
      if (records === null) continue;
      if (records.length > response.length) throw new FuzzFailure('a section is longer than its response');
      this.#walk(records, { topic: 't', partition: 0, fetchOffset: 0, abortedTransactions });
    }
    this.ends.set('response parsed', (this.ends.get('response parsed') ?? 0) + 1);
  }

  #bomb(random: Random): void {
    const compression = COMPRESSIONS[1 + random.below(COMPRESSIONS.length - 1)]!;
    const packed = makeBomb(random, compression);
    let end = 'bomb unpacked';
    try {
      const { length } = decompress(compressionAttribute(compression), packed);
      if (length > MAX_UNPACKED_BYTES) throw new FuzzFailure(`${compression} unpacks to ${length} bytes`);
    } catch (error) {
      end = `bomb ${codeOf(error)}`;
    }
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof TidemarkError && EXPECTED_CODES.has(error.code)) return error.code;
  if (error instanceof FuzzFailure) throw error;
  throw new FuzzFailure(`throws ${error instanceof Error ? error.stack : String(error)}`);
}

/** Key and value within the buffer, one behind the other. */
function checkRecord(cursor: BatchCursor, fetchOffset: number): void {
  const { buffer, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd, headerCount } = cursor;
  const isRange = (start: number, end: number) =>
    start === -1 ? end === -1 : start >= 0 && end >= start && end <= buffer.length;
  if (!isRange(keyStart, keyEnd) || !isRange(valueStart, valueEnd))
    throw new FuzzFailure(`shows ${keyStart}–${keyEnd} and ${valueStart}–${valueEnd} of ${buffer.length} bytes`);
  if (keyStart >= 0 && valueStart >= 0 && valueStart < keyEnd) throw new FuzzFailure('shows a value within its key');
  if (buffer.length > MAX_UNPACKED_BYTES) throw new FuzzFailure(`unpacks to ${buffer.length} bytes`);
  if (!Number.isSafeInteger(offset) || offset < fetchOffset) throw new FuzzFailure(`shows the offset ${offset}`);
  if (!Number.isFinite(timestampMs)) throw new FuzzFailure(`shows the time ${timestampMs}`);
  if (!Number.isInteger(headerCount) || headerCount < 0) throw new FuzzFailure(`shows ${headerCount} headers`);
}

function headersOf(cursor: BatchCursor): ReturnType<BatchCursor['headers']> {
  const { buffer } = cursor;
  const headers = cursor.headers();
  for (const { value } of headers) {
    if (value === null) continue;
    const start = value.byteOffset - buffer.byteOffset;
    if (value.buffer !== buffer.buffer || start < 0 || start + value.length > buffer.length)
      throw new FuzzFailure('shows a header outside its batch');
  }
  return headers;
}

/** The parser that `fetchRaw` gives to a connection. */
function captureParser(): ParseResponse {
  let parse: ParseResponse | null = null;
  const send = (_key: number, _version: number, _request: unknown, parser: ParseResponse) => {
    parse = parser;
  };
  const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, isolation: 'read_committed', partitions: [] } as const;
  void fetchRaw({ send } as unknown as Connection, request);
  if (parse === null) throw new Error('fetchRaw gives no parser to its connection any more');
  return parse;
}
