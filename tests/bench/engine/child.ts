import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { type RunningTopology, runTopology } from '#streams/runtime/index.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';

/** What the process of a topology has to know of its surroundings. */
export interface Surroundings {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly stateFolder: string;
  readonly commitIntervalMs: number;
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
  { brokers, registryUrl, stateFolder, commitIntervalMs }: Surroundings,
  observe: (running: RunningTopology) => void = () => {},
): Promise<void> {
  const told = new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()));
  const kafka = await openKafka({ brokers, clientId: definition.name, log: silentLog });
  const running = await runTopology(definition, {
    kafka,
    brokers,
    registry: new SchemaRegistry(registryUrl),
    stateFolder,
    topicConfig,
    log: silentLog,
    metrics: new Metrics(),
    commitIntervalMs,
  });
  observe(running);
  await Promise.race([running.done, told]);
  await running.stop();
  await kafka.close();
  process.exit(0);
}
