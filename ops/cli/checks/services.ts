import type { SystemUrls } from '#ops/embedded/prepare-system.ts';
import { attempt, type Finding, wrong } from './finding.ts';

/** Addresses of the services to look at: those of the running system, or those that the settings name. */
export type ServiceUrls = { readonly [K in keyof SystemUrls]: SystemUrls[K] | null };

/** Whether each service answers what Tidemark asks of it. */
export function serviceFindings(urls: ServiceUrls): Promise<Finding[]> {
  const { kafkaBrokers, registryUrl, databaseUrl, clickhouseUrl } = urls;
  return Promise.all([
    ...(kafkaBrokers ? [kafka(kafkaBrokers)] : []),
    ...(registryUrl ? [registry(registryUrl)] : []),
    ...(databaseUrl ? [postgres(databaseUrl)] : []),
    ...(clickhouseUrl ? [clickhouse(clickhouseUrl)] : []),
  ]);
}

/** The system's own report of its health. */
export const systemFinding = (httpUrl: string): Promise<Finding> =>
  attempt('System', `look into the logs folder of TIDEMARK_HOME, or start again`, async () => {
    const response = await fetch(`${httpUrl}/health/ready`);
    const { checks = [] } = (await response.json()) as { checks?: { name: string; ok: boolean; reason: string }[] };
    if (response.ok) return `running at ${httpUrl}, ready`;
    const reasons = checks.filter(({ ok }) => !ok).map(({ name, reason }) => `${name}: ${reason}`);
    const detail = `running at ${httpUrl}, not ready\n${reasons.join('\n')}`.trim();
    return wrong('System', detail, 'give it a moment; if it stays so, look into the logs folder of TIDEMARK_HOME');
  });

const kafka = (brokers: readonly string[]) =>
  attempt('Kafka', 'is the broker up, and KAFKA_BROKERS right?', async () => {
    const { openKafka } = await import('#streams/kafka/index.ts');
    const connection = await openKafka({ brokers, clientId: 'tidemark-doctor' });
    try {
      return `${brokers.join(', ')}: ${(await connection.listTopics()).length} topics`;
    } finally {
      await connection.close();
    }
  });

const registry = (url: string) =>
  attempt('Registry', 'is the registry up, and SCHEMA_REGISTRY_URL right?', async () => {
    const { username, password, href } = new URL('subjects', url.endsWith('/') ? url : `${url}/`);
    const headers: Record<string, string> = username
      ? {
          authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
        }
      : {};
    const response = await fetch(withoutCredentials(href), { headers });
    if (!response.ok) throw new Error(`${withoutCredentials(url)} answers ${response.status}`);
    return `${withoutCredentials(url)}: ${((await response.json()) as unknown[]).length} subjects`;
  });

const postgres = (url: string) =>
  attempt('PostgreSQL', 'is the database up, and DATABASE_URL right?', async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 4_000 });
    await client.connect();
    try {
      const { rows } = await client.query<{ version: string }>('select version()');
      return `${withoutCredentials(url)}: ${rows[0]!.version.split(' ').slice(0, 2).join(' ')}`;
    } finally {
      await client.end();
    }
  });

const clickhouse = (url: string) =>
  attempt('ClickHouse', 'is it up, and CLICKHOUSE_URL right?', async () => {
    const { openClient } = await import('#sinks/clickhouse/client.ts');
    const client = openClient(url, null);
    try {
      const answer = await client.query({ query: 'select version() as version', format: 'JSONEachRow' });
      const [row] = await answer.json<{ version: string }>();
      return `${withoutCredentials(url)}: ClickHouse ${row?.version}`;
    } finally {
      await client.close();
    }
  });

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = parsed.password = '';
  return parsed.href;
}
