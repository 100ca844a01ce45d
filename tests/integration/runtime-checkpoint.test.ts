import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { type Services, startServices, until } from './harness.ts';

const COUNT: AvroSchema = { type: 'record', name: 'Count', fields: [{ name: 'count', type: 'long' }] };
interface Count {
  readonly count: number;
}

/** Counts by key; a count of zero deletes the row. */
const counting = (version: number): TopologyDefinition => ({
  name: 'checkpointed',
  version,
  sources: { words: { topic: 'words', value: COUNT } },
  processors: {
    count: {
      inputs: ['words'],
      stores: ['counts'],
      create: (context) => {
        const counts = context.store<Count>('counts');
        return {
          process: ({ key, value, timestampMs }: StreamRecord<Count>) => {
            const next = { count: (counts.get(key!)?.count ?? 0) + value.count };
            if (value.count === 0) counts.delete(key!);
            else counts.put(key!, next);
            context.emit(key, next, timestampMs);
          },
        };
      },
    },
  },
  stores: { counts: { value: COUNT } },
  sinks: { totals: { inputs: ['count'], topic: 'totals', value: COUNT } },
});

describe('checkpoints on a real broker', () => {
  let services: Services;
  let kafka: Kafka;
  let serde: AvroSerde<Count>;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-checkpoint-'));
  const files = join(folder, 'checkpointed', 'checkpoints');
  let sent = 0;

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'checkpoint-test', log: silentLog });
    await kafka.createTopics(
      ['words', 'totals'].map((name) => ({ name, partitions: 1, config: topicConfig('delete') })),
    );
    serde = await topicSerde<Count>(new SchemaRegistry(services.registryUrl), 'words', COUNT);
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function write(keys: readonly string[], count = 1): Promise<void> {
    const producer = await kafka.openProducer();
    for (const key of keys)
      await producer.send({ topic: 'words', key, value: serde.encode({ count }), timestampMs: 1_000 + sent++ });
    await producer.flush();
    await producer.close();
  }
  /** Runs it, and what it says about its restore. */
  async function start(version = 1): Promise<{ running: RunningTopology; said: string[] }> {
    const said: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        said.push((JSON.parse(String(chunk)) as { msg: string }).msg);
        done();
      },
    });
    const running = await runTopology(counting(version), {
      kafka,
      brokers: services.kafkaBrokers,
      registry: new SchemaRegistry(services.registryUrl),
      stateFolder: folder,
      topicConfig,
      log: pino({ level: 'debug' }, sink),
      metrics: new Metrics(),
      commitIntervalMs: 10,
      checkpointIntervalMs: 50,
    });
    return { running, said };
  }
  const caughtUp = () =>
    until(
      'everything counted',
      async () => (await kafka.committedOffsets('checkpointed', 'words'))[0] === sent,
      30_000,
    );
  async function lastTotals(): Promise<Record<string, number>> {
    const totals = await topicSerde<Count>(new SchemaRegistry(services.registryUrl), 'totals', COUNT);
    const reader = await kafka.openReader({ topics: [{ topic: 'totals', from: 'earliest' }] });
    const [end] = await kafka.offsets('totals', 'latest-stable');
    const found: Record<string, number> = {};
    while (reader.position('totals', 0) < end!) {
      for (const { records } of await reader.poll())
        for (const { key, value } of records) found[key!.toString()] = totals.decode(value!).count;
    }
    await reader.close();
    return found;
  }
  const restoreLine = (said: readonly string[]) => said.find((line) => line.startsWith('restored'))!;

  it('are written while it runs and at its end, and a start reads nothing else', async () => {
    const words = Array.from({ length: 500 }, (_, n) => `word-${n}`);
    const first = await start();
    await write(words);
    await until('a checkpoint while it runs', () => first.said.some((line) => line.includes('checkpoint of')), 30_000);
    await write(words.slice(0, 100));
    await write(['word-499'], 0);
    await caughtUp();
    await first.running.stop();
    const second = await start();
    await write(['word-0', 'word-499']);
    await caughtUp();
    await second.running.stop();
    expect(restoreLine(second.said)).toMatch(
      /^restored 499 keys of counts\/0 from 499 rows of its checkpoint and 0 changelog records/,
    );
    expect(await lastTotals()).toMatchObject({ 'word-0': 3, 'word-99': 2, 'word-300': 1, 'word-499': 1 });
  });

  it('that are older than the last commits are made up for by the changelog', async () => {
    const [name] = readdirSync(files);
    const old = readFileSync(join(files, name!));
    const first = await start();
    await write(['word-1', 'word-2', 'word-2']);
    await write(['word-3'], 0);
    await caughtUp();
    await first.running.stop();
    writeFileSync(join(files, name!), old);
    const second = await start();
    await write(['word-1', 'word-2', 'word-3']);
    await caughtUp();
    await second.running.stop();
    expect(restoreLine(second.said)).toMatch(/rows of its checkpoint and [1-9]\d* changelog records/);
    expect(await lastTotals()).toMatchObject({ 'word-1': 4, 'word-2': 5, 'word-3': 1 });
  });

  it('that are damaged are set aside with a warning, and the changelog is read from its beginning', async () => {
    const [name] = readdirSync(files);
    const bytes = readFileSync(join(files, name!));
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(join(files, name!), bytes);
    const { running, said } = await start();
    await write(['word-4']);
    await caughtUp();
    await running.stop();
    expect(said.some((line) => line.includes('is damaged') && line.includes('it is kept as'))).toBe(true);
    expect(restoreLine(said)).toMatch(/from \d+ changelog records/);
    expect(readdirSync(files).some((file) => file.includes('.damaged-'))).toBe(true);
    expect(await lastTotals()).toMatchObject({ 'word-4': 3 });
  });

  it('of a changelog that was made anew are not used', async () => {
    await kafka.deleteGroup('checkpointed');
    await kafka.deleteTopics(['checkpointed.counts.changelog']);
    const { running, said } = await start();
    await caughtUp();
    await running.stop();
    expect(said.some((line) => line.startsWith('restored'))).toBe(false);
    expect(await lastTotals()).toMatchObject({ 'word-0': 3, 'word-1': 4, 'word-4': 3 });
  });
});
