import { murmur2Partition } from '../kafka/murmur2.ts';
import { type AvroType, avroType } from '../kit/avro.ts';
import { TidemarkError } from '../kit/errors.ts';
import { type Rejection, Task } from '../runtime/task.ts';
import {
  type CompiledOutput,
  type CompiledSource,
  type CompiledTopology,
  compileTopology,
  type SubTopology,
} from '../topology/topology.ts';
import type { KeyValueStore, StreamRecord, TopologyDefinition } from '../topology/types.ts';

export interface DriverOptions {
  /** Partitions of every topic; default 1. */
  readonly partitions?: number;
  /** Wall clock in milliseconds; default stands at 0. */
  readonly now?: () => number;
}
export interface DriverInput {
  readonly key: string | null;
  readonly value: unknown;
  readonly timestampMs: number;
  /** Default: the next offset of the partition. */
  readonly offset?: number;
  /** Default: by murmur2 of the key. */
  readonly partition?: number;
}
export interface DriverOutput<V = unknown> {
  readonly key: string;
  readonly value: V;
  readonly timestampMs: number;
  readonly partition: number;
}
export interface DriverRejection extends Rejection {
  readonly topic: string;
  readonly key: string | null;
  readonly value: unknown;
}

/**
 * Runs a topology without a broker, in the manner of Kafka Streams' TopologyTestDriver: pipe in, read out, look into stores.
 * Every value passes through its Avro encoding, repartition topics included. `pipe` runs a record to its end; conflated
 * outputs appear at `commit()`.
 */
export class TopologyTestDriver {
  readonly #topology: CompiledTopology;
  readonly #partitions: number;
  readonly #now: () => number;
  readonly #tasks = new Map<string, Task>();
  readonly #types = new Map<unknown, AvroType>();
  readonly #outputs = new Map<string, DriverOutput[]>();
  readonly #offsets = new Map<string, number>();
  readonly #pending: { topic: string; partition: number; input: DriverInput }[] = [];
  readonly #counts = new Map<string, number>();
  #rejected: DriverRejection[] = [];

  constructor(definition: TopologyDefinition, options: DriverOptions = {}) {
    this.#topology = compileTopology(definition);
    this.#partitions = options.partitions ?? 1;
    this.#now = options.now ?? (() => 0);
  }

  /** Feeds one record to a source topic. Throws TOPIC_UNKNOWN for a topic the topology does not read. */
  pipe(topic: string, input: DriverInput): void {
    const partition = input.partition ?? murmur2Partition(input.key ?? '', this.#partitions);
    this.#pending.push({ topic, partition, input });
    this.#drain();
  }
  /** Takes all records written to an output topic since the last read. */
  read<V = unknown>(topic: string): DriverOutput<V>[] {
    const outputs = this.#outputs.get(topic) ?? [];
    this.#outputs.set(topic, []);
    return outputs as DriverOutput<V>[];
  }
  /** Takes all rejected records since the last call. */
  readRejected(): DriverRejection[] {
    const rejected = this.#rejected;
    this.#rejected = [];
    return rejected;
  }
  store<V>(name: string, partition = 0): KeyValueStore<V> {
    const sub = this.#topology.subTopologies.find((candidate) => candidate.stores.some((store) => store.name === name));
    if (!sub) throw new TidemarkError('STORE_UNKNOWN', `Topology ${this.#topology.name} has no store "${name}"`);
    return this.#task(sub, partition).stores.get(name) as unknown as KeyValueStore<V>;
  }
  /** How often processors counted an event. */
  count(event: string): number {
    return this.#counts.get(event) ?? 0;
  }
  /** Ends a commit interval: conflated outputs are written, stores are committed. */
  commit(): void {
    for (const task of this.#tasks.values()) task.beforeCommit();
    this.#drain();
    for (const task of this.#tasks.values()) {
      task.freeze();
      for (const store of task.stores.values()) store.freeze(() => {});
      task.commit();
    }
  }
  /** Undoes everything since the last commit, as an aborted transaction does; outputs already read stay read. */
  abort(): void {
    for (const task of this.#tasks.values()) task.rollback();
  }

  #drain(): void {
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      const { topic, partition, input } = next;
      let read = false;
      for (const sub of this.#topology.subTopologies) {
        for (const source of sub.sources) {
          if (source.topic !== topic) continue;
          read = true;
          this.#process(sub, source, partition, input);
        }
      }
      if (!read)
        throw new TidemarkError('TOPIC_UNKNOWN', `Topology ${this.#topology.name} does not read topic "${topic}"`);
    }
  }

  #process(sub: SubTopology, source: CompiledSource, partition: number, input: DriverInput): void {
    const place = `${source.topic}/${partition}`;
    const offset = input.offset ?? this.#offsets.get(place) ?? 0;
    this.#offsets.set(place, offset + 1);
    const value = input.value === null ? null : this.#roundTrip(source.value, input.value);
    const record: StreamRecord = {
      key: input.key,
      value,
      timestampMs: input.timestampMs,
      source: { topic: source.topic, partition, offset },
      headers: [],
    };
    const rejection = this.#task(sub, partition).process(source, record);
    if (rejection) this.#rejected.push({ ...rejection, topic: source.topic, key: input.key, value });
  }

  #roundTrip(schema: CompiledSource['value'], value: unknown): unknown {
    let type = this.#types.get(schema);
    if (!type) {
      type = avroType(schema);
      this.#types.set(schema, type);
    }
    return type.fromBuffer(type.toBuffer(value));
  }

  #task(sub: SubTopology, partition: number): Task {
    const id = `${sub.id}_${partition}`;
    let task = this.#tasks.get(id);
    if (!task) {
      const collector = {
        port: (output: CompiledOutput) => ({
          send: (key: string | null, value: unknown, timestampMs: number) =>
            this.#send(output, key ?? '', value, timestampMs),
        }),
        count: (_processor: string, event: string) => void this.#counts.set(event, this.count(event) + 1),
      };
      task = new Task({ sub, partition, version: this.#topology.version, collector, now: this.#now });
      this.#tasks.set(id, task);
    }
    return task;
  }

  #send(output: CompiledOutput, key: string, value: unknown, timestampMs: number): void {
    const partition = murmur2Partition(output.partitionKey(key), this.#partitions);
    const decoded = value === null ? null : this.#roundTrip(output.value, value);
    const internal = this.#topology.subTopologies.some((sub) =>
      sub.sources.some((source) => source.topic === output.topic),
    );
    if (internal) this.#pending.push({ topic: output.topic, partition, input: { key, value: decoded, timestampMs } });
    else {
      const outputs = this.#outputs.get(output.topic);
      const record = { key, value: decoded, timestampMs, partition };
      if (outputs) outputs.push(record);
      else this.#outputs.set(output.topic, [record]);
    }
  }
}
