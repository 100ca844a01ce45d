import pg from 'pg';
import { type Column, columnsOf } from '#schemas/columns.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** SQL of a timestamp as microseconds since 1970 UTC. */
export const micros = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint`;
/** SQL of an exact number as decimal text. */
export const decimal = (column: string): string => `trim_scale(${column})::text`;
/** SQL of microseconds (a bigint expression) as a timestamp. */
export const timeOf = (epochMicros: string): string =>
  `timestamptz 'epoch' + (${epochMicros}) * interval '1 microsecond'`;

const SELECTED: Partial<Record<Column['kind'], (column: string) => string>> = { micros, decimal };

/** SQL that selects all fields of a topic's value by their names in the schema; exact amounts as decimal text. */
export const fieldsOf = (topic: Parameters<typeof columnsOf>[0], table = ''): string =>
  columnsOf(topic)
    .map(({ name, field, kind }) => {
      const column = table === '' ? name : `${table}.${name}`;
      return `${SELECTED[kind]?.(column) ?? column} as "${field}"`;
    })
    .join(', ');

/** bigint columns are counts, offsets and microseconds here, all safe integers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** True when the connection ended under the query (57P01: the server was stopped): another one may do. */
function wasBroken(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === '57P01' || code === 'ECONNRESET' || /^Connection terminated/.test(message ?? '');
}

/** Queries over a pool of connections. */
export interface Queries {
  /** Throws the driver's error; a connection that broke under the query is replaced. */
  rows<R>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  close(): Promise<void>;
}

/** Opens a pool of at most `connections`, lazily: it does not fail when the database is not there yet. */
export function openQueries(databaseUrl: string, connections: number): Queries {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connections,
    types,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'tidemark-read',
  });
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {});
  return {
    async rows<R>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
      for (let broken = 0; ; broken++) {
        try {
          return (await pool.query(sql, [...values])).rows as R[];
        } catch (error) {
          // After a restart of the database every pooled connection may be dead, and one tells so only when it is used.
          if (!wasBroken(error) || broken > connections) throw error;
        }
      }
    },
    close: () => pool.end(),
  };
}
