import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';

const FOLDER = join(import.meta.dirname, 'migrations');

/**
 * Brings the database to the newest schema; does nothing when it is there. Concurrent calls wait for each other. Throws
 * MIGRATION_FAILED. With TimescaleDB available its extension is created and used.
 */
export async function migrate(database: string | pg.ClientBase): Promise<void> {
  try {
    await runner({
      ...(typeof database === 'string' ? { databaseUrl: database } : { dbClient: database }),
      dir: FOLDER,
      direction: 'up',
      migrationsTable: 'tidemark_migrations',
      advisoryLockMode: 'wait',
      migrationLoaderStrategies: [{ extensions: ['.ts'], loader: load }],
      log: () => {},
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    });
  } catch (cause) {
    throw new TidemarkError('MIGRATION_FAILED', `The database could not be migrated: ${describeError(cause)}`, {
      cause,
    });
  }
}

/** Names of all migrations, oldest first. */
export const migrations = async (): Promise<string[]> =>
  (await readdir(FOLDER)).map((file) => file.replace(/\.ts$/, '')).sort();

/** Node runs TypeScript itself; the library's own loader would transpile into a cache folder first. */
async function load(files: string[]) {
  return Promise.all(
    files.map(async (file) => ({ id: file, filePaths: [file], actions: await import(pathToFileURL(file).href) })),
  );
}
