import { Consumer } from '@platformatic/kafka';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';

/** Membership as it was when the partitions were handed out; commits carry exactly this (KIP-447). */
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
  /** Awaited before the member joins again: commit what is done, then process no more until `onAssigned`. */
  readonly onRevoked: () => Promise<void>;
  readonly onAssigned: (assignment: Assignment) => void;
  /** The membership is over (fenced, or the session was lost and could not be had back). */
  readonly onLost: (error: TidemarkError) => void;
}

/** Partition number p of every topic goes to the same member, so that a task finds all its inputs in one place. */
export function coPartitionedAssignor(memberIds: readonly string[], partitionCounts: ReadonlyMap<string, number>) {
  const sorted = [...memberIds].sort();
  return sorted.map((memberId, index) => {
    const assignments = new Map<string, { topic: string; partitions: number[] }>();
    for (const [topic, count] of partitionCounts) {
      const partitions = Array.from({ length: count }, (_, partition) => partition).filter(
        (p) => p % sorted.length === index,
      );
      if (partitions.length > 0) assignments.set(topic, { topic, partitions });
    }
    return { memberId, assignments };
  });
}

/** A consumer group's member: only membership and assignment, fetching and committing are the runtime's. */
export class GroupMember {
  readonly #options: GroupOptions;
  readonly #consumer: Consumer;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#consumer = new Consumer({
      clientId: options.clientId,
      groupId: options.groupId,
      ...(options.instanceId === null ? {} : { groupInstanceId: options.instanceId }),
      bootstrapBrokers: [...options.brokers],
      autocommit: false,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: Math.max(options.sessionTimeoutMs, 30_000),
      heartbeatInterval: Math.floor(options.sessionTimeoutMs / 6),
      protocols: [{ name: 'tidemark-co-partitioned', version: 1 }],
      protocolsMetadata: async () => {
        await options.onRevoked();
        return Buffer.alloc(0);
      },
      partitionAssigner: (_current, members, topics, metadata) => {
        const counts = new Map([...topics].map((topic) => [topic, metadata.topics.get(topic)!.partitionsCount]));
        return coPartitionedAssignor([...members.keys()], counts);
      },
    });
  }

  /** Joins; `onAssigned` is called with every assignment from now on. Throws GROUP_JOIN_FAILED (retriable). */
  async join(): Promise<void> {
    const consumer = this.#consumer;
    consumer.topics.trackAll(...this.#options.topics);
    consumer.on('consumer:group:join', () => this.#assigned());
    consumer.on('error', (error: Error) =>
      this.#options.onLost(
        new TidemarkError(
          'GROUP_LOST',
          `The membership in group ${this.#options.groupId} is lost: ${describeError(error)}`,
          { cause: error, retriable: true },
        ),
      ),
    );
    consumer.on('consumer:heartbeat:error', ({ error }: { error: Error }) => {
      this.#options.log.warn(`heartbeat of group ${this.#options.groupId} failed: ${describeError(error)}`);
    });
    try {
      await consumer.joinGroup({});
    } catch (error) {
      throw new TidemarkError(
        'GROUP_JOIN_FAILED',
        `Could not join group ${this.#options.groupId}: ${describeError(error)}`,
        { cause: error, retriable: true },
      );
    }
  }

  #assigned(): void {
    const { groupId, instanceId, onAssigned } = this.#options;
    const consumer = this.#consumer;
    const partitions = new Set<number>();
    for (const { partitions: numbers } of consumer.assignments ?? [])
      for (const number of numbers) partitions.add(number);
    onAssigned({
      membership: { groupId, memberId: consumer.memberId!, generationId: consumer.generationId, instanceId },
      partitions: [...partitions].sort((a, b) => a - b),
    });
  }

  /** Leaves the group, so that others take over at once, and closes. Never throws. */
  async leave(): Promise<void> {
    this.#consumer.removeAllListeners('error');
    this.#consumer.on('error', () => {});
    await this.#consumer.close(true).catch(() => undefined);
  }
}
