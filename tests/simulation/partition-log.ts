import { crc32c } from '@node-rs/crc32';
import { BatchWriter } from '#streams/kafka/codec/batch-writer.ts';

/** Kafka's error codes, as far as the simulated brokers use them. */
export const Code = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC: 3,
  NOT_LEADER: 6,
  NOT_COORDINATOR: 16,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  OUT_OF_ORDER_SEQUENCE: 45,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  FENCED_INSTANCE_ID: 82,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
} as const;

interface Entry {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Buffer;
}
interface ProducerState {
  epoch: number;
  /** -1: nothing in this epoch yet. */
  lastSequence: number;
  recent: { sequence: number; baseOffset: number }[];
}
interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: number;
  readonly lastOffset: number;
}
export interface LogSection {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly Aborted[];
  readonly records: Buffer | null;
}

const CONTROL = 32;

/** One partition as a broker keeps it: record batches, producers' states, open and aborted transactions. */
export class PartitionLog {
  readonly #entries: Entry[] = [];
  readonly #producers = new Map<bigint, ProducerState>();
  /** Of the open transactions: where they begin. */
  readonly #open = new Map<bigint, number>();
  readonly #aborted: Aborted[] = [];
  end = 0;

  get lastStableOffset(): number {
    return Math.min(this.end, ...this.#open.values());
  }
  get hasOpenTransaction(): boolean {
    return this.#open.size > 0;
  }
  isOpen(producerId: bigint): boolean {
    return this.#open.has(producerId);
  }

  /** Appends a batch as a producer sent it. */
  append(batch: Buffer): { errorCode: number; baseOffset: number } {
    const producerId = batch.readBigInt64BE(43);
    const epoch = batch.readInt16BE(51);
    const sequence = batch.readInt32BE(53);
    const count = batch.readInt32BE(57);
    if (producerId >= 0n) {
      const state = this.#producer(producerId, epoch);
      if (epoch < state.epoch) return { errorCode: Code.INVALID_PRODUCER_EPOCH, baseOffset: -1 };
      const twice = epoch === state.epoch && state.recent.find((known) => known.sequence === sequence);
      if (twice) return { errorCode: 0, baseOffset: twice.baseOffset };
      const expected = epoch > state.epoch ? 0 : state.lastSequence + 1;
      if (sequence !== expected) return { errorCode: Code.OUT_OF_ORDER_SEQUENCE, baseOffset: -1 };
      state.recent = [...(epoch > state.epoch ? [] : state.recent.slice(-4)), { sequence, baseOffset: this.end }];
      state.epoch = epoch;
      state.lastSequence = sequence + count - 1;
      if ((batch.readInt16BE(21) & 16) !== 0 && !this.#open.has(producerId)) this.#open.set(producerId, this.end);
    }
    return { errorCode: 0, baseOffset: this.#write(batch) };
  }

  /** Ends a producer's transaction here; from now on only its marker's epoch or a later one may write. */
  mark(producerId: bigint, epoch: number, committed: boolean): void {
    const state = this.#producer(producerId, epoch);
    if (epoch < state.epoch) return;
    if (epoch > state.epoch) Object.assign(state, { epoch, lastSequence: -1, recent: [] });
    const firstOffset = this.#open.get(producerId);
    const lastOffset = this.#write(marker(producerId, epoch, committed));
    this.#open.delete(producerId);
    if (firstOffset !== undefined && !committed) this.#aborted.push({ producerId, firstOffset, lastOffset });
  }

  /** Whole batches from an offset on, and the beginning of the one that no longer has room; at least one when there is any. */
  read(from: number, maxBytes: number, committedOnly: boolean): LogSection {
    const { lastStableOffset, end } = this;
    const limit = committedOnly ? lastStableOffset : end;
    const chosen: Buffer[] = [];
    let room = maxBytes;
    let upper = from;
    let low = 0;
    for (let high = this.#entries.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.lastOffset < from) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#entries.length && room > 0; index++) {
      const { bytes, baseOffset, lastOffset } = this.#entries[index]!;
      if (baseOffset >= limit) break;
      chosen.push(chosen.length > 0 && bytes.length > room ? bytes.subarray(0, room) : bytes);
      room -= bytes.length;
      upper = lastOffset;
    }
    const met = (aborted: Aborted) => aborted.lastOffset >= from && aborted.firstOffset <= upper;
    return {
      highWatermark: end,
      lastStableOffset,
      abortedTransactions: committedOnly ? this.#aborted.filter(met) : [],
      records: chosen.length > 0 ? Buffer.concat(chosen) : null,
    };
  }

  #producer(producerId: bigint, epoch: number): ProducerState {
    let state = this.#producers.get(producerId);
    if (!state) {
      state = { epoch, lastSequence: -1, recent: [] };
      this.#producers.set(producerId, state);
    }
    return state;
  }
  #write(batch: Buffer): number {
    const baseOffset = this.end;
    const bytes = Buffer.from(batch);
    bytes.writeBigInt64BE(BigInt(baseOffset), 0);
    this.end += batch.readInt32BE(23) + 1;
    this.#entries.push({ baseOffset, lastOffset: this.end - 1, bytes });
    return baseOffset;
  }
}

/** The control batch that ends a transaction. */
function marker(producerId: bigint, epoch: number, committed: boolean): Buffer {
  const writer = new BatchWriter();
  writer.reset(producerId, epoch, -1, true);
  writer.append(Buffer.from([0, 0, 0, committed ? 1 : 0]), 0, 4, Buffer.alloc(6), 0, 6, 0);
  const batch = writer.finish();
  batch.writeInt16BE(batch.readInt16BE(21) | CONTROL, 21);
  batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17);
  return batch;
}
