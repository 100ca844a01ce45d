import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import { type AvroSerde, type KafkaRecord, murmur2Partition, topicSerde } from '#streams/kafka/index.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { Connection } from '../running.ts';
import { type ExportRecord, topicLike } from './fields.ts';

export interface Selection {
  readonly topic: string;
  readonly key?: string | undefined;
  /** Microseconds since 1970: from `from` on, before `to`. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}
type Value = Readonly<Record<string, unknown>>;

/**
 * A topic's committed records up to its end at the call, partition after partition, each in offset order: the same export from
 * the same log. Records of other topics than ours come as base64 with their headers. Throws KEY_INVALID.
 */
export async function* readTopic(
  { kafka, registry }: Connection,
  selection: Selection,
): AsyncGenerator<readonly ExportRecord[]> {
  const { topic, key } = selection;
  const ends = await kafka.offsets(topic, 'latest-stable');
  const like = topicLike(topic);
  const serde = like ? await topicSerde<Value>(registry, like, AVRO[like]) : null;
  const only = key === undefined ? null : partitionOf(topic, key, ends.length);
  for (const [partition, end] of ends.entries()) {
    if (only !== null && only !== partition) continue;
    const reader = await kafka.openReader({ topics: [{ topic, partitions: [partition], from: 'earliest' }] });
    try {
      while (reader.position(topic, partition) < end) {
        for (const { records } of await reader.poll()) {
          const exported: ExportRecord[] = [];
          for (const record of records) {
            if (record.offset >= end || (key !== undefined && record.key?.toString() !== key)) continue;
            const next = await toExport(topic, partition, record, serde);
            if (isWithin(next, selection)) exported.push(next);
          }
          yield exported;
        }
      }
    } finally {
      await reader.close();
    }
  }
}

/** The partition that holds a key, where the topic is ours; null: any. */
function partitionOf(topic: string, key: string, partitions: number): number | null {
  const like = topicLike(topic);
  if (like === null) return null;
  const { partitionBy, key: meaning } = TOPICS[like];
  if (partitionBy === 'key') return murmur2Partition(key, partitions);
  const slash = key.indexOf('/');
  if (slash < 0) throw new TidemarkError('KEY_INVALID', `A key of ${topic} is ${meaning}; "${key}" has no "/"`);
  return murmur2Partition(key.slice(0, slash), partitions);
}

function isWithin({ value, timestampMs }: ExportRecord, { from, to }: Selection): boolean {
  const time = typeof value?.eventTime === 'number' ? value.eventTime : timestampMs * 1000;
  return (from === undefined || time >= from) && (to === undefined || time < to);
}

async function toExport(
  topic: string,
  partition: number,
  record: KafkaRecord,
  serde: AvroSerde<Value> | null,
): Promise<ExportRecord> {
  const { offset, timestampMs } = record;
  const place = { topic, partition, offset, timestampMs, key: record.key?.toString() ?? null };
  if (record.value === null) return { ...place, value: serde ? null : rawValue(record) };
  if (serde === null) return { ...place, value: rawValue(record) };
  try {
    return { ...place, value: await decode(serde, record.value) };
  } catch (error) {
    // A registry that does not answer says nothing about the record.
    if (!(error instanceof TidemarkError) || error.retriable) throw error;
    return { ...place, value: null, unreadable: { error: describeError(error), ...rawValue(record) } };
  }
}

function decode(serde: AvroSerde<Value>, value: Buffer): Value | Promise<Value> {
  try {
    return serde.decode(value);
  } catch {
    return serde.decodeAsync(value);
  }
}

const rawValue = ({ value, headers }: KafkaRecord): Value => ({
  headers: Object.fromEntries(headers.map((header) => [header.key, header.value?.toString() ?? null])),
  valueBase64: value?.toString('base64') ?? null,
});
