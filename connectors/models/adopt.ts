/** What is done for models when Tidemark starts. */
import type { ModelRegistry } from '#ml/model/registry.ts';
import type { Kafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { publishMlEvents } from './publish.ts';

/** How much of a topic's end is looked at. */
const STRIDE = 500;

/** Models that come with Tidemark become champions where there is none, and what nobody was told yet is told. Safe to repeat. */
export async function adoptModels(models: ModelRegistry, kafka: Kafka, registry: SchemaRegistry): Promise<void> {
  await models.adoptShipped(await newestEventTime(kafka));
  await models.flush((events) => publishMlEvents(kafka, registry, events));
}

/** Event time that portfolios have reached, microseconds; null: there is no record yet. */
async function newestEventTime(kafka: Kafka): Promise<number | null> {
  const topic = 'portfolio.pnl';
  const earliest = await kafka.offsets(topic, 'earliest');
  const ends = await kafka.offsets(topic, 'latest-stable');
  const from = ends.map((end, partition) => Math.max(earliest[partition]!, end - STRIDE));
  const reader = await kafka.openReader({ topics: [{ topic, from }] });
  let newestMs = -1;
  try {
    while (ends.some((end, partition) => reader.position(topic, partition) < end))
      for (const { records } of await reader.poll())
        for (const { timestampMs } of records) newestMs = Math.max(newestMs, timestampMs);
  } finally {
    await reader.close();
  }
  return newestMs < 0 ? null : newestMs * 1000;
}
