import type { CommittedOffset } from '../kafka/cluster.ts';
import { GroupMember, type GroupOptions } from '../kafka/group.ts';
import type { Kafka } from '../kafka/index.ts';
import { TransactionalProducer, type TransactionalProducerOptions } from '../kafka/transactions.ts';
import { Fetcher } from './fetcher.ts';
import type { PartitionInput } from './input.ts';

type Public<T> = Pick<T, keyof T>;
export type ProducerPort = Public<TransactionalProducer>;
export type MemberPort = Public<GroupMember>;
export type FetcherPort = Public<Fetcher>;

/** All that a thread asks of Kafka: the real thing, or a simulated broker that replays a seed. */
export interface RuntimePorts {
  openProducer(options: Omit<TransactionalProducerOptions, 'cluster'>): ProducerPort;
  openMember(options: Omit<GroupOptions, 'brokers'>): MemberPort;
  openFetcher(inputs: () => readonly PartitionInput[], wake: () => void, fail: (error: unknown) => void): FetcherPort;
  /** The group's committed offsets, when no transaction is open on them any more. */
  committed(group: string, topic: string): Promise<CommittedOffset[]>;
  earliest(topic: string): Promise<number[]>;
}

export const kafkaPorts = (kafka: Kafka, brokers: readonly string[]): RuntimePorts => ({
  openProducer: (options) => new TransactionalProducer({ ...options, cluster: kafka.cluster }),
  openMember: (options) => new GroupMember({ ...options, brokers }),
  openFetcher: (inputs, wake, fail) => new Fetcher(kafka.cluster, inputs, wake, fail),
  committed: (group, topic) => kafka.cluster.committed(group, topic, { requireStable: true }),
  earliest: (topic) => kafka.offsets(topic, 'earliest'),
});
