import { AVRO } from '#schemas/avro.ts';
import type { ReadStore } from '#sinks/postgres/read.ts';
import {
  type AvroSerde,
  type FetchedRecords,
  type Kafka,
  type KafkaRecord,
  type Reader,
  type SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { loadSnapshot, type NextOffsets } from './snapshot.ts';
import { APPLY, type LiveViews } from './views.ts';

/** What the live side reads, and how much of each partition's past it needs when the store has no snapshot of it. */
const TAIL_RECORDS = 5_000;
type LiveTopic = keyof typeof APPLY;
const TOPICS = Object.keys(APPLY) as LiveTopic[];

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;
/** An unknown schema id is asked for again after this long: its registration may have been late. */
const UNKNOWN_SCHEMA_RETRY_MS = 30_000;

export interface FeedOptions {
  readonly kafka: Pick<Kafka, 'offsets' | 'openReader'>;
  readonly registry: SchemaRegistry;
  readonly store: ReadStore;
  readonly views: LiveViews;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock?: Clock;
}

/**
 * Follows the live topics, read_committed: the views start from the store and go on from exactly where the store is. Each
 * record is decoded once, for all subscribers. A failure is retried with backoff from the position reached.
 */
export class LiveFeed {
  readonly #options: FeedOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #lag = new Map<string, number>();
  readonly #next = new Map<LiveTopic, number[]>();
  readonly #unknownSchemas = new Map<string, number>();
  readonly #records;
  readonly #undecodable;
  readonly #lagGauge;
  #serdes: ReadonlyMap<LiveTopic, AvroSerde<unknown>> | undefined;
  #reason: string | null = 'the live views are loading';
  #running: Promise<void> | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { metrics } = options;
    this.#records = metrics.counter('tidemark_live_records_total', 'Records read for the live views.', ['topic']);
    this.#undecodable = metrics.counter(
      'tidemark_live_rejected_total',
      'Records left out of the live views: undecodable, or no sound market data.',
      ['topic'],
    );
    this.#lagGauge = metrics.gauge('tidemark_live_lag_records', 'Records that the live views are behind.', ['topic']);
    for (const topic of TOPICS) {
      this.#records.inc({ topic }, 0);
      this.#undecodable.inc({ topic }, 0);
    }
  }

  /** Null while the topics are being followed, else what is in the way. */
  notReady(): string | null {
    return this.#reason;
  }

  /** Null once the views hold what the store held, else what is in the way. Stays null when the topics are lost later. */
  notLoaded(): string | null {
    return this.#next.size > 0 ? null : this.#reason;
  }

  /** Records behind the end, over all topics. */
  lagRecords(): number {
    return [...this.#lag.values()].reduce((sum, lag) => sum + lag, 0);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      let reader: Reader | undefined;
      try {
        reader = await this.#open();
        this.#reason = null;
        while (!signal.aborted) {
          const batches = await reader.poll(signal);
          for (const batch of batches) await this.#take(batch);
          retryMs = FIRST_RETRY_MS;
        }
      } catch (error) {
        if (signal.aborted) break;
        // The log no longer holds where we were: the store has the values up to where it goes on.
        if (error instanceof TidemarkError && error.code === 'OFFSET_OUT_OF_RANGE') this.#next.clear();
        this.#reason = `the live views lost their topics: ${describeError(error)}`;
        this.#options.log.warn({ err: error, retryMs }, this.#reason);
        await this.#clock.sleep(retryMs, signal);
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      } finally {
        await reader
          ?.close()
          .catch((error) => this.#options.log.warn({ err: error }, 'A reader did not close cleanly'));
      }
    }
  }

  async #open(): Promise<Reader> {
    const { kafka, registry, store, views, log } = this.#options;
    this.#serdes ??= new Map(
      await Promise.all(TOPICS.map(async (topic) => [topic, await topicSerde(registry, topic, AVRO[topic])] as const)),
    );
    if (this.#next.size === 0) {
      const snapshot = await loadSnapshot(store, views);
      const starts = await Promise.all(TOPICS.map((topic) => this.#start(topic, snapshot)));
      for (const [index, topic] of TOPICS.entries()) this.#next.set(topic, starts[index]!);
      log.info(
        { portfolios: views.pnl.size, positions: views.positions.size },
        'The live views are loaded from the store',
      );
    }
    return kafka.openReader({
      topics: TOPICS.map((topic) => ({ topic, from: this.#next.get(topic)! })),
      isolation: 'read_committed',
    });
  }

  /** Per partition: the store's next offset within what the log still holds; for trades, a tail that holds recent prices. */
  async #start(topic: LiveTopic, snapshot: NextOffsets): Promise<number[]> {
    const { kafka } = this.#options;
    const [earliest, latest] = await Promise.all([
      kafka.offsets(topic, 'earliest'),
      kafka.offsets(topic, 'latest-stable'),
    ]);
    return earliest.map((first, partition) => {
      const end = latest[partition] ?? first;
      const stored = topic === 'market.trades' ? end - TAIL_RECORDS : (snapshot.get(topic)?.get(partition) ?? first);
      return Math.min(Math.max(stored, first), end);
    });
  }

  async #take(batch: FetchedRecords): Promise<void> {
    const topic = batch.topic as LiveTopic;
    for (const record of batch.records) {
      // A tombstone says nothing that a display needs: `limits` lists what there is. Only a schema not met before has to be waited for.
      const waiting = record.value && this.#takeRecord(topic, batch.partition, record, record.value);
      if (waiting) await waiting;
    }
    this.#records.inc({ topic }, batch.records.length);
    this.#next.get(topic)![batch.partition] = batch.nextOffset;
    this.#lag.set(`${topic}/${batch.partition}`, Math.max(0, batch.endOffset - batch.nextOffset));
    let lag = 0;
    for (const [partition, records] of this.#lag) if (partition.startsWith(`${topic}/`)) lag += records;
    this.#lagGauge.set({ topic }, lag);
  }

  #takeRecord(topic: LiveTopic, partition: number, record: KafkaRecord, value: Buffer): Promise<void> | undefined {
    try {
      this.#apply(topic, value);
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'SCHEMA_NOT_LOADED')
        return this.#loadSchema(topic, value).then((known) => {
          if (known) return this.#takeRecord(topic, partition, record, value);
          this.#reject(topic, partition, record, error);
          return undefined;
        });
      this.#reject(topic, partition, record, error);
    }
    return undefined;
  }

  #apply(topic: LiveTopic, bytes: Buffer): void {
    const value = this.#serdes!.get(topic)!.decode(bytes);
    // Of this topic's type: the serde is of its schema.
    APPLY[topic](this.#options.views, value as never, this.#clock.now());
  }

  async #loadSchema(topic: LiveTopic, bytes: Buffer): Promise<boolean> {
    const schemaId = bytes.readInt32BE(1);
    const key = `${topic}/${schemaId}`;
    if ((this.#unknownSchemas.get(key) ?? 0) > this.#clock.now()) return false;
    try {
      await this.#serdes!.get(topic)!.load(schemaId);
      this.#unknownSchemas.delete(key);
      return true;
    } catch (error) {
      // What may succeed later is the registry's trouble and not the record's: the reader starts over from here.
      if (!(error instanceof TidemarkError) || error.retriable) throw error;
      this.#unknownSchemas.set(key, this.#clock.now() + UNKNOWN_SCHEMA_RETRY_MS);
      return false;
    }
  }

  #reject(topic: LiveTopic, partition: number, record: KafkaRecord, error: unknown): void {
    this.#undecodable.inc({ topic });
    this.#options.log.debug({ topic, partition, offset: record.offset }, `Left out: ${describeError(error)}`);
  }
}
