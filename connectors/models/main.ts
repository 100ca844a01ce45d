import { isAbsolute, join } from 'node:path';
import { TRAINERS } from '#ml/life/trainers.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { adoptModels } from './adopt.ts';
import { KeeperClient } from './keeper-client.ts';
import { lifeSettings } from './life-settings.ts';
import { predictionSource } from './predictions.ts';
import { publishMlEvents } from './publish.ts';
import { ProcessTraining } from './training.ts';

/** The market of the features of breach prediction. */
const MARKET = 'SP500';
const ROOT = join(import.meta.dirname, '..', '..');

/** Keeps models, as a process: `node connectors/models/main.ts`. */
await runService('models', async ({ log, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  const life = lifeSettings(settings);
  const home = isAbsolute(settings.TIDEMARK_HOME) ? settings.TIDEMARK_HOME : join(ROOT, settings.TIDEMARK_HOME);
  const models = new ModelRegistry({ folder: join(home, 'models') });
  const kafka = await openKafka({ brokers, clientId: 'models', log });
  const registry = new SchemaRegistry(registryUrl);
  await adoptModels(models, kafka, registry);
  const training = new ProcessTraining({
    python: settings.TIDEMARK_PYTHON,
    folder: join(home, 'state', 'training'),
    limitMs: settings.TIDEMARK_RETRAIN_LIMIT_MINUTES * 60_000,
    env: process.env,
  });
  const clients: KeeperClient[] = [];
  for (const trainer of TRAINERS)
    clients.push(
      await KeeperClient.open({
        ...{ kafka, registry, models, trainer, training, settings: life, log, signal, market: MARKET },
        predictions: await predictionSource(trainer.model, registry),
        shadowDays: settings.TIDEMARK_MODEL_SHADOW_DAYS,
        folder: join(home, 'state', 'models'),
        publish: (events) => publishMlEvents(kafka, registry, events),
      }),
    );
  const done = Promise.all(clients.map((client) => client.run())).then(
    () => undefined,
    (error: unknown) => {
      if (!signal.aborted) throw error;
    },
  );
  return {
    notReady: () => clients.map(({ waitingFor }) => waitingFor).find((reason) => reason !== null) ?? null,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      for (const client of clients) await client.close();
      await kafka.close();
    },
  };
});
