import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openKafka, SchemaRegistry } from '../kafka/index.ts';
import { TidemarkError } from '../kit/errors.ts';
import { pipeLog } from '../kit/log-pipe.ts';
import { Metrics } from '../kit/metrics.ts';
import type { TopologyDefinition } from '../topology/types.ts';
import { type RunningTopology, type RunOptions, runTopology } from './index.ts';
import {
  type FromWorker,
  type ModuleExport,
  type ToWorker,
  toPlainError,
  type WorkerInput,
} from './worker-messages.ts';

const STATE_INTERVAL_MS = 250;

/** What a worker thread of `runTopologyThreads` runs: the topology, with connections, state and metrics of its own. */
async function main(port: MessagePort, input: WorkerInput): Promise<void> {
  const send = (message: FromWorker) => port.postMessage(message);
  const log = pipeLog(input.logLevel, (entry) => send({ kind: 'log', entry }));
  const metrics = new Metrics();
  const snapshot = async () => structuredClone(await metrics.registry.getMetricsAsJSON());
  let running: RunningTopology | null = null;
  let stopping = false;
  const report = () => send({ kind: 'state', notReady: running ? running.notReady() : 'a thread is starting' });
  const timer = setInterval(report, STATE_INTERVAL_MS);
  port.on('message', async (message: ToWorker) => {
    if (message.kind === 'metrics') send({ kind: 'metrics', metrics: await snapshot() });
    else {
      stopping = true;
      // What a stop brings to light is in `done`.
      running?.stop().catch(() => undefined);
    }
  });
  let failure: unknown = null;
  const { brokers } = input.run;
  const kafka = await openKafka({ brokers, clientId: input.clientId, log });
  try {
    running = await start(input, { kafka, log, metrics });
    if (stopping) running.stop().catch(() => undefined);
    send({ kind: 'started', metrics: await snapshot() });
    report();
    await running.done;
  } catch (error) {
    failure = error;
  }
  clearInterval(timer);
  await kafka.close();
  send({ kind: 'ended', error: failure === null ? null : toPlainError(failure) });
  port.close();
}

async function start(
  { topology, topicConfig, registryUrl, run }: WorkerInput,
  own: Pick<RunOptions, 'kafka' | 'log' | 'metrics'>,
): Promise<RunningTopology> {
  const define = await load<(...args: readonly unknown[]) => TopologyDefinition>(topology);
  return runTopology(define(...topology.args), {
    ...run,
    ...own,
    registry: new SchemaRegistry(registryUrl),
    topicConfig: await load<RunOptions['topicConfig']>(topicConfig),
  });
}

async function load<T>({ module, export: name }: ModuleExport): Promise<T> {
  const found = ((await import(module)) as Record<string, unknown>)[name];
  if (typeof found !== 'function')
    throw new TidemarkError('CONFIG_INVALID', `Module ${module} exports no function "${name}"`);
  return found as T;
}

main(parentPort!, workerData as WorkerInput).catch((error) => {
  parentPort!.postMessage({ kind: 'ended', error: toPlainError(error) } satisfies FromWorker);
  process.exit(1);
});
