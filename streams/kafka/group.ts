import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Connection,
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  syncGroupV5,
} from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import {
  decodeHandoutData,
  decodeMemberData,
  encodeHandoutData,
  encodeMemberData,
  handOut,
  placeTasks,
  type TaskMember,
} from './assignor.ts';
import { Cluster } from './cluster.ts';
import { isRetriable, kafkaErrorCodes, kafkaErrorName } from './protocol-errors.ts';

/**
 * A membership as it was when its partitions were handed out; commits carry exactly this (KIP-447). The generation moves on by
 * itself while the group rebalances, but only from one in which the partitions are this member's to the next one in which they are.
 */
export interface Membership {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
  readonly instanceId: string | null;
}
export interface Assignment {
  readonly membership: Membership;
  /** Partition numbers, ascending: this member has these of every topic of the group (co-partitioned). */
  readonly partitions: readonly number[];
  /** Partition numbers, ascending, whose state this member is to keep up to date for another. */
  readonly standbys: readonly number[];
}
export interface GroupOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly groupId: string;
  /** Static membership (KIP-345): a restarted process takes its old place at once. */
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly log: Log;
  /** Members with one id stop together; default host and process id. */
  readonly processId?: string;
  /** host:port where this member answers queries of its stores; default none. */
  readonly endpoint?: string;
  /** Per partition number the sum of the changelog offsets that the local copy of its state has reached; asked at every join. */
  readonly freshness?: () => ReadonlyMap<number, number>;
  /** Copies of every partition's state that other processes keep; the group leader's value counts. Default 0. */
  readonly standbyReplicas?: number;
  /**
   * These partitions go to another member: commit what is done with them and process them no more. They are handed on when the
   * promise resolves; the others stay, and may be processed and committed meanwhile. Where more than that changes, `onAssigned`
   * is called directly after it, before the promise is awaited.
   */
  readonly onRevoked: (partitions: readonly number[]) => Promise<void>;
  /** What this member has from now on, in full; not called by a rebalance that leaves this member's as it was. */
  readonly onAssigned: (assignment: Assignment) => void;
  /** The membership is over: it has no partitions any more, and others may have them already. */
  readonly onLost: (error: TidemarkError) => void;
}

/** Members of another protocol are refused by the broker: the rules by which partitions are handed on must be everyone's. */
const PROTOCOL = 'tidemark-cooperative';
const SUBSCRIPTION_VERSION = 3;
const HEARTBEAT_MS = 500;
/** How long the group waits for a member to join again. Only the time to notice it is in this, no work is waited for. */
const REBALANCE_TIMEOUT_MS = 20_000;
/** How long a first join is tried while no coordinator answers. */
const JOIN_LIMIT_MS = 20_000;
const LEAVE_LIMIT_MS = 2_000;

const REBALANCE_IN_PROGRESS = 27;
const MEMBER_ID_REQUIRED = 79;
const FENCED_INSTANCE_ID = 82;
/** ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID: the group goes on without this member. */
const GONE = new Set([22, 25]);
/** INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, GROUP_AUTHORIZATION_FAILED: a matter of configuration. */
const HOPELESS = new Set([24, 26, 30]);

/**
 * A consumer group's member: only membership and assignment, fetching and committing are the runtime's. It speaks the group
 * protocol itself, in the cooperative way of KIP-429: a rebalance takes nothing away; whoever has too much is told so, gives it up
 * and joins once more, and only then is it handed on. So nobody's tasks stop because somebody comes or goes.
 */
export class GroupMember {
  readonly #options: GroupOptions;
  readonly #cluster: Cluster;
  readonly #membership: Membership;
  #connection: Promise<Connection> | null = null;
  #memberId = '';
  #generationId = -1;
  /** What this member may process: it has been handed out to it and not been given up. */
  readonly #owned = new Set<number>();
  /** The part of it that is being given up. */
  readonly #revoking = new Set<number>();
  #told = '';
  #rejoin = false;
  #stopping = false;
  #lost = false;
  #wake: () => void = () => {};
  #rebalancing: Promise<void> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#cluster = new Cluster({ brokers: options.brokers, clientId: options.clientId });
    const { groupId, instanceId } = options;
    const memberId = () => this.#memberId;
    const generationId = () => this.#generationId;
    this.#membership = {
      groupId,
      instanceId,
      get memberId() {
        return memberId();
      },
      get generationId() {
        return generationId();
      },
    };
  }

  /** Joins; `onAssigned` is called with the first assignment, and with every change from now on. Throws GROUP_JOIN_FAILED. */
  async join(): Promise<void> {
    try {
      await this.#cluster.open();
      await this.#rebalance(Date.now() + JOIN_LIMIT_MS);
    } catch (error) {
      const { groupId } = this.#options;
      const message = `Could not join group ${groupId}: ${explain(error)}`;
      const retriable = !kafkaErrorCodes(error).some((code) => HOPELESS.has(code));
      throw new TidemarkError('GROUP_JOIN_FAILED', message, { cause: error, retriable });
    }
    this.#running = this.#stay();
  }

  /**
   * Whether a commit that was refused in this generation may be tried in a newer one: the group has gone on to it, and this member,
   * with all it has, is part of it. Waits for the answer where the group is on its way there.
   */
  async renewed(generationId: number): Promise<boolean> {
    await this.#rebalancing.catch(() => undefined);
    return !this.#lost && this.#generationId > generationId;
  }

  /** Leaves the group, so that others take over at once, and closes. Never throws. */
  async leave(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    // Ends a join that waits for the other members.
    void this.#disconnect();
    // A broker that does not answer must not hold up the end: the group finds out by itself.
    const limit = new AbortController();
    const timedOut = sleep(LEAVE_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([this.#depart().catch(() => undefined), timedOut]);
    limit.abort();
    void this.#disconnect();
    await this.#cluster.close();
  }
  async #depart(): Promise<void> {
    await this.#running;
    if (this.#memberId === '' || this.#lost) return;
    const { groupId, instanceId } = this.#options;
    const member = { memberId: this.#memberId, groupInstanceId: instanceId, reason: 'stopped' };
    await leaveGroupV5.api.async(await this.#coordinator(), groupId, [member]);
  }

  /** Until the membership ends: heartbeats, and a new round whenever the group or this member wants one. */
  async #stay(): Promise<void> {
    try {
      while (!this.#stopping && !this.#lost) {
        if (!this.#rejoin) await this.#pause(Math.min(HEARTBEAT_MS, this.#options.sessionTimeoutMs / 6));
        if (this.#stopping || this.#lost) return;
        if (!this.#rejoin && !(await this.#isRebalancing())) continue;
        this.#rebalancing = this.#rebalance(Number.POSITIVE_INFINITY);
        await this.#rebalancing;
      }
    } catch (error) {
      this.#lose(error);
    }
  }
  #lose(cause: unknown): void {
    if (this.#stopping || this.#lost) return;
    this.#lost = true;
    this.#wake();
    const { groupId, instanceId, onLost } = this.#options;
    if (kafkaErrorCodes(cause).includes(FENCED_INSTANCE_ID)) {
      const message = `Another process has joined group ${groupId} as ${instanceId}: two processes cannot run on copies of one state folder`;
      onLost(new TidemarkError('GROUP_INSTANCE_TAKEN', message, { cause }));
      return;
    }
    const message = `The membership in group ${groupId} is lost: ${explain(cause)}`;
    onLost(new TidemarkError('GROUP_LOST', message, { cause, retriable: true }));
  }

  async #isRebalancing(): Promise<boolean> {
    const { groupId, instanceId } = this.#options;
    try {
      await this.#ask((connection) =>
        heartbeatV4.api.async(connection, groupId, this.#generationId, this.#memberId, instanceId),
      );
      return false;
    } catch (error) {
      if (kafkaErrorCodes(error).includes(REBALANCE_IN_PROGRESS)) return true;
      throw error;
    }
  }

  /** Rounds of joining until one is not overtaken by the next. */
  async #rebalance(deadlineMs: number): Promise<void> {
    for (;;) {
      this.#rejoin = false;
      try {
        this.#apply(await this.#round(deadlineMs));
        return;
      } catch (error) {
        const codes = kafkaErrorCodes(error);
        const isNew = this.#owned.size === 0 && this.#told === '';
        // A newcomer has nothing to lose: it begins again under a new id.
        if (isNew && codes.some((code) => GONE.has(code))) {
          this.#memberId = '';
          this.#generationId = -1;
        } else if (!codes.includes(REBALANCE_IN_PROGRESS)) throw error;
      }
    }
  }

  /** JoinGroup and SyncGroup; returns the assignment as the leader encoded it. */
  async #round(deadlineMs: number): Promise<Buffer> {
    const { groupId, instanceId } = this.#options;
    const joined = await this.#joinGroup(deadlineMs);
    // A generation that this member has missed may have handed out what it has. The broker counts them one by one.
    if (this.#owned.size > 0 && joined.generationId !== this.#generationId + 1) {
      const missed = `generation ${joined.generationId} follows ${this.#generationId}: the group has gone on without this member`;
      throw new TidemarkError('GROUP_GENERATION_MISSED', missed);
    }
    this.#memberId = joined.memberId;
    this.#generationId = joined.generationId;
    const isLeader = joined.leader === joined.memberId && !joined.skipAssignment;
    const assignments = isLeader ? await this.#place(joined.members) : [];
    const { protocolName } = joined;
    const synced = await this.#ask(
      (connection) =>
        syncGroupV5.api.async(
          connection,
          groupId,
          joined.generationId,
          joined.memberId,
          instanceId,
          'consumer',
          protocolName,
          assignments,
        ),
      deadlineMs,
    );
    return synced.assignment;
  }

  async #joinGroup(deadlineMs: number) {
    const { groupId, instanceId, sessionTimeoutMs } = this.#options;
    // Made once: the broker takes a request that comes again after a lost answer for the same only if it is the same.
    const protocols = [{ name: PROTOCOL, metadata: this.#subscription() }];
    const rebalanceTimeoutMs = Math.max(sessionTimeoutMs, REBALANCE_TIMEOUT_MS);
    for (;;) {
      try {
        return await this.#ask(
          (connection) =>
            joinGroupV9.api.async(
              connection,
              groupId,
              sessionTimeoutMs,
              rebalanceTimeoutMs,
              this.#memberId,
              instanceId,
              'consumer',
              protocols,
              '',
            ),
          deadlineMs,
        );
      } catch (error) {
        if (!kafkaErrorCodes(error).includes(MEMBER_ID_REQUIRED)) throw error;
        this.#memberId = (error as { response: { memberId: string } }).response.memberId;
      }
    }
  }

  /** Always another than at the last join, by its generation: the broker begins no round for a member that has nothing new to say. */
  #subscription(): Buffer {
    const { topics, processId, endpoint, freshness } = this.#options;
    const userData = encodeMemberData({
      processId: processId ?? `${hostname()}:${process.pid}`,
      endpoint: endpoint ?? '',
      freshness: freshness?.() ?? new Map(),
    });
    const partitions = sorted(this.#owned);
    return encodeConsumerProtocolSubscription({
      version: SUBSCRIPTION_VERSION,
      topics: [...topics],
      userData,
      ownedPartitions: topics.map((topic) => ({ topic, partitions })),
      generationId: this.#generationId,
      rackId: null,
    });
  }

  /** The leader's part: says what everyone has. */
  async #place(joined: readonly { memberId: string; metadata: Buffer }[]) {
    const members = joined.map(({ memberId, metadata }): TaskMember => {
      const { userData, ownedPartitions, generationId } = decodeConsumerProtocolSubscription(metadata);
      const { processId, freshness } = decodeMemberData(userData);
      const owned = sorted(new Set(ownedPartitions.flatMap(({ partitions }) => partitions)));
      return { memberId, processId: processId || memberId, freshness, owned, generationId };
    });
    const counts = new Map<string, number>();
    for (const topic of this.#options.topics) counts.set(topic, await this.#cluster.partitions(topic));
    const placement = placeTasks(members, Math.max(...counts.values()), this.#options.standbyReplicas ?? 0);
    return [...handOut(placement, members)].map(([memberId, { active, standbys, unfinished }]) => ({
      memberId,
      assignment: encodeConsumerProtocolAssignment({
        version: SUBSCRIPTION_VERSION,
        assignedPartitions: [...counts].map(([topic, count]) => ({
          topic,
          partitions: active.filter((partition) => partition < count),
        })),
        userData: encodeHandoutData({ standbys, unfinished }),
      }),
    }));
  }

  #apply(assignment: Buffer): void {
    const { groupId, log } = this.#options;
    const { assignedPartitions, userData } = decodeConsumerProtocolAssignment(assignment);
    const { standbys, unfinished } = decodeHandoutData(userData);
    const given = new Set(assignedPartitions.flatMap(({ partitions }) => partitions));
    const lost = sorted(this.#owned).filter((partition) => !given.has(partition) && !this.#revoking.has(partition));
    for (const partition of given) this.#owned.add(partition);
    if (lost.length > 0) this.#revoke(lost);
    // Only after a restart: what this member was to give up is not even its own now, but the others wait for its word.
    else if (unfinished && this.#revoking.size === 0) this.#rejoin = true;
    const partitions = sorted(this.#owned).filter((partition) => !this.#revoking.has(partition));
    log.debug(
      `generation ${this.#generationId} of group ${groupId}: ${JSON.stringify({ partitions, lost, standbys })}`,
    );
    const told = JSON.stringify([partitions, standbys]);
    if (told === this.#told || this.#stopping) return;
    this.#told = told;
    this.#options.onAssigned({ membership: this.#membership, partitions, standbys });
  }

  #revoke(partitions: readonly number[]): void {
    for (const partition of partitions) this.#revoking.add(partition);
    this.#options.onRevoked(partitions).then(
      () => {
        for (const partition of partitions) {
          this.#owned.delete(partition);
          this.#revoking.delete(partition);
        }
        this.#rejoin = true;
        this.#wake();
      },
      (error) => this.#lose(error),
    );
  }

  /** Sends a request to the group's coordinator, wherever it is by now; what it refuses is thrown as it came. */
  async #ask<T>(request: (connection: Connection) => Promise<T>, deadlineMs = Number.POSITIVE_INFINITY): Promise<T> {
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        if (this.#stopping || this.#lost) throw new TidemarkError('GROUP_LEFT', 'This member leaves its group');
        return await request(await this.#coordinator());
      } catch (error) {
        if (this.#stopping || !isRetriable(error) || Date.now() > deadlineMs) throw error;
        await this.#disconnect();
        this.#cluster.refresh();
        await this.#pause(pauseMs);
      }
    }
  }
  /** A connection of this member's own: a join holds back everything behind it. */
  #coordinator(): Promise<Connection> {
    this.#connection ??= this.#cluster
      .coordinator('group', this.#options.groupId)
      .then((broker) => this.#cluster.newConnection(broker));
    return this.#connection;
  }
  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.then((open) => open.close()).catch(() => undefined);
  }
  /** Waits, or until there is something to do. */
  #pause(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const sorted = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);
function explain(error: unknown): string {
  const codes = kafkaErrorCodes(error);
  return codes.length > 0 ? codes.map(kafkaErrorName).join(', ') : describeError(error);
}
