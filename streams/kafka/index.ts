import type { Log } from '../kit/log.ts';
import { createTopics, deleteGroup, deleteTopics, listTopics, type NewTopic } from './admin.ts';
import { Cluster } from './cluster.ts';
import { Producer, type ProducerOptions } from './producer.ts';
import { Reader, type ReaderOptions } from './reader.ts';

export type { NewTopic } from './admin.ts';
export type { Header } from './codec/batch-writer.ts';
export { murmur2Partition } from './murmur2.ts';
export type { Producer, ProducerOptions, ProducerRecord } from './producer.ts';
export type { FetchedRecords, KafkaRecord, Reader, ReaderOptions } from './reader.ts';
export { SchemaRegistry } from './registry.ts';
export { type AvroSerde, SchemaNotLoaded, topicSerde } from './serde.ts';

/** Which cluster, and who asks: `clientId` shows in the brokers' logs and quotas. */
export interface KafkaOptions {
  /** host:port of one broker or more. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log?: Log;
}
/** Connects to a cluster. Throws KAFKA_UNREACHABLE. */
export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const kafka = new Kafka(options);
  await kafka.cluster.open();
  return kafka;
}

/** One connection to a Kafka cluster: topics, offsets, readers, producers. */
export class Kafka {
  /** @internal */
  readonly cluster: Cluster;
  readonly #readers = new Set<Reader>();

  /** Use `openKafka`, which connects. */
  constructor(options: KafkaOptions) {
    this.cluster = new Cluster(options);
  }

  /**
   * Creates topics that do not exist, replicated as the brokers' default says, and waits until they are known; returns the names created.
   * Throws TOPIC_REFUSED.
   */
  createTopics(topics: readonly NewTopic[]): Promise<string[]> {
    return createTopics(this.cluster, topics);
  }
  /** Names of all topics but Kafka's own (`__…`), sorted. */
  listTopics(): Promise<string[]> {
    return listTopics(this.cluster);
  }
  /** Deletes those of the topics that exist. Throws TOPIC_REFUSED. */
  deleteTopics(topics: readonly string[]): Promise<void> {
    return deleteTopics(this.cluster, topics);
  }
  /** Deletes a group that has no members, and its offsets; one that is not there is fine. Throws GROUP_REFUSED. */
  deleteGroup(group: string): Promise<void> {
    return deleteGroup(this.cluster, group);
  }

  /** How many partitions a topic has. Throws TOPIC_UNKNOWN. */
  partitions(topic: string): Promise<number> {
    return this.cluster.partitions(topic);
  }
  /** Per partition; latest-stable is the end for read_committed readers. Throws TOPIC_UNKNOWN. */
  offsets(topic: string, at: 'earliest' | 'latest' | 'latest-stable'): Promise<number[]> {
    return this.cluster.offsets(topic, at);
  }
  /** Per partition; -1 where the group has none. `requireStable` waits for open transactions to end (KIP-447). Throws TOPIC_UNKNOWN. */
  async committedOffsets(group: string, topic: string, options: { requireStable?: boolean } = {}): Promise<number[]> {
    return (await this.cluster.committed(group, topic, options)).map(({ offset }) => offset);
  }
  /** Commits offsets of a group without members, per partition; negative ones are left out. */
  commitOffsets(group: string, topic: string, offsets: readonly number[]): Promise<void> {
    return this.cluster.commit(group, topic, offsets);
  }

  /** Reads partitions without a group. Throws TOPIC_UNKNOWN, PARTITION_UNKNOWN. Close it after use. */
  async openReader(options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(this.cluster, options, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    await reader.open();
    return reader;
  }
  /** An idempotent producer. Throws KAFKA_UNREACHABLE, KAFKA_REFUSED. Close it after use. */
  async openProducer(options: ProducerOptions = {}): Promise<Producer> {
    const producer = new Producer(this.cluster, options);
    await producer.open();
    return producer;
  }
  /** Closes readers and connections; producers are closed by their owners. */
  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await this.cluster.close();
  }
}
