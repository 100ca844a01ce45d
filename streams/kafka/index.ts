import { type Admin, Kafka as KafkaJs, logLevel } from 'kafkajs';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import { Cluster } from './cluster.ts';
import { Producer, type ProducerOptions } from './producer.ts';
import { Reader, type ReaderOptions } from './reader.ts';

export type { Header } from './codec/batch-writer.ts';
export { murmur2Partition } from './murmur2.ts';
export type { Producer, ProducerOptions, ProducerRecord } from './producer.ts';
export type { FetchedRecords, KafkaRecord, Reader, ReaderOptions } from './reader.ts';
export { SchemaRegistry } from './registry.ts';
export { type AvroSerde, SchemaNotLoaded, topicSerde } from './serde.ts';

export interface KafkaOptions {
  /** host:port of one broker or more. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log?: Log;
}
export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

const TOPIC_WAIT_MS = 15_000;

/** Connects to a cluster. Throws KAFKA_UNREACHABLE. */
export async function openKafka(options: KafkaOptions): Promise<Kafka> {
  const kafka = new Kafka(options);
  await kafka.cluster.open();
  return kafka;
}

/** One connection to a Kafka cluster: topics, offsets, readers, producers. */
export class Kafka {
  readonly cluster: Cluster;
  readonly #options: KafkaOptions;
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.cluster = new Cluster(options);
  }

  /** Creates topics that do not exist, replicated as the brokers' default says; returns the names created. */
  async createTopics(topics: readonly NewTopic[]): Promise<string[]> {
    const missing = await this.#administer(async (admin) => {
      const existing = new Set(await admin.listTopics());
      const wanted = topics.filter(({ name }) => !existing.has(name));
      if (wanted.length === 0) return [];
      const entries = (config: NewTopic['config']) => Object.entries(config).map(([name, value]) => ({ name, value }));
      await admin.createTopics({
        // kafkajs gives up waiting when a broker has not heard of the topic yet; the loop below does not.
        waitForLeaders: false,
        topics: wanted.map(({ name, partitions, config }) => ({
          topic: name,
          numPartitions: partitions,
          replicationFactor: -1,
          configEntries: entries(config),
        })),
      });
      return wanted.map(({ name }) => name);
    });
    for (const name of missing) await this.#known(name);
    return missing;
  }
  /** Names of all topics but Kafka's own. */
  listTopics(): Promise<string[]> {
    return this.#administer(async (admin) =>
      (await admin.listTopics()).filter((name) => !name.startsWith('__')).sort(),
    );
  }
  deleteTopics(topics: readonly string[]): Promise<void> {
    return this.#administer(async (admin) => {
      await admin.deleteTopics({ topics: [...topics] });
      this.cluster.refresh();
    });
  }
  /** Deletes a group that has no members, and its offsets. */
  deleteGroup(group: string): Promise<void> {
    return this.#administer(async (admin) => void (await admin.deleteGroups([group])));
  }

  /** Throws TOPIC_UNKNOWN. */
  partitions(topic: string): Promise<number> {
    return this.cluster.partitions(topic);
  }
  /** Per partition; latest-stable is the end for read_committed readers. */
  offsets(topic: string, at: 'earliest' | 'latest' | 'latest-stable'): Promise<number[]> {
    return this.cluster.offsets(topic, at);
  }
  /** Per partition; -1 where the group has none. */
  async committedOffsets(group: string, topic: string, options: { requireStable?: boolean } = {}): Promise<number[]> {
    return (await this.cluster.committed(group, topic, options)).map(({ offset }) => offset);
  }
  /** Commits offsets of a group without members, per partition; negative ones are left out. */
  commitOffsets(group: string, topic: string, offsets: readonly number[]): Promise<void> {
    return this.cluster.commit(group, topic, offsets);
  }

  async openReader(options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(this.cluster, options);
    await reader.open();
    this.#closing.push(() => reader.close());
    return reader;
  }
  async openProducer(options: ProducerOptions = {}): Promise<Producer> {
    const producer = new Producer(this.cluster, options);
    await producer.open();
    return producer;
  }
  /** Closes readers and connections; producers are closed by their owners. */
  async close(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
    await this.cluster.close();
  }

  /** Waits until the brokers know a new topic and its leaders. */
  async #known(topic: string): Promise<void> {
    const deadline = Date.now() + TOPIC_WAIT_MS;
    for (;;) {
      try {
        await this.cluster.partitions(topic);
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== 'TOPIC_UNKNOWN' || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async #administer<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const { brokers, clientId } = this.#options;
    const admin = new KafkaJs({
      clientId,
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      retry: { retries: 8 },
    }).admin();
    try {
      await admin.connect();
      return await work(admin);
    } catch (error) {
      const details = (error as { errors?: Error[] }).errors?.map(describeError).join('; ');
      throw new TidemarkError(
        'KAFKA_ADMIN_FAILED',
        `Kafka refused an administrative request: ${details ?? describeError(error)}`,
        { cause: error, retriable: true },
      );
    } finally {
      await admin.disconnect();
    }
  }
}
