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
import { BatchWriter, type Header, recordCount } from './codec/batch-writer.ts';
import { produceRaw } from './codec/requests.ts';
import type { Membership } from './group.ts';
import { isStaleMetadata, kafkaErrorCodes, kafkaErrorName } from './protocol-errors.ts';

/** Offsets of the inputs that a transaction consumed; `metadata` travels with them. */
export interface TransactionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}
/** The steps of a commit, in order; a test may fail any of them. */
export type TransactionStep = 'add-partitions' | 'add-offsets' | 'produce' | 'commit-offsets' | 'end';
export interface TransactionalProducerOptions {
  readonly cluster: Cluster;
  readonly transactionalId: string;
  /** How long the broker keeps an open transaction of a producer that is gone; until then nobody reads past it. */
  readonly transactionTimeoutMs: number;
  /** Called before each step; throwing makes the step fail. */
  readonly onStep?: (step: TransactionStep) => void;
  /** Called when `failure` is set. */
  readonly onFailure?: () => void;
}

/**
 * CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, UNSTABLE_OFFSET_COMMIT, NOT_COORDINATOR: the same
 * request succeeds soon, the last one at another broker.
 */
const WAIT_CODES = new Set([51, 14, 15, 88, 16]);
/** INVALID_PRODUCER_EPOCH, PRODUCER_FENCED, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_PRODUCER_ID_MAPPING. */
const FENCED_CODES = new Set([47, 90, 22, 25, 82, 49]);
/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, TOPIC_AUTHORIZATION_FAILED, INVALID_TIMESTAMP, INVALID_RECORD. */
const HOPELESS_CODES = new Set([10, 18, 29, 32, 87]);
/** A batch leaves when it reaches this size. Below the broker's message limit of 1 MiB. */
const BATCH_BYTES = 512 * 1024;
const WAIT_LIMIT_MS = 30_000;

/** One partition that a producer writes to: where `append` puts its records. Lasts as long as the producer. */
export interface OutputPartition {
  readonly topic: string;
  readonly partition: number;
  readonly writer: BatchWriter;
  sequence: number;
  /** The offset after the last batch that the broker has acknowledged; -1 before the first. */
  endOffset: number;
}
interface ReadyBatch {
  readonly target: OutputPartition;
  readonly batch: Buffer;
}

/**
 * One transactional producer (KIP-98, KIP-447). Records are encoded straight into one growing batch per partition. Requests go
 * out in the background, one job after the other, so that no batch of the next transaction can leave before the present one has
 * ended. Nothing is retried in flight: every failure but a wait is the caller's to answer with `abort()`, which takes a new epoch and
 * new connections, so that no late batch can join a later transaction.
 */
export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions;
  /**
   * By what they are for and the broker. A broker answers one request of a connection at a time: apart, a batch that leaves early does
   * not hold up what the coordinator is asked.
   */
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #partitions = new Map<string, OutputPartition[]>();
  /** Partitions the broker knows to be in the open transaction. */
  readonly #added = new Set<OutputPartition>();
  /** Partitions that the transaction which is filled, and the one before, have batches for. */
  #written = new Set<OutputPartition>();
  #writtenBefore = new Set<OutputPartition>();
  #offsetsAdded = false;
  #ready: ReadyBatch[] = [];
  #unanswered: Promise<void>[] = [];
  /** Everything asked for so far; rejects for good with the first failure, until `abort()`. */
  #jobs: Promise<void> = Promise.resolve();
  #failure: unknown = null;
  #aborting = false;
  #producerId = -1n;
  #epoch = -1;
  #bytes = 0;
  #backlogBytes = 0;
  #open = false;

  constructor(options: TransactionalProducerOptions) {
    this.#options = options;
  }

  /** Bytes encoded since the last cut. */
  get transactionBytes(): number {
    return this.#bytes;
  }
  /** Bytes of finished batches that no broker has acknowledged yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }
  /** What went wrong in the background, or null; the transaction can only be aborted. */
  get failure(): unknown {
    return this.#failure;
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
    for (const targets of this.#partitions.values()) {
      for (const target of targets) {
        target.sequence = 0;
        target.writer.reset(this.#producerId, this.#epoch, 0, true);
      }
    }
  }

  /** The handle of a partition for `append`. */
  target(topic: string, partition: number): OutputPartition {
    let targets = this.#partitions.get(topic);
    if (!targets) {
      targets = [];
      this.#partitions.set(topic, targets);
    }
    let target = targets.find((candidate) => candidate.partition === partition);
    if (!target) {
      target = { topic, partition, writer: new BatchWriter(), sequence: 0, endOffset: -1 };
      target.writer.reset(this.#producerId, this.#epoch, 0, true);
      targets.push(target);
    }
    return target;
  }

  /** Encodes a record into its partition's batch. Key and value are ranges of buffers; a null buffer is a null. */
  append(
    target: OutputPartition,
    key: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: Buffer | null,
    valueStart: number,
    valueEnd: number,
    timestampMs: number,
    headers?: readonly Header[],
  ): void {
    const { writer } = target;
    const before = writer.sizeBytes;
    writer.append(key, keyStart, keyEnd, value, valueStart, valueEnd, timestampMs, headers);
    this.#bytes += writer.sizeBytes - before;
    if (writer.sizeBytes >= BATCH_BYTES) this.#finish(target);
  }

  /**
   * Tells the coordinator of the next transaction while it is still filled, behind the commit of the present one: what it asks of the
   * coordinator then delays no commit. Its partitions are those that are written already, and those of the transaction before; others
   * are added when they are written. A failure shows in `failure` and at the next `commit`.
   */
  begin(groupId: string): Promise<void> {
    const partitions = new Set([...this.#writtenBefore, ...this.#written]);
    for (const targets of this.#partitions.values()) {
      for (const target of targets) if (!target.writer.isEmpty) partitions.add(target);
    }
    return this.#enqueue(() => this.#join(partitions, groupId));
  }

  /** Sends the batches that are full, behind whatever was asked for before. A failure shows in `failure` and at the next `commit`. */
  pump(): void {
    if (this.#ready.length === 0) return;
    const batches = this.#ready;
    this.#ready = [];
    this.#enqueue(async () => {
      await this.#addPartitions(targetsOf(batches));
      await this.#produce(batches);
    });
  }

  /**
   * Cuts the transaction here, and commits outputs and input offsets as one; what is appended from now on belongs to the next.
   * Rejects before the end of the transaction: call `abort()`; PRODUCER_FENCED: the tasks belong to another; COMMIT_UNKNOWN: the end was
   * asked for and not answered, only the committed offsets can tell.
   */
  commit(offsets: readonly TransactionOffset[], membership: Membership): Promise<void> {
    for (const targets of this.#partitions.values()) {
      for (const target of targets) if (!target.writer.isEmpty) this.#finish(target);
    }
    const batches = this.#ready;
    this.#ready = [];
    this.#bytes = 0;
    this.#writtenBefore = this.#written;
    this.#written = new Set();
    return this.#enqueue(async () => {
      await this.#join(targetsOf(batches), offsets.length > 0 ? membership.groupId : null);
      await this.#produce(batches);
      const answers = this.#unanswered;
      this.#unanswered = [];
      await all(answers);
      // Not beside the batches: a broker that leads a partition and coordinates the group verifies both with the transaction's
      // coordinator, and the second question cancels the first, which the batch hears as NOT_ENOUGH_REPLICAS.
      if (offsets.length > 0) await this.#commitOffsets(offsets, membership);
      if (this.#open) await this.#end();
      this.#added.clear();
      this.#offsetsAdded = false;
      this.#open = false;
    });
  }

  /** Undoes the open transaction: new connections, then a new epoch with sequences from 0; only then may work begin again. */
  async abort(): Promise<void> {
    this.#aborting = true;
    // What failed may have failed because leaders or coordinators are elsewhere now.
    this.#options.cluster.refresh();
    await this.#disconnect();
    // A job that still runs would go on with the new epoch, and a late answer would count against the next transaction.
    await this.#settle();
    this.#jobs = Promise.resolve();
    this.#failure = null;
    this.#ready = [];
    this.#unanswered = [];
    this.#added.clear();
    this.#written.clear();
    this.#writtenBefore.clear();
    this.#offsetsAdded = false;
    this.#bytes = 0;
    this.#backlogBytes = 0;
    this.#open = false;
    this.#aborting = false;
    await this.start();
  }

  async close(): Promise<void> {
    this.#aborting = true;
    await this.#disconnect();
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.#jobs.catch(() => undefined);
    await this.#disconnect();
    await Promise.allSettled(this.#unanswered);
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const done = this.#jobs.then(job);
    this.#jobs = done;
    done.catch((error) => this.#fail(error));
    return done;
  }
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#options.onFailure?.();
  }

  async #end(): Promise<void> {
    this.#step('end');
    try {
      await this.#wait('EndTxn', async () =>
        endTxnV3.api.async(
          await this.#coordinator(),
          this.#options.transactionalId,
          this.#producerId,
          this.#epoch,
          true,
        ),
      );
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'PRODUCER_FENCED') throw error;
      throw new TidemarkError('COMMIT_UNKNOWN', `The end of a transaction was not answered: ${describeError(error)}`, {
        cause: error,
        retriable: true,
      });
    }
  }

  /** Both questions go to the coordinator, which answers a connection's requests in order: one round trip. */
  async #join(targets: Iterable<OutputPartition>, groupId: string | null): Promise<void> {
    const adding = [this.#addPartitions(targets)];
    if (groupId !== null) adding.push(this.#addOffsets(groupId));
    await all(adding);
  }

  async #addOffsets(groupId: string): Promise<void> {
    if (this.#offsetsAdded) return;
    this.#step('add-offsets');
    await this.#wait('AddOffsetsToTxn', async () =>
      addOffsetsToTxnV3.api.async(
        await this.#coordinator(),
        this.#options.transactionalId,
        this.#producerId,
        this.#epoch,
        groupId,
      ),
    );
    this.#offsetsAdded = true;
    this.#open = true;
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
      const connection = await this.#connection('group', await this.#options.cluster.coordinator('group', groupId));
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

  async #addPartitions(targets: Iterable<OutputPartition>): Promise<void> {
    const missing = [...targets].filter((target) => !this.#added.has(target));
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

  /** Sends batches, one request per broker; the broker takes a connection's requests in order. */
  async #produce(batches: readonly ReadyBatch[]): Promise<void> {
    if (batches.length === 0) return;
    this.#step('produce');
    await this.#issue(batches);
  }

  async #issue(ready: readonly ReadyBatch[]): Promise<void> {
    const { cluster, transactionalId } = this.#options;
    // A request holds one batch per partition: further ones of the same partition go in requests of their own, in order.
    const rounds: Map<number, { topic: string; partition: number; batch: Buffer }[]>[] = [];
    const depth = new Map<OutputPartition, number>();
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
    for (const requests of rounds) {
      for (const [leader, batches] of requests) {
        const connection = await this.#connection('leader', leader);
        const answer = produceRaw(connection, { transactionalId, batches }).then((results) => {
          for (const { batch } of batches) this.#backlogBytes -= batch.length;
          for (const { topic, partition, errorCode, baseOffset } of results) {
            if (errorCode !== 0) throw produceError(topic, partition, errorCode);
            const { batch } = batches.find((sent) => sent.topic === topic && sent.partition === partition)!;
            this.target(topic, partition).endOffset = baseOffset + recordCount(batch);
          }
        });
        this.#unanswered.push(answer);
        // Awaited at the commit; whoever waits for room in the meantime must hear of it, and the next request is still to be sent.
        answer.catch((error) => this.#fail(error));
      }
    }
  }

  #finish(target: OutputPartition): void {
    const { writer } = target;
    const count = writer.count;
    const batch = writer.finish();
    this.#backlogBytes += batch.length;
    this.#ready.push({ target, batch });
    this.#written.add(target);
    target.sequence = (target.sequence + count) % 2 ** 31;
    writer.reset(this.#producerId, this.#epoch, target.sequence, true);
  }

  #step(step: TransactionStep): void {
    this.#options.onStep?.(step);
  }

  async #coordinator(): Promise<Connection> {
    const broker = await this.#options.cluster.coordinator('transaction', this.#options.transactionalId);
    return this.#connection('transaction', broker);
  }

  #connection(role: 'transaction' | 'group' | 'leader', broker: number): Promise<Connection> {
    const name = `${role} ${broker}`;
    let connection = this.#connections.get(name);
    if (!connection) {
      connection = this.#options.cluster.newConnection(broker);
      connection.catch(() => this.#connections.delete(name));
      this.#connections.set(name, connection);
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
    for (let tries = 1; ; tries++) {
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
        if (this.#aborting || !codes.some((code) => WAIT_CODES.has(code)) || Date.now() > deadline) throw error;
        if (isStaleMetadata(error)) this.#options.cluster.refresh();
        // The markers of the last transaction are there after a millisecond or two, more often than not.
        await new Promise((resolve) => setTimeout(resolve, Math.min(Math.ceil(tries / 5) ** 2, 50)));
      }
    }
  }
}

const targetsOf = (batches: readonly ReadyBatch[]): Set<OutputPartition> =>
  new Set(batches.map(({ target }) => target));

function produceError(topic: string, partition: number, errorCode: number): TidemarkError {
  const text = `The broker refused a batch for ${topic}/${partition} with ${kafkaErrorName(errorCode)}`;
  if (FENCED_CODES.has(errorCode)) return new TidemarkError('PRODUCER_FENCED', text, { retriable: true });
  // What the broker will refuse again, whenever it is sent.
  if (HOPELESS_CODES.has(errorCode)) return new TidemarkError('BATCH_REFUSED', text);
  return new TidemarkError('PRODUCE_FAILED', text, { retriable: true });
}

/** Waits for all, also after one has failed: nothing may be under way when a failure is answered. */
async function all(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
