import { AVRO } from '#schemas/avro.ts';
import type { Problem } from '#schemas/checks.ts';
import type { RiskAcknowledgement, RiskControl, RiskLimit } from '#schemas/generated/types.ts';
import { controlKeys, controlProblem, limitProblem } from '#schemas/limits.ts';
import { partitionKeyOf, type TopicName } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

const LIMITS = 'risk.limits';
const CONTROLS = 'risk.controls';

/** What people may change. Each resolves when Kafka has it; topologies/limits then does it, and the audit trail tells of it. */
export interface Commands {
  /** Throws LIMIT_INVALID, ID_INVALID. */
  setLimit(limit: RiskLimit): Promise<void>;
  /** `eventTime` in microseconds: when it ceases to hold. */
  removeLimit(portfolio: string, limitId: string, eventTime: number): Promise<void>;
  /** Throws CONTROL_INVALID, ID_INVALID. */
  setControl(control: RiskControl): Promise<void>;
  /** Of one that was checked (schemas/response.ts). */
  acknowledge(said: RiskAcknowledgement): Promise<void>;
}

/** Commands as records on their topics. Connects at the first. */
export class KafkaCommands implements Commands {
  readonly #kafka: Pick<Kafka, 'openProducer'>;
  readonly #registry: SchemaRegistry;
  readonly #clock: Clock;
  readonly #serdes = new Map<TopicName, Promise<AvroSerde<unknown>>>();
  #producer: Promise<Producer> | null = null;

  constructor(kafka: Pick<Kafka, 'openProducer'>, registry: SchemaRegistry, clock: Clock = systemClock) {
    this.#kafka = kafka;
    this.#registry = registry;
    this.#clock = clock;
  }

  async setLimit(limit: RiskLimit): Promise<void> {
    const key = `${limit.portfolio}/${limit.limitId}`;
    refuse(limitProblem(key, limit, this.#clock.now()));
    await this.#send(LIMITS, [key], limit, limit.eventTime);
  }

  removeLimit(portfolio: string, limitId: string, eventTime: number): Promise<void> {
    return this.#send(LIMITS, [`${portfolio}/${limitId}`], null, eventTime);
  }

  async setControl(control: RiskControl): Promise<void> {
    const keys = controlKeys(control.portfolio);
    refuse(controlProblem(keys[0]!, control, this.#clock.now()));
    await this.#send(CONTROLS, keys, control, control.eventTime);
  }

  acknowledge(said: RiskAcknowledgement): Promise<void> {
    return this.#send('risk.acknowledgements', [said.portfolio], said, said.eventTime);
  }

  async close(): Promise<void> {
    await (await this.#producer?.catch(() => null))?.close();
  }

  async #send(topic: TopicName, keys: readonly string[], value: unknown, eventTime: number): Promise<void> {
    const encoded = value === null ? null : (await this.#serde(topic)).encode(value);
    const producer = await this.#open();
    const timestampMs = Math.floor(eventTime / 1000);
    try {
      for (const key of keys)
        await producer.send({ topic, key, value: encoded, timestampMs, partitionKey: partitionKeyOf(topic, key) });
      await producer.flush();
    } catch (error) {
      // It takes nothing more.
      this.#producer = null;
      await producer.close().catch(() => undefined);
      throw error;
    }
  }

  #serde(topic: TopicName): Promise<AvroSerde<unknown>> {
    const known = this.#serdes.get(topic);
    if (known) return known;
    const opened = topicSerde<unknown>(this.#registry, topic, AVRO[topic]);
    this.#serdes.set(topic, opened);
    // The registry may only have been away.
    opened.catch(() => this.#serdes.delete(topic));
    return opened;
  }

  #open(): Promise<Producer> {
    this.#producer ??= this.#kafka.openProducer();
    this.#producer.catch(() => {
      this.#producer = null;
    });
    return this.#producer;
  }
}

function refuse(problem: Problem): void {
  if (problem) throw new TidemarkError(problem.code, problem.reason);
}
