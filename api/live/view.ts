import type { Metrics } from '#streams/kit/metrics.ts';
import { ConflatingQueue, type Timed } from './conflating-queue.ts';

export interface ViewOptions<V> {
  /** The topic the view follows; labels its metrics. */
  readonly topic: string;
  /** What the newest value is kept of, e.g. portfolio/instrument. */
  readonly key: (value: V) => string;
  /** What subscribers choose by, e.g. portfolio. */
  readonly group: (value: V) => string;
  /**
   * Whether a value older than the one held still goes to subscribers. True for market data (a late trade is a trade); false
   * for derived topics, whose event time never goes back per key: what is older there is being read a second time.
   */
  readonly passLate: boolean;
}

/** The newest value of each key of one topic, in memory, and the subscribers that follow it. Memory grows with the number of keys alone. */
export class LiveView<V extends Timed> {
  readonly topic: string;
  readonly #options: ViewOptions<V>;
  readonly #newest = new Map<string, Map<string, V>>();
  readonly #followersOfAll = new Set<ConflatingQueue<V>>();
  readonly #followers = new Map<string, Set<ConflatingQueue<V>>>();
  readonly #onConflated: () => void;
  readonly #onSubscribers: (change: number) => void;
  #keys = 0;

  constructor(options: ViewOptions<V>, metrics: Metrics) {
    this.#options = options;
    this.topic = options.topic;
    const labels = { topic: options.topic };
    const help = 'Values that a subscriber did not get because a newer one of their key came before it read them.';
    const conflated = metrics.counter('tidemark_live_conflated_total', help, ['topic']);
    const subscribers = metrics.gauge('tidemark_live_subscribers', 'Open subscriptions.', ['topic']);
    conflated.inc(labels, 0);
    subscribers.set(labels, 0);
    this.#onConflated = () => conflated.inc(labels);
    this.#onSubscribers = (change) => subscribers.inc(labels, change);
  }

  /** Number of keys held. */
  get size(): number {
    return this.#keys;
  }

  /** Groups that have a value, e.g. the portfolios with P&L. */
  groups(): string[] {
    return [...this.#newest.keys()];
  }

  /** Newest value of every key in a group; of all groups for null. */
  *values(group: string | null): Generator<V> {
    if (group !== null) {
      yield* this.#newest.get(group)?.values() ?? [];
      return;
    }
    for (const values of this.#newest.values()) yield* values.values();
  }

  /** Takes a value from the topic or from the store: keeps it when it is the newest of its key, and hands it to whoever follows its group. */
  apply(value: V): void {
    const group = this.#options.group(value);
    const key = this.#options.key(value);
    let values = this.#newest.get(group);
    if (!values) {
      values = new Map();
      this.#newest.set(group, values);
    }
    const held = values.get(key);
    if (held === undefined) this.#keys++;
    const late = held !== undefined && value.eventTime < held.eventTime;
    if (!late) values.set(key, value);
    else if (!this.#options.passLate) return;
    for (const queue of this.#followersOfAll) queue.push(key, value);
    const followers = this.#followers.get(group);
    if (followers) for (const queue of followers) queue.push(key, value);
  }

  /** Follows some groups, or all for null: first the newest value of each key, then each that comes. */
  subscribe(groups: readonly string[] | null, conflateMs = 0): ConflatingQueue<V> {
    const chosen = groups === null ? null : [...new Set(groups)];
    const queue = new ConflatingQueue<V>({
      conflateMs,
      onConflated: this.#onConflated,
      onClosed: () => {
        this.#onSubscribers(-1);
        this.#forget(queue, chosen);
      },
    });
    for (const group of chosen ?? [null]) {
      for (const value of this.values(group)) queue.push(this.#options.key(value), value);
    }
    if (chosen === null) this.#followersOfAll.add(queue);
    for (const group of chosen ?? []) {
      const followers = this.#followers.get(group);
      if (followers) followers.add(queue);
      else this.#followers.set(group, new Set([queue]));
    }
    this.#onSubscribers(1);
    return queue;
  }

  #forget(queue: ConflatingQueue<V>, groups: readonly string[] | null): void {
    if (groups === null) this.#followersOfAll.delete(queue);
    for (const group of groups ?? []) {
      const followers = this.#followers.get(group);
      followers?.delete(queue);
      if (followers?.size === 0) this.#followers.delete(group);
    }
  }
}
