import { SETTINGS } from '#schemas/settings.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { DemoClient } from './client.ts';

/** The demo's strategies as a process: `node connectors/demo/main.ts`. */
await runService('demo', async ({ log, metrics, signal }) => {
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl } = readSettings(SETTINGS, process.env);
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  const kafka = await openKafka({ brokers, clientId: 'demo', log });
  const demo = await DemoClient.open({ kafka, registry: new SchemaRegistry(registryUrl), log, metrics, signal });
  const done = demo.run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    notReady: () => demo.waitingFor,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      await demo.close();
      await kafka.close();
    },
  };
});
