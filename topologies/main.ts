import { join, resolve } from 'node:path';
import { DatedModels } from '#ml/model/dated.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { topicConfig } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import { runService } from '#streams/kit/service.ts';
import { runTopology } from '#streams/runtime/index.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { bars } from './bars/graph.ts';
import { book } from './book/graph.ts';
import { execution } from './execution/graph.ts';
import { indicators } from './indicators/graph.ts';
import { limits } from './limits/graph.ts';
import { portfolio } from './portfolio/graph.ts';
import { positions } from './positions/graph.ts';
import { predictions } from './predictions/graph.ts';
import { ModelFiles } from './predictions/model-files.ts';
import { regimes } from './regimes/graph.ts';
import { response } from './response/graph.ts';
import { risk } from './risk/graph.ts';

type Settings = ReturnType<typeof readSettings<typeof SETTINGS>>;

/** Shipped with the code. */
const MODELS = join(import.meta.dirname, '..', 'ml', 'models');

const TOPOLOGIES: Readonly<Record<string, (settings: Settings, log: Log) => TopologyDefinition>> = {
  positions: () => positions(),
  portfolio: ({ TIDEMARK_FX_PIVOT: pivotCurrency }) => portfolio({ pivotCurrency }),
  bars: () => bars(),
  indicators: ({ TIDEMARK_INDICATORS, TIDEMARK_INDICATOR_INTERVALS }) =>
    indicators({ indicators: TIDEMARK_INDICATORS, intervals: TIDEMARK_INDICATOR_INTERVALS }),
  regimes: ({ TIDEMARK_ONNX_PROVIDERS: providers, TIDEMARK_ONNX_THREADS: threads }, log) =>
    regimes({
      models: new DatedModels(join(MODELS, 'regimes'), { providers, threads }),
      onFailure: (reason) => log.error(`A classifier of regimes is not heard, the other voters are: ${reason}`),
    }),
  predictions: ({ TIDEMARK_HOME, TIDEMARK_ONNX_PROVIDERS: providers, TIDEMARK_ONNX_THREADS: threads }, log) =>
    predictions({
      models: new ModelFiles({
        shipped: join(MODELS, 'breach'),
        registry: new ModelRegistry({ folder: join(resolve(TIDEMARK_HOME), 'models') }),
        session: { providers, threads },
        now: Date.now,
      }),
      onFailure: (reason) => log.error(`A model of breaches is not heard, the closed form is said: ${reason}`),
    }),
  book: () => book(),
  risk: () => risk(),
  execution: () => execution(),
  limits: () => limits(),
  response: () => response(),
};

/** Runs one topology as a process: `node topologies/main.ts positions`. */
const name = process.argv[2] ?? '';
const define = TOPOLOGIES[name];
if (!define) {
  console.error(`Unknown topology "${name}": expected one of ${Object.keys(TOPOLOGIES).join(', ')}`);
  process.exit(2);
}

await runService(name, async ({ log, metrics }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  const kafka = await openKafka({ brokers, clientId: name, log });
  const running = await runTopology(define(settings, log), {
    kafka,
    brokers,
    registry: new SchemaRegistry(registryUrl),
    stateFolder: join(resolve(settings.TIDEMARK_HOME), 'state'),
    topicConfig,
    mergeBy: 'thread',
    log,
    metrics,
    commitIntervalMs: settings.TIDEMARK_COMMIT_INTERVAL_MS,
  });
  return {
    notReady: () => running.notReady(),
    done: running.done,
    stop: async () => {
      await running.stop();
      await kafka.close();
    },
  };
});
