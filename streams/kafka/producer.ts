import { type Connection, initProducerIdV4 } from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { BatchWriter, type Header } from './codec/batch-writer.ts';
import type { Compression } from './codec/compression.ts';
import { produceRaw } from './codec/requests.ts';
import { murmur2Partition } from './murmur2.ts';
import { isStaleMetadata } from './protocol-errors.ts';

export interface ProducerOptions {
  /** Default none. */
  readonly compression?: Compression;
}
export interface ProducerRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
  readonly headers?: readonly Header[];
  /** Default: murmur2 of `partitionKey ?? key`. */
  readonly partition?: number;
  readonly partitionKey?: string;
}

/** Largest record, bytes: Kafka's default limit of 1 MiB a batch, less its header. */
const MAX_RECORD_BYTES = 1_048_588 - 100;
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
  sending: boolean;
}

/**
 * An idempotent producer: acks from all replicas, order kept per partition, every record written once however often a request
 * is tried again. One batch per partition is in flight; what comes meanwhile fills the next.
 */
export class Producer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #targets = new Map<string, Target[]>();
  readonly #connections = new Map<number, Promise<Connection>>();
  #producerId = -1n;
  #epoch = -1;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #failure: unknown = null;
  #waiters: (() => void)[] = [];

  constructor(cluster: Cluster, options: ProducerOptions = {}) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async open(): Promise<void> {
    const answer = await this.#cluster.retry(async () => {
      // Any broker hands out ids for producers without transactions; the group coordinator of a fixed name is one.
      const connection = await this.#cluster.connection(
        await this.#cluster.coordinator('transaction', 'tidemark-producer'),
      );
      return initProducerIdV4.api.async(connection, null, 0, -1n, -1);
    });
    this.#producerId = answer.producerId;
    this.#epoch = answer.producerEpoch;
  }

  /**
   * Queues a record. Returns a promise only when the buffer is full (back-pressure) or the topic is new here: await it then.
   * Throws RECORD_TOO_LARGE, TIMESTAMP_INVALID, and whatever broke an earlier record.
   */
  send(record: ProducerRecord): void | Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const targets = this.#targets.get(record.topic);
    if (!targets) return this.#discover(record.topic).then(() => this.send(record));
    this.#append(targets, record);
    if (this.#bytes > BUFFER_BYTES) return this.#until(() => this.#bytes <= BUFFER_BYTES / 2);
  }

  /** Resolves when everything sent is acknowledged; throws the first failure. */
  async flush(): Promise<void> {
    for (const target of this.#all()) {
      if (!target.writer.isEmpty) this.#finish(target);
      void this.#drain(target);
    }
    await this.#until(() => this.#bytes === 0);
  }

  /** Flushes and closes. */
  async close(): Promise<void> {
    try {
      if (this.#failure === null) await this.flush();
    } finally {
      if (this.#timer) clearTimeout(this.#timer);
      await Promise.all(
        [...this.#connections.values()].map((connection) =>
          connection.then((open) => open.close()).catch(() => undefined),
        ),
      );
    }
  }

  #append(targets: readonly Target[], record: ProducerRecord): void {
    const { topic, value, timestampMs, headers } = record;
    const key = record.key === null ? null : Buffer.from(record.key);
    const partition =
      record.partition ?? (key === null ? 0 : murmur2Partition(record.partitionKey ?? key, targets.length));
    const target = targets[partition];
    if (!target) throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
    const size =
      (key?.length ?? 0) +
      (value?.length ?? 0) +
      (headers ?? []).reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0) + 10, 0);
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
    else this.#timer ??= setTimeout(() => this.#linger(), LINGER_MS);
  }

  #linger(): void {
    this.#timer = null;
    for (const target of this.#all()) void this.#drain(target);
  }

  #finish(target: Target): void {
    const { writer } = target;
    const { count } = writer;
    target.ready.push({ batch: writer.finish(this.#options.compression), count });
    // Bytes are counted uncompressed until their batch leaves; from then on by the batch.
    this.#bytes += target.ready.at(-1)!.batch.length - writer.sizeBytes;
    target.sequence = (target.sequence + count) % 2 ** 31;
    writer.reset(this.#producerId, this.#epoch, target.sequence, false);
  }

  /** Sends a partition's batches one after another; one such loop runs per partition. */
  async #drain(target: Target): Promise<void> {
    if (target.sending) return;
    target.sending = true;
    try {
      for (;;) {
        if (target.ready.length === 0 && !target.writer.isEmpty) this.#finish(target);
        const next = target.ready.shift();
        if (!next || this.#failure !== null) break;
        await this.#deliver(target, next.batch);
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

  /** Sends one batch until it is acknowledged: the same bytes and sequence every time, so that it counts once. */
  async #deliver({ topic, partition }: Target, batch: Buffer): Promise<void> {
    const deadline = Date.now() + RETRY_LIMIT_MS;
    for (let pause = 5; ; pause = Math.min(pause * 2, 500)) {
      let errorCode = 0;
      let cause: unknown;
      try {
        const connection = await this.#connection(await this.#cluster.leader(topic, partition));
        const [answer] = await produceRaw(connection, {
          transactionalId: null,
          batches: [{ topic, partition, batch }],
        });
        errorCode = answer!.errorCode;
        if (errorCode === 0 || errorCode === DUPLICATE) return;
        cause = { apiCode: errorCode };
      } catch (error) {
        cause = error;
      }
      const retriable =
        errorCode === 0
          ? !(cause instanceof TidemarkError) || cause.retriable
          : isStaleMetadata(cause) || [7, 19, 20].includes(errorCode);
      if (!retriable || Date.now() > deadline) {
        const reason = errorCode === 0 ? describeError(cause) : `Kafka error ${errorCode}`;
        throw new TidemarkError('PRODUCE_FAILED', `Records for ${topic}/${partition} could not be written: ${reason}`, {
          cause,
          retriable,
        });
      }
      this.#cluster.refresh();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #discover(topic: string): Promise<void> {
    const count = await this.#cluster.partitions(topic);
    if (this.#targets.has(topic)) return;
    const targets = Array.from({ length: count }, (_, partition): Target => {
      const writer = new BatchWriter();
      writer.reset(this.#producerId, this.#epoch, 0, false);
      return { topic, partition, writer, ready: [], sequence: 0, sending: false };
    });
    this.#targets.set(topic, targets);
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
    while (!condition()) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #connection(broker: number): Promise<Connection> {
    let connection = this.#connections.get(broker);
    if (!connection) {
      connection = this.#cluster.newConnection(broker).then((open) => {
        open.on('close', () => this.#connections.delete(broker));
        return open;
      });
      connection.catch(() => this.#connections.delete(broker));
      this.#connections.set(broker, connection);
    }
    return connection;
  }
}
