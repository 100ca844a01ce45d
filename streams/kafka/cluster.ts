import {
  type Connection,
  findCoordinatorV4,
  listOffsetsV7,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
} from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import { ConnectionPool, connect } from './connections.ts';
import {
  asTidemark,
  isRetriable,
  isStaleMetadata,
  kafkaErrorCodes,
  kafkaErrorName,
  unreachable,
} from './protocol-errors.ts';

export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
}
export interface CommittedOffset {
  /** -1 when the group has none. */
  readonly offset: number;
  readonly metadata: string;
}
interface Address {
  readonly host: string;
  readonly port: number;
}
type Metadata = Awaited<ReturnType<typeof metadataV12.api.async>>;

/** How long a request is tried again while brokers move or come back, milliseconds. */
const RETRY_LIMIT_MS = 20_000;
/** How long a topic may be unknown before it counts as missing: brokers hear of a new one one after another. */
const TOPIC_WAIT_MS = 500;
const UNKNOWN_TOPIC = 3;

/**
 * Who leads what, and connections to them. Metadata is kept until a broker says that it is stale. Requests that only read are
 * tried again for a while; a connection is opened per purpose, since a long poll holds back what comes after it.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #pool = new ConnectionPool((broker) => this.newConnection(broker));
  readonly #leaders = new Map<string, number[]>();
  readonly #coordinators = new Map<string, number>();
  #addresses = new Map<number, Address>();
  #controller = -1;
  #id = '';
  #bootstrap: Promise<Connection> | null = null;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Throws KAFKA_UNREACHABLE when no broker answers. */
  async open(): Promise<void> {
    try {
      await this.describe([]);
    } catch (error) {
      await this.close();
      throw asTidemark(error);
    }
  }

  /** Broker id of a partition's leader. Throws TOPIC_UNKNOWN or PARTITION_UNKNOWN. */
  async leader(topic: string, partition: number): Promise<number> {
    const leader = (this.#leaders.get(topic) ?? (await this.retry(() => this.#leadersOf(topic))))[partition];
    if (leader === undefined)
      throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
    return leader;
  }
  /** Throws TOPIC_UNKNOWN. */
  async partitions(topic: string): Promise<number> {
    return (this.#leaders.get(topic) ?? (await this.retry(() => this.#leadersOf(topic)))).length;
  }
  /** Broker id of a group's or a transactional id's coordinator. */
  async coordinator(type: 'group' | 'transaction', key: string): Promise<number> {
    return this.#coordinators.get(`${type}:${key}`) ?? this.retry(() => this.#coordinatorOf(type, key));
  }
  /** Says which cluster this is, and which topics: one that was deleted and made again has another id. */
  async identity(topics: readonly string[]): Promise<{ clusterId: string; topicIds: ReadonlyMap<string, string> }> {
    const found = await this.retry(() => this.describe([...topics]));
    return { clusterId: this.#id, topicIds: new Map(found.map(({ name, topicId }) => [name ?? '', topicId])) };
  }
  /** Broker id to send administrative requests to. */
  async controller(): Promise<number> {
    if (this.#controller < 0) await this.describe([]);
    return this.#controller;
  }
  /**
   * A connection of the caller's own. Throws KAFKA_UNREACHABLE. A broker that takes no connection may lead and coordinate nothing any
   * more: who does is asked for anew, so that whoever tries again finds the others.
   */
  async newConnection(broker: number): Promise<Connection> {
    const address = this.#addresses.get(broker) ?? (await this.describe([]).then(() => this.#addresses.get(broker)));
    if (!address)
      throw new TidemarkError('KAFKA_UNREACHABLE', `Broker ${broker} is not part of the cluster any more`, {
        retriable: true,
      });
    return this.#connect(address).catch((error) => {
      this.refresh();
      throw error;
    });
  }
  /** Forgets who leads what. */
  refresh(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
    this.#controller = -1;
  }

  /** Offsets of every partition: the first, the next to be written, or the next that a read_committed reader cannot pass. */
  async offsets(topic: string, at: 'earliest' | 'latest' | 'latest-stable'): Promise<number[]> {
    const isolation = at === 'latest-stable' ? 1 : 0;
    const timestamp = at === 'earliest' ? -2n : -1n;
    return this.retry(async () => {
      const leaders = this.#leaders.get(topic) ?? (await this.#leadersOf(topic));
      const offsets = new Array<number>(leaders.length).fill(0);
      const byLeader = Map.groupBy(leaders.keys(), (index) => leaders[index]!);
      const asked = [...byLeader].map(async ([leader, indexes]) => {
        const connection = await this.connection(leader);
        const partitions = indexes.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }));
        const answer = await listOffsetsV7.api.async(connection, -1, isolation, [{ name: topic, partitions }]);
        for (const { partitionIndex, offset } of answer.topics[0]!.partitions) offsets[partitionIndex] = Number(offset);
      });
      await Promise.all(asked);
      return offsets;
    });
  }

  /** A group's committed offset of every partition. `requireStable` waits for open transactions to end (KIP-447). */
  async committed(group: string, topic: string, options: { requireStable?: boolean } = {}): Promise<CommittedOffset[]> {
    const partitionIndexes = Array.from({ length: await this.partitions(topic) }, (_, index) => index);
    return this.retry(async () => {
      const connection = await this.connection(await this.#coordinatorOf('group', group));
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
      const connection = await this.connection(await this.#coordinatorOf('group', group));
      await offsetCommitV8.api.async(connection, group, -1, '', null, [{ name: topic, partitions }]);
    });
  }

  /** The shared connection to a broker, for short requests. */
  connection(broker: number): Promise<Connection> {
    return this.#pool.get(broker);
  }

  /**
   * Tries a request again while the cluster moves: stale metadata, a broker that restarts. Errors that stay are thrown at once,
   * the others after 20 s as KAFKA_UNREACHABLE or KAFKA_REFUSED (retriable).
   */
  async retry<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const deadline = Date.now() + RETRY_LIMIT_MS;
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        return await request();
      } catch (error) {
        if (this.#closed || signal?.aborted || !isRetriable(error) || Date.now() > deadline) throw asTidemark(error);
        // A connection that broke tells nothing about the leaders, but they may have moved with their broker's end.
        if (isStaleMetadata(error) || kafkaErrorCodes(error).length === 0) this.refresh();
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  /** Metadata of topics by name; null asks for all. An unknown topic has an error code. Throws KAFKA_UNREACHABLE. */
  async describe(topics: string[] | null): Promise<Metadata['topics']> {
    const connection = await this.#any();
    const answer = await metadataV12.api
      .async(connection, topics as string[], false, false)
      .catch((error: { response?: unknown }) => {
        // The client throws when a topic is unknown; the answer itself says which.
        if (error.response) return error.response as Metadata;
        throw error;
      });
    this.#addresses = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#controller = answer.controllerId;
    this.#id = answer.clusterId ?? '';
    return answer.topics;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const bootstrap = this.#bootstrap;
    this.#bootstrap = null;
    await Promise.all([this.#pool.close(), bootstrap?.then((open) => open.close()).catch(() => undefined)]);
  }

  async #coordinatorOf(type: 'group' | 'transaction', key: string): Promise<number> {
    const name = `${type}:${key}`;
    const known = this.#coordinators.get(name);
    if (known !== undefined) return known;
    const answer = await findCoordinatorV4.api.async(await this.#any(), type === 'group' ? 0 : 1, [key]);
    const { nodeId, host, port } = answer.coordinators[0]!;
    this.#addresses.set(nodeId, { host, port });
    this.#coordinators.set(name, nodeId);
    return nodeId;
  }

  async #leadersOf(topic: string): Promise<number[]> {
    const deadline = Date.now() + TOPIC_WAIT_MS;
    let found: Metadata['topics'][number] | undefined;
    for (;;) {
      found = (await this.describe([topic])).find(({ name }) => name === topic);
      if (found && found.errorCode !== UNKNOWN_TOPIC) break;
      if (Date.now() > deadline) throw new TidemarkError('TOPIC_UNKNOWN', `Topic "${topic}" does not exist`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const leaders: number[] = [];
    for (const { partitionIndex, leaderId } of found.partitions) leaders[partitionIndex] = leaderId;
    if (leaders.length === 0 || leaders.includes(-1)) {
      const reason = found.errorCode === 0 ? '' : `: ${kafkaErrorName(found.errorCode)}`;
      throw new TidemarkError('LEADER_UNKNOWN', `A partition of topic ${topic} has no leader${reason}`, {
        retriable: isRetriable({ apiCode: found.errorCode || 5 }),
      });
    }
    this.#leaders.set(topic, leaders);
    return leaders;
  }

  /** The connection for metadata: to any broker that answers. */
  #any(): Promise<Connection> {
    if (this.#bootstrap) return this.#bootstrap;
    const forget = () => {
      if (this.#bootstrap === bootstrap) this.#bootstrap = null;
    };
    const bootstrap = this.#connectAny().then((connection) => {
      connection.on('close', forget);
      return connection;
    });
    bootstrap.catch(forget);
    this.#bootstrap = bootstrap;
    return bootstrap;
  }

  async #connectAny(): Promise<Connection> {
    const failures: string[] = [];
    const given = this.#options.brokers.map(parseAddress);
    // The brokers given may be gone while others of their cluster go on.
    const same = (a: Address) => (b: Address) => a.host === b.host && a.port === b.port;
    const learnt = [...this.#addresses.values()].filter((address) => !given.some(same(address)));
    for (const address of [...given, ...learnt]) {
      try {
        return await this.#connect(address);
      } catch (error) {
        failures.push(describeError(error));
      }
    }
    throw unreachable(failures.join('; '));
  }

  #connect({ host, port }: Address): Promise<Connection> {
    if (this.#closed) throw new TidemarkError('KAFKA_CLOSED', 'This connection to Kafka is closed');
    return connect(this.#options.clientId, host, port);
  }
}

function parseAddress(broker: string): Address {
  const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(broker) ?? [];
  if (!host || !port)
    throw new TidemarkError('CONFIG_INVALID', `"${broker}" is not the address of a Kafka broker: expected host:port`);
  return { host, port: Number(port) };
}
