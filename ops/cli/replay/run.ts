import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOPICS, type TopicName, topicConfig } from '#schemas/topics.ts';
import { type Kafka, SchemaRegistry } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { compileTopology } from '#streams/topology/topology.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { type Ends, inputFilter } from './inputs.ts';
import { type ReplayEntry, type SideOutput, writeJournal } from './journal.ts';
import { isWithin, type TimeRange } from './range.ts';
import { replayOf, sidePrefix, sideTopic, sideTopology } from './side.ts';

export interface ReplaySystem {
  readonly kafka: Kafka;
  readonly registryUrl: string;
  readonly brokers: readonly string[];
  /** TIDEMARK_HOME. */
  readonly home: string;
  readonly log: Log;
}
/** A replay as it is to be done. */
export interface ReplayPlan {
  readonly name: string;
  readonly definition: TopologyDefinition;
  readonly range: TimeRange;
  readonly cold: boolean;
  readonly cutEveryMs: number | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly ends: Ends;
}
export interface ReplayState {
  /** From 0 to 1. */
  readonly share: number;
  /** Processed so far. */
  readonly records: number;
}

/** Records between two cuts at most: so many that the commit of one is over before the next is due. */
const CUT_EVERY_RECORDS = 5_000;
/** A cut of figures that are dear takes its time. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const PROGRESS_MS = 200;
/** How long Kafka may take to forget topics, and a group its dead member. */
const FORGET_LIMIT_MS = 30_000;
const PAUSE_MS = 100;

/** Where a replay keeps its state, and a lock while it runs. */
export const stateFolder = (home: string, name: string): string => join(home, 'replays', name);

/**
 * Replays into side topics and says what is in them. Throws REPLAY_INTERRUPTED after `signal`, and what stops a topology; the replay is then in the
 * journal as started.
 */
export async function runReplay(
  system: ReplaySystem,
  plan: ReplayPlan,
  signal: AbortSignal,
  onProgress: (state: ReplayState) => void,
): Promise<ReplayEntry> {
  const { kafka } = system;
  const { name, definition, range, cold, parameters, cutEveryMs, ends } = plan;
  const startMs = Date.now();
  const isoTime = (timeMs: number | null) => (timeMs === null ? null : new Date(timeMs).toISOString());
  const started: ReplayEntry = {
    name,
    topology: definition.name,
    from: isoTime(range.fromMs),
    before: isoTime(range.toMs),
    cold,
    cutEveryMs,
    parameters,
    state: 'STARTED',
    startedAt: new Date(startMs).toISOString(),
    doneAt: null,
    ends: Object.fromEntries(ends),
    recordsIn: 0,
    durationMs: 0,
    outputs: [],
  };
  await writeJournal(kafka, name, started);
  const side = sideTopology(definition, name, (timestampMs) => isWithin({ ...range, toMs: null }, timestampMs));
  const outputs = await createOutputs(kafka, definition, name);
  const { recordsIn, durationMs } = await process(system, plan, side, signal, onProgress);
  const { deadLetterTopic, lateTopic } = compileTopology(side);
  const written = await Promise.all([...outputs, deadLetterTopic, lateTopic].map((topic) => tally(kafka, topic)));
  const kept = written.filter(({ topic, records }) => outputs.includes(topic) || records > 0);
  await forget(system, started, new Set(kept.map(({ topic }) => topic)));
  const doneAt = new Date().toISOString();
  const done: ReplayEntry = { ...started, state: 'DONE', doneAt, recordsIn, durationMs, outputs: kept };
  await writeJournal(kafka, name, done);
  return done;
}

/** What a replay writes has the schemas of the live topics, under their subjects: nothing is left in the registry. */
class SideRegistry extends SchemaRegistry {
  override register(subject: string, schema: AvroSchema): Promise<number> {
    return super.register(replayOf(subject)?.topic ?? subject, schema);
  }
}

/** As many partitions as the live ones have; nothing is compacted, so that all of it can be looked at. */
async function createOutputs(kafka: Kafka, { sinks }: TopologyDefinition, name: string): Promise<string[]> {
  const topics = [...new Set(Object.values(sinks).map(({ topic }) => topic))];
  await kafka.createTopics(
    topics.map((topic) => ({
      name: sideTopic(name, topic),
      partitions: TOPICS[topic as TopicName].partitions,
      config: topicConfig('delete'),
    })),
  );
  return topics.map((topic) => sideTopic(name, topic));
}

async function process(
  { kafka, registryUrl, brokers, home, log }: ReplaySystem,
  { name, range, cold, cutEveryMs, ends }: ReplayPlan,
  side: TopologyDefinition,
  signal: AbortSignal,
  onProgress: (state: ReplayState) => void,
): Promise<{ recordsIn: number; durationMs: number }> {
  const interrupted = new TidemarkError('REPLAY_INTERRUPTED', `Replay ${name} was interrupted`);
  if (signal.aborted) throw interrupted;
  const metrics = new Metrics();
  const startMs = performance.now();
  const running = await runTopology(side, {
    kafka,
    brokers,
    registry: new SideRegistry(registryUrl),
    stateFolder: join(stateFolder(home, name), 'state'),
    topicConfig,
    log,
    metrics,
    checkpointIntervalMs: 0,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    replay: {
      cutEveryRecords: CUT_EVERY_RECORDS,
      ...(cutEveryMs === null ? {} : { cutEveryMs }),
      ends,
      keeps: inputFilter(range, cold),
    },
  });
  const inputs = new Set(Object.values(side.sources).map(({ topic }) => topic));
  const records = async () => {
    const { values } = await metrics.counter('tidemark_records_processed_total', '', ['topic']).get();
    return values.reduce((sum, { value, labels }) => sum + (inputs.has(String(labels.topic)) ? value : 0), 0);
  };
  const look = async () => {
    const { done, total } = running.replayProgress();
    onProgress({ share: total === 0 ? 0 : done / total, records: await records() });
  };
  const timer = setInterval(() => void look(), PROGRESS_MS);
  const stop = () => void running.stop().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await running.done;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
  if (signal.aborted) throw interrupted;
  return { recordsIn: await records(), durationMs: Math.round(performance.now() - startMs) };
}

/** Counts and digests what a topic holds, partition after partition. */
async function tally(kafka: Kafka, topic: string): Promise<SideOutput> {
  const hash = createHash('sha256');
  // The last commit is answered before its markers are everywhere: up to here is read, however long that takes.
  const ends = await kafka.offsets(topic, 'latest');
  let count = 0;
  for (const [partition, end] of ends.entries()) {
    const reader = await kafka.openReader({ topics: [{ topic, partitions: [partition], from: 'earliest' }] });
    try {
      while (reader.position(topic, partition) < end)
        for (const { records } of await reader.poll())
          for (const { key, value, timestampMs, headers } of records) {
            count++;
            const lengths = [partition, timestampMs, key?.length ?? -1, value?.length ?? -1, headers.length];
            hash.update(`${lengths.join(' ')}\n`);
            if (key) hash.update(key);
            if (value) hash.update(value);
            for (const header of headers)
              hash.update(`${header.key} ${header.value?.length ?? -1}\n`).update(header.value ?? '');
          }
    } finally {
      await reader.close();
    }
  }
  return { topic, records: count, digest: hash.digest('hex') };
}

/** Forgets what a replay has in Kafka and on disk, but for these topics. Its folder's lock is the caller's. */
export async function forget(
  { kafka, home }: Pick<ReplaySystem, 'kafka' | 'home'>,
  { name, topology }: Pick<ReplayEntry, 'name' | 'topology'>,
  kept: ReadonlySet<string> = new Set(),
): Promise<void> {
  const deadlineMs = Date.now() + FORGET_LIMIT_MS;
  const prefix = sidePrefix(name);
  const left = async () => (await kafka.listTopics()).filter((topic) => topic.startsWith(prefix) && !kept.has(topic));
  const topics = await left();
  if (topics.length > 0) await kafka.deleteTopics(topics);
  // Brokers hear of it one after the other; a topic made anew before that would be taken for the old one.
  while ((await left()).length > 0 && Date.now() < deadlineMs) await sleep(PAUSE_MS);
  await deleteGroup(kafka, sideTopic(name, topology), deadlineMs);
  rmSync(join(stateFolder(home, name), 'state'), { recursive: true, force: true });
}

/** A member that was killed is in its group until its session is over. */
async function deleteGroup(kafka: Kafka, group: string, deadlineMs: number): Promise<void> {
  for (;;) {
    try {
      await kafka.deleteGroup(group);
      return;
    } catch (error) {
      const isInUse = error instanceof TidemarkError && error.code === 'GROUP_REFUSED' && Date.now() < deadlineMs;
      if (!isInUse) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
