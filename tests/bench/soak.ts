import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { startServices, until } from '#tests/integration/harness.ts';
import { checkOutputs, TradeSource } from './engine/data.ts';
import { type Arena, type JobRun, startScript } from './engine/runs.ts';
import { sendSteadily } from './engine/steady.ts';
import { machine } from './figures.ts';
import type { BenchOptions } from './options.ts';

const PARTITIONS = 4;
const KEYS = 10_000;
const COMMIT_INTERVAL_MS = 100;
const NAME = 'bench-soak';
const INPUT = `${NAME}.in`;
const OUTPUT = `${NAME}.out`;
/** Share of the samples that count as warm-up. */
const WARM_SHARE = 0.2;
const END_LIMIT_MS = 120_000;
const MIB = 1024 * 1024;

/**
 * The job at a steady rate for minutes: does its memory grow, how late does its event loop get, is every output right.
 */
export async function soakBenchmark({ minutes, rate, log }: BenchOptions): Promise<unknown> {
  const services = await startServices({ kafka: true, registry: true });
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'bench', log: silentLog });
  const arena = { services, kafka, registry: new SchemaRegistry(services.registryUrl) };
  try {
    const result = await soak(arena, minutes, rate, log);
    return { benchmark: 'soak', machine: machine(), minutes, ratePerSecond: rate, keys: KEYS, ...result };
  } finally {
    await kafka.close();
    await services.stop();
  }
}

async function soak({ services, kafka, registry }: Arena, minutes: number, rate: number, log: (text: string) => void) {
  const config = topicConfig('delete');
  await kafka.createTopics([INPUT, OUTPUT].map((name) => ({ name, partitions: PARTITIONS, config })));
  const stateFolder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  const run: JobRun = {
    brokers: services.kafkaBrokers,
    registryUrl: services.registryUrl,
    name: NAME,
    input: INPUT,
    output: OUTPUT,
    mode: 'one-per-input',
    commitIntervalMs: COMMIT_INTERVAL_MS,
    threads: 1,
    stateFolder,
  };
  const contender = startScript('soak.ts', run);
  const producer = await kafka.openProducer();
  const source = new TradeSource(KEYS);
  const work = async () => {
    for (let minute = 1; minute <= minutes; minute++) {
      const order = { topic: INPUT, ratePerSecond: rate, seconds: 60 };
      await sendSteadily({ producer, registry, source }, order);
      log(`minute ${minute}: ${JSON.stringify(contender.messages.at(-1))}`);
    }
    const done = async () => {
      const committed = await kafka.committedOffsets(NAME, INPUT);
      return committed.reduce((sum, offset) => sum + Math.max(0, offset), 0) >= rate * 60 * minutes;
    };
    await until('the last records to be committed', done, END_LIMIT_MS);
  };
  try {
    await Promise.race([work(), contender.failed]);
  } finally {
    await contender.stop();
    await producer.close();
    rmSync(stateFolder, { recursive: true, force: true });
  }
  const outputs = await checkOutputs(kafka, registry, {
    topic: OUTPUT,
    mode: 'one-per-input',
    expected: source.expected(),
  });
  return { ...summary(contender.messages), records: outputs, exact: true };
}

function summary(samples: readonly Record<string, number>[]) {
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const of = (field: string) => {
    const values = warm.map((sample) => sample[field]! / MIB);
    const minutes = warm.map((sample) => (sample.atMs! - warm[0]!.atMs!) / 60_000);
    return {
      firstMiB: Number(values[0]!.toFixed(1)),
      lastMiB: Number(values.at(-1)!.toFixed(1)),
      maxMiB: Number(Math.max(...values).toFixed(1)),
      slopeMiBPerMinute: Number(slope(minutes, values).toFixed(3)),
    };
  };
  const last = samples.at(-1)!;
  return {
    samples: warm.length,
    rss: of('rssBytes'),
    heap: of('heapBytes'),
    external: of('externalBytes'),
    eventLoopDelayMs: { p99: Number(last.delayP99Ms!.toFixed(1)), max: Number(last.delayMaxMs!.toFixed(1)) },
  };
}

/** Of the line with the least squares of distances. */
function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const above = x.reduce((sum, value, index) => sum + (value - meanX) * (y[index]! - meanY), 0);
  const below = x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
  return above / below;
}
