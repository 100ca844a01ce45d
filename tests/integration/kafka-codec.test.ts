import { randomBytes } from 'node:crypto';
import { CompressionCodecs, CompressionTypes, type IHeaders, Kafka as KafkaJs, logLevel } from 'kafkajs';
import rdkafka, { type KafkaConsumer } from 'node-rdkafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Compression, compress, compressionAttribute, decompress } from '#streams/kafka/codec/compression.ts';
import { type Kafka, openKafka, type ProducerRecord } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { byPlace, expected, PARTITIONS, readAll as readTopic, type Seen, variety } from './codec-records.ts';
import { type Services, startServices, until } from './harness.ts';

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** librdkafka reads and writes zstd only where its headers were installed when it was compiled. */
const RDKAFKA_COMPRESSIONS = COMPRESSIONS.filter(
  (compression) => compression === 'none' || rdkafka.features.includes(compression),
);
// kafkajs leaves these to others. Its batches are its own; whether they are packed right, Java and librdkafka say.
for (const [type, name] of [
  [CompressionTypes.Snappy, 'snappy'],
  [CompressionTypes.LZ4, 'lz4'],
  [CompressionTypes.ZSTD, 'zstd'],
] as const) {
  CompressionCodecs[type] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => compress(name, buffer),
    decompress: async (buffer: Buffer) => decompress(compressionAttribute(name), buffer),
  });
}
const LIMIT_MS = 60_000;

/** What node-rdkafka shows of a header without a value: an empty one. */
const withoutNullHeaders = (record: Seen): Seen => ({
  ...record,
  headers: record.headers.map(([name, value]) => [name, value ?? ''] as const),
});
describe('the record-batch codec beside librdkafka and kafkajs', () => {
  let services: Services;
  let kafka: Kafka;
  let brokers: string;

  beforeAll(async () => {
    services = await startServices({ kafka: true }, { TIDEMARK_KAFKA_PROPERTIES: 'log.cleaner.backoff.ms=200' });
    brokers = services.kafkaBrokers.join(',');
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'codec-test' });
  }, 120_000);
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
  });

  const create = (name: string, config: Record<string, string> = {}) =>
    kafka.createTopics([{ name, partitions: PARTITIONS, config: { ...topicConfig('delete'), ...config } }]);
  const kafkaJs = () =>
    new KafkaJs({ clientId: 'js', brokers: [...services.kafkaBrokers], logLevel: logLevel.NOTHING });

  const readAll = (topic: string, options: Parameters<typeof readTopic>[2] = {}) => readTopic(kafka, topic, options);

  /** Reads `count` records with librdkafka, checksums on. */
  async function readRdkafka(topic: string, count: number, isolation = 'read_committed'): Promise<Seen[]> {
    const consumer: KafkaConsumer = new rdkafka.KafkaConsumer(
      {
        'metadata.broker.list': brokers,
        'group.id': `rd-${topic}-${isolation}`,
        'check.crcs': true,
        'enable.auto.commit': false,
        'isolation.level': isolation as 'read_committed',
      },
      {},
    );
    await new Promise((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve(null))));
    consumer.assign(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 })));
    consumer.setDefaultConsumeTimeout(200);
    const found: Seen[] = [];
    await until(
      `${count} records of ${topic} in librdkafka`,
      async () => {
        const messages = await new Promise<rdkafka.Message[]>((resolve, reject) =>
          consumer.consume(1_000, (error, some) => (error ? reject(error) : resolve(some))),
        );
        for (const { partition, offset, timestamp, key, value, headers } of messages) {
          found.push({
            partition,
            offset,
            timestampMs: timestamp!,
            key: key?.toString() ?? null,
            value: value?.toString('hex') ?? null,
            headers: (headers ?? []).flatMap((header) =>
              Object.entries(header).map(([name, content]) => [name, headerHex(content)] as const),
            ),
          });
        }
        return found.length >= count;
      },
      LIMIT_MS,
    );
    await new Promise((resolve) => consumer.disconnect(resolve));
    return found.sort(byPlace);
  }

  /** Reads `count` records with kafkajs. */
  async function readKafkaJs(topic: string, count: number): Promise<Seen[]> {
    const consumer = kafkaJs().consumer({ groupId: `js-${topic}` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const found: Seen[] = [];
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, timestamp, key, value, headers } of batch.messages) {
          found.push({
            partition: batch.partition,
            offset: Number(offset),
            timestampMs: Number(timestamp),
            key: key?.toString() ?? null,
            value: value?.toString('hex') ?? null,
            headers: Object.entries(headers ?? {}).map(([name, content]) => [name, headerHex(content)] as const),
          });
        }
      },
    });
    await until(`${count} records of ${topic} in kafkajs`, () => found.length >= count, LIMIT_MS);
    await consumer.disconnect();
    return found.sort(byPlace);
  }

  const write = async (records: readonly ProducerRecord[], compression: Compression) => {
    const producer = await kafka.openProducer({ compression });
    for (const record of records) await producer.send(record);
    await producer.close();
  };

  it.each(COMPRESSIONS)(
    'is read by kafkajs, and by librdkafka where it can, when it writes %s',
    async (compression) => {
      const topic = `ours-${compression}`;
      await create(topic);
      const records = variety(topic, 2_000);
      await write(records, compression);
      const wanted = expected(records);
      expect(await readAll(topic)).toEqual(wanted);
      expect(await readKafkaJs(topic, wanted.length)).toEqual(wanted);
      if (RDKAFKA_COMPRESSIONS.includes(compression))
        expect(await readRdkafka(topic, wanted.length)).toEqual(wanted.map(withoutNullHeaders));
    },
  );

  it.each(COMPRESSIONS)('is unpacked by Java when it writes %s', async (compression) => {
    const topic = `unpacked-${compression}`;
    // The broker itself rewrites what comes in.
    await create(topic, { 'compression.type': 'uncompressed' });
    const records = variety(topic, 2_000);
    await write(records, compression);
    expect(await readAll(topic)).toEqual(expected(records));
    expect(await readRdkafka(topic, records.length)).toEqual(expected(records).map(withoutNullHeaders));
  });

  it.each(COMPRESSIONS.slice(1))('reads what Java packs with %s', async (compression) => {
    const topic = `packed-${compression}`;
    await create(topic, { 'compression.type': compression });
    const records = variety(topic, 2_000);
    await write(records, 'none');
    expect(await readAll(topic)).toEqual(expected(records));
  });

  it.each(RDKAFKA_COMPRESSIONS)('reads what librdkafka writes with %s', async (compression) => {
    const topic = `theirs-${compression}`;
    await create(topic);
    const records = variety(topic, 2_000).filter(({ headers }) => headers!.every(({ value }) => value !== null));
    const producer = new rdkafka.Producer({
      'metadata.broker.list': brokers,
      'compression.codec': compression,
      'linger.ms': 50,
    });
    await new Promise((resolve, reject) => producer.connect({}, (error) => (error ? reject(error) : resolve(null))));
    for (const { partition, value, key, timestampMs, headers } of records) {
      const given = headers!.map((header) => ({ [header.key]: header.value! }));
      producer.produce(topic, partition!, value, key, timestampMs, undefined, given);
    }
    await new Promise((resolve, reject) =>
      producer.flush(LIMIT_MS, (error) => (error ? reject(error) : resolve(null))),
    );
    await new Promise((resolve) => producer.disconnect(resolve));
    expect(await readAll(topic)).toEqual(expected(records));
  });

  it.each(COMPRESSIONS)('reads what kafkajs writes with %s', async (name) => {
    const topic = `theirs-js-${name}`;
    await create(topic);
    const records = variety(topic, 2_000).filter(({ headers }) => headers!.every(({ value }) => value !== null));
    const producer = kafkaJs().producer();
    await producer.connect();
    await producer.send({
      topic,
      compression: compressionAttribute(name),
      messages: records.map(({ partition, key, value, timestampMs, headers }) => ({
        key,
        value,
        partition: partition!,
        timestamp: String(timestampMs),
        headers: Object.fromEntries(headers!.map((header) => [header.key, header.value])) as IHeaders,
      })),
    });
    await producer.disconnect();
    expect(await readAll(topic)).toEqual(expected(records));
  });

  it('reads committed transactions only, whoever wrote them, and counts positions over the others', async () => {
    const topic = 'transactions';
    await create(topic);
    const first = kafkaJs().producer({ transactionalId: 'first', maxInFlightRequests: 1, idempotent: true });
    const second = kafkaJs().producer({ transactionalId: 'second', maxInFlightRequests: 1, idempotent: true });
    await Promise.all([first.connect(), second.connect()]);
    const committed: string[] = [];
    for (let round = 0; round < 6; round++) {
      const transactions = await Promise.all([first.transaction(), second.transaction()]);
      // Their batches lie between each other's, and an abort ends among them.
      for (let part = 0; part < 3; part++) {
        for (const [index, transaction] of transactions.entries()) {
          const value = `${index}-${round}-${part}`;
          await transaction.send({ topic, messages: [{ value, partition: part % PARTITIONS }] });
          if ((round + index) % 2 === 0) committed.push(value);
        }
      }
      for (const [index, transaction] of transactions.entries())
        await ((round + index) % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    await Promise.all([first.disconnect(), second.disconnect()]);
    const text = (records: readonly Seen[]) => records.map(({ value }) => Buffer.from(value!, 'hex').toString()).sort();
    const ours = await readAll(topic);
    expect(text(ours)).toEqual(committed.sort());
    expect(ours).toEqual(await readRdkafka(topic, committed.length));
    const everything = await readAll(topic, { isolation: 'read_uncommitted' });
    expect(everything).toHaveLength(36);
    expect(everything).toEqual(await readRdkafka(topic, 36, 'read_uncommitted'));
    // From every offset on: aborted transactions that began before it are still left out.
    for (let from = 0; from < (await kafka.offsets(topic, 'latest'))[0]!; from++) {
      const reader = await kafka.openReader({ topics: [{ topic, partitions: [0], from: [from] }] });
      const [fetched] = await reader.poll();
      await reader.close();
      const offsets = (fetched?.records ?? []).map(({ offset }) => offset);
      const wanted = ours.filter(({ partition, offset }) => partition === 0 && offset >= from);
      expect(offsets).toEqual(wanted.map(({ offset }) => offset));
    }
  });

  it('writes transactions that librdkafka reads as they ended', async () => {
    const topic = 'our-transactions';
    await create(topic);
    const producer = new TransactionalProducer({
      cluster: kafka.cluster,
      transactionalId: 'codec-test',
      transactionTimeoutMs: 10_000,
    });
    await producer.start();
    const append = (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const value = Buffer.from(`${n}`);
        producer.append(producer.target(topic, n % PARTITIONS), null, 0, 0, value, 0, value.length, 1_000 + n);
      }
    };
    const membership = { groupId: 'nobody', memberId: '', generationId: -1, instanceId: null };
    append(0, 500);
    await producer.commit([], membership);
    append(500, 600);
    producer.pump();
    await producer.abort();
    append(600, 900);
    await producer.commit([], membership);
    await producer.close();
    const found = await readRdkafka(topic, 800);
    const numbers = found.map(({ value }) => Number(Buffer.from(value!, 'hex'))).sort((a, b) => a - b);
    expect(numbers).toEqual([...Array(500).keys(), ...Array.from({ length: 300 }, (_, n) => 600 + n)]);
    expect(await readAll(topic)).toEqual(found);
  });

  it('reads on when fetches are cut off, and no partition starves another', async () => {
    const topic = 'cut-off';
    await create(topic);
    const records = variety(topic, 600);
    const producer = await kafka.openProducer();
    for (const record of records) {
      await producer.send(record);
      // Many small batches of different sizes.
      if (record.partition === 1) await producer.flush();
    }
    await producer.close();
    expect(await readAll(topic, { maxBytes: 150 })).toEqual(expected(records));
  });

  it('reads compacted partitions past their gaps', async () => {
    const topic = 'compacted';
    await create(topic, {
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'min.cleanable.dirty.ratio': '0.001',
      'max.compaction.lag.ms': '1',
    });
    const producer = await kafka.openProducer();
    const send = (n: number, value: Buffer | null) =>
      producer.send({ topic, partition: 0, key: `k${n % 10}`, value, timestampMs: Date.now() });
    for (let n = 0; n < 100; n++) {
      await send(n, randomBytes(50_000));
      await producer.flush();
    }
    await until('compaction', async () => (await readAll(topic)).length < 60, LIMIT_MS);
    await producer.close();
    const found = await readAll(topic);
    expect(found.at(-1)!.offset).toBe(99);
    expect(new Set(found.map(({ key }) => key)).size).toBe(10);
  });
});

const headerHex = (content: unknown): string | null =>
  content === null || content === undefined ? null : Buffer.from(content as Buffer).toString('hex');
