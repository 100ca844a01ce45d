import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { pipeLog } from '#streams/kit/log-pipe.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { counting } from './counting.ts';

/** A process that runs the counting topology until its parent says stop, and sends its log there. */
const [name = '', brokers = '', registryUrl = '', stateFolder = '', standbys = '0'] = process.argv.slice(2);
const log = pipeLog('info', (entry) => process.send?.(entry));
const kafka = await openKafka({ brokers: [brokers], clientId: `${name}-${process.pid}`, log });
const running = await runTopology(counting(name), {
  kafka,
  brokers: [brokers],
  registry: new SchemaRegistry(registryUrl),
  stateFolder,
  topicConfig,
  log,
  metrics: new Metrics(),
  commitIntervalMs: 50,
  sessionTimeoutMs: 6_000,
  standbyReplicas: Number(standbys),
});
process.on('message', () => void running.stop());
process.on('disconnect', () => process.exit(1));
await running.done;
await kafka.close();
process.exit(0);
