import { BatchCursor } from '../kafka/codec/batch-cursor.ts';
import type { FetchedPartition } from '../kafka/codec/requests.ts';
import type { AvroSerde } from '../kafka/serde.ts';
import type { CompiledSource } from '../topology/topology.ts';
import type { ReplayOptions } from './replay.ts';
import type { Task } from './task.ts';

/** What is buffered per partition before it is left out of the next fetch, bytes. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * One input partition of a task: fetched record batches, read lazily where they lie. Positions are counted from what was
 * consumed, so markers and aborted records count too.
 */
export class PartitionInput {
  readonly task: Task;
  readonly source: CompiledSource;
  readonly serde: AvroSerde<unknown>;
  readonly topic: string;
  readonly partition: number;
  /** Where the next fetch begins. */
  fetchOffset = 0;
  /** Where the broker's committed data ended at the last fetch, or wholly read all data; -1 before the first. */
  stableOffset = -1;
  /** What the last commit holds; -1 before the first. */
  committedOffset = -1;
  /** What the last cut holds: ahead of the commit while that is on its way. */
  cutOffset = -1;
  /** True when the group has a committed offset here. */
  hasCommit = false;
  /** The first that the topic holds. */
  firstOffset = 0;
  /** Before which a replay ends; null: it ends with the topic. */
  readonly endOffset: number | null;
  /** Since when it is empty and caught up while others of its task wait for it; -1: it is not. */
  emptySinceMs = -1;
  #queue: { cursor: BatchCursor; bytes: number }[] = [];
  #bytes = 0;
  #head = false;

  readonly #wholly: boolean;
  readonly #keeps: ((topic: string, timestampMs: number) => boolean) | null;

  /** In a replay it is caught up only when no transaction is open on it any more. */
  constructor(task: Task, source: CompiledSource, serde: AvroSerde<unknown>, replay: ReplayOptions | null) {
    this.task = task;
    this.source = source;
    this.serde = serde;
    this.topic = source.topic;
    this.partition = task.partition;
    this.#wholly = replay !== null;
    const bounds = source.internal ? null : replay;
    this.endOffset = bounds?.ends?.get(this.topic)?.[this.partition] ?? null;
    this.#keeps = bounds?.keeps ?? null;
  }

  get wantsMore(): boolean {
    return this.#bytes < BUFFER_BYTES && (this.endOffset === null || this.fetchOffset < this.endOffset);
  }
  /** True when everything that was readable at the last fetch is buffered or processed. */
  get caughtUp(): boolean {
    if (this.endOffset !== null) return this.fetchOffset >= this.endOffset;
    return this.stableOffset >= 0 && this.fetchOffset >= this.stableOffset;
  }
  /** The record to process next, or null when nothing is buffered. Stays until `advance()`. */
  peek(): BatchCursor | null {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      if (this.#head) return first.cursor;
      if (first.cursor.next()) {
        if (!this.#isWanted(first.cursor)) continue;
        this.#head = true;
        return first.cursor;
      }
      this.#queue.shift();
      this.#bytes -= first.bytes;
    }
    return null;
  }
  #isWanted({ offset, timestampMs }: BatchCursor): boolean {
    if (this.endOffset !== null && offset >= this.endOffset) return false;
    return this.#keeps === null || this.#keeps(this.topic, timestampMs);
  }
  /** The head record is done. */
  advance(): void {
    this.#head = false;
  }
  /** The offset to commit: of the next record to process, or of the next fetch when all is processed. */
  get position(): number {
    return this.peek()?.offset ?? this.fetchOffset;
  }

  /** Takes a partition's part of a fetch response. */
  accept(fetched: FetchedPartition): void {
    // A stage's last commit is answered before its markers are in the topic that the next stage reads.
    this.stableOffset = this.#wholly ? fetched.highWatermark : fetched.lastStableOffset;
    const { records } = fetched;
    if (!records || records.length === 0) return;
    const next = nextOffset(records, this.fetchOffset);
    if (next === this.fetchOffset) return;
    const cursor = new BatchCursor(records, {
      topic: this.topic,
      partition: this.partition,
      fetchOffset: this.fetchOffset,
      abortedTransactions: fetched.abortedTransactions,
    });
    this.#queue.push({ cursor, bytes: records.length });
    this.#bytes += records.length;
    this.fetchOffset = next;
  }
  /** Forgets what is buffered and goes to a committed offset. */
  seek(offset: number): void {
    this.fetchOffset = offset;
    this.committedOffset = offset;
    this.cutOffset = offset;
    this.stableOffset = -1;
    this.#queue = [];
    this.#bytes = 0;
    this.#head = false;
  }
}

/** The offset after the last whole batch of a fetched section, read from the batch headers alone. */
function nextOffset(records: Buffer, from: number): number {
  let next = from;
  for (let at = 0; at + 61 <= records.length; ) {
    const length = records.readInt32BE(at + 8);
    if (length < 49 || at + 12 + length > records.length) break;
    const base = records.readUInt32BE(at) * 4294967296 + records.readUInt32BE(at + 4);
    next = Math.max(next, base + records.readInt32BE(at + 23) + 1);
    at += 12 + length;
  }
  return next;
}
