import type { AvroSerde, Kafka } from '../kafka/index.ts';
import type { TransactionOffset } from '../kafka/transactions.ts';
import type { Clock } from '../kit/clock.ts';
import { TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import { topologyFingerprint } from '../topology/signature.ts';
import type { CompiledTopology, SubTopology } from '../topology/topology.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { OutputTopic } from './collector.ts';
import type { GlobalTables } from './global-tables.ts';
import { PartitionInput } from './input.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { ProducerPort, RuntimePorts } from './ports.ts';
import { type ReplayOptions, type ReplayProgress, replayStages } from './replay.ts';
import { restoreTask } from './restore.ts';
import { type HeldState, StandbySet } from './standbys.ts';
import { type RecordCollector, Task } from './task.ts';

/** The topics of a running topology: counted, with their serdes. */
export interface TopicTable {
  readonly inputTopics: readonly string[];
  readonly sources: ReadonlyMap<string, AvroSerde<unknown>>;
  readonly outputs: ReadonlyMap<string, OutputTopic>;
}
export interface TaskSetOptions {
  readonly topology: CompiledTopology;
  readonly kafka: Kafka;
  readonly ports: RuntimePorts;
  readonly topics: TopicTable;
  readonly collector: RecordCollector;
  readonly mergeBy: 'task' | 'thread';
  readonly globals: GlobalTables;
  readonly replay: ReplayOptions | null;
  readonly acceptChangedGraph?: boolean;
  readonly checkpoints?: Checkpoints | null;
  /** How long changelogs keep tombstones, milliseconds. */
  readonly deleteRetentionMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: RuntimeMetrics;
  /** Restored tasks have joined, and there is something to fetch. */
  readonly onRestored: () => void;
  /** A restore went wrong: STATE_WITHOUT_OFFSETS, STATE_VERSION_MISMATCH, or what Kafka threw. */
  readonly onFailed: (error: unknown) => void;
}
/** A task with its inputs; while it is restored it is not processed. */
interface Entry extends HeldState {
  readonly inputs: readonly PartitionInput[];
  /** Ends its restore; null when that is done. */
  restoring: AbortController | null;
  progress: string;
}

/** The tasks of one thread with their input positions: assigned, committed and rolled back together. */
export class TaskSet {
  readonly #options: TaskSetOptions;
  #entries: readonly Entry[] = [];
  /** Those of the entries that are restored. */
  #tasks: readonly Task[] = [];
  #inputs: readonly PartitionInput[] = [];
  #groups: readonly (readonly PartitionInput[])[] = [];

  /** In a replay, by sub-topology when its turn is, and whose turn it is. */
  readonly #stages: readonly number[] | null;
  #stage = 0;
  /** Travels with every commit. */
  readonly #fingerprint: string;
  readonly #standbys: StandbySet;

  constructor(options: TaskSetOptions) {
    this.#options = options;
    this.#fingerprint = topologyFingerprint(options.topology).slice(0, 16);
    this.#standbys = new StandbySet(options);
    this.#stages = options.replay ? replayStages(options.topology) : null;
  }

  /** All input partitions, ordered by (topic, partition). A new array with every change of the assignment. */
  get inputs(): readonly PartitionInput[] {
    return this.#inputs;
  }
  /** Inputs that are merged by event time: of each task, or of the whole thread. */
  get inputGroups(): readonly (readonly PartitionInput[])[] {
    return this.#groups;
  }
  /** Readable records that are not committed as processed. */
  get lagRecords(): number {
    return this.#inputs.reduce((sum, input) => sum + Math.max(0, input.stableOffset - input.committedOffset), 0);
  }
  /** True when something was consumed since the last cut. */
  get dirty(): boolean {
    return this.#inputs.some((input) => input.position !== input.cutOffset);
  }

  /** The tasks that are restored. */
  get tasks(): readonly Task[] {
    return this.#tasks;
  }
  /** By partition number the sum of the changelog offsets that are in memory. */
  get freshness(): Map<number, number> {
    const found = new Map<number, number>();
    for (const { task, ends } of [...this.#entries, ...this.#standbys.states]) {
      for (const end of ends.values()) found.set(task.partition, (found.get(task.partition) ?? 0) + end);
    }
    return found;
  }
  /** What the restore is at, or null when every task is restored. */
  get restoring(): string | null {
    return this.#entries.find((entry) => entry.restoring !== null)?.progress ?? null;
  }

  /**
   * Takes up new partitions and drops those that are gone; tasks that stay are left as they are. Returns when positions are known;
   * stores are restored in the background, and what is restored joins: each task by itself, or merged by thread those of one
   * assignment together. Of the standby partitions only the state is kept.
   */
  async assign(partitions: readonly number[], standbyPartitions: readonly number[] = []): Promise<void> {
    const { topology } = this.#options;
    const kept = await this.#current(this.#entries.filter(({ task }) => partitions.includes(task.partition)));
    const gone = this.#entries.filter((entry) => !kept.includes(entry));
    for (const entry of gone) entry.restoring?.abort();
    const added: Entry[] = [];
    for (const sub of topology.subTopologies) {
      for (const partition of partitions) {
        if (!kept.some(({ task }) => task.sub === sub && task.partition === partition))
          added.push(this.#newEntry(sub, partition, await this.#standbys.take(sub, partition)));
      }
    }
    this.#entries = [...kept, ...added];
    this.#activate();
    this.#options.metrics.assigned(this.#entries.length);
    await this.#startPositions(added.flatMap(({ inputs }) => inputs));
    void this.#restoreAll(added);
    await this.#assignStandbys(standbyPartitions, gone);
  }
  /** Of all sub-topologies, whosever turn it is. */
  get replayProgress(): ReplayProgress {
    let [done, total] = [0, 0];
    for (const { firstOffset, endOffset, position } of this.#entries.flatMap(({ inputs }) => inputs)) {
      if (endOffset === null) continue;
      total += Math.max(0, endOffset - firstOffset);
      done += Math.max(0, Math.min(position, endOffset) - firstOffset);
    }
    return { done, total };
  }
  /** In a replay, the turn of the next sub-topologies; false when those that ran were the last. */
  nextStage(): boolean {
    if (!this.#stages || this.#stage >= Math.max(...this.#stages)) return false;
    this.#stage++;
    this.#activate();
    return true;
  }
  /** Ends the restores under way, and the standbys. */
  async close(): Promise<void> {
    for (const entry of this.#entries) entry.restoring?.abort();
    await this.#standbys.close();
  }

  /** Fires the wall-clock punctuators that are due; true when there were any. */
  punctuate(nowMs: number): boolean {
    let fired = false;
    if (this.#options.replay) return fired;
    for (const task of this.#tasks) fired = task.punctuateWallClock(nowMs) || fired;
    return fired;
  }

  /** What processors wait for before a cut; null where none waits for anything. */
  prepareCommit(): Promise<unknown> | null {
    const waiting = this.#tasks.flatMap((task) => task.prepareCommit() ?? []);
    return waiting.length === 0 ? null : Promise.all(waiting);
  }

  /**
   * The cut: what processors held back is emitted, every changed row goes to its changelog, and stores, stream time and positions are
   * frozen. Returns the positions that moved, with stream time, and the number of changelog records.
   */
  cut(producer: ProducerPort): { offsets: TransactionOffset[]; changelogRecords: number } {
    let changelogRecords = 0;
    for (const task of this.#tasks) {
      task.beforeCommit();
      task.freeze();
      for (const { name, changelog } of task.sub.stores) {
        const target = producer.target(changelog, task.partition);
        const timestampMs = Math.max(0, task.streamTimeMs);
        changelogRecords += task.stores
          .get(name)!
          .freeze((key, keyStart, keyEnd, value, valueStart, valueEnd) =>
            producer.append(target, key, keyStart, keyEnd, value, valueStart, valueEnd, timestampMs),
          );
      }
    }
    const offsets: TransactionOffset[] = [];
    for (const input of this.#inputs) {
      const { topic, partition, position } = input;
      if (position === input.cutOffset) continue;
      input.cutOffset = position;
      offsets.push({ topic, partition, offset: position, metadata: `${input.task.streamTimeMs} ${this.#fingerprint}` });
    }
    return { offsets, changelogRecords };
  }
  committed(offsets: readonly TransactionOffset[], producer: ProducerPort): void {
    for (const { topic, partition, offset } of offsets) {
      const input = this.#inputs.find((candidate) => candidate.topic === topic && candidate.partition === partition);
      if (!input) continue;
      input.committedOffset = offset;
      input.hasCommit = true;
    }
    for (const { task, ends } of this.#entries) {
      for (const { name, changelog } of task.sub.stores) {
        const { endOffset } = producer.target(changelog, task.partition);
        if (endOffset > (ends.get(name) ?? 0)) ends.set(name, endOffset);
      }
    }
    for (const task of this.#tasks) {
      task.commit();
      for (const [name, store] of task.stores)
        this.#options.metrics.stateSize(name, task.partition, store.size, store.bytes);
    }
  }
  /** Writes checkpoints of the stores that have changed since their last ones, one after the other. Never throws. */
  async saveCheckpoints(): Promise<void> {
    const { checkpoints } = this.#options;
    if (!checkpoints) return;
    const isHere = (held: HeldState) => this.#entries.includes(held as Entry) || this.#standbys.states.includes(held);
    const restored = this.#entries.filter(({ restoring }) => restoring === null);
    for (const held of [...restored, ...this.#standbys.states]) {
      const { task, ends, saved } = held;
      for (const { name, changelog } of task.sub.stores) {
        const end = ends.get(name) ?? 0;
        if (end === 0 || end === saved.get(name) || !isHere(held)) continue;
        await checkpoints.save(task.stores.get(name)!, changelog, task.partition, end);
        saved.set(name, end);
      }
    }
  }
  /** Every store, stream time and input position as it was at the last commit. */
  rollback(): void {
    for (const task of this.#tasks) task.rollback();
    for (const input of this.#inputs) input.seek(input.committedOffset);
  }

  #newEntry(sub: SubTopology, partition: number, held: HeldState | null): Entry {
    const { topics, replay } = this.#options;
    const task = held?.task ?? this.#newTask(sub, partition);
    const inputs = sub.sources.map((source) => {
      return new PartitionInput(task, source, topics.sources.get(source.topic)!, replay);
    });
    return {
      task,
      inputs,
      restoring: new AbortController(),
      progress: `restoring task ${task.id}`,
      ends: held?.ends ?? new Map(),
      saved: held?.saved ?? new Map(),
    };
  }
  #newTask(sub: SubTopology, partition: number): Task {
    const { topology, collector, clock, globals, replay } = this.#options;
    // Asked for the time while the task is made, too.
    let made: Task | null = null;
    const task = new Task({
      sub,
      partition,
      version: topology.version,
      collector,
      // No wall clock is read in a replay.
      now: replay ? () => Math.max(0, made?.streamTimeMs ?? 0) : () => clock.now(),
      globals: globals.tables,
    });
    made = task;
    return task;
  }

  /** What was processed here and is now another's goes on as a standby from where it is. */
  async #assignStandbys(partitions: readonly number[], gone: readonly Entry[]): Promise<void> {
    await this.#standbys.retain(partitions);
    for (const sub of this.#options.topology.subTopologies.filter(({ stores }) => stores.length > 0)) {
      for (const partition of partitions) {
        if (this.#standbys.has(sub, partition)) continue;
        const former = gone.find(
          ({ task, restoring }) => restoring === null && task.sub === sub && task.partition === partition,
        );
        former?.task.rollback();
        this.#standbys.follow(
          former ?? { task: this.#newTask(sub, partition), ends: new Map<string, number>(), saved: new Map() },
        );
      }
    }
  }

  /** Takes the restored entries into processing. */
  #activate(): void {
    const isTurn = ({ sub }: Task) => this.#stages === null || this.#stages[sub.id] === this.#stage;
    const active = this.#entries.filter((entry) => entry.restoring === null && isTurn(entry.task));
    this.#tasks = active.map(({ task }) => task);
    const inputs = active.flatMap((entry) => entry.inputs);
    this.#inputs = inputs.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
    const byTask = Map.groupBy(this.#inputs, (input) => input.task);
    this.#groups = this.#options.mergeBy === 'thread' && inputs.length > 0 ? [this.#inputs] : [...byTask.values()];
  }

  async #restoreAll(added: readonly Entry[]): Promise<void> {
    const { mergeBy, onRestored, onFailed } = this.#options;
    const join = (entries: readonly Entry[]) => {
      for (const entry of entries) entry.restoring = null;
      this.#activate();
      onRestored();
    };
    try {
      await Promise.all(
        added.map(async (entry) => {
          await this.#restore(entry);
          if (mergeBy === 'task' && !entry.restoring?.signal.aborted) join([entry]);
        }),
      );
      if (mergeBy === 'thread') join(added.filter((entry) => !entry.restoring?.signal.aborted));
    } catch (error) {
      onFailed(error);
    }
  }

  /**
   * Those tasks whose committed offsets are still what they committed. A member that was silent too long may be given the
   * same partitions back after another has worked on them: its memory of them is then out of date.
   */
  async #current(entries: readonly Entry[]): Promise<Entry[]> {
    const { ports, topology } = this.#options;
    const stale = new Set<Task>();
    const inputs = entries.flatMap((entry) => entry.inputs);
    for (const [topic, group] of Map.groupBy(inputs, (input) => input.topic)) {
      const committed = await ports.committed(topology.name, topic);
      for (const input of group) {
        if (committed[input.partition]!.offset !== (input.hasCommit ? input.committedOffset : -1))
          stale.add(input.task);
      }
    }
    return entries.filter(({ task }) => !stale.has(task));
  }

  /** The group's committed offsets, or the beginning where there are none. */
  async #startPositions(inputs: readonly PartitionInput[]): Promise<void> {
    const { ports, topology } = this.#options;
    for (const [topic, group] of Map.groupBy(inputs, (input) => input.topic)) {
      const committed = await ports.committed(topology.name, topic);
      const earliest = await ports.earliest(topic);
      for (const input of group) {
        const { offset, metadata } = committed[input.partition]!;
        input.firstOffset = earliest[input.partition]!;
        input.seek(offset >= 0 ? offset : input.firstOffset);
        input.hasCommit = offset >= 0;
        if (!input.hasCommit) continue;
        const [streamTimeMs, fingerprint] = metadata.split(' ');
        if (streamTimeMs) input.task.restoreStreamTime(Number(streamTimeMs));
        if (fingerprint) this.#checkFingerprint(fingerprint);
      }
    }
  }

  /** A changed graph must not go on from another's state without a word. */
  #checkFingerprint(committed: string): void {
    const { topology, acceptChangedGraph } = this.#options;
    if (committed === this.#fingerprint || acceptChangedGraph) return;
    throw new TidemarkError(
      'STATE_OF_ANOTHER_GRAPH',
      `The state of ${topology.name} was written by another graph (${committed}, this one is ${this.#fingerprint}): its stores, or what feeds ` +
        'them, have changed. Run the former graph, reset the topology to compute its state anew, or accept the change with acceptChangedGraph.',
    );
  }

  async #restore(entry: Entry): Promise<void> {
    const { topology } = this.#options;
    const { task, inputs } = entry;
    const { signal } = entry.restoring!;
    const isHeld = entry.ends.size > 0;
    const progress = (text: string) => {
      entry.progress = text;
    };
    const rows = await restoreTask({ ...this.#options, task, ends: entry.ends, progress, signal });
    // Of a standby: its processors are made anew, as at every other start.
    if (isHeld) task.rollback();
    const hasState = rows > 0 || [...task.stores.values()].some(({ size }) => size > 0);
    if (!signal.aborted && hasState && inputs.every((input) => !input.hasCommit)) {
      throw new TidemarkError(
        'STATE_WITHOUT_OFFSETS',
        `Task ${topology.name} ${task.id} has changelog records but group "${topology.name}" has no committed offsets: ` +
          'processing from the beginning would count everything twice. Restore the offsets, or reset the topology with its changelogs.',
      );
    }
  }
}
