import type { AvroSerde, Header, Kafka, KafkaRecord } from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { FileKind, FileRecord, Origin } from './kinds.ts';

/** The rows of an ingest that are in its topic already. */
export class PresentRows {
  readonly #numbers: Uint8Array;
  readonly #ids = new Set<string>();
  #size = 0;

  /** `rows`: rows of the file. */
  constructor(rows: number) {
    this.#numbers = new Uint8Array(rows + 1);
  }

  get size(): number {
    return this.#size;
  }

  has(identity: number | string): boolean {
    return typeof identity === 'number' ? this.#numbers[identity] === 1 : this.#ids.has(identity);
  }

  add(identity: number | string): void {
    if (this.has(identity)) return;
    this.#size++;
    if (typeof identity === 'number') this.#numbers[identity] = 1;
    else this.#ids.add(identity);
  }
}

/** Says of a record without a value which ingest it comes from. */
export const sourceHeader = ({ source }: Origin): Header => ({ key: 'source', value: Buffer.from(source) });

const isOf = (headers: KafkaRecord['headers'], { source }: Origin) =>
  headers.some(({ key, value }) => key === 'source' && value?.toString() === source);

/**
 * Adds the rows of an interrupted ingest that its topic holds from `startOffsets` on. Reads uncommitted, up to the very end: file records
 * are written without transactions, and a transaction of somebody else must not hide them. Other records are passed over.
 */
export async function readPresent(
  kafka: Kafka,
  serde: AvroSerde<FileRecord>,
  kind: FileKind,
  origin: Origin,
  startOffsets: readonly number[],
  present: PresentRows,
): Promise<void> {
  const { topic } = kind;
  const [earliest, ends] = await Promise.all([kafka.offsets(topic, 'earliest'), kafka.offsets(topic, 'latest')]);
  const starts = ends.map((end, partition) => startOf(topic, startOffsets[partition] ?? 0, earliest[partition]!, end));
  const reader = await kafka.openReader({ topics: [{ topic, from: starts }], isolation: 'read_uncommitted' });
  try {
    while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
      for (const { records } of await reader.poll()) {
        for (const { key, value, headers } of records) {
          if (value === null) {
            if (key !== null && isOf(headers, origin)) present.add(key.toString());
            continue;
          }
          const record = await decode(serde, value);
          if (record && kind.isFrom(record, origin)) present.add(kind.identity(record, origin));
        }
      }
    }
  } finally {
    await reader.close();
  }
}

function startOf(topic: string, start: number, earliest: number, end: number): number {
  if (start <= end) return Math.max(start, earliest);
  throw new TidemarkError(
    'TOPIC_REPLACED',
    `Topic ${topic} is shorter than when this ingest began: it was made anew. Ingest the file under another --id`,
  );
}

/** Null for what is no value of this topic: not ours then. */
function decode(serde: AvroSerde<FileRecord>, value: Buffer): FileRecord | null | Promise<FileRecord | null> {
  try {
    return serde.decode(value);
  } catch {
    return serde.decodeAsync(value).catch((error: unknown) => {
      // A registry that does not answer says nothing about the record.
      if (!(error instanceof TidemarkError) || error.retriable) throw error;
      return null;
    });
  }
}
