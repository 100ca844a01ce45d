import { Reader } from '@platformatic/kafka';
import { GroupCoordinator, type GroupOffset } from './group-coordinator.ts';
import { Code, PartitionLog } from './partition-log.ts';
import { TransactionCoordinator } from './transaction-coordinator.ts';
import type { World } from './world.ts';

export interface BrokersOptions {
  readonly world: World;
  readonly brokers: number;
  /** Partitions by topic. */
  readonly topics: ReadonlyMap<string, number>;
  /** Mean time until a transaction's marker is in its partition, milliseconds. */
  readonly markerDelayMs: number;
  /** The most that a fetch answers per partition, whatever it asks for, bytes. */
  readonly fetchBytes: number;
}
/** Answers one request: what the client's parser would have made of the bytes, or an error that it would have thrown. */
export type Answer = (result: unknown, error?: Error) => void;

/** What a client throws that has been refused. */
export const refusal = (errorCode: number, response?: unknown): Error =>
  Object.assign(new Error(`refused with ${errorCode}`), { apiCode: errorCode, response });

const API = new Map([
  [0, 'Produce'],
  [1, 'Fetch'],
  [2, 'ListOffsets'],
  [3, 'Metadata'],
  [9, 'OffsetFetch'],
  [10, 'FindCoordinator'],
  [11, 'JoinGroup'],
  [12, 'Heartbeat'],
  [13, 'LeaveGroup'],
  [14, 'SyncGroup'],
  [22, 'InitProducerId'],
  [24, 'AddPartitionsToTxn'],
  [25, 'AddOffsetsToTxn'],
  [26, 'EndTxn'],
  [28, 'TxnOffsetCommit'],
]);
export const apiName = (key: number): string => API.get(key) ?? `api ${key}`;
export const HOST = 'simulated';
export const FIRST_PORT = 9000;

/** A Kafka cluster in memory: requests come as the bytes that would go over the network. */
export class Brokers {
  readonly #options: BrokersOptions;
  readonly #world: World;
  readonly #logs = new Map<string, PartitionLog>();
  readonly #leaders = new Map<string, number>();
  readonly #groups = new Map<string, GroupCoordinator>();
  readonly transactions: TransactionCoordinator;
  /** Fetches that wait for data. */
  readonly #waiting = new Set<() => void>();

  constructor(options: BrokersOptions) {
    this.#options = options;
    this.#world = options.world;
    for (const [topic, partitions] of options.topics) {
      for (let partition = 0; partition < partitions; partition++) {
        this.#logs.set(`${topic}/${partition}`, new PartitionLog());
        this.#leaders.set(`${topic}/${partition}`, partition % options.brokers);
      }
    }
    const log = (place: string) => ({ mark: (...args: Parameters<PartitionLog['mark']>) => this.#mark(place, args) });
    this.transactions = new TransactionCoordinator(
      options.world,
      log as (place: string) => PartitionLog,
      (groupId) => this.group(groupId),
      options.markerDelayMs,
    );
  }

  log(topic: string, partition: number): PartitionLog {
    return this.#logs.get(`${topic}/${partition}`)!;
  }
  logs(topic: string): PartitionLog[] {
    return Array.from({ length: this.#options.topics.get(topic)! }, (_, partition) => this.log(topic, partition));
  }
  group(groupId: string): GroupCoordinator {
    let group = this.#groups.get(groupId);
    if (!group) {
      group = new GroupCoordinator(this.#world, groupId);
      this.#groups.set(groupId, group);
    }
    return group;
  }
  /** Writes to a partition as an outside producer does. */
  write(topic: string, partition: number, batch: Buffer): void {
    const { errorCode } = this.log(topic, partition).append(batch);
    if (errorCode !== 0) throw refusal(errorCode);
    this.#arrived();
  }
  /** Gives a partition, or a coordinator's work, to another broker. */
  move(): void {
    const { random } = this.#world;
    const places = [...this.#logs.keys(), ...this.#leaders.keys()];
    const place = places[random.below(places.length)]!;
    this.#leaders.set(place, random.below(this.#options.brokers));
    this.#world.note(`${place} moves to ${this.#leaders.get(place)}`);
  }

  handle(node: number, apiKey: number, bytes: Buffer, answer: Answer) {
    const reader = Reader.from(bytes);
    switch (apiKey) {
      case 0:
        return answer(this.#produce(node, reader));
      case 1:
        return this.#fetch(node, reader, answer);
      case 2:
        return answer(this.#listOffsets(reader));
      case 3:
        return answer(this.#metadata(reader));
      case 9:
        return this.#offsetFetch(reader, answer);
      case 10:
        return answer(this.#findCoordinator(reader));
      case 11:
      case 12:
      case 13:
      case 14:
        return this.#membership(node, apiKey, reader, answer);
      case 22:
      case 24:
      case 25:
      case 26:
      case 28:
        return this.#transaction(node, apiKey, reader, answer);
      default:
        throw new Error(`The simulated brokers do not know API ${apiKey}`);
    }
  }

  #mark(place: string, args: Parameters<PartitionLog['mark']>): void {
    this.#logs.get(place)!.mark(...args);
    this.#arrived();
  }
  #arrived(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const look of waiting) look();
  }
  #leads(node: number, key: string): boolean {
    return this.#leader(key) === node;
  }
  #leader(key: string): number {
    let leader = this.#leaders.get(key);
    if (leader === undefined) {
      leader = this.#world.random.below(this.#options.brokers);
      this.#leaders.set(key, leader);
    }
    return leader;
  }

  #produce(node: number, reader: Reader) {
    reader.readNullableString();
    reader.readInt16();
    reader.readInt32();
    const results: { topic: string; partition: number; errorCode: number; baseOffset: number }[] = [];
    reader.readArray((outer) => {
      const topic = outer.readString();
      outer.readArray((inner) => {
        const partition = inner.readInt32();
        const batch = inner.readBytes();
        results.push({ topic, partition, ...this.#append(node, `${topic}/${partition}`, batch) });
      });
    });
    this.#arrived();
    return results;
  }
  #append(node: number, place: string, batch: Buffer): { errorCode: number; baseOffset: number } {
    const log = this.#logs.get(place)!;
    const refused = (errorCode: number) => ({ errorCode, baseOffset: -1 });
    if (!this.#leads(node, place)) return refused(Code.NOT_LEADER);
    const producerId = batch.readBigInt64BE(43);
    const isTransactional = (batch.readInt16BE(21) & 16) !== 0;
    // KIP-890: only a partition whose transaction is not open yet asks.
    if (isTransactional && !log.isOpen(producerId)) {
      if (!this.transactions.holds(producerId, batch.readInt16BE(51), place)) return refused(Code.INVALID_TXN_STATE);
    }
    const result = log.append(batch);
    this.#world.note(`append ${place} ${producerId}@${batch.readInt16BE(51)} ${JSON.stringify(result)}`);
    return result;
  }

  #fetch(node: number, reader: Reader, answer: Answer) {
    reader.readInt32();
    const maxWaitMs = reader.readInt32();
    reader.readInt32();
    reader.readInt32();
    const committedOnly = reader.readInt8() === 1;
    reader.readInt32();
    reader.readInt32();
    const wanted: { topic: string; partition: number; fetchOffset: number; maxBytes: number }[] = [];
    reader.readArray((outer) => {
      const topic = outer.readString();
      outer.readArray((inner) => {
        const partition = inner.readInt32();
        inner.readInt32();
        const fetchOffset = Number(inner.readInt64());
        inner.readInt32();
        inner.readInt64();
        wanted.push({ topic, partition, fetchOffset, maxBytes: inner.readInt32() });
      });
    });
    const { fetchBytes } = this.#options;
    const read = () =>
      wanted.map(({ topic, partition, fetchOffset, maxBytes }) => {
        if (!this.#leads(node, `${topic}/${partition}`)) return { topic, partition, ...NOT_LEADER };
        const limit = Math.min(maxBytes, 100 + this.#world.random.below(fetchBytes));
        return {
          topic,
          partition,
          errorCode: 0,
          ...this.log(topic, partition).read(fetchOffset, limit, committedOnly),
        };
      });
    const deadlineMs = this.#world.nowMs + maxWaitMs;
    const look = () => {
      const results = read();
      const isWorth = results.some(({ records, errorCode }) => records !== null || errorCode !== 0);
      if (isWorth || this.#world.nowMs >= deadlineMs) {
        if (this.#waiting.delete(look) || !done) answer(results);
        done = true;
      } else this.#waiting.add(look);
    };
    let done = false;
    look();
    if (!done) this.#world.after(maxWaitMs, () => done || look());
  }

  #listOffsets(reader: Reader) {
    reader.readInt32();
    const committedOnly = reader.readInt8() === 1;
    const topics = reader.readArray(
      (outer) => {
        const name = outer.readString();
        const partitions = outer.readArray(
          (inner) => {
            const partitionIndex = inner.readInt32();
            inner.readInt32();
            const isEarliest = inner.readInt64() === -2n;
            inner.readTaggedFields();
            const log = this.log(name, partitionIndex);
            const offset = isEarliest ? 0 : committedOnly ? log.lastStableOffset : log.end;
            return { partitionIndex, errorCode: 0, offset: BigInt(offset), timestamp: -1n, leaderEpoch: 0 };
          },
          true,
          false,
        );
        outer.readTaggedFields();
        return { name, partitions };
      },
      true,
      false,
    );
    return { throttleTimeMs: 0, topics };
  }

  #metadata(reader: Reader) {
    const names = reader.readNullableArray((inner) => {
      inner.readUUID();
      return inner.readString();
    }) ?? [...this.#options.topics.keys()];
    const brokers = Array.from({ length: this.#options.brokers }, (_, nodeId) => ({
      nodeId,
      host: HOST,
      port: FIRST_PORT + nodeId,
      rack: null,
    }));
    const topics = names.map((name) => ({
      name,
      errorCode: this.#options.topics.has(name) ? 0 : Code.UNKNOWN_TOPIC,
      partitions: Array.from({ length: this.#options.topics.get(name) ?? 0 }, (_, partitionIndex) => ({
        partitionIndex,
        errorCode: 0,
        leaderId: this.#leader(`${name}/${partitionIndex}`),
      })),
    }));
    return { throttleTimeMs: 0, brokers, clusterId: 'simulation', controllerId: 0, topics };
  }

  #findCoordinator(reader: Reader) {
    const keyType = reader.readInt8();
    const keys = reader.readArray((inner) => inner.readString(), true, false);
    return {
      coordinators: keys.map((key) => {
        const nodeId = this.#leader(`${keyType === 0 ? 'group' : 'transaction'} ${key}`);
        return { key, nodeId, host: HOST, port: FIRST_PORT + nodeId, errorCode: 0, errorMessage: null };
      }),
    };
  }

  #offsetFetch(reader: Reader, answer: Answer) {
    const groups = reader.readArray(
      (outer) => {
        const groupId = outer.readString();
        const topics = outer.readArray(
          (inner) => {
            const name = inner.readString();
            const partitions = inner.readArray((r) => r.readInt32(), true, false);
            inner.readTaggedFields();
            return { name, partitions };
          },
          true,
          false,
        );
        outer.readTaggedFields();
        return { groupId, topics };
      },
      true,
      false,
    );
    const requireStable = reader.readBoolean();
    let isUnstable = false;
    const response = groups.map(({ groupId, topics }) => ({
      groupId,
      errorCode: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partitionIndex) => {
          const place = `${name}/${partitionIndex}`;
          const group = this.group(groupId);
          if (requireStable && group.isPending(place)) isUnstable = true;
          const known = group.offset(place);
          return {
            partitionIndex,
            committedOffset: known?.offset ?? -1n,
            metadata: known?.metadata ?? '',
            errorCode: 0,
          };
        }),
      })),
    }));
    if (isUnstable) answer(null, refusal(Code.UNSTABLE_OFFSET_COMMIT));
    else answer({ groups: response });
  }

  #membership(node: number, apiKey: number, reader: Reader, answer: Answer) {
    const groupId = reader.readString();
    const group = this.group(groupId);
    if (!this.#leads(node, `group ${groupId}`)) return answer(null, refusal(Code.NOT_COORDINATOR));
    const settle = <A extends { readonly errorCode: number }>(result: A) =>
      result.errorCode === 0 ? answer(result) : answer(null, refusal(result.errorCode, result));
    if (apiKey === 11) {
      const sessionTimeoutMs = reader.readInt32();
      const rebalanceTimeoutMs = reader.readInt32();
      const memberId = reader.readString();
      const instanceId = reader.readNullableString();
      reader.readString();
      const [protocol] = reader.readArray(
        (r) => {
          const entry = { protocolName: r.readString(), metadata: Buffer.from(r.readBytes()) };
          r.readTaggedFields();
          return entry;
        },
        true,
        false,
      );
      return group.join({ memberId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs, ...protocol! }, settle);
    }
    if (apiKey === 13) {
      const [member] = reader.readArray((r) => {
        const entry = { memberId: r.readString(), instanceId: r.readNullableString() };
        // The reason.
        r.readNullableString();
        return entry;
      });
      return settle({ errorCode: group.leave(member!.instanceId, member!.memberId) });
    }
    const generationId = reader.readInt32();
    const identity = { generationId, memberId: reader.readString(), instanceId: reader.readNullableString() };
    if (apiKey === 12) return settle({ errorCode: group.heartbeat(identity) });
    reader.readNullableString();
    reader.readNullableString();
    const assignments = reader.readArray((r) => [r.readString(), Buffer.from(r.readBytes())] as const);
    group.sync(identity, new Map(assignments), settle);
  }

  #transaction(node: number, apiKey: number, reader: Reader, answer: Answer) {
    const transactionalId = reader.readString();
    const settle = (errorCode: number) => (errorCode === 0 ? answer({ errorCode }) : answer(null, refusal(errorCode)));
    if (apiKey === 28) return this.#commitOffsets(node, reader, settle);
    if (!this.#leads(node, `transaction ${transactionalId}`)) return settle(Code.NOT_COORDINATOR);
    if (apiKey === 22) {
      const timeoutMs = reader.readInt32();
      const result = this.transactions.init(transactionalId, timeoutMs, reader.readInt64(), reader.readInt16());
      return result.errorCode === 0 ? answer(result) : settle(result.errorCode);
    }
    const owner = { transactionalId, producerId: reader.readInt64(), epoch: reader.readInt16() };
    if (apiKey === 25) return settle(this.transactions.addGroup(owner, reader.readString()));
    if (apiKey === 26) return settle(this.transactions.end(owner, reader.readBoolean()));
    const places = reader.readArray(
      (outer) => {
        const topic = outer.readString();
        const partitions = outer.readArray((inner) => inner.readInt32(), true, false);
        outer.readTaggedFields();
        return partitions.map((partition) => `${topic}/${partition}`);
      },
      true,
      false,
    );
    settle(this.transactions.addPartitions(owner, places.flat()));
  }
  #commitOffsets(node: number, reader: Reader, settle: (errorCode: number) => void) {
    const groupId = reader.readString();
    const producerId = reader.readInt64();
    const epoch = reader.readInt16();
    const generationId = reader.readInt32();
    const identity = { generationId, memberId: reader.readString(), instanceId: reader.readNullableString() };
    const offsets: GroupOffset[] = [];
    reader.readArray((outer) => {
      const topic = outer.readString();
      outer.readArray((inner) => {
        const place = `${topic}/${inner.readInt32()}`;
        const offset = inner.readInt64();
        inner.readInt32();
        offsets.push({ place, offset, metadata: inner.readNullableString() });
      });
    });
    if (!this.#leads(node, `group ${groupId}`)) return settle(Code.NOT_COORDINATOR);
    if (!this.transactions.holdsGroup(producerId, epoch, groupId)) return settle(Code.INVALID_TXN_STATE);
    settle(this.group(groupId).commit(producerId, epoch, identity, offsets));
  }
}

const NOT_LEADER = {
  errorCode: Code.NOT_LEADER,
  highWatermark: -1,
  lastStableOffset: -1,
  abortedTransactions: [],
  records: null,
};
