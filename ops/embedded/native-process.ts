import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '#streams/kit/lock.ts';
import { openLog } from './logs.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}
export interface NativeProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The account to run as, where it is not the owner's. */
  readonly account?: Account | null;
  /** Where standard output and error go. */
  readonly logFile: string;
  /** Remembers the pid, so that a server left behind by a killed owner is found and ended. */
  readonly pidFile: string;
  /** Signal that asks it to stop. */
  readonly stopSignal: NodeJS.Signals;
}

/**
 * Waits until the owner's end closes the pipe, asks the server to stop and kills it if it has not after five seconds. Without
 * it a killed owner would leave a broker or a database behind that nobody looks after.
 */
const GUARD = `read -r _
kill -s "$2" "$1" 2>/dev/null || exit 0
for _ in 1 2 3 4 5; do
  sleep 1
  kill -0 "$1" 2>/dev/null || exit 0
done
kill -s KILL "$1" 2>/dev/null`;

/** A server that is not ours (a JVM, PostgreSQL) as a child that does not outlive its owner, with a pid file. */
export class NativeProcess {
  readonly child: ChildProcess;
  /** Resolves with a sentence when it ends by itself or by `stop`. */
  readonly ended: Promise<string>;
  readonly #options: NativeProcessOptions;

  /** Starts a server of which no earlier instance may run (see {@link endLeftBehind}). */
  constructor(options: NativeProcessOptions) {
    this.#options = options;
    const log = openLog(options.logFile);
    this.child = spawn(options.command, options.args, { stdio: ['ignore', log, log], ...options.account });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`${options.command} could not be started: ${error.message}`));
      this.child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`));
    });
    const { pid } = this.child;
    if (!pid) return;
    writeFileSync(options.pidFile, String(pid));
    const guard = spawn('sh', ['-c', GUARD, 'guard', String(pid), options.stopSignal.slice('SIG'.length)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Whatever takes the owner's process group must leave the guard.
      detached: true,
    });
    void this.ended.then(() => guard.kill('SIGKILL'));
  }

  /** Asks it to stop; after `limitMs` it is killed. */
  async stop(limitMs: number): Promise<void> {
    this.child.kill(this.#options.stopSignal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), limitMs);
    await this.ended;
    clearTimeout(timer);
    rmSync(this.#options.pidFile, { force: true });
  }
}

/**
 * Ends the server that a killed owner left behind, if it still runs: asked for five seconds by `stopSignal`, then killed.
 * `mark` is a word of its command line, by which it is told from a stranger with the same pid.
 */
export async function endLeftBehind(pidFile: string, mark: string, stopSignal: NodeJS.Signals): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return;
  }
  for (let tries = 0; isRunning(pid, mark); tries++) {
    // Once, not again and again: a second signal may mean something else to it.
    if (tries === 0) process.kill(pid, stopSignal);
    if (tries === 50) process.kill(pid, 'SIGKILL');
    await sleep(100);
  }
}
