import { randomBytes } from 'node:crypto';
import { fetchRaw } from '#streams/kafka/codec/requests.ts';
import type { Kafka, ProducerRecord, ReaderOptions } from '#streams/kafka/index.ts';

/** Partitions of every topic of the codec's tests. */
export const PARTITIONS = 2;
const LIMIT_MS = 60_000;

/** A record as every client sees it; bytes in hex. */
export interface Seen {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}
export const seen = (partition: number, record: ProducerRecord, offset: number): Seen => ({
  partition,
  offset,
  timestampMs: record.timestampMs,
  key: record.key,
  value: record.value?.toString('hex') ?? null,
  headers: (record.headers ?? []).map(({ key, value }) => [key, value?.toString('hex') ?? null]),
});
export const byPlace = (a: Seen, b: Seen) => a.partition - b.partition || a.offset - b.offset;

/**
 * Everything that a record can be: no key, an empty one, no value, both, headers with and without values and with one name
 * twice, times from 1990 on, up and down.
 */
export function variety(topic: string, count: number): ProducerRecord[] {
  return Array.from({ length: count }, (_, n) => ({
    topic,
    partition: n % PARTITIONS,
    key: n % 7 === 0 ? null : n % 17 === 0 ? '' : `key-${n % 50}-é`,
    value: n % 11 === 0 ? null : n % 13 === 0 ? Buffer.alloc(0) : randomBytes(n % 300),
    timestampMs: n % 3 === 0 ? 631_152_000_000 + n : 1_700_000_000_000 - n * 86_400_000,
    headers:
      n % 5 === 0
        ? [
            { key: 'source', value: Buffer.from(`feed-${n}`) },
            { key: 'ü', value: n % 10 === 0 ? null : Buffer.alloc(0) },
          ]
        : [],
  }));
}

/** The records with the offsets that they get in an empty topic. */
export function expected(records: readonly ProducerRecord[]): Seen[] {
  const next = new Array<number>(PARTITIONS).fill(0);
  const take = (partition: number): number => {
    next[partition] = next[partition]! + 1;
    return next[partition] - 1;
  };
  return records.map((record) => seen(record.partition!, record, take(record.partition!))).sort(byPlace);
}

/** Reads a topic to its end with our reader. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  options: Omit<Partial<ReaderOptions>, 'topics'> = {},
): Promise<Seen[]> {
  const ends = await kafka.offsets(topic, 'latest');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }], ...options });
  const found: Seen[] = [];
  const deadline = Date.now() + LIMIT_MS;
  while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
    if (Date.now() > deadline) throw new Error(`${topic} was not read to its end`);
    for (const { partition, records } of await reader.poll())
      for (const { offset, timestampMs, key, value, headers } of records)
        found.push(seen(partition, { topic, key: key?.toString() ?? null, value, timestampMs, headers }, offset));
  }
  await reader.close();
  return found.sort(byPlace);
}

/** A batch as it lies in the log. */
export interface RawBatch {
  /** Bits 0 to 2: the compression. */
  readonly attributes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: number;
}
/** The batches of partition 0. */
export async function rawBatches(kafka: Kafka, topic: string): Promise<RawBatch[]> {
  const leader = await kafka.cluster.leader(topic, 0);
  const end = (await kafka.offsets(topic, 'latest'))[0]!;
  const batches: RawBatch[] = [];
  for (let next = 0; next < end; ) {
    const [fetched] = await fetchRaw(await kafka.cluster.connection(leader), {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 2 ** 20,
      isolation: 'read_uncommitted',
      partitions: [{ topic, partition: 0, fetchOffset: next, maxBytes: 2 ** 20 }],
    });
    const section = fetched!.records ?? Buffer.alloc(0);
    for (let at = 0; at + 61 <= section.length; at += 12 + section.readInt32BE(at + 8)) {
      const baseOffset = Number(section.readBigInt64BE(at));
      const lastOffset = baseOffset + section.readInt32BE(at + 23);
      if (lastOffset < next) continue;
      const records = section.readInt32BE(at + 57);
      batches.push({ attributes: section.readInt16BE(at + 21), baseOffset, lastOffset, records });
      next = lastOffset + 1;
    }
  }
  return batches;
}
