import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { topicConfig } from '#schemas/topics.ts';
import { Metrics, openKafka, runTopology, SchemaRegistry, silentLog, TopologyTestDriver } from '#streams/index.ts';
import { type Kafka, topicSerde } from '#streams/kafka/index.ts';
import { wordCount } from '../../docs/examples/word-count.ts';
import { type Services, startServices, until } from './harness.ts';

const BASE_MS = Date.UTC(2024, 0, 1);
const OUTPUTS = { 'text.totals': 'long', 'text.minutes': 'string', 'text.found': 'string' } as const;
/** Topic, key, value and seconds; the second half is processed by a process that has to restore its state. */
const HALVES = [
  [
    ['text.lines', 'l', 'to be or not to be', 10],
    ['text.lookups', 'be', 'Ann', 20],
    ['text.lines', 'l', 'be quick', 50],
  ],
  [
    ['text.lines', 'l', 'late to be', 30],
    ['text.lookups', 'quick', 'Bob', 75],
    ['text.lines', 'l', 'the end', 200],
    ['text.lines', 'l', 'to', 90],
  ],
] as const;

let services: Services;
let kafka: Kafka;
const folders: string[] = [];

beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'example-test', log: silentLog });
  const topics = ['text.lines', 'text.lookups', ...Object.keys(OUTPUTS)];
  await kafka.createTopics(topics.map((name) => ({ name, partitions: 1, config: topicConfig('delete') })));
});
afterAll(async () => {
  await kafka?.close();
  await services?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const registry = () => new SchemaRegistry(services.registryUrl);
async function start() {
  const stateFolder = mkdtempSync(join(tmpdir(), 'tidemark-example-'));
  folders.push(stateFolder);
  const { kafkaBrokers: brokers } = services;
  const options = { kafka, brokers, registry: registry(), stateFolder, topicConfig, log: silentLog };
  return runTopology(wordCount(), { ...options, metrics: new Metrics() });
}
async function write([topic, key, value, seconds]: (typeof HALVES)[number][number]): Promise<void> {
  const serde = await topicSerde<string>(registry(), topic, 'string');
  const producer = await kafka.openProducer();
  await producer.send({ topic, key, value: serde.encode(value), timestampMs: BASE_MS + seconds * 1000 });
  await producer.flush();
  await producer.close();
}
/** Everything committed to an output topic, `key=value@time`. */
async function written(topic: keyof typeof OUTPUTS): Promise<string[]> {
  const serde = await topicSerde<string | number>(registry(), topic, OUTPUTS[topic]);
  const [end] = await kafka.offsets(topic, 'latest-stable');
  const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
  const lines: string[] = [];
  while (reader.position(topic, 0) < end!) {
    for (const { records } of await reader.poll())
      for (const { key, value, timestampMs } of records) lines.push(`${key}=${serde.decode(value!)}@${timestampMs}`);
  }
  await reader.close();
  return lines;
}

it('the example gives through Kafka, and over a restart without its state, what the test driver gives', async () => {
  const driver = new TopologyTestDriver(wordCount());
  const expected: Record<string, string[]> = { 'text.totals': [], 'text.minutes': [], 'text.found': [] };
  for (const half of HALVES) {
    const running = await start();
    for (const input of half) {
      const [topic, key, value, seconds] = input;
      driver.pipe(topic, { key, value, timestampMs: BASE_MS + seconds * 1000 });
      for (const [output, lines] of Object.entries(expected))
        lines.push(...driver.read(output).map((record) => `${record.key}=${record.value}@${record.timestampMs}`));
      await write(input);
      for (const [output, lines] of Object.entries(expected))
        await until(
          `${lines.length} results in ${output}`,
          async () => (await written(output as never)).length >= lines.length,
          30_000,
        );
    }
    await running.stop();
  }
  for (const [output, lines] of Object.entries(expected)) expect(await written(output as never)).toEqual(lines);
  expect(expected['text.minutes']!.length).toBeGreaterThan(3);
  expect(expected['text.found']!.length).toBe(5);
  expect(driver.readLate().length).toBeGreaterThan(0);
  const late = await kafka.offsets('word-count.late-records', 'latest-stable');
  expect(late[0]).toBeGreaterThan(0);
});
