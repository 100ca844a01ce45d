import { topicConfig } from '#schemas/topics.ts';
import type { Kafka, NewTopic, Producer } from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** What the system remembers of one ingest. */
export interface IngestEntry {
  readonly id: string;
  readonly kind: string;
  /** SHA-256 of the file's uncompressed content. */
  readonly contentHash: string;
  /** All rows of the file, and how many of them were left out as bad. */
  readonly rows: number;
  readonly badRows: number;
  /** STARTED: some of its records may be in the topic. DONE: all are. */
  readonly state: 'STARTED' | 'DONE';
  /** Per partition of the target topic, the offset before which nothing of this ingest is. */
  readonly startOffsets: readonly number[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly doneAt: string | null;
}

/** Compacted memory of all ingests, by ingest id, as JSON: internal to the file connector. */
export const INGESTS_TOPIC: NewTopic = { name: 'file.ingests', partitions: 1, config: topicConfig('compact') };

/** The entry of an ingest, or null. Reads the whole topic: an entry an ingest. Throws INGESTS_CORRUPT. */
export async function findIngest(kafka: Kafka, id: string): Promise<IngestEntry | null> {
  const topic = INGESTS_TOPIC.name;
  const [end = 0] = await kafka.offsets(topic, 'latest');
  // Entries are written without transactions, and none may be missed because of somebody else's.
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }], isolation: 'read_uncommitted' });
  let found: IngestEntry | null = null;
  try {
    while (reader.position(topic, 0) < end) {
      for (const { records } of await reader.poll()) {
        for (const { key, value } of records) if (key?.toString() === id) found = value && parseEntry(id, value);
      }
    }
  } finally {
    await reader.close();
  }
  return found;
}

/** Writes an entry; it is there when this resolves. */
export async function rememberIngest(producer: Producer, entry: IngestEntry, nowMs: number): Promise<void> {
  const value = Buffer.from(JSON.stringify(entry));
  await producer.send({ topic: INGESTS_TOPIC.name, key: entry.id, value, timestampMs: nowMs });
  await producer.flush();
}

function parseEntry(id: string, value: Buffer): IngestEntry {
  try {
    const entry = JSON.parse(value.toString()) as IngestEntry;
    if (Array.isArray(entry.startOffsets) && typeof entry.contentHash === 'string') return entry;
  } catch {
    // Falls through: the same sentence for text that is no JSON and JSON that is no entry.
  }
  throw new TidemarkError('INGESTS_CORRUPT', `What ${INGESTS_TOPIC.name} remembers of ingest ${id} cannot be read`);
}
