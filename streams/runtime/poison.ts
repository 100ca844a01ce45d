import type { BatchCursor } from '../kafka/codec/batch-cursor.ts';
import type { Header } from '../kafka/codec/batch-writer.ts';
import { describeError, type RecordPosition, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { PartitionInput } from './input.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { ProducerPort } from './ports.ts';
import type { Rejection } from './task.ts';

/** What is kept of a value, bytes; the rest is told by the header `value.truncatedFrom`. */
const KEPT_VALUE_BYTES = 512 * 1024;
const KEPT_KEY_BYTES = 128 * 1024;
const KEPT_HEADER_BYTES = 128 * 1024;
const STACK_CHARACTERS = 8 * 1024;
/** Failures of a single record that no second try can mend. */
const CONDEMNING_CODES = new Set(['RECORD_TOO_LARGE', 'TIMESTAMP_INVALID', 'KEY_MISSING', 'PROCESSOR_FAILED']);

export interface PoisonOptions {
  readonly producer: ProducerPort;
  readonly deadLetterTopic: string;
  readonly lateTopic: string;
  readonly metrics: RuntimeMetrics;
  readonly log: Log;
}

/** Applies a source's policy to records that cannot be decoded, that a processor rejected, or whose outputs cannot be written. */
export class PoisonHandler {
  readonly #options: PoisonOptions;
  readonly #condemned = new Map<string, Rejection>();

  constructor(options: PoisonOptions) {
    this.#options = options;
  }

  /**
   * Remembers a record whose processing failed for good: after the abort it goes to its policy instead of being processed.
   * False when the failure is of another kind.
   */
  condemn(error: unknown): boolean {
    if (!(error instanceof TidemarkError) || !error.position || !CONDEMNING_CODES.has(error.code)) return false;
    return this.blame(error.position, error);
  }
  /** Remembers the record at a position as the one that failed for good. False when it was already: its dead letter fails too. */
  blame({ topic, partition, offset }: RecordPosition, error: TidemarkError): boolean {
    const place = `${topic}/${partition}@${offset}`;
    if (this.#condemned.has(place)) return false;
    const { stack } = error.cause instanceof Error ? error.cause : error;
    this.#condemned.set(place, { code: error.code, reason: describeError(error), ...(stack ? { stack } : {}) });
    return true;
  }
  /** The rejection of a condemned record, or null. */
  verdict(input: PartitionInput, offset: number): Rejection | null {
    return this.#condemned.size === 0
      ? null
      : (this.#condemned.get(`${input.topic}/${input.partition}@${offset}`) ?? null);
  }

  /** Throws POISON_RECORD under FAIL; otherwise the stream goes on without the record. */
  handle(input: PartitionInput, record: BatchCursor, rejection: Rejection): void {
    const { code, reason } = rejection;
    const { metrics, log, deadLetterTopic } = this.#options;
    const { topic, partition, source } = input;
    const position = { topic, partition, offset: record.offset };
    const what = `${topic}/${partition}@${record.offset}: ${reason}`;
    metrics.rejected(topic, code);
    if (source.onPoison === 'FAIL')
      throw new TidemarkError(
        'POISON_RECORD',
        `A record cannot be processed, and its source's policy is FAIL: ${what}`,
        { position },
      );
    log.warn({ code, ...position }, `${source.onPoison === 'SKIP' ? 'skipped' : 'dead letter'} ${what}`);
    if (source.onPoison === 'SKIP') return;
    this.#keep(deadLetterTopic, input, record, rejection);
  }

  /** Keeps a record that was processed but came too late for a part of its work. */
  late(input: PartitionInput, record: BatchCursor, reason: string): void {
    this.#options.metrics.late(input.topic);
    this.#keep(this.#options.lateTopic, input, record, { code: 'RECORD_LATE', reason });
  }

  /** Writes the record as it came, with where it came from and why it is here; what is too long is cut, and a header says so. */
  #keep(to: string, { topic, partition }: PartitionInput, record: BatchCursor, rejection: Rejection): void {
    const { producer } = this.#options;
    const { buffer, keyStart, keyEnd, valueStart, valueEnd, timestampMs } = record;
    const keyLimit = Math.min(keyEnd, keyStart + KEPT_KEY_BYTES);
    const valueLimit = Math.min(valueEnd, valueStart + KEPT_VALUE_BYTES);
    const { code, reason, stack } = rejection;
    const headers = [
      ...keptHeaders(record),
      // The first of ours: what is before it is the record's own.
      header('error.code', code),
      header('error.message', reason.slice(0, STACK_CHARACTERS)),
      ...(stack ? [header('error.stack', stack.slice(0, STACK_CHARACTERS))] : []),
      header('source.topic', topic),
      header('source.partition', String(partition)),
      header('source.offset', String(record.offset)),
      header('source.timestampMs', String(timestampMs)),
    ];
    if (keyLimit < keyEnd) headers.push(header('key.truncatedFrom', String(keyEnd - keyStart)));
    if (valueLimit < valueEnd) headers.push(header('value.truncatedFrom', String(valueEnd - valueStart)));
    if (headersLength(record) > KEPT_HEADER_BYTES)
      headers.push(header('headers.truncatedFrom', String(headersLength(record))));
    producer.append(
      producer.target(to, 0),
      keyStart < 0 ? null : buffer,
      keyStart,
      keyLimit,
      valueStart < 0 ? null : buffer,
      valueStart,
      valueLimit,
      // A record of no time of its own (-1) would be refused.
      Math.max(0, timestampMs),
      headers,
    );
  }
}

const header = (key: string, value: string) => ({ key, value: Buffer.from(value) });

/** The record's own headers, none of them where they are too long or cannot be read. */
function keptHeaders(record: BatchCursor): readonly Header[] {
  return headersLength(record) > KEPT_HEADER_BYTES ? [] : readHeaders(record);
}
function headersLength(record: BatchCursor): number {
  return readHeaders(record).reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + (value?.length ?? 0), 0);
}
function readHeaders(record: BatchCursor): readonly Header[] {
  try {
    return record.headers();
  } catch {
    return [];
  }
}
