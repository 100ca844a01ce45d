import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  type Connection,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { BatchWriter } from './codec/batch-writer.ts';
import { produceRaw } from './codec/requests.ts';
import type { Membership } from './group.ts';
import { isStaleMetadata, kafkaErrorCodes } from './protocol-errors.ts';

/** Offsets of the inputs that a transaction consumed; `metadata` travels with them. */
export interface TransactionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}
/** The steps of a commit, in order; a test may fail any of them. */
export type TransactionStep = 'add-partitions' | 'produce' | 'add-offsets' | 'commit-offsets' | 'end';
export interface TransactionalProducerOptions {
  readonly cluster: Cluster;
  readonly transactionalId: string;
  /** How long the broker keeps an open transaction of a producer that is gone; until then nobody reads past it. */
  readonly transactionTimeoutMs: number;
  /** Called before each step; throwing makes the step fail. */
  readonly onStep?: (step: TransactionStep) => void;
}

/**
 * CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, UNSTABLE_OFFSET_COMMIT, NOT_COORDINATOR: the same
 * request succeeds soon, the last one at another broker.
 */
const WAIT_CODES = new Set([51, 14, 15, 88, 16]);
/** INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_PRODUCER_ID_MAPPING. */
const FENCED_CODES = new Set([47, 90, 22, 25, 82, 49]);
/** A batch leaves when it reaches this size. Below the broker's message limit of 1 MiB. */
const BATCH_BYTES = 512 * 1024;
const WAIT_LIMIT_MS = 30_000;

interface Partition {
  readonly topic: string;
  readonly partition: number;
  writer: BatchWriter;
  sequence: number;
}

/**
 * One transactional producer (KIP-98, KIP-447). Records are encoded straight into one growing batch per partition. Nothing
 * is retried in flight: every failure but a wait is the caller's to answer with `abort()`, which takes a new epoch and new
 * connections, so that no late batch can join a later transaction.
 */
export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions;
  readonly #connections = new Map<number, Promise<Connection>>();
  readonly #partitions = new Map<string, Map<number, Partition>>();
  /** Partitions the broker knows to be in the open transaction. */
  readonly #added = new Set<Partition>();
  #ready: { target: Partition; batch: Buffer }[] = [];
  #inFlight: Promise<void>[] = [];
  #issued: Promise<unknown> = Promise.resolve();
  #producerId = -1n;
  #epoch = -1;
  #bytes = 0;
  #open = false;

  constructor(options: TransactionalProducerOptions) {
    this.#options = options;
  }

  /** Bytes encoded in the open transaction. */
  get transactionBytes(): number {
    return this.#bytes;
  }
  /** True when a finished batch waits for `pump()`. */
  get hasReadyBatch(): boolean {
    return this.#ready.length > 0;
  }

  /** Takes the transactional id: ends what an earlier owner left open and fences it. Throws PRODUCER_FENCED or a retriable error. */
  async start(): Promise<void> {
    const { transactionalId, transactionTimeoutMs } = this.#options;
    const answer = await this.#wait('InitProducerId', async () => {
      return initProducerIdV4.api.async(
        await this.#coordinator(),
        transactionalId,
        transactionTimeoutMs,
        this.#producerId,
        this.#epoch,
      );
    });
    this.#producerId = answer.producerId;
    this.#epoch = answer.producerEpoch;
    for (const partitions of this.#partitions.values()) {
      for (const partition of partitions.values()) {
        partition.sequence = 0;
        partition.writer.reset(this.#producerId, this.#epoch, 0, true);
      }
    }
  }

  /** Encodes a record into its partition's batch. Key and value are ranges of buffers; a null buffer is a null. */
  append(
    topic: string,
    partition: number,
    key: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: Buffer | null,
    valueStart: number,
    valueEnd: number,
    timestampMs: number,
    headers?: readonly { key: string; value: Buffer | null }[],
  ): void {
    const target = this.#partition(topic, partition);
    const { writer } = target;
    const before = writer.sizeBytes;
    writer.append(key, keyStart, keyEnd, value, valueStart, valueEnd, timestampMs, headers);
    this.#bytes += writer.sizeBytes - before;
    if (writer.sizeBytes >= BATCH_BYTES) this.#finish(target);
  }

  /** Sends the batches that are full, in the background of the processing that goes on. */
  async pump(): Promise<void> {
    if (this.#ready.length === 0) return;
    await this.#addPartitions();
    this.#produce();
  }

  /**
   * Commits outputs and input offsets as one. Throws before the end of the transaction: call `abort()`; PRODUCER_FENCED: the
   * tasks belong to another; COMMIT_UNKNOWN: the end was asked for and not answered, only the committed offsets can tell.
   */
  async commit(offsets: readonly TransactionOffset[], membership: Membership): Promise<void> {
    const { transactionalId } = this.#options;
    for (const partitions of this.#partitions.values()) {
      for (const target of partitions.values()) if (!target.writer.isEmpty) this.#finish(target);
    }
    await this.#addPartitions();
    this.#produce();
    const sent = this.#inFlight;
    this.#inFlight = [];
    await Promise.all(sent);
    if (offsets.length > 0) {
      this.#step('add-offsets');
      await this.#wait('AddOffsetsToTxn', async () => {
        const connection = await this.#coordinator();
        return addOffsetsToTxnV3.api.async(
          connection,
          transactionalId,
          this.#producerId,
          this.#epoch,
          membership.groupId,
        );
      });
      this.#open = true;
      await this.#commitOffsets(offsets, membership);
    }
    if (!this.#open) return;
    this.#step('end');
    try {
      await this.#wait('EndTxn', async () =>
        endTxnV3.api.async(await this.#coordinator(), transactionalId, this.#producerId, this.#epoch, true),
      );
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'PRODUCER_FENCED') throw error;
      throw new TidemarkError('COMMIT_UNKNOWN', `The end of a transaction was not answered: ${describeError(error)}`, {
        cause: error,
        retriable: true,
      });
    }
    this.#added.clear();
    this.#open = false;
    this.#bytes = 0;
  }

  /** Undoes the open transaction: new connections, then a new epoch with sequences from 0; only then may work begin again. */
  async abort(): Promise<void> {
    // What failed may have failed because leaders or coordinators are elsewhere now.
    this.#options.cluster.refresh();
    await this.#disconnect();
    this.#ready = [];
    this.#inFlight = [];
    this.#added.clear();
    this.#bytes = 0;
    this.#open = false;
    await this.start();
  }

  async close(): Promise<void> {
    await this.#disconnect();
  }

  async #commitOffsets(offsets: readonly TransactionOffset[], membership: Membership): Promise<void> {
    this.#step('commit-offsets');
    const byTopic = Map.groupBy(offsets, (offset) => offset.topic);
    const topics = [...byTopic].map(([name, entries]) => ({
      name,
      partitions: entries.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: metadata,
      })),
    }));
    const { groupId, memberId, generationId, instanceId } = membership;
    await this.#wait('TxnOffsetCommit', async () => {
      const connection = await this.#connection(await this.#options.cluster.coordinator('group', groupId));
      return txnOffsetCommitV3.api.async(
        connection,
        this.#options.transactionalId,
        groupId,
        this.#producerId,
        this.#epoch,
        generationId,
        memberId,
        instanceId,
        topics,
      );
    });
  }

  async #addPartitions(): Promise<void> {
    const missing = [...new Set(this.#ready.map(({ target }) => target))].filter((target) => !this.#added.has(target));
    if (missing.length === 0) return;
    this.#step('add-partitions');
    const byTopic = Map.groupBy(missing, (target) => target.topic);
    const topics = [...byTopic].map(([name, targets]) => ({
      name,
      partitions: targets.map((target) => target.partition),
    }));
    await this.#wait('AddPartitionsToTxn', async () =>
      addPartitionsToTxnV3.api.async(await this.#coordinator(), [
        {
          transactionalId: this.#options.transactionalId,
          producerId: this.#producerId,
          producerEpoch: this.#epoch,
          verifyOnly: false,
          topics,
        },
      ]),
    );
    this.#open = true;
    for (const target of missing) this.#added.add(target);
  }

  /** Sends every finished batch, one request per broker; the broker takes a connection's requests in order. */
  #produce(): void {
    if (this.#ready.length === 0) return;
    this.#step('produce');
    const ready = this.#ready;
    this.#ready = [];
    // Requests are issued strictly one after another, or two batches of a partition could change places.
    const issued = this.#issued.then(() => this.#issue(ready));
    this.#issued = issued.catch(() => undefined);
    const answered = issued.then(async (answers) => void (await Promise.all(answers)));
    // Awaited at the commit; until then a failure must not count as unhandled.
    answered.catch(() => undefined);
    this.#inFlight.push(answered);
  }

  async #issue(ready: readonly { target: Partition; batch: Buffer }[]): Promise<Promise<void>[]> {
    const { cluster, transactionalId } = this.#options;
    // A request holds one batch per partition: further ones of the same partition go in requests of their own, in order.
    const rounds: Map<number, { topic: string; partition: number; batch: Buffer }[]>[] = [];
    const depth = new Map<Partition, number>();
    for (const { target, batch } of ready) {
      const round = depth.get(target) ?? 0;
      depth.set(target, round + 1);
      const leader = await cluster.leader(target.topic, target.partition);
      rounds[round] ??= new Map();
      const requests = rounds[round];
      const entry = { topic: target.topic, partition: target.partition, batch };
      const request = requests.get(leader);
      if (request) request.push(entry);
      else requests.set(leader, [entry]);
    }
    const answers: Promise<void>[] = [];
    for (const requests of rounds) {
      for (const [leader, batches] of requests) {
        const connection = await this.#connection(leader);
        const answer = produceRaw(connection, { transactionalId, batches }).then((results) => {
          for (const { topic, partition, errorCode } of results)
            if (errorCode !== 0) throw produceError(topic, partition, errorCode);
        });
        answer.catch(() => undefined);
        answers.push(answer);
      }
    }
    return answers;
  }

  #partition(topic: string, partition: number): Partition {
    let partitions = this.#partitions.get(topic);
    if (!partitions) {
      partitions = new Map();
      this.#partitions.set(topic, partitions);
    }
    let target = partitions.get(partition);
    if (!target) {
      target = { topic, partition, writer: new BatchWriter(), sequence: 0 };
      target.writer.reset(this.#producerId, this.#epoch, 0, true);
      partitions.set(partition, target);
    }
    return target;
  }

  #finish(target: Partition): void {
    const { writer } = target;
    const count = writer.count;
    this.#ready.push({ target, batch: writer.finish() });
    target.sequence = (target.sequence + count) % 2 ** 31;
    writer.reset(this.#producerId, this.#epoch, target.sequence, true);
  }

  #step(step: TransactionStep): void {
    this.#options.onStep?.(step);
  }

  async #coordinator(): Promise<Connection> {
    return this.#connection(await this.#options.cluster.coordinator('transaction', this.#options.transactionalId));
  }

  #connection(broker: number): Promise<Connection> {
    let connection = this.#connections.get(broker);
    if (!connection) {
      connection = this.#options.cluster.newConnection(broker);
      connection.catch(() => this.#connections.delete(broker));
      this.#connections.set(broker, connection);
    }
    return connection;
  }

  async #disconnect(): Promise<void> {
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(connections.map((connection) => connection.then((open) => open.close()).catch(() => undefined)));
  }

  /** Repeats a request while the broker says "not yet"; maps fencing; everything else is thrown as it came. */
  async #wait<T>(name: string, request: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + WAIT_LIMIT_MS;
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      try {
        return await request();
      } catch (error) {
        const codes = kafkaErrorCodes(error);
        if (codes.some((code) => FENCED_CODES.has(code))) {
          throw new TidemarkError(
            'PRODUCER_FENCED',
            `${name} was refused: the tasks of ${this.#options.transactionalId} belong to another`,
            { cause: error, retriable: true },
          );
        }
        if (!codes.some((code) => WAIT_CODES.has(code)) || Date.now() > deadline) throw error;
        if (isStaleMetadata(error)) this.#options.cluster.refresh();
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }
}

function produceError(topic: string, partition: number, errorCode: number): TidemarkError {
  const code = FENCED_CODES.has(errorCode) ? 'PRODUCER_FENCED' : 'PRODUCE_REFUSED';
  return new TidemarkError(code, `The broker refused a batch for ${topic}/${partition} with Kafka error ${errorCode}`, {
    retriable: true,
  });
}
