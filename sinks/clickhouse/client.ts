import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';

/** Database of a URL that names none. */
export const DEFAULT_DATABASE = 'tidemark';
const REQUEST_TIMEOUT_MS = 60_000;

/** The database that `http://user:password@host:port/database` names. */
export const databaseOf = (url: string): string =>
  decodeURIComponent(new URL(url).pathname.slice(1)) || DEFAULT_DATABASE;

/** A client of that database; null as `database` where it may not exist yet. Failures are thrown, not logged. */
export function openClient(url: string, database: string | null = databaseOf(url)): ClickHouseClient {
  const base = new URL(url);
  base.pathname = '/';
  return createClient({
    url: base,
    ...(database === null ? {} : { database }),
    application: 'tidemark',
    request_timeout: REQUEST_TIMEOUT_MS,
    compression: { request: false, response: false },
    log: { level: ClickHouseLogLevel.OFF },
  });
}
