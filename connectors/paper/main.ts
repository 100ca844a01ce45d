import { SETTINGS } from '#schemas/settings.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { VenueClient } from './client.ts';

/** The simulated venue as a process: `node connectors/paper/main.ts`. */
await runService('paper-venue', async ({ log, metrics, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, TIDEMARK_SEED: seed } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  const kafka = await openKafka({ brokers, clientId: 'paper-venue', log });
  const venue = await VenueClient.open({
    kafka,
    registry: new SchemaRegistry(registryUrl),
    seed,
    log,
    metrics,
    signal,
  });
  const done = venue.run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    notReady: () => venue.waitingFor,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      await venue.close();
      await kafka.close();
    },
  };
});
