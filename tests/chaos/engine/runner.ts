import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import type { TransactionStep } from '#streams/kafka/transactions.ts';
import { describeError } from '#streams/kit/errors.ts';
import { pipeLog } from '#streams/kit/log-pipe.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { tallies } from './tally.ts';

export interface RunnerSettings {
  readonly name: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly stateFolder: string;
  readonly sessionTimeoutMs: number;
  readonly transactionTimeoutMs: number;
}
/** To the process: `stop`, or a step of a commit before which it is to stop itself, as SIGSTOP does. */
export type RunnerOrder = 'stop' | { readonly pauseBefore: TransactionStep };

/** A process that runs a tally until its parent says stop; its log goes there. */
const settings = JSON.parse(process.argv[2]!) as RunnerSettings;
const { name, brokers, registryUrl } = settings;
const tell = (entry: string) => {
  if (process.connected) process.send!(entry);
};
const log = pipeLog('info', tell);
process.on('disconnect', () => process.exit(1));
try {
  const kafka = await openKafka({ brokers, clientId: `${name}-${process.pid}`, log });
  let pauseBefore: TransactionStep | null = null;
  const running = await runTopology(tallies(name), {
    ...settings,
    kafka,
    registry: new SchemaRegistry(registryUrl),
    topicConfig,
    log,
    metrics: new Metrics(),
    commitIntervalMs: 50,
    standbyReplicas: 1,
    onStep: (step) => {
      if (step !== pauseBefore) return;
      pauseBefore = null;
      process.kill(process.pid, 'SIGSTOP');
    },
  });
  process.on('message', (order: RunnerOrder) => {
    if (order === 'stop') void running.stop();
    else pauseBefore = order.pauseBefore;
  });
  await running.done;
  await kafka.close();
  process.exit(0);
} catch (error) {
  log.error(`${name} ended: ${describeError(error)}`);
  process.exitCode = 1;
  process.disconnect();
}
