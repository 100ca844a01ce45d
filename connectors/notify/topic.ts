import { AVRO } from '#schemas/avro.ts';
import type { RiskAction, RiskNotification } from '#schemas/generated/types.ts';
import { targetProblem } from '#schemas/response.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { type Attempt, delivered, failed } from './attempt.ts';
import { notificationOf } from './message.ts';

/** Writes notifications to topics, as `risk.notifications` has them: key portfolio. The topic must be there. */
export class TopicChannel {
  readonly #kafka: Kafka;
  readonly #registry: SchemaRegistry;
  readonly #serdes = new Map<string, Promise<AvroSerde<RiskNotification>>>();
  /** Apart from that of outcomes: one that fails takes nothing more. */
  #producer: Promise<Producer> | null = null;

  constructor(kafka: Kafka, registry: SchemaRegistry) {
    this.#kafka = kafka;
    this.#registry = registry;
  }

  readonly deliver = async (action: RiskAction): Promise<Attempt> => {
    const topic = action.target ?? '';
    const problem = targetProblem('TOPIC', topic);
    if (problem) return failed(problem, true);
    try {
      await this.#kafka.partitions(topic);
      const serde = await this.#serde(topic);
      const value = serde.encode(notificationOf(action));
      await this.#send(topic, action, value);
      return delivered(`written to ${topic}`);
    } catch (error) {
      return failed(describeError(error), error instanceof TidemarkError && !error.retriable);
    }
  };

  async close(): Promise<void> {
    await (await this.#producer?.catch(() => null))?.close();
  }

  async #send(topic: string, { portfolio, eventTime }: RiskAction, value: Buffer): Promise<void> {
    this.#producer ??= this.#kafka.openProducer();
    const opened = this.#producer;
    try {
      const producer = await opened;
      await producer.send({ topic, key: portfolio, value, timestampMs: Math.floor(eventTime / 1000) });
      await producer.flush();
    } catch (error) {
      if (this.#producer === opened) this.#producer = null;
      await opened.then((producer) => producer.close()).catch(() => undefined);
      throw error;
    }
  }

  #serde(topic: string): Promise<AvroSerde<RiskNotification>> {
    const known = this.#serdes.get(topic);
    if (known) return known;
    const opened = topicSerde<RiskNotification>(this.#registry, topic, AVRO['risk.notifications']);
    this.#serdes.set(topic, opened);
    // The registry may only have been away.
    opened.catch(() => this.#serdes.delete(topic));
    return opened;
  }
}
