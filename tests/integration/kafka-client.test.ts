import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_MESSAGE_BYTES, topicConfig } from '#schemas/topics.ts';
import { type Kafka, murmur2Partition, openKafka } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { rawBatches } from './codec-records.ts';
import { type Services, startServices, until } from './harness.ts';

const LIMIT_MS = 60_000;

describe('the Kafka client', () => {
  let services: Services;
  let kafka: Kafka;
  beforeAll(async () => {
    services = await startServices({ kafka: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'client-test' });
  }, 120_000);
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
  });

  const create = (name: string, partitions = 1, config: Record<string, string> = {}) =>
    kafka.createTopics([{ name, partitions, config: { ...topicConfig('delete'), ...config } }]);
  async function keysOf(topic: string): Promise<string[][]> {
    const ends = await kafka.offsets(topic, 'latest');
    const keys: string[][] = ends.map(() => []);
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    await until(
      `the end of ${topic}`,
      async () => {
        for (const { partition, records } of await reader.poll())
          for (const { key } of records) keys[partition]!.push(key?.toString() ?? 'null');
        return ends.every((end, partition) => reader.position(topic, partition) >= end);
      },
      LIMIT_MS,
    );
    await reader.close();
    return keys;
  }

  describe('administration', () => {
    it('creates what is missing, leaves what is there, and says what it did', async () => {
      expect(await create('made', 3)).toEqual(['made']);
      expect(
        await kafka.createTopics([
          { name: 'made', partitions: 9, config: {} },
          { name: 'made-too', partitions: 2, config: { 'cleanup.policy': 'compact' } },
        ]),
      ).toEqual(['made-too']);
      expect(await kafka.partitions('made')).toBe(3);
      expect(await kafka.listTopics()).toEqual(expect.arrayContaining(['made', 'made-too']));
      await kafka.deleteTopics(['made-too', 'never-made']);
      await until('its end', async () => !(await kafka.listTopics()).includes('made-too'), LIMIT_MS);
      await expect(kafka.partitions('made-too')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN', retriable: false });
    });

    it('says why Kafka refuses', async () => {
      const refused = kafka.createTopics([{ name: 'wrong', partitions: 1, config: { 'retention.ms': 'soon' } }]);
      await expect(refused).rejects.toMatchObject({
        code: 'TOPIC_REFUSED',
        retriable: false,
        message: expect.stringMatching(/create topic wrong: .*retention\.ms/),
      });
    });

    it('keeps offsets of a group without members, and forgets them with the group', async () => {
      await create('offsets', 3);
      expect(await kafka.committedOffsets('watcher', 'offsets')).toEqual([-1, -1, -1]);
      await kafka.commitOffsets('watcher', 'offsets', [7, -1, 0]);
      expect(await kafka.committedOffsets('watcher', 'offsets', { requireStable: true })).toEqual([7, -1, 0]);
      await kafka.deleteGroup('watcher');
      expect(await kafka.committedOffsets('watcher', 'offsets')).toEqual([-1, -1, -1]);
      await kafka.deleteGroup('watcher');
    });

    it('tells the end of the log from the end of what is committed', async () => {
      await create('stable');
      const producer = new TransactionalProducer({
        cluster: kafka.cluster,
        transactionalId: 'stable',
        transactionTimeoutMs: 10_000,
      });
      await producer.start();
      for (let n = 0; n < 3; n++) {
        producer.append(producer.target('stable', 0), null, 0, 0, Buffer.alloc(600_000), 0, 600_000, n);
      }
      producer.pump();
      await until('the open records', async () => (await kafka.offsets('stable', 'latest'))[0] === 3, LIMIT_MS);
      expect(await kafka.offsets('stable', 'latest-stable')).toEqual([0]);
      await producer.abort();
      await until('the abort', async () => (await kafka.offsets('stable', 'latest-stable'))[0] === 4, LIMIT_MS);
      expect(await keysOf('stable')).toEqual([[]]);
      await producer.close();
    });
  });

  describe('a producer', () => {
    it('puts records where Java would, and where it is told', async () => {
      await create('routed', 4);
      const producer = await kafka.openProducer();
      const send = (key: string | null, where: { partition?: number; partitionKey?: string } = {}) =>
        producer.send({ topic: 'routed', key, value: null, timestampMs: 1, ...where });
      for (let n = 0; n < 20; n++) await send(`key-${n}`);
      await send('alpha/AAPL', { partitionKey: 'alpha' });
      await send('told', { partition: 2 });
      await send(null);
      await producer.close();
      const wanted: string[][] = [[], [], [], []];
      for (let n = 0; n < 20; n++) wanted[murmur2Partition(`key-${n}`, 4)]!.push(`key-${n}`);
      wanted[murmur2Partition('alpha', 4)]!.push('alpha/AAPL');
      wanted[2]!.push('told');
      wanted[0]!.push('null');
      expect(await keysOf('routed')).toEqual(wanted);
    });

    it('refuses what the broker would, before it is queued, and goes on', async () => {
      await create('large');
      const producer = await kafka.openProducer();
      const send = (bytes: number, timestampMs = 1) =>
        producer.send({ topic: 'large', key: 'whale', value: Buffer.alloc(bytes), timestampMs });
      await send(1);
      expect(() => send(MAX_MESSAGE_BYTES)).toThrow(
        expect.objectContaining({
          code: 'RECORD_TOO_LARGE',
          message: expect.stringMatching(/large with key "whale" has 104\d+ bytes/),
        }),
      );
      expect(() => send(1, Number.NaN)).toThrow(expect.objectContaining({ code: 'TIMESTAMP_INVALID' }));
      // The largest that is taken is one that the broker takes.
      await send(MAX_MESSAGE_BYTES - 105);
      await send(1);
      await producer.close();
      expect(await keysOf('large')).toEqual([['whale', 'whale', 'whale']]);
      expect(() => send(1)).toThrow(expect.objectContaining({ code: 'PRODUCER_CLOSED' }));
      const unknown = await kafka.openProducer();
      const lost = unknown.send({ topic: 'not-there', key: null, value: null, timestampMs: 1 });
      await expect(lost).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
      await unknown.close();
    });

    it('names the topic and the reason when the broker refuses, and takes nothing more', async () => {
      await create('early', 1, { 'message.timestamp.after.max.ms': '3600000' });
      const producer = await kafka.openProducer();
      const send = () => producer.send({ topic: 'early', key: null, value: null, timestampMs: Date.UTC(3000, 0, 1) });
      await send();
      const failure = {
        code: 'PRODUCE_FAILED',
        retriable: false,
        message: expect.stringMatching(/early\/0 .*INVALID_TIMESTAMP \(32\)/),
      };
      await expect(producer.flush()).rejects.toMatchObject(failure);
      expect(send).toThrow(expect.objectContaining(failure));
      await producer.close();
    });

    it('holds its callers back when they are faster than the broker, and keeps the order', async () => {
      await create('pressed', 2);
      const producer = await kafka.openProducer();
      const value = Buffer.alloc(10_000);
      await producer.send({ topic: 'pressed', key: 'k-0', value, timestampMs: 0, partition: 0 });
      let held = 0;
      for (let n = 1; n < 8_000; n++) {
        const sent = producer.send({ topic: 'pressed', key: `k-${n}`, value, timestampMs: n, partition: n % 2 });
        if (!sent) continue;
        held++;
        await sent;
      }
      await producer.close();
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThan(100);
      const keys = await keysOf('pressed');
      expect(keys[0]).toEqual(Array.from({ length: 4_000 }, (_, n) => `k-${2 * n}`));
      expect(keys[1]).toEqual(Array.from({ length: 4_000 }, (_, n) => `k-${2 * n + 1}`));
    });

    it('keeps batches large however often it is flushed', async () => {
      await create('flushed');
      const producer = await kafka.openProducer();
      for (let n = 0; n < 20_000; n++) {
        const full = producer.send({ topic: 'flushed', key: null, value: null, timestampMs: n });
        if (full) await full;
        if (n % 10 === 9) void producer.flush();
      }
      await producer.close();
      const batches = await rawBatches(kafka, 'flushed');
      expect(batches.reduce((sum, { records }) => sum + records, 0)).toBe(20_000);
      expect(batches.length).toBeLessThan(200);
    });

    it('flushes what was sent to a topic that it only hears of', async () => {
      await create('new-here');
      const producer = await kafka.openProducer();
      for (const key of ['a', 'b', 'c']) void producer.send({ topic: 'new-here', key, value: null, timestampMs: 1 });
      await producer.flush();
      expect(await keysOf('new-here')).toEqual([['a', 'b', 'c']]);
      await producer.close();
    });
  });

  describe('a reader', () => {
    it('holds a partition back without losing what was fetched of it', async () => {
      await create('paused', 2);
      const producer = await kafka.openProducer();
      const send = (partition: number, key: string) =>
        producer.send({ topic: 'paused', partition, key, value: null, timestampMs: 1 });
      const keys: string[][] = [[], []];
      const reader = await kafka.openReader({ topics: [{ topic: 'paused', from: 'earliest' }] });
      const poll = async () => {
        for (const { partition, records } of await reader.poll())
          for (const { key } of records) keys[partition]!.push(key!.toString());
      };
      await poll();
      reader.pause('paused', 0);
      for (let n = 0; n < 10; n++) await send(n % 2, `k-${n}`);
      await producer.flush();
      const read = (partition: number, count: number) =>
        until(
          `${count} records of partition ${partition}`,
          async () => {
            await poll();
            return keys[partition]!.length >= count;
          },
          LIMIT_MS,
        );
      await read(1, 5);
      expect(keys[0]).toEqual([]);
      reader.pause('paused', 1);
      const startedMs = performance.now();
      expect(await reader.poll()).toEqual([]);
      expect(performance.now() - startedMs).toBeGreaterThan(40);
      expect([reader.position('paused', 0), reader.position('paused', 1)]).toEqual([0, 5]);
      reader.resume('paused', 0);
      await read(0, 5);
      reader.seek('paused', 0, 3);
      await read(0, 7);
      expect(keys).toEqual([
        ['k-0', 'k-2', 'k-4', 'k-6', 'k-8', 'k-6', 'k-8'],
        ['k-1', 'k-3', 'k-5', 'k-7', 'k-9'],
      ]);
      await reader.close();
      await producer.close();
    });

    it('begins at the end when asked to, and sees what comes then', async () => {
      await create('tail');
      const producer = await kafka.openProducer();
      const send = (key: string) => producer.send({ topic: 'tail', key, value: null, timestampMs: 1 });
      await send('before');
      await producer.flush();
      const reader = await kafka.openReader({ topics: [{ topic: 'tail', from: 'latest' }], maxWaitMs: 10_000 });
      const polled = reader.poll();
      await send('after');
      const [fetched] = await polled;
      expect(fetched).toMatchObject({ nextOffset: 2, endOffset: 2, records: [{ offset: 1, headers: [] }] });
      expect(await reader.poll(AbortSignal.abort())).toEqual([]);
      await Promise.all([reader.close(), producer.close()]);
      expect(await reader.poll()).toEqual([]);
    });

    it('reads a topic that was made anew only from where it is told to', async () => {
      await create('anew');
      const producer = await kafka.openProducer();
      for (let n = 0; n < 5; n++) await producer.send({ topic: 'anew', key: `old-${n}`, value: null, timestampMs: 1 });
      await producer.close();
      const reader = await kafka.openReader({ topics: [{ topic: 'anew', from: 'latest' }] });
      await kafka.deleteTopics(['anew']);
      await until('its end', async () => !(await kafka.listTopics()).includes('anew'), LIMIT_MS);
      await create('anew');
      const codes: string[] = [];
      await until(
        'the reader to notice',
        async () => {
          await reader.poll().catch((error: { code: string }) => codes.push(error.code));
          return codes.includes('OFFSET_OUT_OF_RANGE');
        },
        LIMIT_MS,
      );
      await reader.close();
    });
  });
});
