import { TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { BatchCursor, holdsWholeBatch } from './codec/batch-cursor.ts';
import type { Header } from './codec/batch-writer.ts';
import { type FetchedPartition, fetchRaw } from './codec/requests.ts';
import { ConnectionPool } from './connections.ts';
import { asTidemark, isRetriable, kafkaErrorName } from './protocol-errors.ts';

/** What is read, and from where. */
export interface ReaderOptions {
  /**
   * `partitions`: by default all. `from`: a place, or one offset per partition number of the topic; `latest` is the last stable offset for
   * read_committed.
   */
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions?: readonly number[];
    readonly from: 'earliest' | 'latest' | readonly number[];
  }[];
  /** Default read_committed. */
  readonly isolation?: 'read_committed' | 'read_uncommitted';
  /** How long a poll waits for data, milliseconds; default 50. */
  readonly maxWaitMs?: number;
  /** Bound of one fetch; default 8 MiB. */
  readonly maxBytes?: number;
}
/** A record as it was read, undecoded; `timestampMs` is its event time or, where the topic says so, when it was appended. */
export interface KafkaRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}
/** What a poll has of one partition, by rising offset. */
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
  /** Being fetched, at which offset; null when it is not. */
  fetching: number | null;
  /** Fetched and not handed out yet. */
  answer: FetchedPartition | null;
  /** In which turn it last gave records: whoever waited longest is asked for first, since an answer may be full before all had their share. */
  servedAt: number;
  /** Since when its fetches fail, on the monotonic clock; null while they do not. */
  failingSinceMs: number | null;
}

/** Kafka error codes of a fetch. */
const OFFSET_OUT_OF_RANGE = 1;
const NO_HEADERS: readonly Header[] = [];
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
/** What one partition may give at a time, bytes: more than a broker's default limit of a batch. */
const PARTITION_BYTES = 1280 * 1024;
const DEFAULT_MAX_WAIT_MS = 50;
/** How long brokers may be gone before a poll throws, milliseconds. */
const RETRY_LIMIT_MS = 20_000;
const RETRY_PAUSE_MS = 100;

/**
 * Reads partitions of the caller's choice, without a group: for sinks, live views and tools. The next fetch is under way while
 * the caller handles the last one; memory holds one answer per partition at most. Reads on through broker restarts.
 */
export class Reader {
  readonly #cluster: Cluster;
  readonly #options: ReaderOptions;
  readonly #places: Place[] = [];
  readonly #connections: ConnectionPool;
  /** Brokers with a fetch in flight. */
  readonly #busy = new Set<number>();
  #requesting: Promise<void> | null = null;
  #failure: unknown = null;
  #turn = 0;
  #wake: () => void = () => {};
  readonly #onClosed: () => void;
  #closed = false;

  constructor(cluster: Cluster, options: ReaderOptions, closed: () => void) {
    this.#cluster = cluster;
    this.#options = options;
    this.#onClosed = closed;
    this.#connections = new ConnectionPool((broker) => cluster.newConnection(broker));
  }

  /** Called by `Kafka.openReader`. Throws TOPIC_UNKNOWN or PARTITION_UNKNOWN. */
  async open(): Promise<void> {
    for (const { topic, partitions, from } of this.#options.topics) {
      const count = await this.#cluster.partitions(topic);
      const offsets = typeof from === 'string' ? await this.#cluster.offsets(topic, this.#at(from)) : from;
      for (const partition of partitions ?? Array.from({ length: count }, (_, index) => index)) {
        if (partition >= count)
          throw new TidemarkError('PARTITION_UNKNOWN', `Topic ${topic} has no partition ${partition}`);
        const position = offsets[partition] ?? 0;
        this.#places.push({
          topic,
          partition,
          position,
          paused: false,
          fetching: null,
          answer: null,
          servedAt: 0,
          failingSinceMs: null,
        });
      }
    }
  }

  /**
   * What has come since the last poll, per partition whose position moved; empty after `maxWaitMs` without data, or when the
   * signal aborts. Throws OFFSET_OUT_OF_RANGE when the position is outside what the partition holds (the caller decides where
   * to seek), BATCH_CORRUPT and its like with the position, KAFKA_UNREACHABLE when brokers stay away for 20 s. After an error
   * the positions are right: what was handed out counts, nothing else.
   */
  async poll(signal?: AbortSignal): Promise<FetchedRecords[]> {
    const { maxWaitMs = DEFAULT_MAX_WAIT_MS } = this.#options;
    // The broker waits for maxWaitMs; the answer takes a moment more.
    const deadline = performance.now() + maxWaitMs + 5;
    for (;;) {
      if (this.#closed || signal?.aborted) return [];
      if (this.#failure !== null) {
        const failure = this.#failure;
        this.#failure = null;
        throw failure;
      }
      const moved = this.#take();
      void this.#request();
      if (moved.length > 0 || performance.now() >= deadline) return moved;
      if (this.#failure === null) await this.#news(deadline - performance.now(), signal);
    }
  }

  /** Offset of the next record to read: after markers and aborted records too. */
  position(topic: string, partition: number): number {
    return this.#place(topic, partition).position;
  }
  /** Reads on from another offset; what was fetched is forgotten. Throws PARTITION_UNKNOWN, as `position`, `pause` and `resume` do. */
  seek(topic: string, partition: number, offset: number): void {
    const place = this.#place(topic, partition);
    place.position = offset;
    place.answer = null;
  }
  /** Holds a partition back from the next poll on; what was fetched of it is kept. */
  pause(topic: string, partition: number): void {
    this.#place(topic, partition).paused = true;
  }
  /** Takes a paused partition up again. */
  resume(topic: string, partition: number): void {
    this.#place(topic, partition).paused = false;
  }

  /** Closes the reader's connections; polls under way return empty. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#onClosed();
    this.#wake();
    await this.#connections.close();
  }

  #at(from: 'earliest' | 'latest'): 'earliest' | 'latest' | 'latest-stable' {
    return from === 'latest' && this.#options.isolation !== 'read_uncommitted' ? 'latest-stable' : from;
  }

  #place(topic: string, partition: number): Place {
    const place = this.#places.find((candidate) => candidate.topic === topic && candidate.partition === partition);
    if (!place) throw new TidemarkError('PARTITION_UNKNOWN', `This reader does not read ${topic}/${partition}`);
    return place;
  }

  /** Hands out what has been fetched. One partition's failure must not take the records of the others with it. */
  #take(): FetchedRecords[] {
    const moved: FetchedRecords[] = [];
    for (const place of this.#places) {
      if (place.answer === null || place.paused) continue;
      const records = this.#records(place, place.answer);
      place.answer = null;
      if (records) moved.push(records);
    }
    return moved;
  }

  /** The records of an answer; null when it moves nothing. */
  #records(place: Place, answer: FetchedPartition): FetchedRecords | null {
    const { topic, partition, position } = place;
    const records: KafkaRecord[] = [];
    const cursor = new BatchCursor(answer.records!, {
      topic,
      partition,
      fetchOffset: position,
      abortedTransactions: answer.abortedTransactions,
    });
    let nextOffset = position;
    try {
      while (cursor.next()) {
        const { buffer, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd } = cursor;
        records.push({
          offset,
          timestampMs,
          key: keyStart < 0 ? null : buffer.subarray(keyStart, keyEnd),
          value: valueStart < 0 ? null : buffer.subarray(valueStart, valueEnd),
          headers: cursor.headerCount === 0 ? NO_HEADERS : cursor.headers(),
        });
        nextOffset = offset + 1;
      }
      nextOffset = cursor.nextOffset;
    } catch (error) {
      // What came before it is good.
      this.#failure ??= error;
    }
    if (nextOffset === position) return null;
    place.position = nextOffset;
    const endOffset = this.#options.isolation === 'read_uncommitted' ? answer.highWatermark : answer.lastStableOffset;
    return { topic, partition, records, nextOffset, endOffset };
  }

  /** Asks every broker without a fetch in flight for the partitions that have nothing fetched. Never throws. */
  #request(): Promise<void> {
    this.#requesting ??= this.#ask()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#requesting = null;
      });
    return this.#requesting;
  }

  async #ask(): Promise<void> {
    const wanted = new Map<number, Place[]>();
    for (const place of this.#places) {
      if (place.paused || place.answer !== null || place.fetching !== null) continue;
      const leader = await this.#cluster.leader(place.topic, place.partition);
      if (this.#busy.has(leader)) continue;
      const places = wanted.get(leader);
      if (places) places.push(place);
      else wanted.set(leader, [place]);
    }
    for (const [leader, places] of wanted) {
      if (this.#closed) return;
      this.#busy.add(leader);
      places.sort((a, b) => a.servedAt - b.servedAt);
      for (const place of places) place.fetching = place.position;
      void this.#fetch(leader, places)
        .catch((error) => this.#again(places.map((place) => ({ place, error }))))
        .finally(() => {
          this.#busy.delete(leader);
          for (const place of places) place.fetching = null;
          this.#wake();
        });
    }
  }

  async #fetch(leader: number, places: readonly Place[]): Promise<void> {
    const {
      maxBytes = DEFAULT_MAX_BYTES,
      maxWaitMs = DEFAULT_MAX_WAIT_MS,
      isolation = 'read_committed',
    } = this.#options;
    const connection = await this.#connections.get(leader);
    const answers = await fetchRaw(connection, {
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolation,
      partitions: places.map(({ topic, partition, fetching }) => ({
        topic,
        partition,
        fetchOffset: fetching!,
        maxBytes: Math.min(maxBytes, PARTITION_BYTES),
      })),
    });
    const failed: { place: Place; error: unknown }[] = [];
    for (const answer of answers) {
      const place = places.find(({ topic, partition }) => topic === answer.topic && partition === answer.partition);
      // After a seek the answer belongs to a position that is no longer wanted.
      if (!place || place.position !== place.fetching) continue;
      if (answer.errorCode !== 0) {
        failed.push({ place, error: await this.#readError(answer, place.position) });
        continue;
      }
      place.failingSinceMs = null;
      if (answer.records === null) continue;
      place.servedAt = ++this.#turn;
      if (holdsWholeBatch(answer.records)) place.answer = answer;
      else if (place === places[0]) failed.push({ place, error: cutOff(place) });
    }
    if (failed.length > 0) await this.#again(failed);
  }

  /** A failure that may pass is waited for; one that stays is thrown at the next poll. */
  async #again(failed: readonly { place: Place; error: unknown }[]): Promise<void> {
    if (this.#closed) return;
    const now = performance.now();
    for (const { place, error } of failed) {
      place.failingSinceMs ??= now;
      if (isRetriable(error) && now - place.failingSinceMs <= RETRY_LIMIT_MS) continue;
      place.failingSinceMs = null;
      this.#fail(error);
    }
    this.#cluster.refresh();
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
  }

  #fail(error: unknown): void {
    if (!this.#closed) this.#failure ??= asTidemark(error);
    this.#wake();
  }

  /** Resolves when a fetch has ended, after a while, or when the signal aborts. */
  #news(limitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, limitMs));
      signal?.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  async #readError({ topic, partition, errorCode }: FetchedPartition, offset: number): Promise<Error> {
    const position = { topic, partition, offset };
    const where = `${topic}/${partition}`;
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      const [first, end] = await Promise.all([
        this.#cluster.offsets(topic, 'earliest'),
        this.#cluster.offsets(topic, 'latest'),
      ]);
      return new TidemarkError(
        'OFFSET_OUT_OF_RANGE',
        `Offset ${offset} of ${where} is not there (it holds ${first[partition]} to ${end[partition]}): records were deleted before they were read, or the topic was made anew`,
        { position },
      );
    }
    const cause = { apiCode: errorCode };
    return new TidemarkError('FETCH_REFUSED', `Fetching ${where} failed: ${kafkaErrorName(errorCode)}`, {
      position,
      cause,
      retriable: isRetriable(cause),
    });
  }
}

/** A broker gives at least one whole batch of the first partition asked for, whatever the limits (KIP-74). */
function cutOff({ topic, partition, position }: Place): TidemarkError {
  return new TidemarkError('BATCH_CORRUPT', `${topic}/${partition} near offset ${position}: a batch is cut off`, {
    position: { topic, partition, offset: position },
  });
}
