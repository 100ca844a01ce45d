import { TOPICS, type TopicName } from '#schemas/topics.ts';
import type { Kafka } from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { isWithin, rangeText, type TimeRange } from './range.ts';

/** By topic, per partition the offset before which a replay ends. */
export type Ends = ReadonlyMap<string, readonly number[]>;

/** First and newest event times that were found, milliseconds. */
export interface Span {
  readonly firstMs: number;
  readonly newestMs: number;
}

/** How much of a partition's beginning and end is looked at, offsets. */
const STRIDE = 500;

/** Where the topics that a topology reads end now, committed. Throws INPUT_MISSING. */
export async function readEnds(kafka: Kafka, { name, sources, globals = {} }: TopologyDefinition): Promise<Ends> {
  const topics = [...new Set([...Object.values(sources), ...Object.values(globals)].map(({ topic }) => topic))];
  const existing = await kafka.listTopics();
  const missing = topics.filter((topic) => !existing.includes(topic));
  if (missing.length > 0) {
    const message = `${name} reads ${missing.join(', ')}, and this Kafka has no such topic: has Tidemark ever run on it?`;
    throw new TidemarkError('INPUT_MISSING', message);
  }
  return new Map(
    await Promise.all(topics.map(async (topic) => [topic, await kafka.offsets(topic, 'latest-stable')] as const)),
  );
}

/**
 * What people and connectors have said that holds until they say something else: reference data, limits, workflows. A replay with empty state reads it
 * from the beginning, or nothing would have a currency or a limit.
 */
export const isStanding = (topic: string): boolean => {
  const { cleanup, owner } = TOPICS[topic as TopicName] ?? { cleanup: 'delete', owner: '' };
  return cleanup === 'compact' && !owner.startsWith('topologies/');
};

/** Event times of what moves a topology's time, by topic, as the beginnings and ends of its partitions have them; null: it holds nothing. */
export async function readSpans(
  kafka: Kafka,
  { sources }: TopologyDefinition,
  ends: Ends,
): Promise<Map<string, Span | null>> {
  const topics = Object.values(sources).filter(({ topic, movesTime = true }) => movesTime && !isStanding(topic));
  const spans = new Map<string, Span | null>();
  for (const { topic } of topics) spans.set(topic, await readSpan(kafka, topic, ends.get(topic)!));
  return spans;
}

async function readSpan(kafka: Kafka, topic: string, ends: readonly number[]): Promise<Span | null> {
  const earliest = await kafka.offsets(topic, 'earliest');
  let [firstMs, newestMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const tail of [false, true]) {
    const from = earliest.map((first, partition) => (tail ? Math.max(first, ends[partition]! - STRIDE) : first));
    const to = ends.map((end, partition) => (tail ? end : Math.min(end, earliest[partition]! + STRIDE)));
    const reader = await kafka.openReader({ topics: [{ topic, from }] });
    try {
      while (to.some((end, partition) => reader.position(topic, partition) < end))
        for (const { records } of await reader.poll())
          for (const { timestampMs } of records) {
            firstMs = Math.min(firstMs, timestampMs);
            newestMs = Math.max(newestMs, timestampMs);
          }
    } finally {
      await reader.close();
    }
  }
  return newestMs < firstMs ? null : { firstMs, newestMs };
}

/** Throws RANGE_EMPTY where nothing that moves the topology's time can be within the range. */
export function checkSpans(topology: string, spans: ReadonlyMap<string, Span | null>, range: TimeRange): void {
  const found = [...spans].filter(([, span]) => span !== null) as [string, Span][];
  if (found.length === 0) {
    const what = [...spans.keys()].join(', ');
    throw new TidemarkError(
      'RANGE_EMPTY',
      `There is nothing to replay: ${what}, which ${topology} reads, hold nothing yet`,
    );
  }
  const { fromMs, toMs } = range;
  const isEmpty = ({ firstMs, newestMs }: Span) =>
    (toMs !== null && firstMs >= toMs) || (fromMs !== null && newestMs < fromMs);
  if (!found.every(([, span]) => isEmpty(span))) return;
  const lines = found.map(
    ([topic, { firstMs, newestMs }]) => `  ${topic}: ${dayText(firstMs)} to ${dayText(newestMs)}`,
  );
  throw new TidemarkError(
    'RANGE_EMPTY',
    `Nothing that ${topology} reads is of ${rangeText(range)}. There is:\n${lines.join('\n')}`,
  );
}

/** What ends before the range does, in words; null where nothing does. */
export function shortfall(spans: ReadonlyMap<string, Span | null>, { toMs }: TimeRange): string | null {
  const short = [...spans].flatMap(([topic, span]) =>
    toMs !== null && span !== null && span.newestMs < toMs - SLACK_MS
      ? [`${topic} ends ${dayText(span.newestMs)}`]
      : [],
  );
  return short.length === 0 ? null : `The range goes on after what is recorded: ${short.join(', ')}`;
}

/** Markets are closed over long weekends. */
const SLACK_MS = 7 * 86_400_000;
const dayText = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);

/** Which records a replay processes: none after the range; with empty state of those before it only what still holds. */
export const inputFilter =
  (range: TimeRange, cold: boolean) =>
  (topic: string, timestampMs: number): boolean =>
    isWithin({ fromMs: cold && !isStanding(topic) ? range.fromMs : null, toMs: range.toMs }, timestampMs);
