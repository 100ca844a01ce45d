import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Compression, compressionAttribute } from '#streams/kafka/codec/compression.ts';
import { type Kafka, openKafka, type ProducerRecord } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { expected, PARTITIONS, type RawBatch, rawBatches, readAll, type Seen, variety } from './codec-records.ts';
import { type Services, startServices, until } from './harness.ts';
import { JavaPeer } from './java-peer.ts';

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const LIMIT_MS = 60_000;
const compressionBits = 7;
/** Of a batch that compaction took some records out of, and not all. */
const hasGaps = ({ baseOffset, lastOffset, records }: RawBatch) => records > 0 && records <= lastOffset - baseOffset;

describe("the record-batch codec beside Kafka's Java client", () => {
  let services: Services;
  let kafka: Kafka;
  let java: JavaPeer;

  beforeAll(async () => {
    services = await startServices({ kafka: true }, { TIDEMARK_KAFKA_PROPERTIES: 'log.cleaner.backoff.ms=200' });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'codec-test' });
    java = new JavaPeer(services);
  }, 120_000);
  afterAll(async () => {
    await java?.stop();
    await kafka?.close();
    await services?.stop();
  });

  const create = (name: string, config: Record<string, string> = {}) =>
    kafka.createTopics([{ name, partitions: PARTITIONS, config: { ...topicConfig('delete'), ...config } }]);
  async function write(records: readonly ProducerRecord[], compression: Compression): Promise<void> {
    const producer = await kafka.openProducer({ compression });
    for (const record of records) await producer.send(record);
    await producer.close();
  }
  async function expectCompressed(topic: string, compression: Compression): Promise<void> {
    const used = (await rawBatches(kafka, topic)).map(({ attributes }) => attributes & compressionBits);
    expect(new Set(used)).toEqual(new Set([compressionAttribute(compression)]));
  }

  it.each(COMPRESSIONS)('is read by Java when it writes %s', async (compression) => {
    const topic = `ours-${compression}`;
    await create(topic);
    const records = variety(topic, 2_000);
    await write(records, compression);
    await expectCompressed(topic, compression);
    expect(await java.readAll(topic)).toEqual(expected(records));
  });

  it.each(COMPRESSIONS)('reads what Java writes with %s, also when fetches are cut off', async (compression) => {
    const topic = `theirs-${compression}`;
    await create(topic);
    const records = variety(topic, 2_000);
    await java.open(topic, compression);
    for (let from = 0; from < records.length; ) {
      // Batches of all sizes.
      const to = from + 1 + Math.floor(from / 3);
      java.send(topic, records.slice(from, to));
      await java.tell(topic, 'flush');
      from = to;
    }
    await java.tell(topic, 'close');
    await expectCompressed(topic, compression);
    const wanted = expected(records);
    expect(await readAll(kafka, topic)).toEqual(wanted);
    expect(await readAll(kafka, topic, { maxBytes: 500 })).toEqual(wanted);
    expect(await java.readAll(topic)).toEqual(wanted);
  });

  it('reads records of 900 kB in every compression, both ways', async () => {
    await create('big');
    const records = COMPRESSIONS.flatMap((_, n) =>
      [randomBytes(900_000), Buffer.alloc(900_000, `tick ${n} `)].map(
        (value): ProducerRecord => ({ topic: 'big', partition: 0, key: null, value, timestampMs: 1_000 + n }),
      ),
    );
    for (const [n, compression] of COMPRESSIONS.entries()) {
      await write(records.slice(2 * n, 2 * n + 1), compression);
      await java.open(`big-${compression}`, compression);
      java.send(`big-${compression}`, records.slice(2 * n + 1, 2 * n + 2));
      await java.tell(`big-${compression}`, 'close');
    }
    const wanted = expected(records);
    expect(await readAll(kafka, 'big')).toEqual(wanted);
    expect(await java.readAll('big')).toEqual(wanted);
  });

  it('reads as Java does where two transactions lie between each other, committed and aborted, compressed or not', async () => {
    const topic = 'transactions';
    await create(topic);
    const writers = COMPRESSIONS.map((compression) => ({ compression, name: `tx-${compression}` }));
    for (const { compression, name } of writers) await java.open(name, compression, name);
    const committed: string[] = [];
    for (let round = 0; round < 4; round++) {
      for (const { name } of writers) await java.tell(name, 'begin');
      for (let part = 0; part < 3; part++) {
        for (const [index, { name }] of writers.entries()) {
          const text = `${round}-${part}-${name}`;
          const value = Buffer.from(text);
          java.send(name, [{ topic, partition: part % PARTITIONS, key: null, value, timestampMs: 1_000 + part }]);
          await java.tell(name, 'flush');
          if ((round + index) % 2 === 0) committed.push(text);
        }
      }
      for (const [index, { name }] of writers.entries())
        await java.tell(name, (round + index) % 2 === 0 ? 'commit' : 'abort');
    }
    for (const { name } of writers) await java.tell(name, 'close');
    const ours = await readAll(kafka, topic);
    const text = (records: readonly Seen[]) => records.map(({ value }) => Buffer.from(value!, 'hex').toString());
    expect(text(ours).sort()).toEqual(committed.sort());
    expect(ours).toEqual(await java.readAll(topic));
    const everything = await readAll(kafka, topic, { isolation: 'read_uncommitted' });
    expect(everything).toHaveLength(60);
    expect(everything).toEqual(await java.readAll(topic, 'read_uncommitted'));
    expect(await readAll(kafka, topic, { maxBytes: 100 })).toEqual(ours);
  });

  it('writes transactions that Java reads as they ended', async () => {
    const topic = 'our-transactions';
    await create(topic);
    const transactionalId = 'codec-test';
    const producer = new TransactionalProducer({
      cluster: kafka.cluster,
      transactionalId,
      transactionTimeoutMs: 10_000,
    });
    await producer.start();
    const membership = { groupId: '', memberId: '', generationId: -1, instanceId: null };
    const records = variety(topic, 900);
    const append = (from: number, to: number) => {
      for (const { partition, key, value, timestampMs, headers } of records.slice(from, to)) {
        const name = key === null ? null : Buffer.from(key);
        const target = producer.target(topic, partition!);
        producer.append(target, name, 0, name?.length ?? 0, value, 0, value?.length ?? 0, timestampMs, headers);
      }
    };
    append(0, 500);
    await producer.commit([], membership);
    const latest = async () => (await kafka.offsets(topic, 'latest'))[0]!;
    const stable = async () => (await kafka.offsets(topic, 'latest-stable'))[0]!;
    // The markers of a transaction are written after its commit is answered.
    await until('the first transaction to end', async () => (await stable()) === (await latest()), LIMIT_MS);
    // More than one batch holds, so that some of it is written before the abort.
    append(500, 600);
    const filler = Buffer.alloc(600_000);
    producer.append(producer.target(topic, 0), null, 0, 0, filler, 0, filler.length, 1);
    producer.pump();
    await until('records of an open transaction', async () => (await latest()) > (await stable()), LIMIT_MS);
    await producer.abort();
    append(600, 900);
    await producer.commit([], membership);
    await producer.close();
    const wanted = expected([...records.slice(0, 500), ...records.slice(600)]).map(({ offset: _, ...rest }) => rest);
    const theirs = await java.readAll(topic);
    expect(theirs.map(({ offset: _, ...rest }) => rest)).toEqual(wanted);
    expect(await readAll(kafka, topic)).toEqual(theirs);
    expect((await java.readAll(topic, 'read_uncommitted')).length).toBeGreaterThan(wanted.length);
  });

  it('reads the time of appending as Java does, where the broker sets it', async () => {
    await create('append-time', { 'message.timestamp.type': 'LogAppendTime' });
    const records = variety('append-time', 500);
    await java.open('append-time', 'lz4');
    java.send('append-time', records.slice(0, 250));
    await java.tell('append-time', 'close');
    await write(records.slice(250), 'zstd');
    const ours = await readAll(kafka, 'append-time');
    expect(ours).toHaveLength(500);
    expect(Math.min(...ours.map(({ timestampMs }) => timestampMs))).toBeGreaterThan(Date.now() - 600_000);
    expect(ours).toEqual(await java.readAll('append-time'));
  });

  it.each(COMPRESSIONS)('reads what compaction leaves of batches as Java does: %s', async (compression) => {
    const topic = `compacted-${compression}`;
    await create(topic, {
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'min.cleanable.dirty.ratio': '0.001',
      'max.compaction.lag.ms': '1',
      'delete.retention.ms': '0',
    });
    // Ten keys a batch, of which every later batch replaces the half; transactions, so that markers are compacted too.
    await java.open(topic, compression, topic);
    const timestampMs = Date.now();
    const round = (n: number): ProducerRecord[] =>
      Array.from({ length: 10 }, (_, index) => {
        const key = index % 2 === 0 ? `same-${index}` : `only-${index}-${n}`;
        const value = index === 8 && n % 2 === 0 ? null : randomBytes(20_000);
        return { topic, partition: 0, key, value, timestampMs };
      });
    for (let n = 0; n < 20; n++) {
      await java.tell(topic, 'begin');
      java.send(topic, round(n));
      await java.tell(topic, n % 5 === 4 ? 'abort' : 'commit');
    }
    await java.tell(topic, 'close');
    let ours: Seen[] = [];
    let cutOff: Seen[] = [];
    let theirs: Seen[] = [];
    // The cleaner goes on meanwhile: what counts is a comparison during which it changed nothing.
    const isCompared = async () => {
      const before = await rawBatches(kafka, topic);
      if (!before.some(hasGaps)) return false;
      ours = await readAll(kafka, topic);
      cutOff = await readAll(kafka, topic, { maxBytes: 1_000 });
      theirs = await java.readAll(topic);
      return isDeepStrictEqual(before, await rawBatches(kafka, topic));
    };
    await until(`a comparison of ${topic}`, isCompared, LIMIT_MS);
    expect(ours).toEqual(theirs);
    expect(cutOff).toEqual(theirs);
    for (const n of [0, 19]) expect(ours.some(({ key }) => key === `only-1-${n}`)).toBe(n % 5 !== 4);
  });
});
