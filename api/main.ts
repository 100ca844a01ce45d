import { join } from 'node:path';
import { SETTINGS } from '#schemas/settings.ts';
import { openReadStore } from '#sinks/postgres/read.ts';
import { openReportReads } from '#sinks/postgres/read-reports.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type RunningService, runService, type ServiceContext } from '#streams/kit/service.ts';
import { KafkaCommands } from './commands.ts';
import { HealthMonitor } from './health/monitor.ts';
import { LiveFeed } from './live/feed.ts';
import { createViews } from './live/views.ts';
import { parseAddresses } from './metrics/gather.ts';
import { createServer } from './server.ts';

/** Folder that ui/build.ts builds into. */
const PAGE_FOLDER = join(import.meta.dirname, '..', 'ui', 'dist');

/** Starts the API: live views, health, and one HTTP port for the page and GraphQL. */
export async function startApi(
  { log, metrics }: Pick<ServiceContext, 'log' | 'metrics'>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<RunningService & { readonly port: number }> {
  const settings = readSettings(SETTINGS, env);
  const required = (name: 'KAFKA_BROKERS' | 'SCHEMA_REGISTRY_URL' | 'DATABASE_URL') => {
    if (settings[name] === null) throw new TidemarkError('CONFIG_INVALID', `${name} must be set for the API`);
  };
  required('KAFKA_BROKERS');
  required('SCHEMA_REGISTRY_URL');
  required('DATABASE_URL');
  metrics.registry.setDefaultLabels({ process: 'api' });
  const processes = parseAddresses(settings.TIDEMARK_STATUS_URLS ?? []).filter(({ name }) => name !== 'api');
  const kafka = await openKafka({ brokers: settings.KAFKA_BROKERS ?? [], clientId: 'tidemark-api', log });
  const store = openReadStore(settings.DATABASE_URL ?? '');
  const reports = openReportReads(settings.DATABASE_URL ?? '');
  const views = createViews(metrics);
  const registry = new SchemaRegistry(settings.SCHEMA_REGISTRY_URL ?? '');
  const feed = new LiveFeed({ kafka, registry, store, views, metrics, log });
  const monitor = new HealthMonitor({
    kafka,
    store,
    feed,
    processes,
    maxLagRecords: settings.TIDEMARK_MAX_LAG_RECORDS,
  });
  const commands = new KafkaCommands(kafka, registry);
  const host = settings.TIDEMARK_HTTP_HOST;
  const server = await createServer({
    host,
    views,
    store,
    reports: { read: store, reports },
    commands,
    metrics,
    log,
    notLoaded: () => feed.notLoaded(),
    health: () => monitor.report(Date.now()),
    processes,
    pageFolder: PAGE_FOLDER,
  });
  await listen(server, host, settings.TIDEMARK_HTTP_PORT);
  feed.start();
  monitor.start();
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.TIDEMARK_HTTP_PORT;
  log.info({ host, port }, 'The API is listening');
  return {
    port,
    notReady: () => feed.notLoaded(),
    async stop() {
      monitor.stop();
      await server.close();
      await commands.close();
      await feed.stop();
      await store.close();
      await reports.close();
      await kafka.close();
    },
  };
}

async function listen(
  server: { listen(options: { host: string; port: number }): Promise<string> },
  host: string,
  port: number,
): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE')
      throw new TidemarkError(
        'PORT_IN_USE',
        `Port ${port} is in use: stop what listens there, or set TIDEMARK_HTTP_PORT to another one`,
        { cause: error },
      );
    throw error;
  }
}

if (import.meta.main) await runService('api', startApi);
