import { join } from 'node:path';
import { type AvroSerde, type Kafka, type SchemaRegistry, topicSerde } from '../kafka/index.ts';
import type { TransactionStep } from '../kafka/transactions.ts';
import { type Clock, systemClock } from '../kit/clock.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import { topologyFingerprint } from '../topology/signature.ts';
import { type CompiledTopology, compileTopology } from '../topology/topology.ts';
import type { TopologyDefinition } from '../topology/types.ts';
import { Checkpoints } from './checkpoints.ts';
import type { OutputTopic } from './collector.ts';
import { GlobalTables } from './global-tables.ts';
import { takeIdentity } from './identity.ts';
import { RuntimeMetrics } from './metrics.ts';
import { kafkaPorts } from './ports.ts';
import { QueryServer } from './query-server.ts';
import type { ReplayOptions, ReplayProgress } from './replay.ts';
import { StreamThread } from './stream-thread.ts';
import type { TopicTable } from './task-set.ts';

/** How a topology runs in this process. */
export interface RunOptions {
  /** Stays open when the topology ends. */
  readonly kafka: Kafka;
  /** host:port of one broker or more of the same cluster, for the connection of the group's member. */
  readonly brokers: readonly string[];
  readonly registry: SchemaRegistry;
  /** Folder for what must survive a restart of this process; one process at a time. */
  readonly stateFolder: string;
  /** Broker settings of an internal topic: `compact` of a changelog, `delete` of any other. */
  readonly topicConfig: (cleanup: 'delete' | 'compact') => Record<string, string>;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How long a transaction is filled at most before it is committed; where nothing is left to read it is not waited for. Default 100. */
  readonly commitIntervalMs?: number;
  /** How long an empty input that is caught up is waited for before the others of its task go on; default 0. */
  readonly maxTaskIdleMs?: number;
  /**
   * What is processed in the order of event time: the inputs of each task (default), or of all tasks of the thread, which makes the order of
   * outputs the same however many partitions there are.
   */
  readonly mergeBy?: 'task' | 'thread';
  /** Replays what the inputs hold now, the same to the byte every time, and is done then. Needs all partitions: run one thread. */
  readonly replay?: ReplayOptions;
  /** Goes on from the state of a graph whose stores, or what feeds them, were others (STATE_OF_ANOTHER_GRAPH otherwise). */
  readonly acceptChangedGraph?: boolean;
  /** How often state is written to `stateFolder`, so that a restart reads only what came after; default 60 s, 0: never. */
  readonly checkpointIntervalMs?: number;
  /**
   * How many other processes keep a copy of each task's state up to date, so that it goes on there at once when its process is gone;
   * as many as there are processes beside the owner. Give all processes the same. Default 0.
   */
  readonly standbyReplicas?: number;
  /** Default 10 s: how long a process may be silent before its tasks go to another. */
  readonly sessionTimeoutMs?: number;
  /**
   * How long readers wait for a transaction whose owner is gone for good. The broker ends what is open for longer, so it must be longer than
   * the commit interval. Default 10 s, or three commit intervals.
   */
  readonly transactionTimeoutMs?: number;
  /** Where this process answers queries of its stores (`StoreQuery`); 0 takes a free port. Default: it answers none. */
  readonly queryPort?: number;
  /** The address for that, as other processes reach it. Default 127.0.0.1. */
  readonly queryHost?: string;
  /** Wall clock of the thread and of its processors; default that of the machine. */
  readonly clock?: Clock;
  /** @internal A test's hook into the protocol. */
  readonly onStep?: (step: TransactionStep) => void;
}
/** A topology that runs. */
export interface RunningTopology {
  /** Null when it processes, else what it waits for. */
  notReady(): string | null;
  /** Commits what is done and leaves; resolves or rejects as `done` does. */
  stop(): Promise<void>;
  /** Resolves when it has stopped or a replay is over; rejects when the topology cannot go on. */
  readonly done: Promise<void>;
}
/** One that can say how far its replay is. */
export interface RunningReplay extends RunningTopology {
  /** Nothing of nothing where it is none, or none of its topics has an end that was given. */
  replayProgress(): ReplayProgress;
}

/**
 * Runs a topology, exactly once, until stopped. Its internal topics are created where missing. Throws TOPOLOGY_INVALID,
 * TOPIC_UNKNOWN for a source or sink that does not exist, TOPICS_NOT_COPARTITIONED, STATE_LOCKED, CONFIG_INVALID, QUERY_PORT_TAKEN.
 */
export async function runTopology(definition: TopologyDefinition, options: RunOptions): Promise<RunningReplay> {
  const topology = compileTopology(definition);
  const { commitIntervalMs, transactionTimeoutMs } = transactionTimes(options);
  const topics = await prepareTopics(topology, options);
  const metrics = new RuntimeMetrics(options.metrics);
  // What is taken until then is given back when the start fails.
  await using starting = new AsyncDisposableStack();
  const identity = takeIdentity(join(options.stateFolder, topology.name), topology.name);
  starting.defer(() => identity.release());
  const globals = await openGlobals(definition, options, metrics, () => thread.wake());
  starting.defer(() => globals.close());
  const clock = options.clock ?? systemClock;
  const checkpoints = await openCheckpoints(topology, options, clock);
  const stores = topology.subTopologies.flatMap((sub) => sub.stores.map(({ name }) => name));
  const queries = new QueryServer(stores, () => thread.tasks);
  const { queryPort, queryHost = '127.0.0.1' } = options;
  const endpoint = queryPort === undefined ? '' : await queries.listen(queryHost, queryPort);
  if (endpoint !== '') starting.defer(() => queries.close());
  const thread: StreamThread = new StreamThread({
    endpoint,
    topology,
    topics,
    globals,
    kafka: options.kafka,
    ports: kafkaPorts(options.kafka, options.brokers),
    id: identity.id,
    commitIntervalMs,
    maxTaskIdleMs: options.maxTaskIdleMs ?? 0,
    mergeBy: options.replay ? 'thread' : (options.mergeBy ?? 'task'),
    replay: options.replay ?? null,
    acceptChangedGraph: options.acceptChangedGraph ?? false,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
    transactionTimeoutMs,
    log: options.log,
    clock,
    checkpoints,
    deleteRetentionMs: deleteRetention(options),
    standbyReplicas: options.replay ? 0 : (options.standbyReplicas ?? 0),
    checkpointIntervalMs: options.checkpointIntervalMs ?? 60_000,
    metrics,
    ...(options.onStep ? { onStep: options.onStep } : {}),
  });
  const taken = starting.move();
  const done = thread.run().finally(() => taken.disposeAsync());
  done.catch(() => undefined);
  return {
    notReady: () => thread.notReady(),
    replayProgress: () => thread.replayProgress,
    stop: () => {
      thread.stop();
      return done;
    },
    done,
  };
}

const DEFAULT_COMMIT_INTERVAL_MS = 100;
const DEFAULT_TRANSACTION_TIMEOUT_MS = 10_000;

function transactionTimes({ commitIntervalMs = DEFAULT_COMMIT_INTERVAL_MS, transactionTimeoutMs }: RunOptions) {
  const timeoutMs = transactionTimeoutMs ?? Math.max(DEFAULT_TRANSACTION_TIMEOUT_MS, 3 * commitIntervalMs);
  if (timeoutMs <= commitIntervalMs) {
    throw new TidemarkError(
      'CONFIG_INVALID',
      `transactionTimeoutMs (${timeoutMs}) must be longer than commitIntervalMs (${commitIntervalMs}): the broker aborts what is open for longer`,
    );
  }
  return { commitIntervalMs, transactionTimeoutMs: timeoutMs };
}

const DEFAULT_DELETE_RETENTION_MS = 86_400_000;

const deleteRetention = ({ topicConfig }: RunOptions): number =>
  Number(topicConfig('compact')['delete.retention.ms'] ?? DEFAULT_DELETE_RETENTION_MS);

/** Null where they are switched off. */
async function openCheckpoints(
  topology: CompiledTopology,
  options: RunOptions,
  clock: Clock,
): Promise<Checkpoints | null> {
  const { kafka, stateFolder, checkpointIntervalMs, log } = options;
  if (checkpointIntervalMs === 0) return null;
  const changelogs = topology.subTopologies.flatMap(({ stores }) => stores.map(({ changelog }) => changelog));
  const { clusterId, topicIds } = await kafka.cluster.identity(changelogs);
  return new Checkpoints({
    folder: join(stateFolder, topology.name, 'checkpoints'),
    clusterId,
    topicIds,
    fingerprint: topologyFingerprint(topology),
    deleteRetentionMs: deleteRetention(options),
    log,
    now: () => clock.now(),
  });
}

/** Reads the global tables up to now. */
async function openGlobals(
  { globals = {} }: TopologyDefinition,
  { kafka, registry, log, replay }: RunOptions,
  metrics: RuntimeMetrics,
  wake: () => void,
): Promise<GlobalTables> {
  const serdes = new Map<string, AvroSerde<unknown>>();
  for (const { topic, value } of Object.values(globals)) serdes.set(topic, await topicSerde(registry, topic, value));
  const tables = new GlobalTables({ kafka, globals, serdes, log, metrics, wake, ends: replay?.ends });
  await tables.open();
  return tables;
}

/** Creates what is missing of the internal topics, checks co-partitioning, registers schemas. */
async function prepareTopics(topology: CompiledTopology, options: RunOptions): Promise<TopicTable> {
  const { kafka, registry, topicConfig } = options;
  const counts = new Map<string, number>();
  for (const sub of topology.subTopologies) {
    for (const source of sub.sources)
      if (!source.internal) counts.set(source.topic, await kafka.partitions(source.topic));
  }
  const [first] = counts.values();
  if ([...counts.values()].some((count) => count !== first)) {
    const listed = [...counts].map(([topic, count]) => `${topic} has ${count}`).join(', ');
    throw new TidemarkError(
      'TOPICS_NOT_COPARTITIONED',
      `Topology ${topology.name} needs the same number of partitions in all its inputs: ${listed}`,
    );
  }
  const partitions = first!;
  const internal = topology.subTopologies.flatMap((sub) => [
    ...sub.sources
      .filter((source) => source.internal)
      .map((source) => ({ name: source.topic, partitions, config: topicConfig('delete') })),
    ...sub.stores.map((store) => ({ name: store.changelog, partitions, config: topicConfig('compact') })),
  ]);
  await kafka.createTopics([
    ...internal,
    ...[topology.deadLetterTopic, topology.lateTopic].map((name) => ({
      name,
      partitions: 1,
      config: topicConfig('delete'),
    })),
  ]);
  const sources = new Map<string, AvroSerde<unknown>>();
  const outputs = new Map<string, OutputTopic>();
  for (const sub of topology.subTopologies) {
    for (const { topic, value } of sub.sources) sources.set(topic, await topicSerde(registry, topic, value));
    for (const { topic, value } of sub.outputs) {
      if (!outputs.has(topic))
        outputs.set(topic, {
          serde: await topicSerde(registry, topic, value),
          partitions: await kafka.partitions(topic),
        });
    }
  }
  return { inputTopics: [...sources.keys()], sources, outputs };
}
