/** Sends what happened to models to Kafka, and what people did of it to the audit trail. */
import { AVRO } from '#schemas/avro.ts';
import type { AuditEntry, MlEvent } from '#schemas/generated/types.ts';
import {
  type AvroSerde,
  type Kafka,
  murmur2Partition,
  type Producer,
  type SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';

const EVENTS = 'ml.events';
const AUDIT = 'audit.trail';
/** What goes by itself: recorded in the audit trail where it changes a stage. */
const SYSTEM = 'tidemark';
/** Models are no portfolio's. */
const ALL = '*';

interface Place {
  readonly partition: number;
  readonly offset: number;
}

/**
 * Writes events to `ml.events` by model, in their order; then, for each change of stage and for whatever a person did, an entry of the audit trail
 * that says which record it is. What is there already, since somebody died before writing down that it was sent, is not written again. Resolves when Kafka
 * has all of them. One caller at a time: {@link ModelRegistry.flush}.
 */
export async function publishMlEvents(
  kafka: Kafka,
  registry: SchemaRegistry,
  events: readonly MlEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const serde = await topicSerde<MlEvent>(registry, EVENTS, AVRO[EVENTS]);
  const producer = await kafka.openProducer();
  try {
    const before = await placesOf(kafka, serde);
    for (const event of events) if (!before.has(event.eventId)) await send(producer, EVENTS, event.model, serde, event);
    await producer.flush();
    const audited = events.filter(({ by, toStage }) => by !== SYSTEM || toStage !== null);
    if (audited.length === 0) return;
    const places = await placesOf(kafka, serde);
    const audit = await topicSerde<AuditEntry>(registry, AUDIT, AVRO[AUDIT]);
    const known = await auditedPlaces(kafka, audit);
    for (const event of audited) {
      const place = places.get(event.eventId)!;
      if (!known.has(textOf(place))) await send(producer, AUDIT, ALL, audit, auditEntryOf(event, place));
    }
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

/** Where each event is first. Steps are few, so the topic is short. */
async function placesOf(kafka: Kafka, serde: AvroSerde<MlEvent>): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  await readAll(kafka, EVENTS, serde, ({ eventId }, place) => {
    if (!places.has(eventId)) places.set(eventId, place);
  });
  return places;
}

/** Records of `ml.events` that the audit trail has. */
async function auditedPlaces(kafka: Kafka, serde: AvroSerde<AuditEntry>): Promise<Set<string>> {
  const places = new Set<string>();
  await readAll(kafka, AUDIT, serde, ({ sourceTopic, sourcePartition: partition, sourceOffset: offset }) => {
    if (sourceTopic === EVENTS) places.add(textOf({ partition, offset }));
  });
  return places;
}

const textOf = ({ partition, offset }: Place) => `${partition}/${offset}`;

async function readAll<V>(
  kafka: Kafka,
  topic: typeof EVENTS | typeof AUDIT,
  serde: AvroSerde<V>,
  visit: (value: V, place: Place) => void,
): Promise<void> {
  const ends = await kafka.offsets(topic, 'latest-stable');
  // What concerns all portfolios has one key.
  const partitions = topic === AUDIT ? [murmur2Partition(ALL, ends.length)] : [...ends.keys()];
  const reader = await kafka.openReader({ topics: [{ topic, partitions, from: 'earliest' }] });
  try {
    while (partitions.some((partition) => reader.position(topic, partition) < ends[partition]!))
      for (const { partition, records } of await reader.poll())
        for (const { value, offset } of records) {
          // Of others may be what cannot be decoded.
          const decoded = value && (await serde.decodeAsync(value).catch(() => null));
          if (decoded) visit(decoded, { partition, offset });
        }
  } finally {
    await reader.close();
  }
}

const afterOf = ({ toStage, by, reason }: MlEvent) =>
  JSON.stringify(toStage === null ? { by, reason } : { stage: toStage, by, reason });

const auditEntryOf = (event: MlEvent, { partition, offset }: Place): AuditEntry => ({
  eventTime: event.eventTime,
  portfolio: ALL,
  instrument: null,
  subject: 'MODEL',
  subjectId: event.version === null ? event.model : `${event.model}/${event.version}`,
  action: event.type,
  before: event.fromStage === null ? null : JSON.stringify({ stage: event.fromStage }),
  after: afterOf(event),
  effect: null,
  sourceTopic: EVENTS,
  sourceEventTime: event.eventTime,
  sourcePartition: partition,
  sourceOffset: offset,
});
