import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#ops/embedded/ports.ts';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka } from '#streams/kafka/index.ts';
import { type Services, startServices, until } from './harness.ts';

const LIMIT_MS = 90_000;
const PRODUCE = 0;
/** 1990: brokers forget producers by record time, so that these batches are not known to them after a restart. */
const EPOCH_MS = 631_152_000_000;

/** Stands between clients and the broker, and loses what a test wants lost. */
class Network {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Refuses everybody. */
  down = false;
  /** The answer to the next produce request is lost, and the network with it. */
  losesProduceAnswer = false;

  constructor(brokerPort: number) {
    this.#server = createServer((client) => {
      if (this.down) return client.destroy();
      const broker = createConnection(brokerPort, '127.0.0.1');
      let produced = false;
      client.on('data', (request: Buffer) => {
        // A request that comes in one piece: length, then what it asks for.
        if (this.losesProduceAnswer && request.length > 6 && request.readInt16BE(4) === PRODUCE) produced = true;
        broker.write(request);
      });
      broker.on('data', (answer: Buffer) => {
        if (!produced) return client.write(answer);
        this.losesProduceAnswer = false;
        this.down = true;
        for (const socket of this.#sockets) socket.destroy();
      });
      for (const [socket, other] of [
        [client, broker],
        [broker, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }
  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }
  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

describe('clients of a broker that goes away', () => {
  let services: Services;
  let network: Network;
  let kafka: Kafka;
  let brokers: string[];

  beforeAll(async () => {
    const port = await freePort();
    services = await startServices(
      { kafka: true },
      { TIDEMARK_KAFKA_PROPERTIES: `advertised.listeners=PLAINTEXT://127.0.0.1:${port}` },
    );
    network = new Network(Number(services.kafkaBrokers[0]!.split(':')[1]));
    await network.listen(port);
    brokers = [`127.0.0.1:${port}`];
    kafka = await openKafka({ brokers, clientId: 'restart-test' });
  }, 120_000);
  afterEach(() => {
    network.down = false;
  });
  afterAll(async () => {
    await kafka?.close();
    await network?.close();
    await services?.stop();
  });

  const create = (name: string, partitions = 1) =>
    kafka.createTopics([{ name, partitions, config: topicConfig('delete') }]);
  const restartBroker = async () => {
    const restarts = services.supervisor.restarts('kafka');
    process.kill(Number(readFileSync(join(services.home, 'kafka', 'broker.pid'), 'utf8')), 'SIGKILL');
    await until('the broker to be started anew', () => services.supervisor.restarts('kafka') > restarts, LIMIT_MS);
    await services.supervisor.ready('kafka', LIMIT_MS);
  };
  /** Every record of a topic, per partition. */
  async function readAll(topic: string): Promise<string[][]> {
    const ends = await kafka.offsets(topic, 'latest');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const values: string[][] = ends.map(() => []);
    await until(
      `the end of ${topic}`,
      async () => {
        for (const { partition, records } of await reader.poll())
          for (const { value } of records) values[partition]!.push(value!.toString());
        return ends.every((end, partition) => reader.position(topic, partition) >= end);
      },
      LIMIT_MS,
    );
    await reader.close();
    return values;
  }

  it('write a record of 1990 once when its answer is lost and the broker starts anew', async () => {
    await create('lost-answer');
    const producer = await kafka.openProducer();
    const send = (value: string) =>
      producer.send({ topic: 'lost-answer', key: null, value: Buffer.from(value), timestampMs: EPOCH_MS });
    await send('first');
    await producer.flush();
    network.losesProduceAnswer = true;
    await send('second');
    const flushed = producer.flush();
    await until('the answer to be lost', () => network.down, LIMIT_MS);
    await restartBroker();
    network.down = false;
    await flushed;
    await send('third');
    await producer.close();
    expect(await readAll('lost-answer')).toEqual([['first', 'second', 'third']]);
  });

  it('go on writing and reading through kill -9 of the broker, everything once and in order', async () => {
    const topic = 'killed';
    await create(topic, 3);
    const producer = await kafka.openProducer();
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const read: number[][] = [[], [], []];
    let sent = 0;
    const poll = async () => {
      for (const { partition, records } of await reader.poll())
        for (const { value } of records) read[partition]!.push(Number(value!.toString()));
    };
    const write = async (count: number) => {
      for (const end = sent + count; sent < end; sent++) {
        const value = Buffer.from(String(sent));
        await producer.send({ topic, partition: sent % 3, key: null, value, timestampMs: EPOCH_MS + sent });
      }
    };
    await write(30_000);
    await poll();
    const restarted = restartBroker();
    await write(30_000);
    await poll();
    await restarted;
    await write(30_000);
    await producer.close();
    await until(
      'all records to be read',
      async () => {
        await poll();
        return read.reduce((sum, numbers) => sum + numbers.length, 0) >= sent;
      },
      LIMIT_MS,
    );
    await reader.close();
    const expected = [0, 1, 2].map((partition) => Array.from({ length: sent / 3 }, (_, n) => 3 * n + partition));
    expect(read).toEqual(expected);
    expect((await kafka.offsets(topic, 'latest')).map(Number)).toEqual([sent / 3, sent / 3, sent / 3]);
  });

  it('end a poll when asked to, though the broker is away, and start with a clear sentence', async () => {
    await create('away');
    const reader = await kafka.openReader({ topics: [{ topic: 'away', from: 'earliest' }], maxWaitMs: 30_000 });
    const controller = new AbortController();
    const polled = reader.poll(controller.signal);
    network.down = true;
    const startedMs = performance.now();
    controller.abort();
    expect(await polled).toEqual([]);
    await reader.close();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    await expect(openKafka({ brokers, clientId: 'late' })).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      message: expect.stringMatching(/Is Kafka running, and is KAFKA_BROKERS right\?/),
    });
  });

  it('are told which offsets there are when theirs is not', async () => {
    await create('range', 2);
    const producer = await kafka.openProducer();
    for (let n = 0; n < 5; n++)
      await producer.send({ topic: 'range', partition: n % 2, key: null, value: null, timestampMs: n });
    await producer.close();
    const reader = await kafka.openReader({ topics: [{ topic: 'range', from: [0, 9] }] });
    const failures: unknown[] = [];
    let records = 0;
    await until(
      'both a failure and the other partition',
      async () => {
        try {
          for (const fetched of await reader.poll()) records += fetched.records.length;
        } catch (error) {
          failures.push(error);
        }
        return failures.length > 0 && records >= 3;
      },
      LIMIT_MS,
    );
    expect(failures[0]).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      retriable: false,
      position: { topic: 'range', partition: 1, offset: 9 },
      message: expect.stringContaining('it holds 0 to 2'),
    });
    reader.seek('range', 1, 1);
    await until(
      'the records from where the reader went on',
      async () => {
        for (const fetched of await reader.poll().catch(() => [])) records += fetched.records.length;
        return records === 4;
      },
      LIMIT_MS,
    );
    await reader.close();
  });
});
