/** Sends what happened to models to Kafka, and what people did of it to the audit trail. */
import { AVRO } from '#schemas/avro.ts';
import type { AuditEntry, MlEvent } from '#schemas/generated/types.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';

const EVENTS = 'ml.events';
const AUDIT = 'audit.trail';
/** What goes by itself. */
const SYSTEM = 'tidemark';
/** Models are no portfolio's. */
const ALL = '*';

interface Place {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Writes events to `ml.events` by model, in their order; then, for each change of stage by a person, an entry of the audit trail that says which
 * record it is. Resolves when Kafka has all of them. Sent again after a failure, an event keeps its id, and its audit entry comes twice.
 */
export async function publishMlEvents(
  kafka: Kafka,
  registry: SchemaRegistry,
  events: readonly MlEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const serde = await topicSerde<MlEvent>(registry, EVENTS, AVRO[EVENTS]);
  const from = await kafka.offsets(EVENTS, 'latest');
  const producer = await kafka.openProducer();
  try {
    for (const event of events) await send(producer, EVENTS, event.model, serde, event);
    await producer.flush();
    const audited = events.filter(({ by, toStage }) => by !== SYSTEM && toStage !== null);
    if (audited.length === 0) return;
    const places = await findPlaces(kafka, serde, from, audited);
    const audit = await topicSerde<AuditEntry>(registry, AUDIT, AVRO[AUDIT]);
    for (const event of audited)
      await send(producer, AUDIT, ALL, audit, auditEntryOf(event, places.get(event.eventId)!));
    await producer.flush();
  } finally {
    await producer.close();
  }
}

const send = async <V extends { readonly eventTime: number }>(
  producer: Producer,
  topic: string,
  key: string,
  serde: AvroSerde<V>,
  value: V,
) => producer.send({ topic, key, value: serde.encode(value), timestampMs: Math.floor(value.eventTime / 1000) });

/** Where events are in their topic, from some offsets on; all of them are known to be there. */
async function findPlaces(
  kafka: Kafka,
  serde: AvroSerde<MlEvent>,
  from: readonly number[],
  events: readonly MlEvent[],
): Promise<Map<string, Place>> {
  const wanted = new Set(events.map(({ eventId }) => eventId));
  const places = new Map<string, Place>();
  const reader = await kafka.openReader({ topics: [{ topic: EVENTS, from: [...from] }] });
  try {
    while (places.size < wanted.size)
      for (const { partition, records } of await reader.poll())
        for (const { value, offset } of records) {
          // Of others may be what cannot be decoded.
          const event = value && (await serde.decodeAsync(value).catch(() => null));
          if (event && wanted.has(event.eventId)) places.set(event.eventId, { partition, offset });
        }
    return places;
  } finally {
    await reader.close();
  }
}

const stageJson = (event: MlEvent, stage: string | null) =>
  stage === null ? null : JSON.stringify({ stage, by: event.by, reason: event.reason });

const auditEntryOf = (event: MlEvent, { partition, offset }: Place): AuditEntry => ({
  eventTime: event.eventTime,
  portfolio: ALL,
  instrument: null,
  subject: 'MODEL',
  subjectId: `${event.model}/${event.version}`,
  action: event.type,
  before: event.fromStage === null ? null : JSON.stringify({ stage: event.fromStage }),
  after: stageJson(event, event.toStage),
  effect: null,
  sourceTopic: EVENTS,
  sourceEventTime: event.eventTime,
  sourcePartition: partition,
  sourceOffset: offset,
});
