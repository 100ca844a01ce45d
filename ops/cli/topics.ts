import { Command } from 'commander';
import { INGESTS_TOPIC } from '#connectors/file/ingests.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import type { Kafka } from '#streams/kafka/index.ts';
import { compileTopology } from '#streams/topology/topology.ts';
import { action, grouped, printJson, printLine, table } from './command.ts';
import { replaysTopic } from './dead-letters/letters.ts';
import { TOPOLOGIES } from './describe.ts';
import { REPLAYS_TOPIC } from './replay/journal.ts';
import { replayOf } from './replay/side.ts';
import { withSystem } from './running.ts';

export interface TopicInfo {
  readonly topic: string;
  readonly key: string;
  readonly cleanup: 'delete' | 'compact';
  readonly owner: string;
  readonly doc: string;
}
export interface TopicRow extends TopicInfo {
  /** Null when the broker does not have it. */
  readonly partitions: number | null;
  /** Offsets in the log: in a topic written in transactions their markers count too. */
  readonly records: number | null;
}

/** Every topic Tidemark knows: the public ones, then those that topologies and the file connector keep for themselves. */
export function knownTopics(): TopicInfo[] {
  const known: TopicInfo[] = Object.values(TOPICS).map(({ name: topic, key, cleanup, owner, doc }) => ({
    topic,
    key,
    cleanup,
    owner,
    doc,
  }));
  for (const topology of Object.values(TOPOLOGIES)) {
    const owner = `topologies/${topology.name}`;
    const { subTopologies, deadLetterTopic, lateTopic } = compileTopology(topology);
    for (const { stores, outputs } of subTopologies) {
      for (const { topic } of outputs.filter((output) => output.topic.endsWith('.repartition')))
        known.push({
          topic,
          key: 'as grouped',
          cleanup: 'delete',
          owner,
          doc: 'Internal: records on their way between stages.',
        });
      for (const { name, changelog } of stores)
        known.push({
          topic: changelog,
          key: "the store's",
          cleanup: 'compact',
          owner,
          doc: `Internal: state of store ${name}.`,
        });
    }
    const kept: readonly [topic: string, cleanup: TopicInfo['cleanup'], key: string, doc: string][] = [
      [
        deadLetterTopic,
        'delete',
        "the source's",
        'Records that could not be processed, with the reason in their headers.',
      ],
      [
        lateTopic,
        'delete',
        "the source's",
        'Records that came too late for their window, with the reason in their headers.',
      ],
      [replaysTopic(topology.name), 'compact', 'source position', 'Internal: dead letters that were written back.'],
    ];
    for (const [topic, cleanup, key, doc] of kept) known.push({ topic, key, cleanup, owner, doc });
  }
  const doc = 'Internal: what was ingested from files.';
  known.push({ topic: INGESTS_TOPIC.name, key: 'ingest', cleanup: 'compact', owner: 'connectors/file', doc });
  known.push({
    topic: REPLAYS_TOPIC.name,
    key: 'replay',
    cleanup: 'compact',
    owner: 'ops/cli',
    doc: 'Internal: what was replayed.',
  });
  return known;
}

/** A topic that is not among the known ones. */
function otherTopic(topic: string): TopicInfo {
  const side = replayOf(topic);
  if (!side) return { topic, key: '?', cleanup: 'delete', owner: 'not Tidemark', doc: '' };
  const like = TOPICS[side.topic as TopicName];
  const doc = like ? `As ${like.name}, of a replay.` : 'Internal to a replay.';
  return { topic, key: like?.key ?? '?', cleanup: 'delete', owner: `replay ${side.name}`, doc };
}

export const topicsCommand = (): Command =>
  new Command('topics')
    .description('list the topics with their keys, owners and records')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nRecords are offsets in the log: in topics written in transactions their markers count too.',
    )
    .action(
      action(async ({ json }: { json?: true }) => {
        const rows = await withSystem(({ kafka }) => readTopics(kafka));
        if (json) printJson(rows);
        else printTopics(rows);
        return 0;
      }),
    );

/** The known topics, and those that somebody else has in the cluster, with their sizes. */
export async function readTopics(kafka: Kafka): Promise<TopicRow[]> {
  const existing = await kafka.listTopics();
  const known = knownTopics();
  const others = existing
    .filter((topic) => !topic.startsWith('_') && !known.some((info) => info.topic === topic))
    .map(otherTopic);
  return Promise.all(
    [...known, ...others].map(async (info) => {
      if (!existing.includes(info.topic)) return { ...info, partitions: null, records: null };
      const [earliest, latest] = await Promise.all([
        kafka.offsets(info.topic, 'earliest'),
        kafka.offsets(info.topic, 'latest'),
      ]);
      const records = latest.reduce((sum, end, partition) => sum + end - earliest[partition]!, 0);
      return { ...info, partitions: latest.length, records };
    }),
  );
}

function printTopics(rows: readonly TopicRow[]): void {
  const count = (value: number | null) => (value === null ? '-' : grouped(value));
  const lines = table(
    [
      ['TOPIC', 'PARTITIONS', 'RECORDS', 'KEY', 'CLEANUP', 'OWNER', 'WHAT'],
      ...rows.map(({ topic, partitions, records, key, cleanup, owner, doc }) => [
        topic,
        count(partitions),
        count(records),
        key,
        cleanup,
        owner,
        doc,
      ]),
    ],
    [1, 2],
  );
  for (const line of lines) printLine(line);
}
