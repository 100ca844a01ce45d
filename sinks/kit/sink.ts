import type { TopicName } from '#schemas/topics.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import type { RunningService } from '#streams/kit/service.ts';
import type { Feed, Offsets, Reject, SinkBatch } from './feed.ts';

/** A store that takes batches. Opened anew after every failure; what it holds then decides where reading goes on. */
export interface SinkStore {
  /** Where to read on, per partition, given the first offsets of the topics. */
  offsets(earliest: Offsets): Promise<Offsets>;
  /**
   * Writes rows and offsets so that a repetition of the batch changes nothing, and returns the records that the store
   * itself refused. Throws SINK_FENCED when another process writes too.
   */
  write(batch: SinkBatch): Promise<readonly Reject[]>;
  close(): Promise<void>;
}

export interface SinkOptions {
  readonly name: string;
  readonly topics: readonly TopicName[];
  readonly openStore: () => Promise<SinkStore>;
  readonly openFeed: (start: (earliest: Offsets) => Promise<Offsets>) => Promise<Feed>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** More records than this behind the topics, and the store is not what a dashboard should be fed from. */
const READY_LAG_RECORDS = 100_000;
const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 5_000;
/** What does not get better by trying again. */
const FATAL = new Set(['SINK_FENCED', 'SINK_AHEAD', 'CONFIG_INVALID']);

/**
 * Runs a sink until `signal` aborts: read a batch while the last one is written, and after any failure of Kafka, the
 * registry or the store close everything, wait (0.25 s to 5 s) and go on from what the store holds. A fenced sink ends
 * with an error.
 */
export function runSink(options: SinkOptions): RunningService {
  const sink = new Sink(options);
  const done = sink.run();
  return {
    notReady: () => sink.notReady(),
    // A failure of `done` is the service's to report, not the stop's.
    stop: () => done.catch(() => {}),
    done,
  };
}

class Sink {
  readonly #options: SinkOptions;
  readonly #clock: Clock;
  readonly #rows;
  readonly #rejects;
  readonly #lag;
  readonly #seconds;
  #waitsFor: string | null;
  #behind = 0;
  #backoffMs = FIRST_BACKOFF_MS;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#waitsFor = `${options.name} is connecting`;
    const { metrics } = options;
    this.#rows = metrics.counter('tidemark_sink_rows_total', 'Records written to the store.', ['topic']);
    this.#rejects = metrics.counter('tidemark_sink_rejects_total', 'Records that could not be stored.', [
      'topic',
      'code',
    ]);
    this.#lag = metrics.gauge('tidemark_sink_lag_records', 'Records not yet in the store, as last seen.', ['topic']);
    const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];
    this.#seconds = metrics.histogram('tidemark_sink_write_seconds', 'Time of one write of a batch.', buckets);
  }

  notReady(): string | null {
    if (this.#waitsFor) return this.#waitsFor;
    return this.#behind > READY_LAG_RECORDS ? `${this.#options.name} is ${this.#behind} records behind` : null;
  }

  async run(): Promise<void> {
    const { signal, log, name } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#session();
      } catch (error) {
        if (error instanceof TidemarkError && FATAL.has(error.code)) throw error;
        if (signal.aborted) return;
        this.#waitsFor = `${name} waits: ${describeError(error)}`;
        log.warn({ err: error }, `${this.#waitsFor}; next attempt in ${this.#backoffMs} ms`);
        await this.#clock.sleep(this.#backoffMs, signal);
        this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
  }

  /** From opening the store to the first failure or the stop. */
  async #session(): Promise<void> {
    const store = await this.#options.openStore();
    try {
      const feed = await this.#options.openFeed((earliest) => store.offsets(earliest));
      try {
        await this.#pump(store, feed);
      } finally {
        await feed.close();
      }
    } finally {
      await store.close();
    }
  }

  async #pump(store: SinkStore, feed: Feed): Promise<void> {
    // A write that fails ends the wait for the next batch too, which on a quiet topic could last for ever.
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    let writing: Promise<void> = Promise.resolve();
    this.#observe(feed);
    // Connected is not yet working: with records waiting, the first write decides.
    if (this.#behind === 0) this.#waitsFor = null;
    try {
      for (;;) {
        const batch = await feed.next(signal);
        await writing;
        if (!batch) break;
        writing = this.#write(store, feed, batch);
        writing.catch(() => failed.abort());
      }
    } finally {
      // The store must not be closed under a write, whatever else failed.
      await writing.catch(() => {});
    }
  }

  async #write(store: SinkStore, feed: Feed, batch: SinkBatch): Promise<void> {
    const stop = this.#seconds.startTimer();
    const refused = await store.write(batch);
    stop();
    for (const [topic, records] of batch.records) this.#rows.inc({ topic }, records.length);
    for (const reject of [...batch.rejects, ...refused]) {
      const { topic, partition, code, message } = reject;
      this.#rejects.inc({ topic, code });
      this.#options.log.warn(
        { topic, partition, offset: reject.record.offset, code },
        `A record was rejected: ${message}`,
      );
    }
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#waitsFor = null;
    this.#observe(feed);
  }

  #observe(feed: Feed): void {
    this.#behind = 0;
    for (const topic of this.#options.topics) {
      const lag = feed.lag(topic);
      this.#behind += lag;
      this.#lag.set({ topic }, lag);
    }
  }
}
