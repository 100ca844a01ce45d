import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '#streams/kit/lock.ts';

export interface NativeProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where standard output and error go. */
  readonly logFile: string;
  /** Remembers the pid, so that a process left behind by a killed owner is found and ended. */
  readonly pidFile: string;
  /** A word of its command line, by which a left-behind process is told from a stranger with the same pid. */
  readonly mark: string;
  /** Signal that asks it to stop. */
  readonly stopSignal: NodeJS.Signals;
}

/** A server that is not ours (a JVM, PostgreSQL) as a child, with a pid file. */
export class NativeProcess {
  readonly child: ChildProcess;
  /** Resolves with a sentence when it ends by itself or by `stop`. */
  readonly ended: Promise<string>;
  readonly #options: NativeProcessOptions;

  private constructor(options: NativeProcessOptions) {
    this.#options = options;
    const log = openSync(options.logFile, 'a');
    this.child = spawn(options.command, options.args, {
      stdio: ['ignore', log, log],
      env: options.env ?? process.env,
      cwd: options.cwd,
    });
    closeSync(log);
    if (this.child.pid) writeFileSync(options.pidFile, String(this.child.pid));
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`${options.command} could not be started: ${error.message}`));
      this.child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`));
    });
  }

  /** Ends what an earlier owner left behind, then starts. */
  static async start(options: NativeProcessOptions): Promise<NativeProcess> {
    await endLeftBehind(options.pidFile, options.mark);
    return new NativeProcess(options);
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

async function endLeftBehind(pidFile: string, mark: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return;
  }
  for (let tries = 0; isRunning(pid, mark); tries++) {
    process.kill(pid, tries < 50 ? 'SIGTERM' : 'SIGKILL');
    await sleep(100);
  }
}
