import { setImmediate as immediate } from 'node:timers/promises';
import type { Assignment, Membership } from '../kafka/group.ts';
import type { Kafka } from '../kafka/index.ts';
import type { TransactionStep } from '../kafka/transactions.ts';
import type { Clock } from '../kit/clock.ts';
import { describeError, mayPass, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import type { CompiledTopology } from '../topology/topology.ts';
import type { Checkpoints } from './checkpoints.ts';
import { TransactionCollector } from './collector.ts';
import type { GlobalTables } from './global-tables.ts';
import type { PartitionInput } from './input.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { PoisonHandler } from './poison.ts';
import type { MemberPort, RuntimePorts } from './ports.ts';
import { RecordLoop } from './record-loop.ts';
import type { ReplayOptions, ReplayProgress } from './replay.ts';
import type { Session } from './session.ts';
import { Signal } from './signal.ts';
import type { Task } from './task.ts';
import { TaskSet, type TopicTable } from './task-set.ts';

export interface StreamThreadOptions {
  readonly topology: CompiledTopology;
  readonly kafka: Kafka;
  readonly ports: RuntimePorts;
  readonly topics: TopicTable;
  /** Lasting name: transactional id and static group member. */
  readonly id: string;
  readonly commitIntervalMs: number;
  readonly maxTaskIdleMs: number;
  readonly mergeBy: 'task' | 'thread';
  readonly globals: GlobalTables;
  readonly replay: ReplayOptions | null;
  readonly acceptChangedGraph?: boolean;
  readonly checkpoints?: Checkpoints | null;
  /** Default: only at the end. */
  readonly checkpointIntervalMs?: number;
  readonly standbyReplicas?: number;
  /** Default: host and process. */
  readonly processId?: string;
  /** How long changelogs keep tombstones, milliseconds. */
  readonly deleteRetentionMs: number;
  /** host:port where stores can be queried; empty: nowhere. */
  readonly endpoint: string;
  readonly sessionTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly metrics: RuntimeMetrics;
  /** A test's hook into the protocol. */
  readonly onStep?: (step: TransactionStep) => void;
}

/** Bytes of output after which a transaction is cut early. */
const TRANSACTION_BYTES = 64 * 1024 * 1024;
/** Bytes of unacknowledged output, or of output that waits for a commit to end, at which processing pauses. */
const BACKLOG_BYTES = 128 * 1024 * 1024;
/** How long the checkpoints at a stop may take. */
const LAST_SAVE_MS = 5_000;
/** Aborts at one position after which trying again is hopeless. */
const MAX_ABORTS = 3;
/** A thread that has work and has not committed for this long is not ready. */
const STUCK_MS = 30_000;

/**
 * One thread of a topology: a group member, a transactional producer and the tasks of its partitions. One session lasts from
 * joining the group to losing the membership; every failure inside it is an abort, and an abort undoes everything.
 */
export class StreamThread {
  readonly #options: StreamThreadOptions;
  #stopping = false;
  readonly #signal = new Signal();
  #failure: unknown = null;
  #assignment: Assignment | null = null;
  #revocation: { done: () => void } | null = null;
  #membership: Membership | null = null;
  #tasks: TaskSet | null = null;
  #state = 'joining its group';
  #lastCommitMs = 0;
  #lastCutMs = 0;
  #saving: Promise<void> | null = null;
  #lastSaveMs = 0;
  #aborts = { position: '', count: 0 };

  constructor(options: StreamThreadOptions) {
    this.#options = options;
  }

  /** Null when it processes, else what it waits for. */
  notReady(): string | null {
    const { topology, clock } = this.#options;
    if (this.#state !== 'running') return `${topology.name} is ${this.#state}`;
    if (this.#tasks?.restoring) return `${topology.name} is ${this.#tasks.restoring}`;
    const silentMs = clock.now() - this.#lastCommitMs;
    const lagRecords = silentMs > STUCK_MS ? (this.#tasks?.lagRecords ?? 0) : 0;
    return lagRecords === 0
      ? null
      : `${topology.name} is stuck: ${lagRecords} records to process and no commit for ${Math.round(silentMs / 1000)} s`;
  }

  /** Runs until `stop()`; rejects when going on would be wrong or hopeless. */
  async run(): Promise<void> {
    const { log, clock, topology } = this.#options;
    for (let pauseMs = 100; !this.#stopping; pauseMs = Math.min(pauseMs * 2, 2_000)) {
      const startedMs = clock.now();
      try {
        await this.#session();
      } catch (error) {
        if (!mayPass(error)) throw error;
        log.warn(`${topology.name} begins again in ${pauseMs} ms: ${describeError(error)}`);
        if (clock.now() - startedMs > 30_000) pauseMs = 100;
        this.#state = 'waiting to join its group again';
        if (!this.#stopping) await clock.sleep(pauseMs);
      }
    }
  }

  /** Its restored tasks. */
  get tasks(): readonly Task[] {
    return this.#tasks?.tasks ?? [];
  }
  /** How far a replay is; nothing of nothing before its partitions are known. */
  get replayProgress(): ReplayProgress {
    return this.#tasks?.replayProgress ?? { done: 0, total: 0 };
  }
  /** Something came that processing may have waited for. */
  wake(): void {
    this.#signal.notify();
  }

  /** Commits what is done and leaves the group. */
  stop(): void {
    this.#stopping = true;
    this.#signal.notify();
  }

  async #session(): Promise<void> {
    const { topology, ports, id, log, transactionTimeoutMs, onStep, topics, metrics } = this.#options;
    const { deadLetterTopic, lateTopic } = topology;
    this.#lastSaveMs = this.#options.clock.now();
    this.#failure = null;
    this.#assignment = null;
    this.#membership = null;
    this.#revocation = null;
    const producer = ports.openProducer({
      transactionalId: id,
      transactionTimeoutMs,
      onFailure: () => this.#signal.notify(),
      ...(onStep ? { onStep } : {}),
    });
    const saved = (await this.#options.checkpoints?.freshness()) ?? new Map<number, number>();
    const member = this.#openMember(saved);
    const collector = new TransactionCollector(producer, topics.outputs, metrics.events);
    const tasks = new TaskSet({
      ...this.#options,
      collector,
      onRestored: () => this.#signal.notify(),
      onFailed: (error) => this.#fail(error),
    });
    this.#tasks = tasks;
    const poison = new PoisonHandler({ producer, deadLetterTopic, lateTopic, metrics, log });
    const session: Session = {
      producer,
      tasks,
      poison,
      member,
      generationId: -1,
      loop: new RecordLoop({ ...this.#options, tasks, poison }),
      fetcher: null,
      committing: null,
      begun: 'no',
      punctuated: false,
      uncutRecords: 0,
      cutRecords: 0,
      suspects: null,
    };
    try {
      this.#state = 'joining its group';
      await member.join();
      // Takes over and fences whatever an earlier owner of this id left open, before any offset is read.
      await producer.start();
      await this.#work(session);
    } finally {
      await tasks.close();
      await session.fetcher?.close();
      await producer.close();
      // Only now: what was on its way could still have been committed beside the next owner's work.
      this.#endRevocation();
      await member.leave();
    }
  }

  /** `saved`: by partition number how much of its state checkpoints hold. */
  #openMember(saved: ReadonlyMap<number, number>): MemberPort {
    const { topology, ports, id, log, sessionTimeoutMs, topics } = this.#options;
    const { endpoint, standbyReplicas = 0, processId } = this.#options;
    return ports.openMember({
      clientId: id,
      groupId: topology.name,
      instanceId: id,
      topics: topics.inputTopics,
      endpoint,
      standbyReplicas,
      ...(processId ? { processId } : {}),
      freshness: () => new Map([...saved, ...(this.#tasks?.freshness ?? [])]),
      sessionTimeoutMs,
      log,
      onRevoked: () => this.#revoked(),
      onAssigned: (assignment) => {
        this.#assignment = assignment;
        this.#signal.notify();
      },
      onLost: (error) => this.#fail(error),
    });
  }

  async #work(session: Session): Promise<void> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      if (session.producer.failure !== null) {
        await this.#abort(session, session.producer.failure);
        continue;
      }
      if (this.#stopping) {
        await this.#commitAll(session);
        return this.#saveAtEnd(session.tasks);
      }
      if (this.#revocation) {
        await this.#commitAll(session);
        this.#endRevocation();
      }
      if (this.#assignment) {
        // What tasks have committed is compared with what the group has: not while both move.
        await session.committing;
        await this.#assign(session, this.#assignment);
      }
      if (this.#membership) await this.#turn(session);
      else await this.#signal.wait(this.#options.commitIntervalMs);
    }
  }

  /** Fetches, processes for a slice of time, sends what is ready, and cuts the transaction where it is due. */
  async #turn(session: Session): Promise<void> {
    const { tasks, loop, producer } = session;
    const { clock, commitIntervalMs } = this.#options;
    await session.fetcher?.request();
    let processed = 0;
    try {
      // While a commit is on its way, what is produced behind it waits in memory.
      const waitingBytes = producer.backlogBytes + (session.committing ? producer.transactionBytes : 0);
      const room = this.#room(session);
      if (waitingBytes < BACKLOG_BYTES && room > 0) {
        processed = await loop.run(Math.max(1, this.#lastCutMs + commitIntervalMs - clock.now()), room);
        session.uncutRecords += processed;
        if (tasks.punctuate(clock.now())) session.punctuated = true;
      }
      producer.pump();
      this.#saveNowAndThen(tasks);
      // On a quiet stream, where nothing is on its way, the commit itself tells the coordinator: one round trip less.
      const canCut = session.committing === null && session.begun !== 'asked';
      if (canCut && this.#isDue(session)) {
        // Nothing is processed meanwhile, and all that ends a session waits for this turn's end.
        const preparing = tasks.prepareCommit();
        if (preparing) await preparing;
        this.#cut(session);
      } else if (tasks.dirty || session.punctuated) this.#begin(session);
      else if (this.#replayed(session)) this.stop();
    } catch (error) {
      await this.#abort(session, error);
      return;
    }
    if (processed === 0) await this.#signal.wait(commitIntervalMs);
    else await immediate();
  }

  /** How many records may be processed before the next cut. */
  #room({ suspects, committing, uncutRecords }: Session): number {
    if (suspects) return committing ? 0 : suspects.limit - uncutRecords;
    const { replay } = this.#options;
    return replay ? replay.cutEveryRecords - uncutRecords : Number.POSITIVE_INFINITY;
  }
  /** After the commit interval, or as soon as the input is drained, so that a quiet stream is also a fast one; a replay counts. */
  #isDue({ tasks, loop, producer, punctuated, uncutRecords, suspects }: Session): boolean {
    const { clock, commitIntervalMs, replay } = this.#options;
    if (!tasks.dirty && !punctuated) return false;
    if (suspects && uncutRecords >= suspects.limit) return true;
    if (replay) return uncutRecords >= replay.cutEveryRecords || loop.intervals.isOver || loop.drained;
    const isOld = clock.now() - this.#lastCutMs >= commitIntervalMs;
    return isOld || loop.drained || producer.transactionBytes > TRANSACTION_BYTES;
  }
  /** Writes checkpoints in the background. */
  #saveNowAndThen(tasks: TaskSet): void {
    const { clock, checkpointIntervalMs = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#saving !== null || clock.now() - this.#lastSaveMs < checkpointIntervalMs) return;
    this.#saving = tasks.saveCheckpoints().then(() => {
      this.#saving = null;
      this.#lastSaveMs = clock.now();
    });
  }
  /** So that the next start has nothing to read; not at any price. */
  async #saveAtEnd(tasks: TaskSet): Promise<void> {
    const limit = new AbortController();
    const { signal } = limit;
    const save = async () => {
      await this.#saving;
      await tasks.saveCheckpoints();
    };
    await Promise.race([save(), this.#options.clock.sleep(LAST_SAVE_MS, signal)]);
    limit.abort();
  }
  /** True when a replay is at its end; where a stage is, the next begins. */
  #replayed({ tasks, loop, committing }: Session): boolean {
    if (!this.#options.replay) return false;
    const isOver = tasks.restoring === null && tasks.inputs.length > 0 && loop.drained && !tasks.dirty && !committing;
    if (!isOver) return false;
    if (!tasks.nextStage()) return true;
    this.#signal.notify();
    return false;
  }

  async #assign(session: Session, assignment: Assignment): Promise<void> {
    const { ports, log, topology } = this.#options;
    this.#assignment = null;
    this.#membership = assignment.membership;
    this.#state = `taking up partitions ${assignment.partitions.join(', ') || 'none'}`;
    await session.tasks.assign(assignment.partitions, assignment.standbys);
    session.fetcher ??= ports.openFetcher(
      () => session.tasks.inputs,
      () => this.#signal.notify(),
      (error) => this.#fail(error),
    );
    this.#lastCommitMs = this.#options.clock.now();
    this.#lastCutMs = this.#lastCommitMs;
    this.#state = 'running';
    log.info(
      `${topology.name} has partitions ${assignment.partitions.join(', ') || 'none'} in generation ${assignment.membership.generationId}`,
    );
  }

  /** Once for each transaction that is filled for a while: what comes until the coordinator has answered is still part of it. */
  #begin(session: Session): void {
    if (session.begun !== 'no') return;
    session.begun = 'asked';
    session.producer.begin(this.#options.topology.name).then(
      () => {
        session.begun = 'yes';
        this.#signal.notify();
      },
      // The producer's `failure`.
      () => undefined,
    );
  }

  /** Ends the transaction here; its commit goes on in the background while the next one is processed. */
  #cut(session: Session): void {
    const { tasks, producer } = session;
    const { clock, metrics } = this.#options;
    const startMs = clock.now();
    const { offsets, changelogRecords } = tasks.cut(producer);
    session.begun = 'no';
    session.punctuated = false;
    session.cutRecords = session.uncutRecords;
    session.uncutRecords = 0;
    session.loop.intervals.close();
    this.#lastCutMs = startMs;
    // The generation of the cut, in which all of it is this thread's: read when the offsets are sent, it could be a later one.
    const membership = { ...this.#membership! };
    session.generationId = membership.generationId;
    session.committing = producer.commit(offsets, membership).then(
      () => {
        tasks.committed(offsets, producer);
        this.#aborts.count = 0;
        if (session.suspects) session.suspects.remaining -= session.cutRecords;
        if (session.suspects && session.suspects.remaining <= 0) session.suspects = null;
        this.#lastCommitMs = clock.now();
        metrics.committed(this.#lastCommitMs - startMs, changelogRecords);
        for (const input of tasks.inputs)
          metrics.lag(input.topic, input.partition, Math.max(0, input.stableOffset - input.committedOffset));
        session.committing = null;
        this.#signal.notify();
      },
      () => {
        // Undone together with what came after it.
        session.uncutRecords += session.cutRecords;
        session.committing = null;
      },
    );
  }

  /** Commits everything that is done, and returns when it is; after a failure everything is aborted instead. */
  async #commitAll(session: Session): Promise<void> {
    const { tasks, producer } = session;
    try {
      await session.committing;
      // A replay's cuts are where the count says: what is behind the last one is done again by whoever goes on.
      const isOpen = (tasks.dirty || session.punctuated) && (!this.#options.replay || this.#isDue(session));
      if (producer.failure === null && this.#membership && isOpen) {
        await tasks.prepareCommit();
        this.#cut(session);
        await session.committing;
      }
    } catch (error) {
      await this.#abort(session, error);
    }
    if (producer.failure !== null) await this.#abort(session, producer.failure);
    // What a replay leaves open must not be committed by the next cut, with partitions that are gone by then.
    else if (tasks.dirty) {
      tasks.rollback();
      session.uncutRecords = 0;
      await producer.abort();
      session.begun = 'no';
    }
  }

  /** Undoes the open transaction and goes back to the last commit; gives the session up where that cannot be known or done. */
  async #abort(session: Session, cause: unknown): Promise<void> {
    const { log, metrics, topology } = this.#options;
    // A commit on its way is let end, well or not: cut off, nobody would know which.
    await session.committing;
    const { failure } = session.producer;
    for (const error of [failure, cause]) {
      const code = error instanceof TidemarkError ? error.code : '';
      // The group went on to its next generation while the commit was on its way, and the tasks are still this thread's.
      if (code === 'PRODUCER_FENCED' && (await session.member.renewed(session.generationId))) continue;
      if (code === 'PRODUCER_FENCED' || code === 'COMMIT_UNKNOWN' || code === 'POISON_RECORD') throw error;
    }
    metrics.aborted();
    log.warn(`${topology.name} aborts a transaction: ${describeError(cause)}`);
    if (!this.#findCulprit(session, cause)) await this.#countAbort(session.tasks.inputs, cause);
    session.tasks.rollback();
    session.loop.intervals.close();
    session.punctuated = false;
    session.uncutRecords = 0;
    await session.producer.abort();
    session.begun = 'no';
    this.#lastCommitMs = this.#options.clock.now();
    this.#lastCutMs = this.#lastCommitMs;
  }

  /** True when a single record is to blame and known, or will be after further tries. */
  #findCulprit(session: Session, cause: unknown): boolean {
    if (session.poison.condemn(cause)) return true;
    if (!(cause instanceof TidemarkError) || cause.code !== 'BATCH_REFUSED') return false;
    const { uncutRecords, suspects, loop, poison } = session;
    if (uncutRecords > 1) {
      const limit = Math.floor(uncutRecords / 2);
      session.suspects = { limit, remaining: suspects?.remaining ?? uncutRecords };
      return true;
    }
    return uncutRecords === 1 && loop.last !== null && poison.blame(loop.last, cause);
  }

  /** Waits before the next try when time may mend it; stops the topology when the same work fails for another reason again and again. */
  async #countAbort(inputs: readonly PartitionInput[], error: unknown): Promise<void> {
    const position = inputs.map((input) => `${input.topic}/${input.partition}@${input.committedOffset}`).join(' ');
    this.#aborts =
      this.#aborts.position === position ? { position, count: this.#aborts.count + 1 } : { position, count: 1 };
    if (mayPass(error)) {
      await this.#options.clock.sleep(Math.min(10 * 2 ** this.#aborts.count, 2_000));
      return;
    }
    if (this.#aborts.count >= MAX_ABORTS) {
      throw new TidemarkError(
        'TRANSACTION_HOPELESS',
        `The same transaction was aborted ${MAX_ABORTS} times; the last time: ${describeError(error)}`,
        { cause: error },
      );
    }
  }

  /** The group wants partitions back: resolves when what is done is committed, or will never be. */
  #revoked(): Promise<void> {
    if (!this.#membership) return Promise.resolve();
    const earlier = this.#revocation;
    return new Promise((resolve) => {
      this.#revocation = {
        done: () => {
          earlier?.done();
          resolve();
        },
      };
      this.#signal.notify();
    });
  }

  #endRevocation(): void {
    this.#revocation?.done();
    this.#revocation = null;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#signal.notify();
  }
}
