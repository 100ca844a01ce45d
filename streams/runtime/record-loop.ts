import type { BatchCursor } from '../kafka/codec/batch-cursor.ts';
import type { Clock } from '../kit/clock.ts';
import { describeError, type RecordPosition, TidemarkError } from '../kit/errors.ts';
import { StringCache } from '../kit/string-cache.ts';
import type { StreamRecord } from '../topology/types.ts';
import type { GlobalTables } from './global-tables.ts';
import type { PartitionInput } from './input.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { PoisonHandler } from './poison.ts';
import { Intervals, type ReplayOptions } from './replay.ts';
import { NO_HEADERS } from './task.ts';
import type { TaskSet } from './task-set.ts';

export interface RecordLoopOptions {
  readonly tasks: TaskSet;
  readonly poison: PoisonHandler;
  readonly metrics: RuntimeMetrics;
  readonly clock: Clock;
  /** How long an empty input is waited for when it is caught up. */
  readonly maxTaskIdleMs: number;
  readonly globals: GlobalTables;
  readonly replay: ReplayOptions | null;
}

/** Longest stretch without letting input and output have the event loop, milliseconds. */
const SLICE_MS = 10;
/** Records between two looks at the clock. */
const STRIDE = 256;

/**
 * Picks the buffered record with the lowest (timestamp, topic, partition) of a group of inputs and runs it. An empty partition
 * holds the others back until its fetch has reached the last stable offset, and for `maxTaskIdleMs` after that: what was readable
 * together is processed in the order of event time. A group that has to wait does not hold up another.
 */
export class RecordLoop {
  readonly #options: RecordLoopOptions;
  readonly #keys = new StringCache();
  readonly #streamTimeMs = (): number =>
    this.#options.tasks.tasks.reduce((latest, task) => Math.max(latest, task.streamTimeMs), -1);
  /** Of a replay that cuts by event time. */
  readonly intervals: Intervals;
  #turn = 0;
  /** Where the record processed last lies. */
  last: RecordPosition | null = null;

  constructor(options: RecordLoopOptions) {
    this.#options = options;
    this.intervals = new Intervals(options.replay?.cutEveryMs ?? null);
  }

  /** True when nothing is buffered and everything readable at the last fetch was processed. */
  get drained(): boolean {
    return this.#options.tasks.inputs.every((input) => input.caughtUp && input.peek() === null);
  }

  /** Processes for at most `budgetMs` and `maxRecords`, or until every group must wait. Returns the number of records. */
  async run(budgetMs: number, maxRecords: number): Promise<number> {
    const startMs = performance.now();
    const total = await this.#slice(startMs + Math.min(budgetMs, SLICE_MS), maxRecords);
    if (total > 0) this.#options.metrics.busy(performance.now() - startMs);
    return total;
  }

  async #slice(until: number, maxRecords: number): Promise<number> {
    let total = 0;
    for (let waiting = 0; ; ) {
      const { inputGroups } = this.#options.tasks;
      if (waiting >= inputGroups.length) return total;
      this.#turn = (this.#turn + 1) % inputGroups.length;
      const choice = this.#choose(inputGroups[this.#turn]!);
      if (!choice) {
        waiting++;
        continue;
      }
      waiting = 0;
      const { input, limitMs } = choice;
      let count = 0;
      const most = Math.min(STRIDE, maxRecords - total);
      // Stays on one partition while its head is the lowest: the choice costs once a run, not once a record.
      for (let head = input.peek(); head && head.timestampMs <= limitMs && count < most; head = input.peek()) {
        const unknownSchema = this.#process(input, head);
        if (unknownSchema !== null) await this.#load(input, head, unknownSchema);
        else {
          input.advance();
          count++;
        }
      }
      total += count;
      if (count > 0) this.#options.metrics.processed(input.topic, count);
      if (total >= maxRecords || performance.now() >= until) return total;
    }
  }

  /** The input to read from, and the timestamp up to which it may be read before choosing again; null: wait. */
  #choose(inputs: readonly PartitionInput[]): { input: PartitionInput; limitMs: number } | null {
    let best: PartitionInput | null = null;
    let bestMs = 0;
    let limitMs = Number.POSITIVE_INFINITY;
    for (const input of inputs) {
      const head = input.peek();
      if (!head) {
        if (!input.caughtUp || this.#worthWaiting(input)) return null;
        continue;
      }
      const timestampMs = head.timestampMs;
      input.emptySinceMs = -1;
      if (best === null || timestampMs < bestMs) {
        // The former best comes later in time but earlier in the order of ties.
        limitMs = best === null ? limitMs : Math.min(limitMs, bestMs - 1);
        best = input;
        bestMs = timestampMs;
      } else limitMs = Math.min(limitMs, timestampMs);
    }
    const { reachedMs } = this.#options.globals;
    if (!best || bestMs > reachedMs) return null;
    const endMs = this.intervals.endMs(bestMs, this.#streamTimeMs);
    this.intervals.isOver = bestMs >= endMs;
    if (this.intervals.isOver) return null;
    return { input: best, limitMs: Math.max(Math.min(limitMs, reachedMs, endMs - 1), bestMs) };
  }

  #worthWaiting(input: PartitionInput): boolean {
    const { maxTaskIdleMs, clock } = this.#options;
    if (maxTaskIdleMs === 0) return false;
    const nowMs = clock.now();
    if (input.emptySinceMs < 0) input.emptySinceMs = nowMs;
    return nowMs - input.emptySinceMs < maxTaskIdleMs;
  }

  /** Runs one record. Returns the id of a schema that has to be loaded first, else null. */
  #process(input: PartitionInput, head: BatchCursor): number | null {
    const { poison } = this.#options;
    const { topic, partition, source, task } = input;
    const { buffer, offset } = head;
    const verdict = poison.verdict(input, offset);
    if (verdict) {
      poison.handle(input, head, verdict);
      return null;
    }
    let value: unknown = null;
    let headers = NO_HEADERS;
    try {
      if (head.valueStart >= 0) value = input.serde.decode(buffer, head.valueStart, head.valueEnd);
      if (head.headerCount > 0) headers = head.headers();
    } catch (error) {
      const id = schemaToLoad(error);
      if (id !== null) return id;
      const code = error instanceof TidemarkError ? error.code : 'RECORD_CORRUPT';
      poison.handle(input, head, { code, reason: describeError(error) });
      return null;
    }
    const record: StreamRecord = {
      key: head.keyStart < 0 ? null : this.#keys.get(buffer, head.keyStart, head.keyEnd),
      value,
      timestampMs: head.timestampMs,
      source: { topic, partition, offset },
      headers,
    };
    this.last = record.source;
    const rejection = task.process(source, record);
    if (rejection) poison.handle(input, head, rejection);
    else if (task.lateReason !== null) poison.late(input, head, task.lateReason);
    return null;
  }

  /** Fetches a writer's schema; one that the registry does not know makes the record poison. */
  async #load(input: PartitionInput, head: BatchCursor, schemaId: number): Promise<void> {
    try {
      await input.serde.load(schemaId);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.retriable) throw error;
      this.#options.poison.handle(input, head, { code: error.code, reason: describeError(error) });
      input.advance();
    }
  }
}

function schemaToLoad(error: unknown): number | null {
  return error instanceof TidemarkError && error.code === 'SCHEMA_NOT_LOADED'
    ? (error as TidemarkError & { schemaId: number }).schemaId
    : null;
}
