import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka } from '#streams/kafka/index.ts';
import { type Services, startServices, until } from './harness.ts';

const DAY_MS = 86_400_000;
const JANUARY_1990_MS = Date.UTC(1990, 0, 2);

describe('retention', () => {
  let services: Services;
  let kafka: Kafka;
  beforeAll(async () => {
    // A retention pass every half second, instead of every five minutes.
    services = await startServices(
      { kafka: true },
      {
        TIDEMARK_KAFKA_PROPERTIES:
          'log.retention.check.interval.ms=500,log.initial.task.delay.ms=500,log.segment.delete.delay.ms=0',
      },
    );
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'retention' });
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
  });

  it('keeps records of 1990 in topics of ours, while a topic with the defaults of Kafka loses them', async () => {
    const week = String(7 * DAY_MS);
    const defaults = { 'retention.ms': week, 'segment.ms': week };
    await kafka.createTopics([
      { name: 'kept', partitions: 1, config: topicConfig('delete') },
      { name: 'kept-compacted', partitions: 1, config: topicConfig('compact') },
      { name: 'lost', partitions: 1, config: defaults },
    ]);
    const producer = await kafka.openProducer();
    for (let day = 0; day < 300; day++) {
      for (const topic of ['kept', 'kept-compacted', 'lost']) {
        await producer.send({
          topic,
          key: `day-${day}`,
          value: Buffer.from('close'),
          timestampMs: JANUARY_1990_MS + day * DAY_MS,
        });
        // Segments roll between batches, so each day has to be one.
        if (topic === 'lost' && day % 50 === 0) await producer.flush();
      }
    }
    await producer.close();
    await until(
      'a retention pass to delete what Kafka by default does not keep',
      async () => (await kafka.offsets('lost', 'earliest'))[0]! >= 300,
      60_000,
    );
    for (const topic of ['kept', 'kept-compacted']) {
      expect(await kafka.offsets(topic, 'earliest')).toEqual([0]);
      const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
      let count = 0;
      while (reader.position(topic, 0) < 300) for (const { records } of await reader.poll()) count += records.length;
      await reader.close();
      expect(count).toBe(300);
    }
  });
});
