import { topicConfig } from '#schemas/topics.ts';
import type { Header, Kafka } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import {
  type Letter,
  type LetterRange,
  letterPosition,
  letterRange,
  letterTopic,
  placeText,
  readLetters,
  readRecords,
  replaysTopic,
} from './letters.ts';

/** A header of every record that was written back: the letter it comes from. */
export const REPLAYED_FROM = 'replayed.from';
const TRANSACTION_TIMEOUT_MS = 10_000;
/** What one transaction writes at most. */
const TRANSACTION_BYTES = 4 * 1024 * 1024;
const TRANSACTION_RECORDS = 500;

/** A topic as it is now: a new one of the same name has another id, and other records at the same offsets. */
interface Source {
  readonly id: string;
  readonly partitions: number;
}

/** What has been written back, and where to. */
export class Replays {
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #marks: ReadonlySet<string>;

  constructor(sources: ReadonlyMap<string, Source>, marks: ReadonlySet<string>) {
    this.#sources = sources;
    this.#marks = marks;
  }

  isReplayed(letter: Letter): boolean {
    const mark = this.markOf(letter);
    return mark !== null && this.#marks.has(mark);
  }
  /** The name under which a letter's record is remembered; null when its source is not there. */
  markOf({ source }: Letter): string | null {
    const known = source && this.#sources.get(source.topic);
    return known ? `${known.id}/${source.partition}@${source.offset}` : null;
  }
  /** Why a letter cannot be written back, or null. */
  refusal(letter: Letter): string | null {
    const { source, cut } = letter;
    if (source === null) return 'its headers do not say where it came from';
    if (cut !== null) {
      const whole = `the whole record is at ${placeText(source)}, as long as that topic keeps it`;
      return `its ${cut.what} ${cut.what === 'headers' ? 'were' : 'was'} cut to size from ${cut.fromBytes} bytes; ${whole}`;
    }
    const known = this.#sources.get(source.topic);
    if (!known) return `its source topic ${source.topic} does not exist any more`;
    return source.partition < known.partitions ? null : `${source.topic} has no partition ${source.partition} any more`;
  }
}

/** Reads what was written back of a topology's letters. */
export async function loadReplays(kafka: Kafka, topology: string): Promise<Replays> {
  const topics = await kafka.cluster.describe(null);
  const sources = new Map(
    topics.map(({ name, topicId, partitions }) => [
      name ?? '',
      { id: String(topicId), partitions: partitions.length } satisfies Source,
    ]),
  );
  return new Replays(sources, sources.has(replaysTopic(topology)) ? await loadMarks(kafka, topology) : new Set());
}

async function loadMarks(kafka: Kafka, topology: string): Promise<Set<string>> {
  const topic = replaysTopic(topology);
  // Up to the very end: a commit marker may still be on its way, and no transaction is open but that of a running replay.
  const to = (await kafka.offsets(topic, 'latest'))[0]!;
  const from = (await kafka.offsets(topic, 'earliest'))[0]!;
  const marks = new Set<string>();
  for await (const { key } of readRecords(kafka, topic, { from, to })) if (key) marks.add(key.toString());
  return marks;
}

/** The record as it came to its topology, with where this copy comes from. */
export function originalHeaders(letter: Letter): Header[] {
  return [
    ...letter.headers.filter(({ key }) => key !== REPLAYED_FROM),
    { key: REPLAYED_FROM, value: Buffer.from(letterPosition(letter)) },
  ];
}

export interface ReplayPlan {
  readonly topology: string;
  readonly range: LetterRange;
  readonly isWanted: (letter: Letter) => boolean;
}
/** What a letter comes to. */
export type Fate =
  | { readonly kind: 'replay'; readonly letter: Letter; readonly mark: string }
  | { readonly kind: 'replayed-before'; readonly letter: Letter }
  | { readonly kind: 'refused'; readonly letter: Letter; readonly reason: string };

/** Goes through the wanted letters of a plan and tells the fate of each. A record set aside twice is written back once. */
export async function* fates(kafka: Kafka, { topology, range, isWanted }: ReplayPlan): AsyncGenerator<Fate> {
  const replays = await loadReplays(kafka, topology);
  const seen = new Set<string>();
  for await (const letter of readLetters(kafka, letterTopic(topology, 'dead-letters'), range)) {
    if (!isWanted(letter)) continue;
    const reason = replays.refusal(letter);
    if (reason !== null) {
      yield { kind: 'refused', letter, reason };
      continue;
    }
    const mark = replays.markOf(letter)!;
    const isFirst = !replays.isReplayed(letter) && !seen.has(mark);
    seen.add(mark);
    yield isFirst ? { kind: 'replay', letter, mark } : { kind: 'replayed-before', letter };
  }
}

/** The range of a topology's dead letters. Throws LETTERS_NONE when it has no such topic. */
export async function deadLetterRange(kafka: Kafka, topology: string): Promise<LetterRange> {
  const topic = letterTopic(topology, 'dead-letters');
  if (!(await kafka.listTopics()).includes(topic))
    throw new TidemarkError('LETTERS_NONE', `Topology ${topology} has no dead letters: there is no topic ${topic}`);
  return letterRange(kafka, topic);
}

/**
 * Writes the wanted letters' records back to their source topics and partitions, each with its mark in one transaction: a replay that
 * is cut short anywhere leaves neither or both. A second replay of the same topology takes the transactional id over and fences
 * the first one, so that none is written twice. Returns how many went to each topic. Throws REPLAY_TAKEN_OVER, KAFKA_UNREACHABLE and
 * what a producer throws; what was committed before stays.
 */
export async function replay(
  kafka: Kafka,
  plan: ReplayPlan,
  onCommit: (records: number) => void,
): Promise<Map<string, number>> {
  const { topology } = plan;
  const marks = replaysTopic(topology);
  await kafka.createTopics([{ name: marks, partitions: 1, config: topicConfig('compact') }]);
  const producer = new TransactionalProducer({
    cluster: kafka.cluster,
    transactionalId: `tidemark-replay-${topology}`,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
  });
  const written = new Map<string, number>();
  try {
    // From here on nobody else writes under this id: what the marks say now is what counts.
    await producer.start();
    const batch = new Map<string, number>();
    let records = 0;
    const commit = async () => {
      await producer.commit([], NO_GROUP);
      for (const [topic, count] of batch) written.set(topic, (written.get(topic) ?? 0) + count);
      batch.clear();
      onCommit(records);
      records = 0;
    };
    for await (const fate of fates(kafka, plan)) {
      if (fate.kind !== 'replay') continue;
      append(producer, marks, fate.letter, fate.mark);
      const { topic } = fate.letter.source!;
      batch.set(topic, (batch.get(topic) ?? 0) + 1);
      if (++records >= TRANSACTION_RECORDS || producer.transactionBytes >= TRANSACTION_BYTES) await commit();
    }
    if (records > 0) await commit();
    return written;
  } catch (error) {
    throw await failed(producer, error, topology);
  } finally {
    await producer.close();
  }
}

/** A transaction that consumes no group's offsets. */
const NO_GROUP = { groupId: '', memberId: '', generationId: -1, instanceId: null };

function append(producer: TransactionalProducer, marks: string, letter: Letter, mark: string): void {
  const { key, value, timestampMs } = letter;
  const { topic, partition } = letter.source!;
  const to = producer.target(topic, partition);
  producer.append(to, key, 0, key?.length ?? 0, value, 0, value?.length ?? 0, timestampMs, originalHeaders(letter));
  const name = Buffer.from(mark);
  const content = Buffer.from(JSON.stringify({ letter: letterPosition(letter), source: placeText(letter.source!) }));
  producer.append(producer.target(marks, 0), name, 0, name.length, content, 0, content.length, timestampMs);
}

/** Ends what is open, so that readers do not wait for its timeout; the failure of that adds nothing to the first one. */
async function failed(producer: TransactionalProducer, error: unknown, topology: string): Promise<unknown> {
  if (!(error instanceof TidemarkError && error.code === 'PRODUCER_FENCED')) {
    await producer.abort().catch(() => undefined);
    return error;
  }
  const message = `Another replay of ${topology} began and goes on in this one's place; what was written so far is remembered`;
  return new TidemarkError('REPLAY_TAKEN_OVER', message, { cause: error });
}
