import { claimPort } from '#ops/embedded/ports.ts';
import type { SETTINGS } from '#schemas/settings.ts';
import type { Settings } from '#streams/kit/config.ts';
import { describeError } from '#streams/kit/errors.ts';
import type { RunningSystem } from '../running.ts';
import { type Finding, well, wrong } from './finding.ts';

/** What listens where: the setting of its port, what it is, and the setting that puts a service of the user's own in its place. */
const PORTS = [
  { setting: 'TIDEMARK_HTTP_PORT', what: 'the page', instead: null, url: ({ httpUrl }: RunningSystem) => httpUrl },
  {
    setting: 'TIDEMARK_KAFKA_PORT',
    what: 'Kafka',
    instead: 'KAFKA_BROKERS',
    url: ({ kafkaBrokers }: RunningSystem) => `kafka://${kafkaBrokers[0]}`,
  },
  {
    setting: 'TIDEMARK_REGISTRY_PORT',
    what: 'the schema registry',
    instead: 'SCHEMA_REGISTRY_URL',
    url: ({ registryUrl }: RunningSystem) => registryUrl,
  },
  {
    setting: 'TIDEMARK_POSTGRES_PORT',
    what: 'PostgreSQL',
    instead: 'DATABASE_URL',
    url: ({ databaseUrl }: RunningSystem) => databaseUrl,
  },
  {
    setting: 'TIDEMARK_CLICKHOUSE_PORT',
    what: 'ClickHouse',
    instead: 'CLICKHOUSE_URL',
    url: ({ clickhouseUrl }: RunningSystem) => clickhouseUrl,
  },
] as const;

/** Whether the ports that a start would take are free, or held by the system that runs on this home folder. */
export function portFindings(settings: Settings<typeof SETTINGS>, running: RunningSystem | null): Promise<Finding[]> {
  const wanted = PORTS.filter(({ instead }) => instead === null || !settings[instead]);
  return Promise.all(
    wanted.map(async ({ setting, what, url }): Promise<Finding> => {
      const port = settings[setting];
      const name = `Port ${port}`;
      if (running && Number(new URL(url(running)).port) === port)
        return well(name, `held by ${what} of the running system`);
      const host = setting === 'TIDEMARK_HTTP_PORT' ? settings.TIDEMARK_HTTP_HOST : '127.0.0.1';
      try {
        await claimPort(port, setting, what, host);
        return well(name, port === 0 ? `any, for ${what}` : `free, for ${what}`);
      } catch (error) {
        const advice = `stop what uses it, or choose another with ${setting}=PORT (0 picks a free one)`;
        return wrong(name, `for ${what}: ${describeError(error)}`, advice);
      }
    }),
  );
}
