import { BatchCursor } from '#streams/kafka/codec/batch-cursor.ts';
import { BatchWriter, type Header } from '#streams/kafka/codec/batch-writer.ts';
import { type AvroSerde, Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { type Log, silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import type { OutputTopic } from '#streams/runtime/collector.ts';
import { GlobalTables } from '#streams/runtime/global-tables.ts';
import { RuntimeMetrics } from '#streams/runtime/metrics.ts';
import { kafkaPorts } from '#streams/runtime/ports.ts';
import { StreamThread, type StreamThreadOptions } from '#streams/runtime/stream-thread.ts';
import type { TopicTable } from '#streams/runtime/task-set.ts';
import { type CompiledTopology, compileTopology } from '#streams/topology/topology.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { Brokers, FIRST_PORT, HOST } from './brokers.ts';
import { Network, type Weather } from './network.ts';
import type { PartitionLog } from './partition-log.ts';
import { SimulatedProcess, World } from './world.ts';

export interface CellOptions {
  readonly seed: string | number;
  readonly definition: TopologyDefinition;
  readonly partitions: number;
  readonly brokers: number;
  readonly weather: Weather;
  readonly markerDelayMs: number;
  readonly fetchBytes: number;
}
export type ThreadSettings = Pick<
  StreamThreadOptions,
  'commitIntervalMs' | 'mergeBy' | 'replay' | 'maxTaskIdleMs' | 'standbyReplicas'
>;
export interface SimulatedRecord {
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly timestampMs: number;
  readonly headers: readonly Header[];
  readonly offset: number;
}
/** One run of a thread, from its start to its end or its kill. */
export interface Life {
  readonly process: SimulatedProcess;
  readonly thread: StreamThread;
  /** Set when the thread has ended by itself. */
  end: { readonly error: unknown } | null;
}

export const SESSION_TIMEOUT_MS = 3_000;
const TRANSACTION_TIMEOUT_MS = 4_000;

/** The schemas of one simulation, numbered as they come. */
class Schemas {
  readonly #schemas: AvroSchema[] = [];
  async register(_subject: string, schema: AvroSchema): Promise<number> {
    const known = this.#schemas.indexOf(schema);
    return known >= 0 ? known : this.#schemas.push(schema) - 1;
  }
  async schema(id: number): Promise<AvroSchema> {
    return this.#schemas[id]!;
  }
}

/** A world with brokers and one topology on them. Threads are the real ones, with the real client below them up to its sockets. */
export class Cell {
  readonly world: World;
  readonly brokers: Brokers;
  readonly network: Network;
  readonly topology: CompiledTopology;
  readonly #options: CellOptions;
  readonly #registry = new Schemas() as unknown as SchemaRegistry;
  #topics!: TopicTable;

  constructor(options: CellOptions) {
    this.#options = options;
    this.topology = compileTopology(options.definition);
    this.world = new World(options.seed);
    const topics = new Map<string, number>();
    for (const sub of this.topology.subTopologies) {
      for (const { topic } of [...sub.sources, ...sub.outputs]) topics.set(topic, options.partitions);
      for (const { changelog } of sub.stores) topics.set(changelog, options.partitions);
    }
    for (const name of [this.topology.deadLetterTopic, this.topology.lateTopic]) topics.set(name, 1);
    this.brokers = new Brokers({ ...options, world: this.world, topics });
    this.network = new Network(this.world, this.brokers, options.weather);
  }

  async open(): Promise<void> {
    const sources = new Map<string, AvroSerde<unknown>>();
    const outputs = new Map<string, OutputTopic>();
    for (const sub of this.topology.subTopologies) {
      for (const { topic, value } of sub.sources) sources.set(topic, await topicSerde(this.#registry, topic, value));
      for (const { topic, value } of sub.outputs) {
        const serde = await topicSerde<unknown>(this.#registry, topic, value);
        outputs.set(topic, { serde, partitions: this.#options.partitions });
      }
    }
    this.#topics = { inputTopics: [...sources.keys()], sources, outputs };
  }
  /** Lets the world go on, on simulated sockets and timers. */
  async run(until: () => boolean, limitMs: number): Promise<void> {
    const release = this.network.takeOver();
    try {
      await this.world.run(until, limitMs);
    } finally {
      release();
    }
  }
  /** Lets the world go on until the condition holds, looking now and then: for conditions that are dear. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<void> {
    let holds = false;
    const look = () => {
      holds = condition();
      if (!holds) this.world.after(250, look);
    };
    look();
    await this.run(() => holds, limitMs);
  }

  /** Starts a thread in a process of its own. */
  start(id: string, settings: ThreadSettings, onStep: (step: TransactionStep, life: Life) => void): Life {
    const process = new SimulatedProcess(id);
    this.world.note(`start ${id}`);
    return this.world.as(process, () => {
      const brokers = Array.from({ length: this.#options.brokers }, (_, node) => `${HOST}:${FIRST_PORT + node}`);
      const kafka = new Kafka({ brokers, clientId: id });
      const metrics = new RuntimeMetrics(new Metrics());
      const wake = () => thread.wake();
      const globals = new GlobalTables({ kafka, globals: {}, serdes: new Map(), log: silentLog, metrics, wake });
      const thread: StreamThread = new StreamThread({
        ...settings,
        topology: this.topology,
        kafka,
        ports: kafkaPorts(kafka, brokers),
        topics: this.#topics,
        id,
        // Simulated processes share the real one's id.
        processId: id,
        globals,
        endpoint: '',
        deleteRetentionMs: 86_400_000,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
        log: this.#log(id),
        clock: systemClock,
        metrics,
        onStep: (step) => onStep(step, life),
      });
      const life: Life = { process, thread, end: null };
      const ended = (error: unknown) => {
        this.world.note(`end of ${id}: ${error}`);
        life.end = { error };
        void kafka.close();
      };
      thread.run().then(() => ended(null), ended);
      return life;
    });
  }

  /** What a thread logs goes into the trace. */
  #log(id: string): Log {
    const write = (...args: readonly unknown[]) => this.world.note(`${id}: ${args.at(-1)}`);
    return Object.assign(Object.create(silentLog) as Log, { info: write, warn: write, debug: () => undefined });
  }
  /** Encodes values of a topic that the topology reads. */
  encode(topic: string, value: unknown): Buffer {
    return this.#topics.sources.get(topic)!.encode(value);
  }
  decode<V>(topic: string, value: Buffer): V {
    return (this.#topics.sources.get(topic) ?? this.#topics.outputs.get(topic)!.serde).decode(value) as V;
  }
  partitionOf(key: string): number {
    return murmur2Partition(key, this.#options.partitions);
  }
  /** Committed records of a partition, in order. */
  committed(topic: string, partition: number): SimulatedRecord[] {
    return readCommitted(this.brokers.log(topic, partition), topic, partition);
  }
  /** True when everything committed in the topics read has been processed and committed, and no transaction is open. */
  get isDone(): boolean {
    if (!this.brokers.transactions.isQuiet) return false;
    const group = this.brokers.group(this.topology.name);
    return this.#topics.inputTopics.every((topic) =>
      this.brokers.logs(topic).every((log, partition) => {
        const last = readCommitted(log, topic, partition).at(-1);
        return !last || Number(group.offset(`${topic}/${partition}`)?.offset ?? -1) > last.offset;
      }),
    );
  }
}

function readCommitted(log: PartitionLog, topic: string, partition: number): SimulatedRecord[] {
  const { records, abortedTransactions } = log.read(0, Number.MAX_SAFE_INTEGER, true);
  const found: SimulatedRecord[] = [];
  if (!records) return found;
  const cursor = new BatchCursor(records, { topic, partition, fetchOffset: 0, abortedTransactions });
  while (cursor.next()) {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd, timestampMs, offset } = cursor;
    found.push({
      key: keyStart < 0 ? null : buffer.toString('utf8', keyStart, keyEnd),
      value: valueStart < 0 ? null : buffer.subarray(valueStart, valueEnd),
      timestampMs,
      headers: cursor.headers(),
      offset,
    });
  }
  return found;
}

/** Encodes a batch of an outside producer; a producer id of -1n: not idempotent. */
export function encodeBatch(
  records: readonly Pick<SimulatedRecord, 'key' | 'value' | 'timestampMs'>[],
  producerId = -1n,
): Buffer {
  const writer = new BatchWriter();
  writer.reset(producerId, producerId < 0n ? -1 : 0, producerId < 0n ? -1 : 0, producerId >= 0n);
  for (const { key, value, timestampMs } of records) {
    const keyBytes = Buffer.from(key!);
    writer.append(keyBytes, 0, keyBytes.length, value, 0, value!.length, timestampMs);
  }
  return writer.finish();
}
