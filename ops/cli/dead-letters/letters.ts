import type { Header, Kafka, KafkaRecord } from '#streams/kafka/index.ts';

/** The two topics in which a topology keeps records for people to look at, by the end of their names. */
export const LETTER_KINDS = ['dead-letters', 'late-records'] as const;
export type LetterKind = (typeof LETTER_KINDS)[number];

/** A place in a topic, as headers name it. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}
/** What of a record may be cut to size, as in the header `value.truncatedFrom`. */
const PARTS = ['value', 'key', 'headers'] as const;
type Part = (typeof PARTS)[number];

/** A record that a topology set aside, with why and where it came from. */
export interface Letter {
  readonly topic: string;
  readonly offset: number;
  readonly code: string;
  readonly reason: string;
  /** Null when the headers do not say it: somebody else wrote this. */
  readonly source: Place | null;
  /** Of the record as it came, which is its event time; milliseconds since 1970. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** What the record came with. */
  readonly headers: readonly Header[];
  /** What the topology added beyond the fields above, such as `error.stack`. */
  readonly context: Readonly<Record<string, string>>;
  /** A part that was cut to size, and the bytes that it had; null when the record is whole. */
  readonly cut: { readonly what: Part; readonly fromBytes: number } | null;
}

/** The first header that a topology adds (streams/runtime/poison.ts): the record's own lie before. */
const FIRST_ADDED = 'error.code';
const FIELDS = new Set([
  FIRST_ADDED,
  'error.message',
  'source.topic',
  'source.partition',
  'source.offset',
  'source.timestampMs',
  ...PARTS.map((part) => `${part}.truncatedFrom`),
]);

export const letterTopic = (topology: string, kind: LetterKind): string => `${topology}.${kind}`;
/** The compacted topic that remembers, by source position, what was written back. */
export const replaysTopic = (topology: string): string => `${topology}.replays`;
/** `topic@offset`: the topics of letters have one partition. */
export const letterPosition = ({ topic, offset }: Pick<Letter, 'topic' | 'offset'>): string => `${topic}@${offset}`;
export const placeText = ({ topic, partition, offset }: Place): string => `${topic}/${partition}@${offset}`;

/** Reads a record of a topic of letters. */
export function parseLetter(topic: string, record: KafkaRecord): Letter {
  const { offset, key, value, headers } = record;
  const own = headers.findLastIndex((header) => header.key === FIRST_ADDED);
  const added = own < 0 ? [] : headers.slice(own);
  const text = new Map(added.map((header) => [header.key, header.value?.toString() ?? '']));
  const sourceTopic = text.get('source.topic');
  const partition = wholeNumber(text.get('source.partition'));
  const sourceOffset = wholeNumber(text.get('source.offset'));
  const cut = PARTS.map((what) => ({ what, fromBytes: wholeNumber(text.get(`${what}.truncatedFrom`)) }));
  return {
    topic,
    offset,
    code: text.get(FIRST_ADDED) || 'UNKNOWN',
    reason: text.get('error.message') ?? 'the record does not say why it is here',
    source:
      sourceTopic && partition !== null && sourceOffset !== null
        ? { topic: sourceTopic, partition, offset: sourceOffset }
        : null,
    timestampMs: wholeNumber(text.get('source.timestampMs')) ?? record.timestampMs,
    key,
    value,
    headers: own < 0 ? headers : headers.slice(0, own),
    context: Object.fromEntries([...text].filter(([name]) => !FIELDS.has(name))),
    cut: cut.find((part): part is NonNullable<Letter['cut']> => part.fromBytes !== null) ?? null,
  };
}

const wholeNumber = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : null;

/** Where a topic of letters begins, and where a reader of committed records ends. */
export interface LetterRange {
  readonly from: number;
  readonly to: number;
}
export async function letterRange(kafka: Kafka, topic: string): Promise<LetterRange> {
  const [from, to] = await Promise.all([kafka.offsets(topic, 'earliest'), kafka.offsets(topic, 'latest-stable')]);
  return { from: from[0]!, to: to[0]! };
}

/** The letters of a range, in the order in which they were written. */
export async function* readLetters(
  kafka: Kafka,
  topic: string,
  range: LetterRange | null = null,
): AsyncGenerator<Letter> {
  const { from, to } = range ?? (await letterRange(kafka, topic));
  for await (const record of readRecords(kafka, topic, { from, to })) yield parseLetter(topic, record);
}

/** The committed records of partition 0. */
export async function* readRecords(
  kafka: Kafka,
  topic: string,
  { from, to }: LetterRange,
): AsyncGenerator<KafkaRecord> {
  const reader = await kafka.openReader({ topics: [{ topic, partitions: [0], from: [from] }] });
  try {
    while (reader.position(topic, 0) < to) {
      for (const { records } of await reader.poll())
        for (const record of records) {
          if (record.offset >= to) return;
          yield record;
        }
    }
  } finally {
    await reader.close();
  }
}

/** Names of the topologies that have a topic of letters in the cluster, or that are known here. */
export function topologiesOf(topics: readonly string[], known: readonly string[]): string[] {
  const found = topics.flatMap((topic) =>
    LETTER_KINDS.filter((kind) => topic.endsWith(`.${kind}`)).map((kind) => topic.slice(0, -kind.length - 1)),
  );
  return [...new Set([...known, ...found])].sort();
}

/** Text for a terminal: control characters, which a poison record may hold to any purpose, are shown and not obeyed. */
export const printable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** ISO 8601, or the number where it is no time of the calendar: a record may carry any. */
export function timeText(timestampMs: number): string {
  const date = new Date(timestampMs);
  return Number.isNaN(date.getTime()) ? `${timestampMs} ms` : date.toISOString();
}

/** A key or a header's value: as text where it is, in hex where it is not. */
export function bytesText(bytes: Buffer | null): string {
  if (bytes === null) return 'null';
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? printable(text) : `0x${bytes.toString('hex')}`;
}
