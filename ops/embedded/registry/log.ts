import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, type Producer, type Reader } from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { RegistryState, SchemaEvent } from './state.ts';

/** Confluent's name, so that their registry can take over the topic. */
const TOPIC = '_schemas';

/** The registry's memory: one compacted topic of one partition, which gives every event its place. */
export interface SchemaLog {
  /** Resolves when the event is acknowledged by the brokers. */
  append(event: SchemaEvent): Promise<void>;
  close(): Promise<void>;
}

/** Opens the topic, created when it is not there, and applies all of its events to `state`. */
export async function openSchemaLog(brokers: readonly string[], state: RegistryState, log: Log): Promise<SchemaLog> {
  const kafka = await openKafka({ brokers, clientId: 'registry', log });
  try {
    await kafka.createTopics([{ name: TOPIC, partitions: 1, config: topicConfig('compact') }]);
    await load(kafka, state, log);
    const producer = await kafka.openProducer();
    return {
      append: (event) => append(producer, event),
      close: async () => {
        await producer.close();
        await kafka.close();
      },
    };
  } catch (error) {
    await kafka.close();
    throw error;
  }
}

async function load(kafka: Kafka, state: RegistryState, log: Log): Promise<void> {
  const [end = 0] = await kafka.offsets(TOPIC, 'latest');
  const reader: Reader = await kafka.openReader({ topics: [{ topic: TOPIC, from: 'earliest' }] });
  while (reader.position(TOPIC, 0) < end) {
    for (const { records } of await reader.poll()) {
      for (const { offset, key, value } of records) {
        try {
          state.apply({ key: String(key), value: value === null ? null : String(value) });
        } catch (cause) {
          const position = { topic: TOPIC, partition: 0, offset };
          const message = `The record at ${TOPIC}/0 offset ${offset} is not one of a schema registry`;
          throw new TidemarkError('SCHEMA_LOG_CORRUPT', message, { cause, position });
        }
      }
    }
  }
  await reader.close();
  log.info({ subjects: state.subjects().length }, `The registry holds ${state.subjects().length} subjects`);
}

async function append(producer: Producer, event: SchemaEvent): Promise<void> {
  await producer.send({ topic: TOPIC, key: event.key, value: Buffer.from(event.value), timestampMs: Date.now() });
  await producer.flush();
}
