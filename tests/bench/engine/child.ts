import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import { runTopologyThreads, type ThreadOptions } from '#streams/runtime/threads.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';

/** What the process of a topology has to know of its surroundings. */
export interface Surroundings {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly stateFolder: string;
  readonly commitIntervalMs: number;
  readonly checkpointIntervalMs?: number;
}

/** Says something to the process that measures. */
export const say = (message: Record<string, number>): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

/** Says when the first record comes. */
export function firstRecord(): () => void {
  let begun = false;
  return () => {
    if (begun) return;
    begun = true;
    say({ firstMs: Date.now() });
  };
}

/** Runs a topology in this process until the process is asked to end; `observe` may look at it meanwhile. */
export async function runUntilTold(
  definition: TopologyDefinition,
  { registryUrl, ...surroundings }: Surroundings,
  observe: (running: RunningTopology) => void = () => {},
): Promise<void> {
  const told = askedToEnd();
  const kafka = await openKafka({ brokers: surroundings.brokers, clientId: definition.name, log: silentLog });
  const running = await runTopology(definition, {
    ...plain(surroundings),
    kafka,
    registry: new SchemaRegistry(registryUrl),
    topicConfig,
    log: silentLog,
    metrics: new Metrics(),
  });
  observe(running);
  await Promise.race([running.done, told]);
  await running.stop();
  await kafka.close();
  process.exit(0);
}

/** The same in worker threads. */
export async function runThreadsUntilTold(
  threads: Pick<ThreadOptions, 'module' | 'export' | 'args' | 'threads'>,
  surroundings: Surroundings,
): Promise<void> {
  const told = askedToEnd();
  const running = await runTopologyThreads({
    ...threads,
    ...plain(surroundings),
    registryUrl: surroundings.registryUrl,
    topicConfig: { module: import.meta.resolve('#schemas/topics.ts'), export: topicConfig.name },
    log: silentLog,
    metrics: new Metrics(),
  });
  await Promise.race([running.done, told]);
  await running.stop();
  process.exit(0);
}

const askedToEnd = () => new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()));

/** What is given to a process may hold more than this. */
const plain = ({
  brokers,
  stateFolder,
  commitIntervalMs,
  checkpointIntervalMs,
}: Omit<Surroundings, 'registryUrl'>) => ({
  brokers,
  stateFolder,
  commitIntervalMs,
  ...(checkpointIntervalMs === undefined ? {} : { checkpointIntervalMs }),
});
