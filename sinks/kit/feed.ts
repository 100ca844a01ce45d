import { AVRO } from '#schemas/avro.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import {
  type AvroSerde,
  type FetchedRecords,
  type KafkaRecord,
  openKafka,
  type Reader,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';

/** A decoded record; `value` null is a tombstone (compacted topics only). */
export interface SinkRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: Readonly<Record<string, unknown>> | null;
  readonly raw: KafkaRecord;
}
/** A record that cannot be stored, and why. */
export interface Reject {
  readonly topic: TopicName;
  readonly partition: number;
  readonly record: KafkaRecord;
  readonly code: string;
  readonly message: string;
}
/** A step of one partition: everything from `from` up to before `next` is in the batch. */
export interface Advance {
  readonly topic: TopicName;
  readonly partition: number;
  readonly from: number;
  readonly next: number;
}
/** What is written at once: rows and offsets belong together. */
export interface SinkBatch {
  readonly records: ReadonlyMap<TopicName, readonly SinkRecord[]>;
  readonly rejects: readonly Reject[];
  readonly advances: readonly Advance[];
}

/** The bytes of rejected records that are kept; the whole size is kept beside them. */
export const MAX_REJECT_BYTES = 512 * 1024;
/** Values of one batch in memory; a batch closes when it is reached, so that 1 MB records cannot fill it. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

export interface FeedOptions {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly name: string;
  readonly topics: readonly TopicName[];
  readonly maxRecords: number;
  /** How long a batch that is not full waits for more, ms. */
  readonly lingerMs: number;
  readonly log: Log;
}

/** The topics of a sink as batches, read committed, from the offsets that the store holds. */
export interface Feed {
  /**
   * The next batch; null when `signal` aborted with nothing pending. Throws retriable errors of Kafka and the registry.
   */
  next(signal: AbortSignal): Promise<SinkBatch | null>;
  /** Records between what was handed out and the end of a topic, as last seen. */
  lag(topic: TopicName): number;
  close(): Promise<void>;
}

/** Offsets per partition of each topic. */
export type Offsets = ReadonlyMap<TopicName, readonly number[]>;

/**
 * Opens a feed. `start` is given the first offsets of every topic and says where to read on; reading on behind a
 * topic's end throws SINK_AHEAD: the topic was made anew and the store holds rows of the old one.
 */
export async function openFeed(options: FeedOptions, start: (earliest: Offsets) => Promise<Offsets>): Promise<Feed> {
  const { topics, log } = options;
  const kafka = await openKafka({ brokers: options.brokers, clientId: options.name, log });
  try {
    const registry = new SchemaRegistry(options.registryUrl);
    const serdes = new Map<TopicName, AvroSerde<Record<string, unknown>>>();
    const earliest = new Map<TopicName, number[]>();
    const ends = new Map<TopicName, number[]>();
    for (const topic of topics) {
      serdes.set(topic, await topicSerde<Record<string, unknown>>(registry, topic, AVRO[topic]));
      earliest.set(topic, await kafka.offsets(topic, 'earliest'));
      ends.set(topic, await kafka.offsets(topic, 'latest'));
    }
    const from = await start(earliest);
    for (const topic of topics) checkStart(topic, from.get(topic) ?? [], ends.get(topic) ?? []);
    const reader = await kafka.openReader({
      topics: topics.map((topic) => ({ topic, from: from.get(topic) ?? [] })),
      isolation: 'read_committed',
    });
    const feed = new KafkaFeed(options, reader, serdes, from, ends);
    return {
      next: (signal) => feed.next(signal),
      lag: (topic) => feed.lag(topic),
      close: async () => {
        await reader.close();
        await kafka.close();
      },
    };
  } catch (error) {
    await kafka.close();
    throw error;
  }
}

function checkStart(topic: TopicName, from: readonly number[], ends: readonly number[]): void {
  ends.forEach((end, partition) => {
    const offset = from[partition] ?? 0;
    if (offset <= end) return;
    throw new TidemarkError(
      'SINK_AHEAD',
      `The store has ${topic}/${partition} up to offset ${offset}, but the topic ends at ${end}: ` +
        'the topic was made anew. Empty the store too (tidemark reset).',
      { position: { topic, partition, offset } },
    );
  });
}

class KafkaFeed {
  readonly #options: FeedOptions;
  readonly #reader: Reader;
  readonly #serdes: ReadonlyMap<TopicName, AvroSerde<Record<string, unknown>>>;
  readonly #positions: Map<TopicName, number[]>;
  readonly #ends: Map<TopicName, number[]>;

  constructor(
    options: FeedOptions,
    reader: Reader,
    serdes: ReadonlyMap<TopicName, AvroSerde<Record<string, unknown>>>,
    from: Offsets,
    ends: Offsets,
  ) {
    this.#options = options;
    this.#reader = reader;
    this.#serdes = serdes;
    this.#positions = new Map([...from].map(([topic, offsets]) => [topic, [...offsets]]));
    this.#ends = new Map([...ends].map(([topic, offsets]) => [topic, [...offsets]]));
  }

  lag(topic: TopicName): number {
    const positions = this.#positions.get(topic) ?? [];
    const ends = this.#ends.get(topic) ?? [];
    return ends.reduce((sum, end, partition) => sum + Math.max(0, end - (positions[partition] ?? 0)), 0);
  }

  async next(signal: AbortSignal): Promise<SinkBatch | null> {
    const { maxRecords, lingerMs } = this.#options;
    const batch = new BatchBuilder();
    let closesAt = Number.POSITIVE_INFINITY;
    while (
      !signal.aborted &&
      batch.count < maxRecords &&
      batch.bytes < MAX_BATCH_BYTES &&
      performance.now() < closesAt
    ) {
      for (const fetched of await this.#reader.poll(signal)) await this.#take(fetched, batch);
      if (batch.advances.size > 0) closesAt = Math.min(closesAt, performance.now() + lingerMs);
    }
    return batch.advances.size > 0 ? batch.finish() : null;
  }

  async #take(fetched: FetchedRecords, batch: BatchBuilder): Promise<void> {
    const topic = fetched.topic as TopicName;
    const { partition, nextOffset } = fetched;
    const positions = this.#positions.get(topic)!;
    for (const record of fetched.records) await this.#add(topic, partition, record, batch);
    batch.advance(topic, partition, positions[partition]!, nextOffset);
    positions[partition] = nextOffset;
    this.#ends.get(topic)![partition] = fetched.endOffset;
  }

  async #add(topic: TopicName, partition: number, raw: KafkaRecord, batch: BatchBuilder): Promise<void> {
    batch.count++;
    batch.bytes += raw.value?.length ?? 0;
    try {
      const value = await this.#decode(topic, raw.value);
      batch.record(topic, { partition, offset: raw.offset, value, raw });
    } catch (error) {
      // What may work later is not a poisoned record: the sink waits for the registry.
      if (error instanceof TidemarkError && error.retriable) throw error;
      const code = error instanceof TidemarkError ? error.code : 'RECORD_CORRUPT';
      batch.rejects.push({ topic, partition, record: raw, code, message: describeError(error) });
    }
  }

  async #decode(topic: TopicName, value: Buffer | null): Promise<Record<string, unknown> | null> {
    if (value === null) {
      if (TOPICS[topic].cleanup === 'compact') return null;
      throw new TidemarkError('RECORD_EMPTY', 'the record has no value, and the topic is not a compacted one');
    }
    const serde = this.#serdes.get(topic)!;
    try {
      return serde.decode(value);
    } catch (error) {
      if (!(error instanceof TidemarkError && error.code === 'SCHEMA_NOT_LOADED')) throw error;
      return serde.decodeAsync(value);
    }
  }
}

class BatchBuilder {
  count = 0;
  bytes = 0;
  readonly records = new Map<TopicName, SinkRecord[]>();
  readonly rejects: Reject[] = [];
  readonly advances = new Map<string, Advance>();

  record(topic: TopicName, record: SinkRecord): void {
    const records = this.records.get(topic);
    if (records) records.push(record);
    else this.records.set(topic, [record]);
  }

  advance(topic: TopicName, partition: number, from: number, next: number): void {
    const key = `${topic}/${partition}`;
    this.advances.set(key, { topic, partition, from: this.advances.get(key)?.from ?? from, next });
  }

  finish(): SinkBatch {
    return { records: this.records, rejects: this.rejects, advances: [...this.advances.values()] };
  }
}
