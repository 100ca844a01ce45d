import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import { AMOUNT, replayedDefinition, replayInputs } from '../simulation/replayed.ts';
import { type Services, startServices } from './harness.ts';

const PARTITIONS = 3;
const CUT_EVERY_RECORDS = 25;

/** What one run of the replay goes through. */
interface Run {
  /** Inputs per batch. */
  readonly batch: number;
  readonly onStep?: (step: TransactionStep) => void;
  /** How often it is stopped on its way and started again. */
  readonly stops: number;
}

describe('a replay on a real broker', () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-replay-'));

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'replay-test', log: silentLog });
    registry = new SchemaRegistry(services.registryUrl);
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function write(name: string, batch: number): Promise<void> {
    const topics = ['in', 'extra', 'out'].map((topic) => `${name}.${topic}`);
    await kafka.createTopics(
      topics.map((topic) => ({ name: topic, partitions: PARTITIONS, config: topicConfig('delete') })),
    );
    const serde = await topicSerde<{ amount: number }>(registry, `${name}.in`, AMOUNT);
    await topicSerde(registry, `${name}.extra`, AMOUNT);
    const producer = await kafka.openProducer();
    for (const [index, { topic, key, amount, timestampMs }] of replayInputs('real').entries()) {
      await producer.send({ topic: `${name}.${topic}`, key, value: serde.encode({ amount }), timestampMs });
      if (index % batch === 0) await producer.flush();
    }
    await producer.flush();
    await producer.close();
  }

  /** Every record of the output, per partition, without its offset. */
  async function output(name: string): Promise<string[][]> {
    const topic = `${name}.out`;
    const ends = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const found: string[][] = ends.map(() => []);
    while (ends.some((end, partition) => reader.position(topic, partition) < end)) {
      for (const { partition, records } of await reader.poll()) {
        for (const { key, value, timestampMs, headers } of records) {
          const shown = headers.map((header) => `${header.key}=${header.value?.toString('hex')}`);
          found[partition]!.push(`${key} ${value?.toString('hex')} ${timestampMs} ${shown}`);
        }
      }
    }
    await reader.close();
    return found;
  }

  async function replay(name: string, { batch, onStep, stops }: Run): Promise<string[][]> {
    await write(name, batch);
    let running: RunningTopology;
    let commits = 0;
    const start = () =>
      runTopology(replayedDefinition(name), {
        kafka,
        brokers: services.kafkaBrokers,
        registry,
        stateFolder: folder,
        topicConfig,
        log: silentLog,
        metrics: new Metrics(),
        sessionTimeoutMs: 6_000,
        replay: { cutEveryRecords: CUT_EVERY_RECORDS },
        onStep: (step) => {
          onStep?.(step);
          if (step === 'end' && ++commits % 3 === 0 && commits <= stops * 3) running.stop().catch(() => undefined);
        },
      });
    for (let round = 0; round <= stops; round++) {
      running = await start();
      await running.done;
    }
    expect(commits).toBeGreaterThan(stops * 3);
    return output(name);
  }

  it('gives the same bytes whatever the batches, however often a commit fails and it is stopped', async () => {
    const first = await replay('replay-a', { batch: 1_000, stops: 0 });
    expect(first.flat().length).toBeGreaterThan(100);
    let steps = 0;
    let failures = 0;
    const failing = (step: TransactionStep) => {
      if (++steps % 17 !== 0) return;
      failures++;
      throw new Error(`injected at ${step}`);
    };
    expect(await replay('replay-b', { batch: 7, stops: 0, onStep: failing })).toEqual(first);
    expect(failures).toBeGreaterThan(2);
    expect(await replay('replay-c', { batch: 1, stops: 2 })).toEqual(first);
  });
});
