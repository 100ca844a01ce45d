import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { TransactionalProducer } from '#streams/kafka/transactions.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, type RunOptions, runTopology } from '#streams/runtime/index.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { Job } from '#tests/chaos/engine/job.ts';
import { ApiKey, BrokerProxy } from '#tests/chaos/engine/proxy.ts';
import {
  changelogTopic,
  isCaughtUp,
  outputTopic,
  prepareTally,
  STEP,
  type Step,
  TALLY,
  type Tally,
  TallyLoad,
  tallies,
} from '#tests/chaos/engine/tally.ts';
import { startFakeRegistry } from '#tests/unit/streams/kafka/fake-registry.ts';
import { type Services, startServices, until } from './harness.ts';

const LIMIT_MS = 30_000;
const CLIENT_ID = 'protocol-test';
const TRANSACTION_REQUESTS: readonly number[] = [ApiKey.ADD_PARTITIONS_TO_TXN, ApiKey.PRODUCE, ApiKey.END_TXN];
/** A membership of a group without members. */
const nobody = (groupId: string) => ({ groupId, memberId: '', generationId: -1, instanceId: null });

describe('the protocol of a transaction', () => {
  let services: Services;
  let proxy: BrokerProxy;
  let registryServer: Awaited<ReturnType<typeof startFakeRegistry>>;
  let registry: SchemaRegistry;
  let kafka: Kafka;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-protocol-'));

  beforeAll(async () => {
    proxy = await BrokerProxy.start();
    registryServer = await startFakeRegistry();
    registry = new SchemaRegistry(registryServer.url);
    services = await startServices(
      { kafka: true },
      {
        TIDEMARK_KAFKA_PROPERTIES: `advertised.listeners=PLAINTEXT://${proxy.address},group.min.session.timeout.ms=1000`,
      },
    );
    proxy.connectTo(services.kafkaBrokers[0]!);
    kafka = await openKafka({ brokers: [proxy.address], clientId: CLIENT_ID, log: silentLog });
  }, 90_000);
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    await proxy?.stop();
    await registryServer?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function openProducer(topic: string) {
    await kafka.createTopics([{ name: topic, partitions: 1, config: topicConfig('delete') }]);
    const producer = new TransactionalProducer({
      cluster: kafka.cluster,
      transactionalId: topic,
      transactionTimeoutMs: 10_000,
    });
    onTestFinished(() => producer.close());
    await producer.start();
    const append = (text: string) => {
      const value = Buffer.from(text);
      producer.append(producer.target(topic, 0), null, 0, 0, value, 0, value.length, 1_000);
    };
    return { producer, append };
  }
  /** What can be read of a topic's one partition. */
  async function committed(topic: string): Promise<string[]> {
    const [end] = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const texts: string[] = [];
    while (reader.position(topic, 0) < end!)
      for (const { records } of await reader.poll()) texts.push(...records.map(({ value }) => value!.toString()));
    await reader.close();
    return texts;
  }

  /** What this test has asked the broker for, since there were so many requests. */
  const requests = (from: number) =>
    proxy.requests.slice(from).flatMap(({ clientId, apiKey }) => (clientId === CLIENT_ID ? [apiKey] : []));

  it('takes a new epoch after an abort: a late batch of the old one finds no transaction to join', async () => {
    const { producer, append } = await openProducer('late');
    append('of the aborted one');
    const held = proxy.hold(ApiKey.PRODUCE);
    const first = producer.commit([], nobody('late'));
    first.catch(() => undefined);
    await held;
    await producer.abort();
    await expect(first).rejects.toThrow();
    append('of the next one');
    const ending = proxy.hold(ApiKey.END_TXN);
    const second = producer.commit([], nobody('late'));
    await ending;
    await proxy.release(ApiKey.PRODUCE);
    await proxy.release(ApiKey.END_TXN);
    await second;
    expect(await committed('late')).toEqual(['of the next one']);
  });

  it('sends nothing between the end of a transaction and the first step of the next', async () => {
    const { producer, append } = await openProducer('beside');
    const from = proxy.requests.length;
    append('first');
    const ending = proxy.hold(ApiKey.END_TXN);
    const commit = producer.commit([], nobody('beside'));
    await ending;
    // Enough for a batch that leaves before its transaction is cut.
    append('x'.repeat(600 * 1024));
    producer.pump();
    await proxy.release(ApiKey.END_TXN);
    await commit;
    const sent = () => requests(from).filter((apiKey) => TRANSACTION_REQUESTS.includes(apiKey));
    await until('the batch of the next transaction', () => sent().at(-1) === ApiKey.PRODUCE, LIMIT_MS);
    const { ADD_PARTITIONS_TO_TXN, PRODUCE, END_TXN } = ApiKey;
    const order = sent().join(' ');
    expect(order).toMatch(
      new RegExp(`^(${ADD_PARTITIONS_TO_TXN} )+${PRODUCE} ${END_TXN} (${ADD_PARTITIONS_TO_TXN} )+${PRODUCE}$`),
    );
    await producer.abort();
    expect(await committed('beside')).toEqual(['first']);
  });

  it('shows offsets only when no transaction is open on them', async () => {
    const { producer, append } = await openProducer('stable');
    append('one');
    const ending = proxy.hold(ApiKey.END_TXN);
    const commit = producer.commit([{ topic: 'stable', partition: 0, offset: 7, metadata: '' }], nobody('stable'));
    await ending;
    const from = proxy.requests.length;
    const asked = () => requests(from).filter((apiKey) => apiKey === ApiKey.OFFSET_FETCH).length;
    const offsets = kafka.committedOffsets('stable', 'stable', { requireStable: true });
    await until('the offsets to be asked for again', () => asked() > 1, LIMIT_MS);
    await proxy.release(ApiKey.END_TXN);
    await commit;
    expect(await offsets).toEqual([7]);
  });

  async function run(topology: TopologyDefinition, options: Partial<RunOptions> = {}): Promise<RunningTopology> {
    const running = await runTopology(topology, {
      kafka,
      brokers: [proxy.address],
      registry,
      stateFolder: folder,
      topicConfig,
      log: silentLog,
      metrics: new Metrics(),
      commitIntervalMs: 20,
      sessionTimeoutMs: 6_000,
      ...options,
    });
    onTestFinished(() => running.stop().catch(() => undefined));
    return running;
  }
  const caughtUp = (name: string) =>
    until(`${name} to have processed everything`, () => isCaughtUp(kafka, name), LIMIT_MS);

  it('reads a changelog to the end of a transaction whose marker is still on its way', async () => {
    await prepareTally(kafka, 'marker', 1);
    const load = new TallyLoad(kafka, registry, 'marker');
    const first = await run(tallies('marker'));
    await load.write(15);
    await caughtUp('marker');
    await first.stop();
    // Group 0 has counted two steps, group 5 one: its row is written again as if another process had just committed it.
    const topic = changelogTopic('marker');
    const row = await lastRow(topic, 'g0');
    const { producer } = await openProducer('intruder');
    producer.append(producer.target(topic, 0), Buffer.from('g5'), 0, 2, row, 0, row.length, 1_000);
    const ending = proxy.hold(ApiKey.END_TXN);
    const commit = producer.commit([], nobody('intruder'));
    await ending;
    const second = await run(tallies('marker'));
    await until('the restore to wait', () => /restoring store totals/.test(second.notReady() ?? ''), LIMIT_MS);
    await proxy.release(ApiKey.END_TXN);
    await commit;
    await load.write(11);
    await caughtUp('marker');
    await second.stop();
    const serde = await topicSerde<Tally>(registry, outputTopic('marker'), TALLY);
    const last: Tally[] = [];
    await eachRecord(outputTopic('marker'), (key, value) => {
      if (key === 'g5') last.push(serde.decode(value));
    });
    expect(last.map(({ number, count }) => [number, count])).toEqual([
      [5, 1],
      [15, 3],
      [25, 4],
    ]);
  });
  async function eachRecord(topic: string, take: (key: string, value: Buffer) => void): Promise<void> {
    const [end] = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    while (reader.position(topic, 0) < end!)
      for (const { records } of await reader.poll())
        for (const { key, value } of records) take(key!.toString(), value!);
    await reader.close();
  }
  async function lastRow(topic: string, wanted: string): Promise<Buffer> {
    let found: Buffer | null = null;
    await eachRecord(topic, (key, value) => {
      if (key === wanted) found = Buffer.from(value);
    });
    return found!;
  }

  it('asks the committed offsets when the end of a transaction was not answered', async () => {
    const job = await Job.start({
      name: 'unanswered',
      brokers: [proxy.address],
      registryUrl: registryServer.url,
      folder,
    });
    onTestFinished(() => job.close());
    await job.load.write(100);
    await job.keepsUp();
    job.writeSteadily(300);

    for (let times = 0; times < 2; times++) {
      await proxy.loseAnswer(ApiKey.END_TXN);
      await job.keepsUp();
    }
    expect(job.messages.filter((message) => /end of a transaction was not answered/.test(message))).toHaveLength(2);
    await job.expectExact();
  });

  it('undoes what processors hold in memory and stream time; a refused record does not move that', async () => {
    const [name, endMs] = ['memory', Date.UTC(2020, 0)];
    await kafka.createTopics(
      ['in', 'times', 'kept'].map((kind) => ({ name: `memory.${kind}`, partitions: 1, config: topicConfig('delete') })),
    );
    const serde = await topicSerde<Step>(registry, 'memory.in', STEP);
    const write = await kafka.openProducer();
    for (let number = 0; number < 2_000; number++) {
      const isRefused = number % 100 === 50;
      const value = serde.encode({ number, note: isRefused ? 'refuse' : '' });
      await write.send({ topic: 'memory.in', key: 'k', value, timestampMs: isRefused ? endMs : number });
    }
    await write.close();
    const steps = { seen: 0, failed: 0 };
    const running = await run(holding(name), {
      commitIntervalMs: 5,
      onStep: (step) => {
        if (step !== 'end' || ++steps.seen % 2 === 0 || steps.failed >= 3) return;
        steps.failed++;
        throw new TidemarkError('INJECTED', 'injected at the end', { retriable: true });
      },
    });
    const done = async () => (await kafka.committedOffsets(name, 'memory.in'))[0] === 2_000;
    await until('all to be processed', done, LIMIT_MS);
    await running.stop();
    expect(steps.failed).toBeGreaterThan(0);
    const expected = Array.from({ length: 2_000 }, (_, number) => number).filter((number) => number % 100 !== 50);
    const times: number[] = [];
    await eachRecord('memory.times', (_key, value) => times.push(serde.decode(value).number));
    expect(times).toEqual(expected);
    const kept: number[] = [];
    await eachRecord('memory.kept', (_key, value) => kept.push(serde.decode(value).number));
    expect(kept).toEqual(expected);
  });

  it('stops when the same transaction fails three times for a reason that time does not mend', async () => {
    await prepareTally(kafka, 'hopeless', 1);
    await new TallyLoad(kafka, registry, 'hopeless').write(10);
    let failures = 0;
    const running = await run(tallies('hopeless'), {
      onStep: (step) => {
        if (step !== 'end') return;
        failures++;
        throw new TidemarkError('INJECTED', 'injected at the end');
      },
    });
    await expect(running.done).rejects.toMatchObject({ code: 'TRANSACTION_HOPELESS' });
    expect(failures).toBe(3);
    expect(await kafka.committedOffsets('hopeless', 'hopeless.in')).toEqual([-1]);
  });
});

/** Shows stream time with every record, and keeps the numbers of a transaction in memory until it is cut. */
const holding = (name: string): TopologyDefinition => ({
  name,
  version: 1,
  sources: { steps: { topic: `${name}.in`, value: STEP, onPoison: 'SKIP' } },
  processors: {
    hold: {
      inputs: ['steps'],
      create: (context) => {
        let held: Step[] = [];
        return {
          process: ({ value, timestampMs }: StreamRecord<Step>) => {
            if (value.note === 'refuse') return context.reject('REFUSED', 'it says so');
            held.push(value);
            context.forward('times', 'k', { number: context.streamTimeMs, note: '' }, timestampMs);
          },
          beforeCommit: () => {
            for (const step of held) context.forward('kept', 'k', step, step.number);
            held = [];
          },
        };
      },
    },
  },
  sinks: {
    times: { inputs: ['hold'], topic: `${name}.times`, value: STEP },
    kept: { inputs: ['hold'], topic: `${name}.kept`, value: STEP },
  },
});
