import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { FetchedRecords, Kafka, KafkaRecord, Reader } from './index.ts';
import { type AvroSerde, SchemaNotLoaded } from './serde.ts';

export interface TailRecord<V> {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** Null for a tombstone. */
  readonly value: V | null;
}
export interface LogTailOptions<V> {
  readonly topic: string;
  readonly serde: AvroSerde<V>;
  readonly from: 'earliest' | readonly number[];
  readonly log: Log;
}

/** One in so many skipped records is logged, after the first: a flood of bad records must not flood the log. */
const SKIPPED_LOG_EVERY = 1000;

/**
 * Reads a whole topic in steps of the caller's choice, decoded and read_committed, without a group: for processes that follow
 * a protocol over several topics and rebuild what they know from them. Within a partition records come in order.
 * A record that cannot be decoded is skipped, counted and logged: whoever owns its meaning dead-letters it.
 * Memory: one fetch, and at most one more of each partition that is ahead of the others.
 */
export class LogTail<V> {
  readonly #reader: Reader;
  readonly #options: LogTailOptions<V>;
  /** Fetched and not yet handed out, per partition. */
  readonly #waiting: KafkaRecord[][];
  #skipped = 0;

  private constructor(reader: Reader, partitions: number, options: LogTailOptions<V>) {
    this.#reader = reader;
    this.#options = options;
    this.#waiting = Array.from({ length: partitions }, () => []);
  }

  static async open<V>(kafka: Kafka, options: LogTailOptions<V>): Promise<LogTail<V>> {
    const { topic, from } = options;
    const reader = await kafka.openReader({ topics: [{ topic, from }] });
    return new LogTail(reader, await kafka.partitions(topic), options);
  }

  /** Records skipped so far because they cannot be decoded. */
  get skipped(): number {
    return this.#skipped;
  }

  /**
   * Hands out every record below `ends` (one offset per partition) that was not handed out before, and waits for those that
   * are not readable yet. Throws the signal's reason when it aborts.
   */
  async readTo(
    ends: readonly number[],
    visit: (record: TailRecord<V>) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { topic } = this.#options;
    for (;;) {
      let reached = true;
      for (const [partition, end] of ends.entries()) {
        await this.#handOut(partition, end, visit);
        // A partition that is far enough rests, or waiting for another would pile up its records.
        if (this.#reader.position(topic, partition) >= end) this.#reader.pause(topic, partition);
        else {
          this.#reader.resume(topic, partition);
          reached = false;
        }
      }
      if (reached) return;
      signal?.throwIfAborted();
      this.#keep(await this.#reader.poll(signal));
    }
  }

  /** Hands out what comes, as it comes, until the signal aborts; then throws its reason. */
  async follow(visit: (record: TailRecord<V>) => void | Promise<void>, signal: AbortSignal): Promise<never> {
    for (const partition of this.#waiting.keys()) this.#reader.resume(this.#options.topic, partition);
    for (;;) {
      for (const partition of this.#waiting.keys()) await this.#handOut(partition, Infinity, visit);
      signal.throwIfAborted();
      this.#keep(await this.#reader.poll(signal));
    }
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #keep(fetched: readonly FetchedRecords[]): void {
    for (const { partition, records } of fetched) {
      const waiting = this.#waiting[partition]!;
      for (const record of records) waiting.push(record);
    }
  }

  async #handOut(partition: number, end: number, visit: (record: TailRecord<V>) => void | Promise<void>) {
    const waiting = this.#waiting[partition]!;
    const found = waiting.findIndex(({ offset }) => offset >= end);
    for (const { offset, key, value } of waiting.splice(0, found < 0 ? waiting.length : found)) {
      let decoded: V | null = null;
      if (value !== null) {
        const result = this.#decode(value, partition, offset);
        const settled = result instanceof Promise ? await result : result;
        if (settled === undefined) continue;
        decoded = settled;
      }
      const visited = visit({ partition, offset, key: key === null ? null : key.toString(), value: decoded });
      if (visited) await visited;
    }
  }

  /** The value; undefined when it cannot be decoded; a promise only when a schema has to be fetched first. */
  #decode(value: Buffer, partition: number, offset: number): V | undefined | Promise<V | undefined> {
    const { serde } = this.#options;
    try {
      return serde.decode(value);
    } catch (error) {
      if (!(error instanceof SchemaNotLoaded)) return this.#skip(error, partition, offset);
      return serde.decodeAsync(value).catch((later: unknown) => this.#skip(later, partition, offset));
    }
  }

  #skip(error: unknown, partition: number, offset: number): undefined {
    // A registry that does not answer says nothing about the record.
    if (!(error instanceof TidemarkError) || error.retriable) throw error;
    this.#skipped++;
    const { log, topic } = this.#options;
    if (this.#skipped % SKIPPED_LOG_EVERY === 1)
      log.warn({ topic, partition, offset, skipped: this.#skipped }, `A record is skipped: ${describeError(error)}`);
  }
}
