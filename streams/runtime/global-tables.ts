import type { AvroSerde, FetchedRecords, Kafka, Reader } from '../kafka/index.ts';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { Log } from '../kit/log.ts';
import { GlobalStore } from '../state/global-store.ts';
import type { GlobalNode } from '../topology/types.ts';
import type { RuntimeMetrics } from './metrics.ts';

export interface GlobalTablesOptions {
  readonly kafka: Kafka;
  readonly globals: Readonly<Record<string, GlobalNode>>;
  /** By topic. */
  readonly serdes: ReadonlyMap<string, AvroSerde<unknown>>;
  readonly log: Log;
  readonly metrics: RuntimeMetrics;
  /** Told when something new has been read, or when reading failed for good. */
  readonly wake: () => void;
  /** By topic and partition, the offset before which they end for good; not given: they follow their topics. */
  readonly ends?: ReadonlyMap<string, readonly number[]> | undefined;
}

/**
 * The global tables of a process: every partition of their topics, read from the beginning before anything is processed, and followed
 * from then on. A record that cannot be decoded is logged, counted and left out: the next one of its key replaces it.
 */
export class GlobalTables {
  readonly tables: ReadonlyMap<string, GlobalStore>;
  readonly #options: GlobalTablesOptions;
  readonly #byTopic = new Map<string, GlobalStore[]>();
  /** By partition of a table with history: up to which event time it is read; infinite when nothing more was there. */
  readonly #reached = new Map<string, number>();
  #reader: Reader | null = null;
  #failure: unknown = null;
  #following: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: GlobalTablesOptions) {
    this.#options = options;
    this.tables = new Map(
      Object.entries(options.globals).map(([name, { historyMs }]) => [name, new GlobalStore(historyMs ?? null)]),
    );
    for (const [name, { topic }] of Object.entries(options.globals)) {
      const stores = this.#byTopic.get(topic) ?? [];
      this.#byTopic.set(topic, [...stores, this.tables.get(name)!]);
    }
  }

  /**
   * Up to which event time every table with a history has been read: a record of a later time waits, or it would be joined with
   * the past. Infinite when all was read that there was at the last fetch. Throws what stopped the reading.
   */
  get reachedMs(): number {
    if (this.#failure !== null) throw this.#failure;
    let reachedMs = Number.POSITIVE_INFINITY;
    for (const partitionMs of this.#reached.values()) reachedMs = Math.min(reachedMs, partitionMs);
    return reachedMs;
  }

  /** Reads everything there is now; then goes on in the background. */
  async open(): Promise<void> {
    const { kafka, log, ends: known } = this.#options;
    if (this.#byTopic.size === 0) return;
    const topics = [...this.#byTopic.keys()];
    const startMs = performance.now();
    const reader = await kafka.openReader({ topics: topics.map((topic) => ({ topic, from: 'earliest' as const })) });
    this.#reader = reader;
    for (const topic of topics) {
      const ends = known?.get(topic) ?? (await kafka.offsets(topic, 'latest-stable'));
      while (ends.some((end, partition) => reader.position(topic, partition) < end))
        for (const fetched of await reader.poll()) await this.#apply(fetched);
    }
    const rows = [...this.tables.values()].reduce((sum, table) => sum + table.size, 0);
    log.info(`read ${rows} rows of global tables in ${Math.round(performance.now() - startMs)} ms`);
    if (known) {
      this.#reached.clear();
      await reader.close();
    } else this.#following = this.#follow(reader);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reader?.close();
    await this.#following;
  }

  async #follow(reader: Reader): Promise<void> {
    try {
      while (!this.#closed) {
        const moved = await reader.poll();
        for (const fetched of moved) await this.#apply(fetched);
        if (moved.length > 0) this.#options.wake();
      }
    } catch (error) {
      if (this.#closed) return;
      this.#failure = error;
      this.#options.wake();
    }
  }

  async #apply({ topic, partition, records, nextOffset, endOffset }: FetchedRecords): Promise<void> {
    const { serdes, log, metrics, globals, ends } = this.#options;
    const end = ends?.get(topic)?.[partition] ?? Number.POSITIVE_INFINITY;
    const serde = serdes.get(topic)!;
    let lastMs = -1;
    for (const { key, value, timestampMs, offset } of records) {
      lastMs = Math.max(lastMs, timestampMs);
      if (key === null || offset >= end) continue;
      try {
        const decoded = value === null ? null : await serde.decodeAsync(value);
        for (const store of this.#byTopic.get(topic)!) store.apply(key.toString(), decoded, timestampMs);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.retriable) throw error;
        metrics.rejected(topic, error.code);
        log.warn({ code: error.code, topic, partition, offset }, `left out of a global table: ${describeError(error)}`);
      }
    }
    const isVersioned = Object.values(globals).some((node) => node.topic === topic && node.historyMs !== undefined);
    if (!isVersioned) return;
    const place = `${topic}/${partition}`;
    if (nextOffset >= endOffset) this.#reached.set(place, Number.POSITIVE_INFINITY);
    else this.#reached.set(place, Math.max(lastMs, this.#reached.get(place) ?? -1));
  }
}
