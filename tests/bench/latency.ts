import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { startServices, until } from '#tests/integration/harness.ts';
import { TradeSource } from './engine/data.ts';
import { type Arena, startOurs } from './engine/runs.ts';
import { nowMicros, sendSteadily } from './engine/steady.ts';
import { machine, quantile } from './figures.ts';
import { type BenchPnl, PNL } from './job.ts';
import type { BenchOptions } from './options.ts';

const RATES = [1_000, 5_000, 20_000];
const COMMIT_INTERVALS_MS = [10, 100];
const PARTITIONS = 4;
const KEYS = 100;
/** A broker that has just started compiles its code for half a minute, and answers slowly as long. */
const BROKER_WARM_SECONDS = 30;
const WARM_SECONDS = 5;
const SECONDS = 10;
const END_LIMIT_MS = 60_000;

/**
 * From the moment a trade is given to a producer until a read_committed reader has the position that follows from it,
 * at steady rates. The first seconds are left out; every input's output must come.
 */
export async function latencyBenchmark({ only, log }: BenchOptions): Promise<unknown> {
  const services = await startServices({ kafka: true, registry: true });
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'bench', log: silentLog });
  const arena = { services, kafka, registry: new SchemaRegistry(services.registryUrl) };
  try {
    const results: unknown[] = [];
    log(`warming the broker for ${BROKER_WARM_SECONDS} s`);
    await run(arena, { commitIntervalMs: 10, ratePerSecond: 5_000, seconds: BROKER_WARM_SECONDS });
    for (const commitIntervalMs of COMMIT_INTERVALS_MS) {
      for (const ratePerSecond of RATES) {
        const name = `${commitIntervalMs}/${ratePerSecond}`;
        if (only !== null && !`${name}/`.startsWith(`${only}/`)) continue;
        const latenciesMs = await run(arena, { commitIntervalMs, ratePerSecond, seconds: SECONDS });
        const round = (share: number) => Number(quantile(latenciesMs, share).toFixed(2));
        const figures = { p50: round(0.5), p99: round(0.99), max: round(1) };
        log(`commits every ${commitIntervalMs} ms, ${ratePerSecond} records/s: ${JSON.stringify(figures)} ms`);
        results.push({ commitIntervalMs, ratePerSecond, samples: latenciesMs.length, latencyMs: figures });
      }
    }
    return { benchmark: 'latency', machine: machine(), partitions: PARTITIONS, keys: KEYS, results };
  } finally {
    await kafka.close();
    await services.stop();
  }
}

interface Load {
  readonly commitIntervalMs: number;
  readonly ratePerSecond: number;
  readonly seconds: number;
}
async function run(arena: Arena, { commitIntervalMs, ratePerSecond, seconds }: Load): Promise<number[]> {
  const { services, kafka, registry } = arena;
  const name = `latency-${commitIntervalMs}-${ratePerSecond}-${seconds}`;
  const [input, output] = [`${name}.in`, `${name}.out`];
  const stateFolder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  const topics = [input, output].map((topic) => ({
    name: topic,
    partitions: PARTITIONS,
    config: topicConfig('delete'),
  }));
  await kafka.createTopics(topics);
  const [contender] = startOurs({
    brokers: services.kafkaBrokers,
    registryUrl: services.registryUrl,
    name,
    input,
    output,
    mode: 'one-per-input',
    threads: 1,
    commitIntervalMs,
    stateFolder,
  });
  const producer = await kafka.openProducer();
  const source = new TradeSource(KEYS);
  const end = new AbortController();
  const latencies = new Latencies();
  const reading = latencies.follow(kafka, registry, output, end.signal);
  try {
    const send = (duration: number) =>
      sendSteadily({ producer, registry, source }, { topic: input, ratePerSecond, seconds: duration });
    const work = async () => {
      // The first record waits for the process to start: it is not what is measured.
      await send(1);
      await until('the first outputs', () => latencies.outputs >= source.expected().records, END_LIMIT_MS);
      await send(WARM_SECONDS);
      latencies.samplesMs.length = 0;
      await send(seconds);
      await until('the last outputs', () => latencies.outputs >= source.expected().records, END_LIMIT_MS);
    };
    await Promise.race([work(), contender!.failed, reading]);
    const { records } = source.expected();
    if (latencies.outputs !== records) throw new Error(`${latencies.outputs} outputs came of ${records} inputs`);
    return latencies.samplesMs;
  } finally {
    end.abort();
    await producer.close();
    await contender!.stop();
    rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** Reads outputs as they come; the event time of each is when its input was sent. */
class Latencies {
  readonly samplesMs: number[] = [];
  outputs = 0;

  async follow(kafka: Kafka, registry: SchemaRegistry, topic: string, signal: AbortSignal): Promise<void> {
    const serde = await topicSerde<BenchPnl>(registry, topic, PNL);
    const reader = await kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    while (!signal.aborted) {
      for (const { records } of await reader.poll(signal)) {
        const micros = nowMicros();
        for (const { value } of records) this.samplesMs.push((micros - serde.decode(value!).eventTime) / 1000);
        this.outputs += records.length;
      }
    }
    await reader.close();
  }
}
