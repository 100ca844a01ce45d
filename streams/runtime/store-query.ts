import { describeMembers, type GroupMemberInfo } from '../kafka/group-members.ts';
import { type Kafka, murmur2Partition } from '../kafka/index.ts';
import { describeError, TidemarkError } from '../kit/errors.ts';
import { changelogTopic } from '../topology/topology.ts';

/** A committed entry of a store. */
export interface StoreEntry {
  readonly key: string;
  /** As JSON has it: decimals are strings, in units of 10^-scale. */
  readonly value: unknown;
  readonly partition: number;
}
/** Keys with from <= key < to by code units; an open end where a bound is left out. */
export interface StoreRange {
  readonly from?: string;
  readonly to?: string;
  /** From 1 to 100,000 (QUERY_INVALID); default 1,000. */
  readonly limit?: number;
}

/** How long a process may take to answer, milliseconds. */
const ANSWER_LIMIT_MS = 5_000;
/** How long a rebalance is waited for, and the pause between two looks. */
const OWNER_LIMIT_MS = 10_000;
const PAUSE_MS = 100;

/**
 * Reads the stores of a running topology from any process: the owner of a partition is found through the group's metadata, and asked
 * over HTTP. Shows committed state only. Calls throw STORE_UNKNOWN, STORE_KIND_WRONG for what is no key-value store, QUERIES_DISABLED, and
 * STORE_UNAVAILABLE when a partition has no owner that answers for 10 s.
 */
export class StoreQuery {
  readonly #kafka: Kafka;
  readonly #topology: string;

  /** `topology`: its name. */
  constructor(kafka: Kafka, topology: string) {
    this.#kafka = kafka;
    this.#topology = topology;
  }

  /** The entry of a key, or null. `partitionKey` where the store's records were routed by something else than its key. */
  async get(store: string, key: string, options: { partitionKey?: string } = {}): Promise<StoreEntry | null> {
    const count = await this.#partitions(store);
    const partition = murmur2Partition(options.partitionKey ?? key, count);
    const entries = await this.#ask(store, new URLSearchParams({ key }), [partition]);
    return entries[0] ?? null;
  }
  /** Entries of all partitions with from <= key < to, ascending: the first `limit` of them. */
  async range(store: string, { from, to, limit = 1_000 }: StoreRange = {}): Promise<StoreEntry[]> {
    const count = await this.#partitions(store);
    const query = new URLSearchParams({ limit: String(limit) });
    if (from !== undefined) query.set('from', from);
    if (to !== undefined) query.set('to', to);
    const wanted = Array.from({ length: count }, (_, partition) => partition);
    const entries = await this.#ask(store, query, wanted);
    return entries.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
  }

  async #partitions(store: string): Promise<number> {
    const topic = changelogTopic(this.#topology, store);
    try {
      return await this.#kafka.partitions(topic);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'TOPIC_UNKNOWN') throw error;
      const message = `Topology ${this.#topology} has no store "${store}": there is no topic ${topic}`;
      throw new TidemarkError('STORE_UNKNOWN', message, { cause: error });
    }
  }

  /** Asks the owners until every wanted partition has answered. */
  async #ask(store: string, query: URLSearchParams, wanted: readonly number[]): Promise<StoreEntry[]> {
    const deadline = Date.now() + OWNER_LIMIT_MS;
    for (;;) {
      const answers = new Map<number, StoreEntry[]>();
      let reason = 'no process has joined';
      for (const member of await describeMembers(this.#kafka.cluster, this.#topology)) {
        if (!member.partitions.some((partition) => wanted.includes(partition))) continue;
        try {
          await this.#askMember(member, store, query, answers);
        } catch (error) {
          if (error instanceof TidemarkError) throw error;
          reason = `${member.endpoint} does not answer: ${describeError(error)}`;
        }
      }
      const missing = wanted.filter((partition) => !answers.has(partition));
      if (missing.length === 0) return wanted.flatMap((partition) => answers.get(partition)!);
      if (Date.now() > deadline) {
        const message = `Partitions ${missing.join(', ')} of store ${store} of ${this.#topology} are not to be had: ${reason}`;
        throw new TidemarkError('STORE_UNAVAILABLE', message, { retriable: true });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #askMember(
    { endpoint }: GroupMemberInfo,
    store: string,
    query: URLSearchParams,
    answers: Map<number, StoreEntry[]>,
  ): Promise<void> {
    if (endpoint === '')
      throw new TidemarkError(
        'QUERIES_DISABLED',
        `A process of ${this.#topology} answers no queries: run it with queryPort (0 takes a free port)`,
      );
    const response = await fetch(`http://${endpoint}/stores/${encodeURIComponent(store)}?${query}`, {
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    const body = (await response.json()) as {
      code?: string;
      message?: string;
      partitions: number[];
      entries: StoreEntry[];
    };
    if (response.status !== 200)
      throw new TidemarkError(body.code ?? 'QUERY_FAILED', body.message ?? 'no reason given');
    for (const partition of body.partitions) {
      answers.set(
        partition,
        body.entries.filter((entry) => entry.partition === partition),
      );
    }
  }
}
