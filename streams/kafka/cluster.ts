import {
  Connection,
  findCoordinatorV4,
  listOffsetsV7,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
} from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import { isStaleMetadata, kafkaErrorCodes } from './protocol-errors.ts';

export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
}
export interface CommittedOffset {
  /** -1 when the group has none. */
  readonly offset: number;
  readonly metadata: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a request is tried again while brokers move or come back, milliseconds. */
const RETRY_LIMIT_MS = 20_000;
const UNKNOWN_TOPIC = 3;
const UNSTABLE_OFFSETS = 88;

/**
 * Who leads what, and connections to them. Metadata is kept until a broker says that it is stale. Requests that only read are
 * tried again for a while; a connection is opened per purpose, since a long poll holds back what comes after it.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #connections = new Map<number, Promise<Connection>>();
  readonly #leaders = new Map<string, number[]>();
  readonly #coordinators = new Map<string, number>();
  #addresses = new Map<number, { host: string; port: number }>();
  #bootstrap: Promise<Connection> | null = null;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Throws KAFKA_UNREACHABLE when no broker answers. */
  async open(): Promise<void> {
    await this.#describe([]);
  }

  /** Broker id of a partition's leader. Throws TOPIC_UNKNOWN or PARTITION_UNKNOWN. */
  async leader(topic: string, partition: number): Promise<number> {
    const leader = (this.#leaders.get(topic) ?? (await this.#leadersOf(topic)))[partition];
    if (leader === undefined)
      throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
    return leader;
  }
  /** Throws TOPIC_UNKNOWN. */
  async partitions(topic: string): Promise<number> {
    return (this.#leaders.get(topic) ?? (await this.#leadersOf(topic))).length;
  }
  /** Broker id of a group's or a transactional id's coordinator. */
  async coordinator(type: 'group' | 'transaction', key: string): Promise<number> {
    const name = `${type}:${key}`;
    const known = this.#coordinators.get(name);
    if (known !== undefined) return known;
    return this.retry(async () => {
      const connection = await this.#any();
      const answer = await findCoordinatorV4.api.async(connection, type === 'group' ? 0 : 1, [key]);
      const found = answer.coordinators[0]!;
      this.#addresses.set(found.nodeId, { host: found.host, port: found.port });
      this.#coordinators.set(name, found.nodeId);
      return found.nodeId;
    });
  }
  /** A connection of the caller's own. */
  async newConnection(broker: number): Promise<Connection> {
    const address = this.#addresses.get(broker) ?? (await this.#describe([]).then(() => this.#addresses.get(broker)));
    if (!address)
      throw new TidemarkError('KAFKA_UNREACHABLE', `Broker ${broker} is not part of the cluster any more`, {
        retriable: true,
      });
    return this.#connect(address.host, address.port);
  }
  /** Forgets who leads what. */
  refresh(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }

  /** Offsets of every partition: the first, the next to be written, or the next that a read_committed reader cannot pass. */
  async offsets(topic: string, at: 'earliest' | 'latest' | 'latest-stable'): Promise<number[]> {
    const isolation = at === 'latest-stable' ? 1 : 0;
    const timestamp = at === 'earliest' ? -2n : -1n;
    return this.retry(async () => {
      const leaders = this.#leaders.get(topic) ?? (await this.#leadersOf(topic));
      const offsets = new Array<number>(leaders.length).fill(0);
      for (const [leader, indexes] of Map.groupBy(leaders.keys(), (index) => leaders[index]!)) {
        const connection = await this.connection(leader);
        const partitions = indexes.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }));
        const answer = await listOffsetsV7.api.async(connection, -1, isolation, [{ name: topic, partitions }]);
        for (const { partitionIndex, offset } of answer.topics[0]!.partitions) offsets[partitionIndex] = Number(offset);
      }
      return offsets;
    });
  }

  /** A group's committed offset of every partition. `requireStable` waits for open transactions to end (KIP-447). */
  async committed(group: string, topic: string, options: { requireStable?: boolean } = {}): Promise<CommittedOffset[]> {
    const partitionIndexes = Array.from({ length: await this.partitions(topic) }, (_, index) => index);
    return this.retry(async () => {
      const connection = await this.connection(await this.coordinator('group', group));
      const request = [{ groupId: group, memberEpoch: -1, topics: [{ name: topic, partitionIndexes }] }];
      const answer = await offsetFetchV8.api.async(connection, request, options.requireStable ?? false);
      const offsets: CommittedOffset[] = partitionIndexes.map(() => ({ offset: -1, metadata: '' }));
      for (const { partitionIndex, committedOffset, metadata } of answer.groups[0]?.topics[0]?.partitions ?? []) {
        offsets[partitionIndex] = { offset: Number(committedOffset), metadata: metadata ?? '' };
      }
      return offsets;
    });
  }
  /** Commits offsets of a group that has no members; negative ones are left out. */
  async commit(group: string, topic: string, offsets: readonly number[]): Promise<void> {
    const partitions = offsets.flatMap((offset, partitionIndex) =>
      offset < 0
        ? []
        : [{ partitionIndex, committedOffset: BigInt(offset), committedLeaderEpoch: -1, committedMetadata: '' }],
    );
    if (partitions.length === 0) return;
    await this.retry(async () => {
      const connection = await this.connection(await this.coordinator('group', group));
      await offsetCommitV8.api.async(connection, group, -1, '', null, [{ name: topic, partitions }]);
    });
  }

  /** The shared connection to a broker, for short requests. */
  connection(broker: number): Promise<Connection> {
    let connection = this.#connections.get(broker);
    if (!connection) {
      connection = this.newConnection(broker).then((open) => {
        open.on('close', () => this.#forget(broker, connection!));
        return open;
      });
      connection.catch(() => this.#forget(broker, connection!));
      this.#connections.set(broker, connection);
    }
    return connection;
  }

  /** Tries a request again while the cluster moves: stale metadata, a broker that restarts. Other errors are thrown at once. */
  async retry<T>(request: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + RETRY_LIMIT_MS;
    for (let pause = 5; ; pause = Math.min(pause * 2, 500)) {
      try {
        return await request();
      } catch (error) {
        const codes = kafkaErrorCodes(error);
        const stale = isStaleMetadata(error) || codes.includes(UNSTABLE_OFFSETS);
        const broken = codes.length === 0 && (!(error instanceof TidemarkError) || error.retriable);
        if (this.#closed || (!stale && !broken) || Date.now() > deadline) throw error;
        if (!codes.includes(UNSTABLE_OFFSETS)) this.refresh();
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connections = [...this.#connections.values(), ...(this.#bootstrap ? [this.#bootstrap] : [])];
    this.#connections.clear();
    this.#bootstrap = null;
    await Promise.all(connections.map((connection) => connection.then((open) => open.close()).catch(() => undefined)));
  }

  #forget(broker: number, connection: Promise<Connection>): void {
    if (this.#connections.get(broker) === connection) this.#connections.delete(broker);
  }

  async #leadersOf(topic: string): Promise<number[]> {
    return this.retry(async () => {
      const found = (await this.#describe([topic])).find(({ name }) => name === topic);
      if (!found || found.errorCode === UNKNOWN_TOPIC) {
        throw new TidemarkError('TOPIC_UNKNOWN', `Topic "${topic}" does not exist`);
      }
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of found.partitions) leaders[partitionIndex] = leaderId;
      if (leaders.length === 0 || leaders.includes(-1)) {
        throw new TidemarkError('LEADER_UNKNOWN', `A partition of topic ${topic} has no leader`, { retriable: true });
      }
      this.#leaders.set(topic, leaders);
      return leaders;
    });
  }

  async #describe(topics: string[]) {
    const connection = await this.#any();
    const answer = await metadataV12.api
      .async(connection, topics, false, false)
      .catch((error: { response?: unknown }) => {
        // The client throws when a topic is unknown; the answer itself says which.
        if (error.response) return error.response as Awaited<ReturnType<typeof metadataV12.api.async>>;
        throw error;
      });
    this.#addresses = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    return answer.topics;
  }

  /** The connection for metadata: to any broker that answers. */
  #any(): Promise<Connection> {
    this.#bootstrap ??= this.#connectAny().then(
      (connection) => {
        connection.on('close', () => {
          this.#bootstrap = null;
        });
        return connection;
      },
      (error) => {
        this.#bootstrap = null;
        throw error;
      },
    );
    return this.#bootstrap;
  }

  async #connectAny(): Promise<Connection> {
    const failures: string[] = [];
    for (const broker of this.#options.brokers) {
      const colon = broker.lastIndexOf(':');
      try {
        return await this.#connect(broker.slice(0, colon), Number(broker.slice(colon + 1)));
      } catch (error) {
        failures.push(`${broker}: ${describeError(error)}`);
      }
    }
    throw new TidemarkError(
      'KAFKA_UNREACHABLE',
      `No Kafka broker answers (${failures.join('; ')}). Is Kafka running, and is KAFKA_BROKERS right?`,
      { retriable: true },
    );
  }

  async #connect(host: string, port: number): Promise<Connection> {
    const connection = new Connection(this.#options.clientId, {
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxInflights: 1000,
    });
    // Failures surface in the requests that they break.
    connection.on('error', () => {});
    await connection.connect(host, port);
    return connection;
  }
}
