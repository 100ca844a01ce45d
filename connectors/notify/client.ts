import { AVRO } from '#schemas/avro.ts';
import type { RiskAction } from '#schemas/generated/types.ts';
import { TOPICS } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail, type TailRecord } from '#streams/kafka/log-tail.ts';
import { systemClock } from '#streams/kit/clock.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import type { Attempt, Deliver } from './attempt.ts';
import { Lanes } from './lanes.ts';
import { deliveryOf, isNotification, outcomeOf } from './message.ts';
import { Progress } from './progress.ts';
import { TopicChannel } from './topic.ts';

/** Group whose committed offsets in risk.actions say up to where everything was delivered or given up. It has no members. */
export const NOTIFY_GROUP = 'notify';
const ACTIONS = TOPICS['risk.actions'].name;
const COMMIT_MS = 1_000;
/** How long a stop waits for tries under way: their outcome is worth knowing. */
const STOP_LIMIT_MS = 2_500;

export interface NotifyOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly webhook: Deliver;
  readonly email: Deliver;
  readonly attempts: number;
  readonly retryMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}
interface Place {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Delivers what risk.actions asks for, and writes there what came of it. At least once outside: between an answer and its record a crash
 * may fall, and then it is delivered again, with the same Idempotency-Key or Message-ID. After a restart it reads on from the oldest
 * that was open, to the end first, since outcomes of later ones may be there already. One process of it: two would deliver everything
 * twice.
 */
export class NotifyClient {
  readonly #options: NotifyOptions;
  readonly #serde: AvroSerde<RiskAction>;
  readonly #producer: Producer;
  readonly #topics: TopicChannel;
  readonly #lanes: Lanes;
  readonly #progress: Progress;
  readonly #places = new Map<RiskAction, Place>();
  readonly #total;
  readonly #broken = Promise.withResolvers<never>();
  #from: readonly number[];
  #committed = '';
  #isCaughtUp = false;

  private constructor(options: NotifyOptions, serde: AvroSerde<RiskAction>, producer: Producer, from: number[]) {
    const { kafka, registry, webhook, email, attempts, retryMs, metrics, signal } = options;
    this.#options = options;
    this.#serde = serde;
    this.#producer = producer;
    this.#from = from;
    this.#progress = new Progress(from);
    this.#topics = new TopicChannel(kafka, registry);
    this.#total = metrics.counter('tidemark_notifications_total', 'Notifications by what came of them.', [
      'channel',
      'outcome',
    ]);
    this.#broken.promise.catch(() => undefined);
    this.#lanes = new Lanes({
      channels: { WEBHOOK: webhook, EMAIL: email, TOPIC: this.#topics.deliver },
      clock: systemClock,
      random: Math.random,
      attempts,
      retryMs,
      finished: (action, outcome, tries) => this.#finish(action, outcome, tries),
      broken: (error) => this.#broken.reject(error),
      signal,
    });
  }

  static async open(options: NotifyOptions): Promise<NotifyClient> {
    const { kafka, registry } = options;
    const serde = await topicSerde<RiskAction>(registry, ACTIONS, AVRO[ACTIONS]);
    const earliest = await kafka.offsets(ACTIONS, 'earliest');
    const committed = await kafka.committedOffsets(NOTIFY_GROUP, ACTIONS);
    const from = earliest.map((first, partition) => Math.max(first, committed[partition]!));
    return new NotifyClient(options, serde, await kafka.openProducer(), from);
  }

  /** Null when it has read what was there at its start. */
  get waitingFor(): string | null {
    return this.#isCaughtUp ? null : 'reading what was delivered before';
  }

  /** Works until the signal aborts, then throws its reason. */
  async run(): Promise<never> {
    const { kafka, log, signal } = this.#options;
    const tail = await LogTail.open(kafka, { topic: ACTIONS, serde: this.#serde, from: this.#from, log });
    const timer = setInterval(() => void this.#commit().catch((error) => this.#broken.reject(error)), COMMIT_MS);
    try {
      return await Promise.race([this.#follow(tail, signal), this.#broken.promise]);
    } finally {
      clearInterval(timer);
      await tail.close();
    }
  }

  /** After the signal: lets tries under way end, and commits. */
  async close(): Promise<void> {
    await this.#lanes.ended(STOP_LIMIT_MS);
    await this.#topics.close().catch(() => undefined);
    await this.#producer.close();
    await this.#commit();
  }

  async #follow(tail: LogTail<RiskAction>, signal: AbortSignal): Promise<never> {
    const known: TailRecord<RiskAction>[] = [];
    const settled = new Set<string>();
    const gather = (record: TailRecord<RiskAction>) => {
      const of = record.value && deliveryOf(record.value);
      if (of !== null) settled.add(of);
      known.push(record);
    };
    await tail.readTo(await this.#options.kafka.offsets(ACTIONS, 'latest-stable'), gather, signal);
    for (const record of known) await this.#take(record, !settled.has(record.value?.actionId ?? ''));
    this.#isCaughtUp = true;
    return tail.follow((record) => this.#take(record, true), signal);
  }

  async #take({ partition, offset, value: action }: TailRecord<RiskAction>, isNew: boolean): Promise<void> {
    const isOpen = isNew && action !== null && isNotification(action) && action.channel !== null;
    this.#progress.read(partition, offset, isOpen);
    if (!isOpen) return;
    this.#places.set(action, { partition, offset });
    await this.#lanes.submit(action);
  }

  async #finish(action: RiskAction, outcome: Attempt, tries: number): Promise<void> {
    const { isDelivered } = outcome;
    const { portfolio, actionId, channel, eventTime } = action;
    const said = isDelivered ? outcome.note : outcome.reason;
    const value = outcomeOf(action, isDelivered, tries, `${said}; ${new Date().toISOString()}`);
    const timestampMs = Math.floor(eventTime / 1000);
    await this.#producer.send({ topic: ACTIONS, key: portfolio, value: this.#serde.encode(value), timestampMs });
    await this.#producer.flush();
    const { partition, offset } = this.#places.get(action)!;
    this.#places.delete(action);
    this.#progress.done(partition, offset);
    this.#total.inc({ channel: channel!, outcome: isDelivered ? 'delivered' : 'failed' });
    // Not the target: a webhook's address may be all that keeps strangers out.
    if (!isDelivered) this.#options.log.warn({ actionId, channel, tries }, `A notification is given up: ${said}`);
  }

  async #commit(): Promise<void> {
    const { offsets } = this.#progress;
    const text = offsets.join();
    if (text === this.#committed) return;
    await this.#options.kafka.commitOffsets(NOTIFY_GROUP, ACTIONS, offsets);
    this.#committed = text;
  }
}
