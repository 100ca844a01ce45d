import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, type RunOptions, runTopology } from '#streams/runtime/index.ts';
import type { StreamRecord, TopologyDefinition } from '#streams/topology/types.ts';
import { type Services, startServices, until } from './harness.ts';

const AMOUNT: AvroSchema = { type: 'record', name: 'Amount', fields: [{ name: 'amount', type: 'long' }] };
const TOTAL: AvroSchema = {
  type: 'record',
  name: 'Total',
  fields: [
    { name: 'total', type: 'long' },
    { name: 'count', type: 'long' },
  ],
};
interface Total {
  total: number;
  count: number;
}
const PARTITIONS = 3;

/** Sums amounts per key behind a repartition, one output per input. */
const summing = (name: string): TopologyDefinition => ({
  name,
  version: 1,
  sources: { amounts: { topic: `${name}.in`, value: AMOUNT, onPoison: 'DEAD_LETTER' } },
  processors: {
    rekey: {
      inputs: ['amounts'],
      create: (context) => ({
        process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) => {
          if (value.amount === 1_313_131) throw new Error('a processor with a superstition');
          if (value.amount < 0) return context.reject('AMOUNT_NEGATIVE', 'an amount is negative');
          context.forward('by-group', key!.split(':')[1]!, value, timestampMs);
        },
      }),
    },
    sum: {
      inputs: ['by-group'],
      stores: ['totals'],
      create: (context) => {
        const totals = context.store<Total>('totals');
        return {
          process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) => {
            const old = totals.get(key!) ?? { total: 0, count: 0 };
            const next = { total: old.total + value.amount, count: old.count + 1 };
            totals.put(key!, next);
            context.forward('sums', key!, next, timestampMs);
          },
        };
      },
    },
  },
  stores: { totals: { value: TOTAL } },
  repartitions: { 'by-group': { inputs: ['rekey'], value: AMOUNT } },
  sinks: { sums: { inputs: ['sum'], topic: `${name}.out`, value: TOTAL } },
});

describe('the runtime on a real broker', () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-runtime-'));

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'runtime-test', log: silentLog });
    registry = new SchemaRegistry(services.registryUrl);
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function prepare(name: string): Promise<AvroSerde<{ amount: number }>> {
    await kafka.createTopics(
      [`${name}.in`, `${name}.out`].map((topic) => ({
        name: topic,
        partitions: PARTITIONS,
        config: topicConfig('delete'),
      })),
    );
    return topicSerde(registry, `${name}.in`, AMOUNT);
  }
  const options = (more: Partial<RunOptions>): RunOptions => ({
    kafka,
    brokers: services.kafkaBrokers,
    registry,
    stateFolder: folder,
    topicConfig,
    log: silentLog,
    metrics: new Metrics(),
    commitIntervalMs: 20,
    sessionTimeoutMs: 6_000,
    ...more,
  });
  const run = (name: string, onStep?: (step: TransactionStep) => void): Promise<RunningTopology> =>
    runTopology(summing(name), options(onStep ? { onStep } : {}));

  /** Writes `count` amounts over 5 groups with rising times; returns the expected totals. */
  async function write(
    name: string,
    serde: AvroSerde<{ amount: number }>,
    from: number,
    count: number,
    expected: Map<string, Total>,
  ) {
    const producer = await kafka.openProducer();
    for (let n = from; n < from + count; n++) {
      const group = `g${n % 5}`;
      const old = expected.get(group) ?? { total: 0, count: 0 };
      expected.set(group, { total: old.total + n, count: old.count + 1 });
      await producer.send({
        topic: `${name}.in`,
        key: `k${n % 17}:${group}`,
        value: serde.encode({ amount: n }),
        timestampMs: 631_152_000_000 + n,
      });
    }
    await producer.flush();
    await producer.close();
  }

  /** Reads all committed outputs: the newest per key, and how many there are in all. */
  async function outputs(
    name: string,
  ): Promise<{ latest: Map<string, Total>; count: number; counts: Map<string, number[]> }> {
    const serde = await topicSerde<Total>(registry, `${name}.out`, TOTAL);
    const ends = await kafka.offsets(`${name}.out`, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic: `${name}.out`, from: 'earliest' }] });
    const latest = new Map<string, Total>();
    const counts = new Map<string, number[]>();
    let count = 0;
    while (ends.some((end, partition) => reader.position(`${name}.out`, partition) < end)) {
      for (const { records } of await reader.poll()) {
        for (const record of records) {
          const key = record.key!.toString();
          const value = serde.decode(record.value!);
          latest.set(key, value);
          counts.set(key, [...(counts.get(key) ?? []), value.count]);
          count++;
        }
      }
    }
    await reader.close();
    return { latest, count, counts };
  }
  const settled = (name: string, count: number) =>
    until(`${count} outputs of ${name}`, async () => (await outputs(name)).count >= count, 60_000);

  it('gives one output per input and continues after a restart from its changelog', async () => {
    const serde = await prepare('plain');
    const expected = new Map<string, Total>();
    await write('plain', serde, 0, 3_000, expected);
    const first = await run('plain');
    await settled('plain', 3_000);
    await first.stop();
    await write('plain', serde, 3_000, 2_000, expected);
    const second = await run('plain');
    await settled('plain', 5_000);
    await second.stop();
    const result = await outputs('plain');
    expect(result.count).toBe(5_000);
    expect(Object.fromEntries(result.latest)).toEqual(Object.fromEntries(expected));
    for (const counts of result.counts.values()) expect(counts).toEqual(counts.map((_, index) => index + 1));
  });

  it.each<TransactionStep>(['add-partitions', 'produce', 'add-offsets', 'commit-offsets', 'end'])(
    'counts nothing twice when the step %s of a commit fails',
    async (failing) => {
      const name = `fail-${failing}`;
      const serde = await prepare(name);
      const expected = new Map<string, Total>();
      await write(name, serde, 0, 2_000, expected);
      let seen = 0;
      let failures = 0;
      const running = await run(name, (step) => {
        if (step !== failing) return;
        seen++;
        if (seen === 2 || seen === 4) {
          failures++;
          throw new Error(`injected at ${step}`);
        }
      });
      await settled(name, 2_000);
      // The injected steps must really have come by: write on until both have failed.
      let written = 2_000;
      while (failures < 2 && written < 4_000) {
        await write(name, serde, written, 100, expected);
        written += 100;
        await settled(name, written);
      }
      await running.stop();
      const result = await outputs(name);
      expect(failures).toBe(2);
      expect(result.count).toBe(written);
      expect(Object.fromEntries(result.latest)).toEqual(Object.fromEntries(expected));
      for (const counts of result.counts.values()) expect(counts).toEqual(counts.map((_, index) => index + 1));
    },
  );

  it('waits before each commit for what a processor prepares, and begins again where that fails', async () => {
    const serde = await prepare('prepared');
    let tries = 0;
    let awaited = 0;
    /** Squares the transaction's amounts, as a model scores them: not at once, and the third time not at all. */
    const squaring: TopologyDefinition = {
      name: 'prepared',
      version: 1,
      sources: { amounts: { topic: 'prepared.in', value: AMOUNT } },
      processors: {
        square: {
          inputs: ['amounts'],
          create: (context) => {
            let held: { key: string; amount: number; timestampMs: number }[] = [];
            let squares: number[] = [];
            return {
              process: ({ key, value, timestampMs }: StreamRecord<{ amount: number }>) => {
                held.push({ key: `${value.amount}:${key!.split(':')[1]}`, amount: value.amount, timestampMs });
              },
              prepareCommit: async () => {
                if (++tries === 3) throw new Error('the model is away');
                await new Promise((resolve) => setTimeout(resolve, 5));
                squares = held.map(({ amount }) => amount * amount);
                awaited++;
              },
              beforeCommit: () => {
                held.forEach(({ key, timestampMs }, index) => {
                  context.forward('sums', key, { total: squares[index]!, count: 1 }, timestampMs);
                });
                held = [];
              },
            };
          },
        },
      },
      sinks: { sums: { inputs: ['square'], topic: 'prepared.out', value: TOTAL } },
    };
    const running = await runTopology(squaring, options({}));
    for (let round = 0; round < 4; round++) {
      await write('prepared', serde, round * 500, 500, new Map());
      await settled('prepared', (round + 1) * 500);
    }
    await running.stop();
    const { latest, count } = await outputs('prepared');
    expect(tries).toBeGreaterThan(3);
    expect(awaited).toBe(tries - 1);
    expect(count).toBe(2_000);
    for (let n = 0; n < 2_000; n++) expect(latest.get(`${n}:g${n % 5}`)).toEqual({ total: n * n, count: 1 });
  });

  it('puts what it cannot read or must refuse with the dead letters and goes on', async () => {
    const serde = await prepare('poison');
    const producer = await kafka.openProducer();
    const send = (value: Buffer | null, n: number) =>
      producer.send({ topic: 'poison.in', key: `k:${n}`, value, timestampMs: 1_000 + n, partition: 0 });
    await send(Buffer.from('not avro at all'), 0);
    await send(Buffer.from([0, 0, 0, 0x7f, 0xff, 2]), 1);
    await send(serde.encode({ amount: -1 }), 2);
    await send(serde.encode({ amount: 42 }).subarray(0, 5), 3);
    await send(serde.encode({ amount: 42 }), 4);
    await send(serde.encode({ amount: 1_313_131 }), 5);
    await send(serde.encode({ amount: 43 }), 6);
    await producer.flush();
    await producer.close();
    const running = await run('poison');
    await settled('poison', 2);
    await running.stop();
    const { latest } = await outputs('poison');
    expect(Object.fromEntries(latest)).toEqual({ 4: { total: 42, count: 1 }, 6: { total: 43, count: 1 } });
    const reader = await kafka.openReader({ topics: [{ topic: 'poison.dead-letters', from: 'earliest' }] });
    const letters: Record<string, string>[] = [];
    await until(
      'five dead letters',
      async () => {
        for (const { records } of await reader.poll()) {
          for (const { headers } of records)
            letters.push(Object.fromEntries(headers.map(({ key, value }) => [key, value!.toString()])));
        }
        return letters.length >= 5;
      },
      10_000,
    );
    await reader.close();
    expect(letters.map((letter) => letter['error.code'])).toEqual([
      'RECORD_CORRUPT',
      'SCHEMA_UNKNOWN',
      'AMOUNT_NEGATIVE',
      'RECORD_CORRUPT',
      'PROCESSOR_FAILED',
    ]);
    expect(letters[4]!['error.message']).toContain('Processor rekey of task 0_0 failed at poison.in/0@5');
    expect(letters[4]!['error.stack']).toContain('a processor with a superstition');
    expect(letters[2]).toMatchObject({ 'source.topic': 'poison.in', 'source.partition': '0', 'source.offset': '2' });
  });

  it('refuses a commit interval for which the broker would not keep a transaction open', async () => {
    const wrong = { commitIntervalMs: 5_000, transactionTimeoutMs: 5_000 };
    await expect(runTopology(summing('never'), options(wrong))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/transactionTimeoutMs \(5000\) must be longer than commitIntervalMs \(5000\)/),
    });
  });

  it('refuses to start on a store whose offsets are gone', async () => {
    const serde = await prepare('orphan');
    await write('orphan', serde, 0, 50, new Map());
    const first = await run('orphan');
    await settled('orphan', 50);
    await first.stop();
    await kafka.deleteGroup('orphan');
    const second = await run('orphan');
    await expect(second.done).rejects.toMatchObject({ code: 'STATE_WITHOUT_OFFSETS' });
  });

  it('refuses to go on from the state of another graph, unless told to', async () => {
    const serde = await prepare('changed');
    await write('changed', serde, 0, 50, new Map());
    const first = await run('changed');
    await settled('changed', 50);
    await first.stop();
    const graph = summing('changed');
    const changed: TopologyDefinition = {
      ...graph,
      processors: { ...graph.processors, sum: { ...graph.processors.sum!, inputs: ['by-group', 'amounts'] } },
    };
    const start = (acceptChangedGraph: boolean) => runTopology(changed, options({ acceptChangedGraph }));
    const refused = await start(false);
    await expect(refused.done).rejects.toMatchObject({ code: 'STATE_OF_ANOTHER_GRAPH' });
    const accepted = await start(true);
    await until('the changed graph to run', () => accepted.notReady() === null, 30_000);
    await accepted.stop();
  });
});
