import { SETTINGS } from '#schemas/settings.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { ReplayClient } from './client.ts';
import { loadHistory } from './history.ts';
import { pacer } from './pace.ts';

/** The replay as a process: `node connectors/replay/main.ts`. Ends with exit code 0 after the last day. */
await runService('replay', async ({ log, metrics, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  const kafka = await openKafka({ brokers, clientId: 'replay', log });
  const replay = await ReplayClient.open({
    kafka,
    registry: new SchemaRegistry(registryUrl),
    history: loadHistory(),
    from: settings.TIDEMARK_REPLAY_FROM,
    to: settings.TIDEMARK_REPLAY_TO,
    log,
    metrics,
    signal,
    pace: pacer(settings.TIDEMARK_REPLAY_SPEED, systemClock, signal),
  });
  const done = replay.run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    notReady: () => replay.waitingFor,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      await replay.close();
      await kafka.close();
    },
  };
});
