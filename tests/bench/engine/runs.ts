import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { topicConfig } from '#schemas/topics.ts';
import { type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { Services } from '#tests/integration/harness.ts';
import { type OutputMode, PNL, TRADE } from '../job.ts';
import { Contender } from './contender.ts';
import { checkOutputs, type Expected } from './data.ts';

/** One run of the job: everything a process of ours needs to know. */
export interface JobRun {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  /** Group, topology or application. */
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly mode: OutputMode;
  readonly threads: number;
  readonly commitIntervalMs: number;
  readonly stateFolder: string;
}
/** The same for any process. */
export interface RunSpec extends JobRun {
  readonly inputSchemaId: number;
  readonly outputSchemaId: number;
}
export interface Figures {
  /** From the first record to the commit of the last. */
  readonly recordsPerSecond: number;
  /** The same of the second half alone, where compilers have warmed up. */
  readonly secondHalfPerSecond: number;
  /** CPU time of the process or processes in that stretch, per record. */
  readonly cpuMicrosPerRecord: number;
  readonly outputs: number;
}
export interface Input {
  readonly topic: string;
  readonly partitions: number;
  readonly expected: Expected;
}
export interface Arena {
  readonly services: Services;
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
}
export type Start = (run: RunSpec) => Contender[];

const POLL_MS = 10;
const LIMIT_MS = 600_000;

/**
 * Runs a contender on fresh topics until the group has committed everything, checks what it wrote, and removes what it
 * made. Whoever runs, the stretch that counts begins at the contender's own first record, so that the start of a
 * process or of a virtual machine is left out, and ends when the committed offsets reach the end, seen from outside
 * within 10 ms.
 */
export async function measure(
  arena: Arena,
  start: Start,
  options: { name: string; input: Input; mode: OutputMode; threads: number; commitIntervalMs: number },
): Promise<Figures> {
  const { services, kafka, registry } = arena;
  const { name, input, mode, threads, commitIntervalMs } = options;
  const output = `${name}.out`;
  const before = new Set(await kafka.listTopics());
  await kafka.createTopics([{ name: output, partitions: input.partitions, config: topicConfig('delete') }]);
  const stateFolder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  await topicSerde(registry, output, PNL);
  const contenders = start({
    brokers: services.kafkaBrokers,
    registryUrl: services.registryUrl,
    name,
    input: input.topic,
    output,
    inputSchemaId: await registry.register(`${input.topic}-value`, TRADE),
    outputSchemaId: await registry.register(`${output}-value`, PNL),
    mode,
    threads,
    commitIntervalMs,
    stateFolder,
  });
  try {
    const timing = await Promise.race([time(kafka, contenders, name, input), ...contenders.map((each) => each.failed)]);
    await Promise.all(contenders.map((contender) => contender.stop()));
    const outputs = await checkOutputs(kafka, registry, { topic: output, mode, expected: input.expected });
    return { ...timing, outputs };
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
    rmSync(stateFolder, { recursive: true, force: true });
    await kafka.deleteTopics((await kafka.listTopics()).filter((topic) => !before.has(topic)));
  }
}

async function time(kafka: Kafka, contenders: readonly Contender[], group: string, { topic, expected }: Input) {
  const cpu = () => contenders.reduce((sum, contender) => sum + contender.cpuSeconds(), 0);
  const total = expected.records;
  const deadline = Date.now() + LIMIT_MS;
  const firstMs = await Promise.race(contenders.map(({ first }) => first));
  const cpuAtFirst = cpu();
  let half: { atMs: number; done: number } | null = null;
  for (;;) {
    const committed = await kafka.committedOffsets(group, topic);
    const done = committed.reduce((sum, offset) => sum + Math.max(0, offset), 0);
    const atMs = Date.now();
    if (done >= total) {
      const stretch = half ?? { atMs: firstMs, done: 0 };
      return {
        recordsPerSecond: Math.round((total * 1000) / (atMs - firstMs)),
        secondHalfPerSecond: Math.round(((total - stretch.done) * 1000) / (atMs - stretch.atMs)),
        cpuMicrosPerRecord: Number((((cpu() - cpuAtFirst) * 1e6) / total).toFixed(3)),
      };
    }
    if (done >= total / 2) half ??= { atMs, done };
    if (atMs > deadline) throw new Error(`${group} has done ${done} of ${total} records after ${LIMIT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

/** Starts our runtime, in one process with as many threads as asked for. */
export const startOurs = (run: JobRun): Contender[] => [startScript('ours.ts', run)];

/** Starts the loop without a runtime. */
export const startBare: Start = (run) => [startScript('bare.ts', run)];

export const startScript = (file: string, spec: object): Contender =>
  new Contender(process.execPath, [join(import.meta.dirname, file), JSON.stringify(spec)]);
