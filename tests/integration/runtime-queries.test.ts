import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import { StoreQuery } from '#streams/runtime/store-query.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { type Services, startServices, until } from './harness.ts';

const COUNT: AvroSchema = { type: 'record', name: 'Count', fields: [{ name: 'count', type: 'long' }] };

/** Counts records by key. */
const counting: TopologyDefinition = {
  name: 'counting',
  version: 1,
  sources: { words: { topic: 'words', value: COUNT } },
  processors: {
    count: {
      inputs: ['words'],
      stores: ['counts'],
      create: (context) => {
        const counts = context.store<{ count: number }>('counts');
        return {
          process: ({ key, value }: StreamRecord<{ count: number }>) =>
            counts.put(key!, { count: (counts.get(key!)?.count ?? 0) + value.count }),
        };
      },
    },
  },
  stores: { counts: { value: COUNT } },
  sinks: {},
};

describe('queries of stores', () => {
  let services: Services;
  let kafka: Kafka;
  const folders: string[] = [];
  const running: RunningTopology[] = [];

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'query-test', log: silentLog });
    await kafka.createTopics([{ name: 'words', partitions: 4, config: topicConfig('delete') }]);
    const serde = await topicSerde<{ count: number }>(new SchemaRegistry(services.registryUrl), 'words', COUNT);
    const producer = await kafka.openProducer();
    for (let n = 0; n < 300; n++)
      await producer.send({ topic: 'words', key: `word-${n % 30}`, value: serde.encode({ count: 1 }), timestampMs: n });
    await producer.flush();
    await producer.close();
  });
  afterAll(async () => {
    await Promise.all(running.map((topology) => topology.stop()));
    await kafka?.close();
    await services?.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  function newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-query-'));
    folders.push(folder);
    return folder;
  }
  async function start(queryPort?: number, stateFolder = newFolder()): Promise<RunningTopology> {
    const topology = await runTopology(counting, {
      kafka,
      brokers: services.kafkaBrokers,
      registry: new SchemaRegistry(services.registryUrl),
      stateFolder,
      topicConfig,
      log: silentLog,
      metrics: new Metrics(),
      sessionTimeoutMs: 6_000,
      ...(queryPort === undefined ? {} : { queryPort }),
    });
    running.push(topology);
    return topology;
  }

  it('find the owner of a key among several processes, and read ranges over all of them', async () => {
    await start(0);
    await start(0);
    const query = new StoreQuery(kafka, 'counting');
    const all = async () => query.range('counts');
    await until(
      'every word counted',
      async () =>
        (await all()).every(({ value }) => (value as { count: number }).count === 10) && (await all()).length === 30,
      30_000,
    );
    const words = (await all()).map(({ key }) => key);
    expect(words).toEqual(Array.from({ length: 30 }, (_, n) => `word-${n}`).sort());
    for (const word of words)
      expect(await query.get('counts', word)).toMatchObject({ key: word, value: { count: 10 } });
    expect(await query.get('counts', 'never seen')).toBeNull();
    expect((await query.range('counts', { from: 'word-1', to: 'word-2', limit: 3 })).map(({ key }) => key)).toEqual([
      'word-1',
      'word-10',
      'word-11',
    ]);
  });

  it('leave nothing taken when their port is', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const stateFolder = newFolder();
    await expect(start(port, stateFolder)).rejects.toMatchObject({ code: 'QUERY_PORT_TAKEN' });
    taken.close();
    await start(port, stateFolder);
  });

  it('say what is wrong: an unknown store, a process that answers none', async () => {
    const query = new StoreQuery(kafka, 'counting');
    await expect(query.get('count', 'word-1')).rejects.toMatchObject({ code: 'STORE_UNKNOWN' });
    await Promise.all(running.splice(0).map((topology) => topology.stop()));
    await start();
    await until(
      'a member without an endpoint',
      async () => {
        const error = await query.get('counts', 'word-1').catch((caught: { code: string }) => caught);
        return error !== null && 'code' in error && error.code === 'QUERIES_DISABLED';
      },
      30_000,
    );
  });
});
