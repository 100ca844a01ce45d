import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { createLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { runTopology } from '#streams/runtime/index.ts';
import { positionsJob } from '../job.ts';
import { say, untilTold } from './child.ts';
import type { RunSpec } from './runs.ts';

/** The job on our runtime, as a process of its own. */
const run = JSON.parse(process.argv[2]!) as RunSpec;
const { brokers, name, input, output, mode, commitIntervalMs, stateFolder } = run;
// Standard output is for figures; only what is worth a warning is written, and the reader of figures never sees one in a good run.
const log = createLog(name, 'silent');
const kafka = await openKafka({ brokers, clientId: name, log });
let begun = false;
const onRecord = () => {
  if (begun) return;
  begun = true;
  say({ firstMs: Date.now() });
};
const running = await runTopology(positionsJob({ name, input, output, mode, onRecord }), {
  kafka,
  brokers,
  registry: new SchemaRegistry(run.registryUrl),
  stateFolder,
  topicConfig,
  log,
  metrics: new Metrics(),
  commitIntervalMs,
});
await Promise.race([running.done, untilTold()]);
await running.stop();
await kafka.close();
process.exit(0);
