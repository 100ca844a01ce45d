import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { registryServer } from './http.ts';
import { openSchemaLog } from './log.ts';
import { RegistryState } from './state.ts';

/**
 * The embedded schema registry: `http://127.0.0.1:$TIDEMARK_REGISTRY_PORT` (28081), its schemas in Kafka's topic
 * `_schemas`.
 */
await runService('registry', async ({ log }) => {
  const { KAFKA_BROKERS: brokers, TIDEMARK_REGISTRY_PORT: port } = readSettings(SETTINGS, process.env);
  if (!brokers) throw new TidemarkError('CONFIG_INVALID', 'The registry needs KAFKA_BROKERS');
  const state = new RegistryState();
  const schemas = await openSchemaLog(brokers, state, log);
  const server = registryServer(state, (event) => schemas.append(event));
  try {
    const address = await server.listen({ port, host: '127.0.0.1' });
    log.info(`The schema registry answers on ${address}`);
  } catch (cause) {
    await schemas.close();
    const message = `Port ${port} is taken: stop what uses it, or set TIDEMARK_REGISTRY_PORT to another port`;
    throw new TidemarkError('PORT_IN_USE', message, { cause });
  }
  return {
    notReady: () => null,
    stop: async () => {
      await server.close();
      await schemas.close();
    },
  };
});
