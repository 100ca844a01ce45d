/** What people write into the system's topics: to which event time, and how it gets there. */
import { AVRO } from '#schemas/avro.ts';
import { PARTITIONS, partitionKeyOf, type TopicName } from '#schemas/topics.ts';
import { murmur2Partition, topicSerde } from '#streams/kafka/index.ts';
import type { Connection } from './running.ts';

/** How much of a topic's end is read at first, records. */
const FIRST_STRIDE = 500;

/** Event time of the newest record of a portfolio in a topic with it as key, microseconds; null: there is none. */
export async function newestEventTime(
  { kafka }: Pick<Connection, 'kafka'>,
  topic: TopicName,
  portfolio: string,
): Promise<number | null> {
  const partition = murmur2Partition(portfolio, PARTITIONS);
  const first = (await kafka.offsets(topic, 'earliest'))[partition]!;
  const end = (await kafka.offsets(topic, 'latest-stable'))[partition]!;
  let newestMs: number | null = null;
  for (let stride = FIRST_STRIDE, to = end; newestMs === null && to > first; stride *= 4) {
    const from = Math.max(first, to - stride);
    const offsets = Array.from({ length: partition + 1 }, () => from);
    const reader = await kafka.openReader({ topics: [{ topic, partitions: [partition], from: offsets }] });
    try {
      while (reader.position(topic, partition) < to)
        for (const { records } of await reader.poll())
          for (const { key, timestampMs } of records)
            if (key?.toString() === portfolio) newestMs = Math.max(newestMs ?? -1, timestampMs);
    } finally {
      await reader.close();
    }
    to = from;
  }
  // Records have milliseconds; what is said goes into the next one.
  return newestMs === null ? null : newestMs * 1000;
}

/** Event time of the newest incident or P&L of all portfolios, microseconds; null: there is none. */
export async function newestOfAll({ kafka }: Pick<Connection, 'kafka'>): Promise<number | null> {
  let newestMs = -1;
  for (const topic of ['risk.breaches', 'portfolio.pnl'] as const) {
    const earliest = await kafka.offsets(topic, 'earliest');
    const ends = await kafka.offsets(topic, 'latest-stable');
    const from = ends.map((end, partition) => Math.max(earliest[partition]!, end - FIRST_STRIDE));
    const reader = await kafka.openReader({ topics: [{ topic, from }] });
    try {
      while (ends.some((end, partition) => reader.position(topic, partition) < end))
        for (const { records } of await reader.poll())
          for (const { timestampMs } of records) newestMs = Math.max(newestMs, timestampMs);
    } finally {
      await reader.close();
    }
  }
  return newestMs < 0 ? null : newestMs * 1000;
}

/** Writes one value under several keys, null as a tombstone. `eventTime` in microseconds. */
export async function write(
  { kafka, registry }: Connection,
  topic: TopicName,
  keys: readonly string[],
  value: unknown,
  eventTime: number,
): Promise<void> {
  const serde = await topicSerde<unknown>(registry, topic, AVRO[topic]);
  const encoded = value === null ? null : serde.encode(value);
  const producer = await kafka.openProducer();
  try {
    const timestampMs = Math.floor(eventTime / 1000);
    for (const key of keys)
      await producer.send({ topic, key, value: encoded, timestampMs, partitionKey: partitionKeyOf(topic, key) });
    await producer.flush();
  } finally {
    await producer.close();
  }
}

/** Every record of a topic, or of one partition of it, decoded; what cannot be is left out. */
export async function readAll<V>(
  { kafka, registry }: Connection,
  topic: TopicName,
  visit: (key: string, value: V | null) => void,
  partition?: number,
): Promise<void> {
  const serde = await topicSerde<V>(registry, topic, AVRO[topic]);
  const ends = await kafka.offsets(topic, 'latest-stable');
  const partitions = partition === undefined ? [...ends.keys()] : [partition];
  const reader = await kafka.openReader({ topics: [{ topic, partitions, from: 'earliest' }] });
  try {
    while (partitions.some((each) => reader.position(topic, each) < ends[each]!))
      for (const { records } of await reader.poll())
        for (const { key, value } of records) {
          if (key === null) continue;
          const decoded = value === null ? null : await serde.decodeAsync(value).catch(() => undefined);
          if (decoded !== undefined) visit(key.toString(), decoded);
        }
  } finally {
    await reader.close();
  }
}
