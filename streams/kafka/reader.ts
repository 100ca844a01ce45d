import type { Connection } from '@platformatic/kafka';
import { TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { BatchCursor } from './codec/batch-cursor.ts';
import type { Header } from './codec/batch-writer.ts';
import { type FetchedPartition, fetchRaw } from './codec/requests.ts';
import { isStaleMetadata } from './protocol-errors.ts';

export interface ReaderOptions {
  /** `from`: a place, or one offset per partition number of the topic. */
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions?: readonly number[];
    readonly from: 'earliest' | 'latest' | readonly number[];
  }[];
  /** Default read_committed. */
  readonly isolation?: 'read_committed' | 'read_uncommitted';
  /** How long a poll waits for data; default 50. */
  readonly maxWaitMs?: number;
  /** Bound of one fetch; default 8 MiB. */
  readonly maxBytes?: number;
}
export interface KafkaRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}
export interface FetchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
  /** Where to read on. */
  readonly nextOffset: number;
  /** Where the readable data ended at this fetch. */
  readonly endOffset: number;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  position: number;
  paused: boolean;
}

/** Kafka error codes of a fetch. */
const OFFSET_OUT_OF_RANGE = 1;
const NO_RECORDS: readonly Header[] = [];
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads partitions of the caller's choice, without a group: for sinks, live views and tools. The next fetch is under way
 * while the caller handles the last one, so memory holds at most two answers. Reads again through broker restarts.
 */
export class Reader {
  readonly #cluster: Cluster;
  readonly #options: ReaderOptions;
  readonly #places: Place[] = [];
  readonly #connections = new Map<number, Promise<Connection>>();
  #next: Promise<FetchedPartition[]> | null = null;
  #closed = false;

  constructor(cluster: Cluster, options: ReaderOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async open(): Promise<void> {
    for (const { topic, partitions, from } of this.#options.topics) {
      const count = await this.#cluster.partitions(topic);
      const offsets = typeof from === 'string' ? await this.#cluster.offsets(topic, this.#at(from)) : from;
      for (const partition of partitions ?? Array.from({ length: count }, (_, index) => index)) {
        if (partition >= count)
          throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
        this.#places.push({ topic, partition, position: offsets[partition] ?? 0, paused: false });
      }
    }
  }

  /**
   * What has come since the last poll, per partition whose position moved; empty after `maxWaitMs` without data. Throws
   * OFFSET_OUT_OF_RANGE when records were deleted before they were read, BATCH_CORRUPT, and KAFKA_UNREACHABLE after a while.
   */
  async poll(signal?: AbortSignal): Promise<FetchedRecords[]> {
    if (this.#closed || signal?.aborted) return [];
    const pending = this.#next ?? this.#fetch();
    this.#next = null;
    const answers = await pending;
    if (this.#closed) return [];
    const moved: FetchedRecords[] = [];
    for (const answer of answers) {
      const place = this.#place(answer.topic, answer.partition);
      const records = answer.records ? this.#records(place, answer) : null;
      if (records) moved.push(records);
    }
    this.#next = this.#fetch();
    this.#next.catch(() => undefined);
    return moved;
  }

  /** Offset of the next record to read: after markers and aborted records too. */
  position(topic: string, partition: number): number {
    return this.#place(topic, partition).position;
  }
  seek(topic: string, partition: number, offset: number): void {
    this.#place(topic, partition).position = offset;
    this.#next = null;
  }
  pause(topic: string, partition: number): void {
    this.#place(topic, partition).paused = true;
  }
  resume(topic: string, partition: number): void {
    this.#place(topic, partition).paused = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#connections.values()].map((connection) =>
        connection.then((open) => open.close()).catch(() => undefined),
      ),
    );
  }

  #at(from: 'earliest' | 'latest'): 'earliest' | 'latest' | 'latest-stable' {
    return from === 'latest' && this.#options.isolation !== 'read_uncommitted' ? 'latest-stable' : from;
  }

  #place(topic: string, partition: number): Place {
    const place = this.#places.find((candidate) => candidate.topic === topic && candidate.partition === partition);
    if (!place) throw new TidemarkError('PARTITION_UNKNOWN', `This reader does not read ${topic}/${partition}`);
    return place;
  }

  /** The records of an answer; null when it does not belong to the position any more, or moves nothing. */
  #records(place: Place, answer: FetchedPartition): FetchedRecords | null {
    const { topic, partition, position } = place;
    const cursor = new BatchCursor(answer.records!, {
      topic,
      partition,
      fetchOffset: position,
      abortedTransactions: answer.abortedTransactions,
    });
    const records: KafkaRecord[] = [];
    while (cursor.next()) {
      const { buffer, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd } = cursor;
      const headers = cursor.headerCount === 0 ? NO_RECORDS : cursor.headers();
      const key = keyStart < 0 ? null : buffer.subarray(keyStart, keyEnd);
      records.push({
        offset,
        timestampMs,
        key,
        value: valueStart < 0 ? null : buffer.subarray(valueStart, valueEnd),
        headers,
      });
    }
    if (cursor.nextOffset <= position) return null;
    place.position = cursor.nextOffset;
    const endOffset = this.#options.isolation === 'read_uncommitted' ? answer.highWatermark : answer.lastStableOffset;
    return { topic, partition, records, nextOffset: cursor.nextOffset, endOffset };
  }

  async #fetch(): Promise<FetchedPartition[]> {
    return this.#cluster
      .retry(async () => {
        if (this.#closed) return [];
        const wanted = this.#places.filter((place) => !place.paused);
        const byLeader = new Map<number, Place[]>();
        for (const place of wanted) {
          const leader = await this.#cluster.leader(place.topic, place.partition);
          byLeader.set(leader, [...(byLeader.get(leader) ?? []), place]);
        }
        const answers = await Promise.all([...byLeader].map(([leader, places]) => this.#fetchFrom(leader, places)));
        return answers.flat();
      })
      .catch((error) => {
        if (this.#closed) return [];
        throw error;
      });
  }

  async #fetchFrom(leader: number, places: readonly Place[]): Promise<FetchedPartition[]> {
    const { maxBytes = DEFAULT_MAX_BYTES, maxWaitMs = 50, isolation = 'read_committed' } = this.#options;
    const connection = await this.#connection(leader);
    const offsets = places.map(({ position }) => position);
    const answers = await fetchRaw(connection, {
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolation,
      partitions: places.map(({ topic, partition, position }) => ({
        topic,
        partition,
        fetchOffset: position,
        maxBytes: Math.min(maxBytes, 1024 * 1024),
      })),
    });
    return answers.filter((answer) => {
      const index = places.findIndex((place) => place.topic === answer.topic && place.partition === answer.partition);
      if (answer.errorCode !== 0) throw readError(answer, offsets[index]!);
      return places[index]!.position === offsets[index];
    });
  }

  #connection(leader: number): Promise<Connection> {
    let connection = this.#connections.get(leader);
    if (!connection) {
      connection = this.#cluster.newConnection(leader).then((open) => {
        open.on('close', () => this.#connections.delete(leader));
        return open;
      });
      connection.catch(() => this.#connections.delete(leader));
      this.#connections.set(leader, connection);
    }
    return connection;
  }
}

function readError({ topic, partition, errorCode }: FetchedPartition, offset: number): Error {
  const position = { topic, partition, offset };
  if (errorCode === OFFSET_OUT_OF_RANGE) {
    return new TidemarkError(
      'OFFSET_OUT_OF_RANGE',
      `Offset ${offset} of ${topic}/${partition} is not there: records were deleted, or the topic was made anew`,
      { position },
    );
  }
  const cause = { apiCode: errorCode };
  return new TidemarkError('FETCH_REFUSED', `Fetching ${topic}/${partition} failed with Kafka error ${errorCode}`, {
    position,
    cause,
    retriable: isStaleMetadata(cause),
  });
}
