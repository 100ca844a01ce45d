import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import type { RiskControl, Types } from '#schemas/generated/types.ts';
import { workflowKeys } from '#schemas/response.ts';
import { partitionKeyOf, TOPICS, type TopicName, topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { Random } from '#streams/kit/random.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { response } from '#topologies/response/graph.ts';
import { breach, MINUTE, OPEN, override, said, step, workflow } from '../topology/response-desk.ts';
import { type Services, startServices } from './harness.ts';

const LIMIT_MS = 240_000;
const OUTPUTS = ['risk.actions', 'risk.controls', 'audit.trail'] as const;
const PORTFOLIOS = ['fund', 'other', 'third', 'p4', 'p5'];

interface Input {
  readonly topic: TopicName;
  readonly key: string;
  readonly value: Types[TopicName];
}

/** Incidents with answers, overrides and settings by hand, many of them within one millisecond. */
function script(): Input[] {
  const random = new Random('response');
  const inputs: Input[] = [];
  const put = (topic: TopicName, key: string, value: Types[TopicName]) => inputs.push({ topic, key, value });
  const workflows = [
    workflow('less', [step('tell', 'NOTIFY'), step('less', 'REDUCE', { afterMs: 60_000 })]),
    workflow('stop', [
      step('halt', 'HALT', { afterMs: 600_000 }),
      step('further', 'ESCALATE', { afterMs: 3_600_000, onlyIfUnacknowledged: true }),
    ]),
  ];
  for (const value of workflows) for (const key of workflowKeys(value.workflowId)) put('risk.workflows', key, value);
  for (let n = 0; n < 400; n++) {
    const portfolio = PORTFOLIOS[random.below(PORTFOLIOS.length)]!;
    const eventTime = OPEN + n * MINUTE;
    const breachId = `${portfolio}/gross/${Math.floor(n / 40)}`;
    const kind = random.below(8);
    if (kind < 4) put('risk.breaches', portfolio, breach({ portfolio, breachId, eventTime, value: n }));
    else if (kind === 4)
      put('risk.breaches', portfolio, breach({ portfolio, breachId, eventTime, event: 'CLOSED', level: 'NONE' }));
    else if (kind === 5)
      put('risk.acknowledgements', portfolio, said({ portfolio, breachId, eventTime, acknowledgementId: `a${n}` }));
    else if (kind === 6) {
      const rest = { portfolio, breachId, eventTime, acknowledgementId: `o${n}` };
      put('risk.acknowledgements', portfolio, override(eventTime + random.below(120) * MINUTE + 1, rest));
    } else {
      const state = (['ACTIVE', 'REDUCING', 'HALTED'] as const)[random.below(3)]!;
      const value: RiskControl = { eventTime, portfolio, state, setBy: 'graphql:anna', reason: `${n}`, breachId: null };
      put('risk.controls', portfolio, value);
      // A step at the very time.
      put(
        'risk.breaches',
        portfolio,
        breach({ portfolio, breachId: `${breachId}-${n}`, eventTime: eventTime - 10 * MINUTE }),
      );
    }
  }
  return inputs;
}

let services: Services;
let kafka: Kafka;
let registry: SchemaRegistry;
const folder = mkdtempSync(join(tmpdir(), 'tidemark-replay-response-'));
beforeAll(async () => {
  services = await startServices({ kafka: true, registry: true });
  kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'replay-response', log: silentLog });
  registry = new SchemaRegistry(services.registryUrl);
  await kafka.createTopics(
    Object.values(TOPICS).map(({ name, partitions, cleanup }) => ({ name, partitions, config: topicConfig(cleanup) })),
  );
}, LIMIT_MS);
afterAll(async () => {
  await kafka?.close();
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
}, LIMIT_MS);

async function write(inputs: readonly Input[]): Promise<void> {
  const producer = await kafka.openProducer();
  for (const { topic, key, value } of inputs) {
    const serde = await topicSerde<unknown>(registry, topic, AVRO[topic]);
    const timestampMs = Math.floor(value.eventTime / 1000);
    const partitionKey = partitionKeyOf(topic, key);
    await producer.send({ topic, key, value: serde.encode(value), timestampMs, partitionKey });
  }
  await producer.close();
}

/**
 * What a replay under a name of its own adds to the outputs, byte for byte; stopped and started again at every so many commits (0:
 * never).
 */
async function replay(name: string, cutEveryRecords: number, stopEvery: number): Promise<Record<string, string[][]>> {
  const from = Object.fromEntries(
    await Promise.all(OUTPUTS.map(async (topic) => [topic, await kafka.offsets(topic, 'latest-stable')] as const)),
  ) as Record<string, number[]>;
  for (let isDone = false; !isDone; ) {
    let commits = 0;
    isDone = true;
    const running = await runTopology(
      { ...response(), name },
      {
        ...{ kafka, brokers: services.kafkaBrokers, registry, stateFolder: folder, topicConfig, log: silentLog },
        metrics: new Metrics(),
        sessionTimeoutMs: 6_000,
        replay: { cutEveryRecords },
        onStep: (at) => {
          if (at !== 'end' || stopEvery === 0 || ++commits !== stopEvery) return;
          isDone = false;
          running.stop().catch(() => undefined);
        },
      },
    );
    await running.done;
  }
  const written: Record<string, string[][]> = {};
  for (const topic of OUTPUTS) {
    const ends = await kafka.offsets(topic, 'latest-stable');
    const reader = await kafka.openReader({ topics: [{ topic, from: from[topic]! }] });
    const found: string[][] = ends.map(() => []);
    while (ends.some((end, partition) => reader.position(topic, partition) < end))
      for (const { partition, records } of await reader.poll())
        for (const { key, value, timestampMs } of records)
          found[partition]!.push(`${key} ${timestampMs} ${value?.toString('hex')}`);
    await reader.close();
    written[topic] = found;
  }
  return written;
}

it(
  'gives the same actions, settings and entries, byte for byte: stopped on its way, and though the first are there already',
  async () => {
    await write(script());
    const first = await replay('response-one', 50, 0);
    expect(first['risk.controls']!.flat().length).toBeGreaterThan(20);
    expect(first['risk.actions']!.flat().length).toBeGreaterThan(200);
    expect(await replay('response-two', 7, 5)).toEqual(first);
  },
  LIMIT_MS,
);
