import { topicConfig } from '#schemas/topics.ts';
import type { Kafka, NewTopic } from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** What is in one side topic of a replay. */
export interface SideOutput {
  readonly topic: string;
  readonly records: number;
  /** SHA-256 of all records, partition after partition: the same for the same bytes. */
  readonly digest: string;
}
/** What the system remembers of one replay. */
export interface ReplayEntry {
  readonly name: string;
  readonly topology: string;
  /** Event times, ISO 8601: from `from` on and before `before`; null: no bound. */
  readonly from: string | null;
  readonly before: string | null;
  /** State was empty at `from`, instead of that of all that came before. */
  readonly cold: boolean;
  /** Event time between two cuts at most, milliseconds; null: cuts go by the number of records alone. */
  readonly cutEveryMs: number | null;
  /** Parameters that were given, by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** STARTED: it runs, or it was interrupted. DONE: all of it is there. */
  readonly state: 'STARTED' | 'DONE';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly doneAt: string | null;
  /** By topic that was read, per partition the offset before which it ended. */
  readonly ends: Readonly<Record<string, readonly number[]>>;
  /** Records processed, those before `from` included, and how long it took. */
  readonly recordsIn: number;
  readonly durationMs: number;
  /** Of a replay that is done. */
  readonly outputs: readonly SideOutput[];
}

/** Compacted memory of all replays, by name, as JSON. */
export const REPLAYS_TOPIC: NewTopic = { name: 'tidemark.replays', partitions: 1, config: topicConfig('compact') };

/** All replays that are there, by name. Throws REPLAYS_CORRUPT. */
export async function readJournal(kafka: Kafka): Promise<Map<string, ReplayEntry>> {
  const topic = REPLAYS_TOPIC.name;
  const entries = new Map<string, ReplayEntry>();
  if (!(await kafka.listTopics()).includes(topic)) return entries;
  const [end = 0] = await kafka.offsets(topic, 'latest');
  // Entries are written without transactions.
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }], isolation: 'read_uncommitted' });
  try {
    while (reader.position(topic, 0) < end)
      for (const { records } of await reader.poll())
        for (const { key, value } of records) {
          const name = key?.toString() ?? '';
          if (value === null) entries.delete(name);
          else entries.set(name, parseEntry(name, value));
        }
  } finally {
    await reader.close();
  }
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Writes an entry, null to forget it; it is there when this resolves. */
export async function writeJournal(kafka: Kafka, name: string, entry: ReplayEntry | null): Promise<void> {
  await kafka.createTopics([REPLAYS_TOPIC]);
  const producer = await kafka.openProducer();
  try {
    const value = entry && Buffer.from(JSON.stringify(entry));
    await producer.send({ topic: REPLAYS_TOPIC.name, key: name, value, timestampMs: Date.now() });
    await producer.flush();
  } finally {
    await producer.close();
  }
}

function parseEntry(name: string, value: Buffer): ReplayEntry {
  try {
    const entry = JSON.parse(value.toString()) as ReplayEntry;
    if (entry.name === name && typeof entry.topology === 'string' && Array.isArray(entry.outputs)) return entry;
  } catch {
    // Falls through: the same sentence for text that is no JSON and JSON that is no entry.
  }
  throw new TidemarkError('REPLAYS_CORRUPT', `What ${REPLAYS_TOPIC.name} remembers of replay ${name} cannot be read`);
}
