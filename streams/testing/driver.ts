import { murmur2Partition } from '../kafka/murmur2.ts';
import { type AvroType, avroType } from '../kit/avro.ts';
import { closest } from '../kit/config.ts';
import { TidemarkError } from '../kit/errors.ts';
import { type Rejection, Task } from '../runtime/task.ts';
import { GlobalStore } from '../state/global-store.ts';
import {
  type CompiledOutput,
  type CompiledSource,
  type CompiledTopology,
  compileTopology,
  type SubTopology,
} from '../topology/topology.ts';
import type {
  GlobalTable,
  KeyValueStore,
  RecordHeader,
  SessionStore,
  StoreKind,
  StreamRecord,
  TopologyDefinition,
  VersionedStore,
  WindowStore,
} from '../topology/types.ts';

/** How many partitions, and which clock. */
export interface DriverOptions {
  /** Partitions of every topic; default 1. */
  readonly partitions?: number;
  /** Wall clock in milliseconds, to which `advanceWallClock` adds; default stands at 0. */
  readonly now?: () => number;
}
/** A record to pipe in; null as value is a tombstone. */
export interface DriverInput {
  readonly key: string | null;
  readonly value: unknown;
  readonly timestampMs: number;
  readonly headers?: readonly RecordHeader[];
  /** Default: the next offset of the partition. */
  readonly offset?: number;
  /** Default: by murmur2 of the key; of no key as of an empty one. */
  readonly partition?: number;
}
/** A record that was written, decoded; null as value is a tombstone. */
export interface DriverOutput<V = unknown> {
  /** Of a windowed result `key@startMs/endMs`. */
  readonly key: string;
  readonly value: V;
  readonly timestampMs: number;
  readonly partition: number;
  readonly headers: readonly RecordHeader[];
}
/** A record that came too late for a part of its work, and why. */
export interface DriverLate {
  readonly topic: string;
  readonly key: string | null;
  readonly value: unknown;
  readonly timestampMs: number;
  readonly reason: string;
}
/** A record that a processor rejected, with its code and reason. The driver goes on without it under any policy, FAIL too. */
export interface DriverRejection extends Rejection {
  readonly topic: string;
  readonly key: string | null;
  readonly value: unknown;
}

/**
 * Runs a topology without a broker, in the manner of Kafka Streams' TopologyTestDriver: pipe in, read out, look into stores.
 * Every value passes through its Avro encoding, repartition topics included. `pipe` runs a record to its end, event-time punctuators
 * included; conflated outputs appear at `commit()`. The wall clock moves by `advanceWallClock` only.
 */
export class TopologyTestDriver {
  readonly #topology: CompiledTopology;
  readonly #partitions: number;
  readonly #now: () => number;
  readonly #tasks = new Map<string, Task>();
  readonly #globals: ReadonlyMap<string, GlobalStore>;
  readonly #types = new Map<unknown, AvroType>();
  readonly #outputs = new Map<string, DriverOutput[]>();
  readonly #offsets = new Map<string, number>();
  readonly #pending: { topic: string; partition: number; input: DriverInput }[] = [];
  readonly #counts = new Map<string, number>();
  #advancedMs = 0;
  #rejected: DriverRejection[] = [];
  #late: DriverLate[] = [];

  /** Throws TOPOLOGY_INVALID. */
  constructor(definition: TopologyDefinition, { partitions = 1, now = () => 0 }: DriverOptions = {}) {
    this.#topology = compileTopology(definition);
    this.#partitions = partitions;
    this.#now = () => now() + this.#advancedMs;
    this.#globals = new Map(this.#topology.globals.map(({ name, historyMs }) => [name, new GlobalStore(historyMs)]));
    for (const sub of this.#topology.subTopologies)
      for (let partition = 0; partition < partitions; partition++)
        this.#tasks.set(`${sub.id}_${partition}`, this.#createTask(sub, partition));
  }

  /**
   * Feeds one record to a source topic or to the topic of a global table. Throws TOPIC_UNKNOWN for any other, PARTITION_UNKNOWN, and what a
   * processor throws (PROCESSOR_FAILED), with the stores half changed: `abort()` undoes that.
   */
  pipe(topic: string, input: DriverInput): void {
    const partition = input.partition ?? murmur2Partition(input.key ?? '', this.#partitions);
    this.#pending.push({ topic, partition, input });
    this.#drain();
  }
  /** Moves the wall clock on and fires the wall-clock punctuators that are due, each once however often it was. */
  advanceWallClock(ms: number): void {
    this.#advancedMs += ms;
    for (const task of this.#tasks.values()) task.punctuateWallClock(this.#now());
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
  /** Takes all late records since the last call. */
  readLate(): DriverLate[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }
  /**
   * A key-value store of one partition, changes since the last commit included. Throws STORE_UNKNOWN, STORE_KIND_WRONG where it is of
   * another kind, PARTITION_UNKNOWN.
   */
  store<V>(name: string, partition = 0): KeyValueStore<V> {
    return this.#store(name, 'key-value', partition) as KeyValueStore<V>;
  }
  /** As `store`, of a window store. */
  windowStore<V>(name: string, partition = 0): WindowStore<V> {
    return this.#store(name, 'window', partition) as WindowStore<V>;
  }
  /** As `store`, of a session store. */
  sessionStore<V>(name: string, partition = 0): SessionStore<V> {
    return this.#store(name, 'session', partition) as SessionStore<V>;
  }
  /** As `store`, of a versioned store. */
  versionedStore<V>(name: string, partition = 0): VersionedStore<V> {
    return this.#store(name, 'versioned', partition) as VersionedStore<V>;
  }
  /** A global table, as `pipe` has filled it. Throws GLOBAL_UNKNOWN. */
  global<V>(name: string): GlobalTable<V> {
    const table = this.#globals.get(name);
    if (!table) {
      const known = closest(name, [...this.#globals.keys()]);
      throw new TidemarkError(
        'GLOBAL_UNKNOWN',
        `Topology ${this.#topology.name} has no global table "${name}"${known}`,
      );
    }
    return table as GlobalTable<unknown> as GlobalTable<V>;
  }
  /** How often the processors of all partitions counted an event, since the beginning: an abort takes nothing back. */
  count(event: string): number {
    return this.#counts.get(event) ?? 0;
  }
  /** As `commit`, where processors have a `prepareCommit`. */
  async commitPrepared(): Promise<void> {
    for (const task of this.#tasks.values()) await task.prepareCommit();
    this.commit();
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
  /** Undoes what stores and processors hold since the last commit, as an aborted transaction does; outputs, read or not, stay. */
  abort(): void {
    for (const task of this.#tasks.values()) task.rollback();
  }

  #drain(): void {
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) {
      const { topic, partition, input } = next;
      let read = this.#applyToGlobals(topic, input);
      for (const sub of this.#topology.subTopologies) {
        for (const source of sub.sources) {
          if (source.topic !== topic) continue;
          read = true;
          this.#process(sub, source, partition, input);
        }
      }
      if (!read) {
        const sources = this.#topology.subTopologies.flatMap((sub) => sub.sources.map((source) => source.topic));
        const known = closest(topic, sources);
        throw new TidemarkError(
          'TOPIC_UNKNOWN',
          `Topology ${this.#topology.name} does not read topic "${topic}"${known}`,
        );
      }
    }
  }
  #applyToGlobals(topic: string, { key, value, timestampMs }: DriverInput): boolean {
    const readers = this.#topology.globals.filter((node) => node.topic === topic);
    for (const node of readers) {
      if (key === null) continue;
      this.#globals.get(node.name)!.apply(key, value === null ? null : this.#roundTrip(node.value, value), timestampMs);
    }
    return readers.length > 0;
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
      headers: input.headers ?? [],
    };
    const task = this.#task(sub, partition);
    const rejection = task.process(source, record);
    const { key, timestampMs } = input;
    if (rejection) this.#rejected.push({ ...rejection, topic: source.topic, key, value });
    if (task.lateReason !== null)
      this.#late.push({ topic: source.topic, key, value, timestampMs, reason: task.lateReason });
  }

  #roundTrip(schema: CompiledSource['value'], value: unknown): unknown {
    let type = this.#types.get(schema);
    if (!type) {
      type = avroType(schema);
      this.#types.set(schema, type);
    }
    return type.fromBuffer(type.toBuffer(value));
  }

  #store(name: string, kind: StoreKind, partition: number): unknown {
    const subs = this.#topology.subTopologies;
    const sub = subs.find((candidate) => candidate.stores.some((store) => store.name === name));
    if (!sub) {
      const known = subs.flatMap(({ stores }) => stores.map((store) => store.name));
      throw new TidemarkError(
        'STORE_UNKNOWN',
        `Topology ${this.#topology.name} has no store "${name}"${closest(name, known)}`,
      );
    }
    const declared = sub.stores.find((store) => store.name === name)!.node.kind ?? 'key-value';
    if (declared !== kind)
      throw new TidemarkError('STORE_KIND_WRONG', `Store "${name}" is a ${declared} store, not a ${kind} store`);
    return this.#task(sub, partition).stores.get(name);
  }

  #task(sub: SubTopology, partition: number): Task {
    const task = this.#tasks.get(`${sub.id}_${partition}`);
    if (!task)
      throw new TidemarkError(
        'PARTITION_UNKNOWN',
        `There is no partition ${partition}: topics have ${this.#partitions}`,
      );
    return task;
  }
  #createTask(sub: SubTopology, partition: number): Task {
    const collector = {
      port: (output: CompiledOutput) => ({
        send: (key: string | null, value: unknown, timestampMs: number, headers: readonly RecordHeader[]) =>
          this.#send(output, key, value, timestampMs, headers),
      }),
      count: (_processor: string, event: string) => void this.#counts.set(event, this.count(event) + 1),
    };
    const { version } = this.#topology;
    return new Task({ sub, partition, version, collector, now: this.#now, globals: this.#globals });
  }

  #send(
    output: CompiledOutput,
    key: string | null,
    value: unknown,
    timestampMs: number,
    headers: readonly RecordHeader[],
  ): void {
    if (key === null)
      throw new TidemarkError(
        'KEY_MISSING',
        `A record for ${output.topic} has no key, and its partition goes by the key`,
      );
    const partition = murmur2Partition(output.partitionKey(key), this.#partitions);
    const decoded = value === null ? null : this.#roundTrip(output.value, value);
    const internal = this.#topology.subTopologies.some((sub) =>
      sub.sources.some((source) => source.topic === output.topic),
    );
    const record = { key, value: decoded, timestampMs, headers };
    if (internal) this.#pending.push({ topic: output.topic, partition, input: record });
    else {
      const outputs = this.#outputs.get(output.topic);
      if (outputs) outputs.push({ ...record, partition });
      else this.#outputs.set(output.topic, [{ ...record, partition }]);
    }
  }
}
