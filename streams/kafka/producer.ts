import { initProducerIdV4 } from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { BatchWriter, type Header } from './codec/batch-writer.ts';
import type { Compression } from './codec/compression.ts';
import { ConnectionPool } from './connections.ts';
import { murmur2Partition } from './murmur2.ts';
import { ProduceQueue } from './produce-queue.ts';
import { asTidemark, isRetriable, kafkaErrorName } from './protocol-errors.ts';
import { findWritten } from './written-batch.ts';

/** How batches are written. */
export interface ProducerOptions {
  /** Default none. */
  readonly compression?: Compression;
}
/** A record to write; `timestampMs` is its event time. A null value is a tombstone. */
export interface ProducerRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
  readonly headers?: readonly Header[];
  /** Default: murmur2 of `partitionKey ?? key`, partition 0 without either. */
  readonly partition?: number;
  /** What picks the partition instead of the key. */
  readonly partitionKey?: string;
}

/** Largest record, bytes: Kafka's default limit of 1 MiB a batch, less its header. */
const MAX_RECORD_BYTES = 1_048_588 - 100;
/** More than the lengths of a header take. */
const HEADER_OVERHEAD_BYTES = 10;
const BATCH_BYTES = 512 * 1024;
const BUFFER_BYTES = 32 * 1024 * 1024;
const LINGER_MS = 2;
const RETRY_LIMIT_MS = 30_000;
/** DUPLICATE_SEQUENCE_NUMBER: the batch is there already, from a try whose answer was lost. */
const DUPLICATE = 46;

interface Target {
  readonly topic: string;
  readonly partition: number;
  readonly writer: BatchWriter;
  readonly ready: { batch: Buffer; count: number }[];
  sequence: number;
  /** Nothing of this producer that is not acknowledged lies before. */
  writtenTo: number;
  sending: boolean;
}

/**
 * An idempotent producer: acks from all replicas, order kept per partition, every record written once however often a request
 * is tried again. One batch per partition is in flight; what comes meanwhile fills the next. After a failure (PRODUCE_FAILED,
 * retried for 30 s where that may help) it takes nothing more: what was sent since the last flush may be written or not.
 */
export class Producer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #connections: ConnectionPool;
  /** By broker. */
  readonly #queues = new Map<number, ProduceQueue>();
  readonly #targets = new Map<string, readonly Target[]>();
  readonly #discovering = new Map<string, Promise<readonly Target[]>>();
  #producerId = -1n;
  #epoch = -1;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #failure: unknown = null;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(cluster: Cluster, options: ProducerOptions = {}) {
    this.#cluster = cluster;
    this.#options = options;
    this.#connections = new ConnectionPool((broker) => cluster.newConnection(broker));
  }

  /** Called by `Kafka.openProducer`. Throws KAFKA_UNREACHABLE or KAFKA_REFUSED. */
  async open(): Promise<void> {
    const answer = await this.#cluster.retry(async () => {
      // Any broker hands out ids to producers without transactions.
      const connection = await this.#cluster.connection(await this.#cluster.controller());
      return initProducerIdV4.api.async(connection, null, 0, -1n, -1);
    });
    this.#producerId = answer.producerId;
    this.#epoch = answer.producerEpoch;
  }

  /**
   * Queues a record. Returns a promise only when the buffer is full (back-pressure) or the topic is new here: await it then.
   * Throws RECORD_TOO_LARGE, TIMESTAMP_INVALID, PARTITION_UNKNOWN, TOPIC_UNKNOWN, and whatever broke an earlier record.
   */
  send(record: ProducerRecord): void | Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw new TidemarkError('PRODUCER_CLOSED', 'This producer is closed');
    const targets = this.#targets.get(record.topic);
    if (!targets) return this.#discover(record.topic).then((found) => this.#append(found, record));
    return this.#append(targets, record);
  }

  /** Resolves when everything sent is acknowledged; throws the first failure. */
  async flush(): Promise<void> {
    // Sends that wait for a topic's description come first: they were called before.
    while (this.#discovering.size > 0) await Promise.allSettled(this.#discovering.values());
    // The open batch of a partition that is being written stays open until its turn comes: flushing often makes no more batches.
    this.#sendAll();
    await this.#until(() => this.#bytes === 0);
  }

  /** Flushes and closes. Throws what the flush throws, unless the failure was thrown before. */
  async close(): Promise<void> {
    try {
      if (this.#failure === null) await this.flush();
    } finally {
      this.#closed = true;
      if (this.#timer) clearTimeout(this.#timer);
      await this.#connections.close();
    }
  }

  #append(targets: readonly Target[], record: ProducerRecord): void | Promise<void> {
    const { topic, value, timestampMs, headers } = record;
    const key = record.key === null ? null : Buffer.from(record.key);
    const route = record.partitionKey ?? key;
    const partition = record.partition ?? (route === null ? 0 : murmur2Partition(route, targets.length));
    const target = targets[partition];
    if (!target) throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
    const size = (key?.length ?? 0) + (value?.length ?? 0) + headersSize(headers);
    if (size > MAX_RECORD_BYTES) {
      const label = record.key === null ? '' : ` with key "${record.key.slice(0, 100)}"`;
      throw new TidemarkError(
        'RECORD_TOO_LARGE',
        `A record for ${topic}${label} has ${size} bytes; the limit is ${MAX_RECORD_BYTES}`,
      );
    }
    const { writer } = target;
    if (!writer.isEmpty && writer.sizeBytes + size > BATCH_BYTES) this.#finish(target);
    const before = writer.isEmpty ? 0 : writer.sizeBytes;
    writer.append(key, 0, key?.length ?? 0, value, 0, value?.length ?? 0, timestampMs, headers);
    this.#bytes += writer.sizeBytes - before;
    if (target.ready.length > 0) void this.#drain(target);
    else this.#timer ??= setTimeout(() => this.#sendAll(), LINGER_MS);
    if (this.#bytes > BUFFER_BYTES) return this.#until(() => this.#bytes <= BUFFER_BYTES / 2);
  }

  #sendAll(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    for (const target of this.#all()) void this.#drain(target);
  }

  #finish(target: Target): void {
    const { writer } = target;
    const { count, sizeBytes } = writer;
    const batch = writer.finish(this.#options.compression);
    target.ready.push({ batch, count });
    // Bytes are counted uncompressed until their batch is finished; from then on by the batch.
    this.#bytes += batch.length - sizeBytes;
    target.sequence = (target.sequence + count) % 2 ** 31;
    writer.reset(this.#producerId, this.#epoch, target.sequence, false);
  }

  /** Sends a partition's batches one after another; one such loop runs per partition. */
  async #drain(target: Target): Promise<void> {
    if (target.sending) return;
    target.sending = true;
    try {
      while (this.#failure === null) {
        if (target.ready.length === 0 && !target.writer.isEmpty) this.#finish(target);
        const next = target.ready.shift();
        if (!next) break;
        target.writtenTo = (await this.#deliver(target, next.batch)) + next.count;
        this.#bytes -= next.batch.length;
        this.#notify();
      }
    } catch (error) {
      this.#failure ??= error;
      this.#notify();
    } finally {
      target.sending = false;
    }
  }

  /** Sends one batch until it is acknowledged, the same bytes every time; returns its offset. */
  async #deliver(target: Target, batch: Buffer): Promise<number> {
    const deadline = Date.now() + RETRY_LIMIT_MS;
    let sent = false;
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        const found = sent ? await this.#search(target, batch) : -1;
        if (found >= 0) return found;
        sent = true;
        return await this.#produce(target, batch);
      } catch (error) {
        if (!isRetriable(error) || Date.now() > deadline) throw failed(target, error);
      }
      this.#cluster.refresh();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #produce(target: Target, batch: Buffer): Promise<number> {
    const { topic, partition } = target;
    const leader = await this.#cluster.leader(topic, partition);
    const { errorCode, baseOffset } = await this.#queue(leader).send({ topic, partition, batch });
    // Of a batch among its last five the broker knows the offset; of an earlier one that it is there.
    if (errorCode === 0 || errorCode === DUPLICATE) return baseOffset >= 0 ? baseOffset : target.writtenTo;
    throw new TidemarkError('PRODUCE_REFUSED', kafkaErrorName(errorCode), {
      cause: { apiCode: errorCode },
      retriable: isRetriable({ apiCode: errorCode }),
    });
  }

  #queue(broker: number): ProduceQueue {
    let queue = this.#queues.get(broker);
    if (!queue) {
      queue = new ProduceQueue(() => this.#connections.get(broker));
      this.#queues.set(broker, queue);
    }
    return queue;
  }

  /** Where the log has a batch whose answer was lost; -1 when it has not. */
  async #search(target: Target, batch: Buffer): Promise<number> {
    const { topic, partition, writtenTo } = target;
    const end = (await this.#cluster.offsets(topic, 'latest'))[partition]!;
    if (end < writtenTo) {
      throw new TidemarkError(
        'RECORDS_LOST',
        `${topic}/${partition} ends at ${end}, though records up to ${writtenTo} were acknowledged`,
      );
    }
    const connection = await this.#connections.get(await this.#cluster.leader(topic, partition));
    return findWritten(connection, { topic, partition, batch, from: writtenTo, end });
  }

  #discover(topic: string): Promise<readonly Target[]> {
    let discovering = this.#discovering.get(topic);
    if (!discovering) {
      discovering = this.#describe(topic).finally(() => this.#discovering.delete(topic));
      this.#discovering.set(topic, discovering);
    }
    return discovering;
  }

  async #describe(topic: string): Promise<readonly Target[]> {
    const ends = await this.#cluster.offsets(topic, 'latest');
    const targets = ends.map((writtenTo, partition): Target => {
      const writer = new BatchWriter();
      writer.reset(this.#producerId, this.#epoch, 0, false);
      return { topic, partition, writer, ready: [], sequence: 0, writtenTo, sending: false };
    });
    this.#targets.set(topic, targets);
    return targets;
  }

  *#all(): Iterable<Target> {
    for (const targets of this.#targets.values()) yield* targets;
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (this.#failure === null && !condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    if (this.#failure !== null) throw this.#failure;
  }
}

function headersSize(headers: readonly Header[] = []): number {
  let size = 0;
  for (const { key, value } of headers) size += Buffer.byteLength(key) + (value?.length ?? 0) + HEADER_OVERHEAD_BYTES;
  return size;
}

function failed({ topic, partition }: Target, cause: unknown): TidemarkError {
  const known = asTidemark(cause);
  const reason = known instanceof TidemarkError ? known.message : describeError(known);
  return new TidemarkError('PRODUCE_FAILED', `Records for ${topic}/${partition} could not be written: ${reason}`, {
    cause,
    retriable: isRetriable(cause),
  });
}
