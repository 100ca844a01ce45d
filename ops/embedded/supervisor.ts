import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '#streams/kit/errors.ts';
import { openLog } from './logs.ts';
import { repositoryRoot } from './paths.ts';

export interface ChildSpec {
  readonly name: string;
  /** Entry point relative to the project. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Port of its own health and metrics. */
  readonly statusPort: number;
  /** True for a process whose natural end (exit code 0) is no failure. */
  readonly finishes?: boolean;
}

const FIRST_BACKOFF_MS = 500;
const LAST_BACKOFF_MS = 10_000;
/** After this long a child counts as healthy again. */
const HEALTHY_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
/** While something is waited for, what it waits for is said this often. */
const NOTICE_EVERY_MS = 15_000;
/** Of pino. */
const ERROR_LEVEL = 50;
/** Deaths before it was ever ready after which a start has failed. */
const START_TRIES = 3;

interface Child {
  readonly spec: ChildSpec;
  process: ChildProcess | null;
  startedMs: number;
  backoffMs: number;
  restarts: number;
  state: 'running' | 'waiting' | 'finished' | 'stopping' | 'stopped';
  timer: NodeJS.Timeout | null;
}

/** Starts children, restarts those that die with growing pauses, and stops them in order. Each has a process group of its own. */
export class Supervisor {
  readonly #logs: string;
  readonly #notice: (text: string) => void;
  readonly #children = new Map<string, Child>();
  #closed = false;

  constructor(logs: string, notice: (text: string) => void) {
    this.#logs = logs;
    this.#notice = notice;
    mkdirSync(logs, { recursive: true });
  }

  get names(): string[] {
    return [...this.#children.keys()];
  }
  /** The process id of a running child; undefined between death and restart. */
  pid(name: string): number | undefined {
    const child = this.#children.get(name);
    return child?.state === 'running' ? child.process?.pid : undefined;
  }
  /** True when a child ended by itself with exit code 0. */
  finished(name: string): boolean {
    return this.#children.get(name)?.state === 'finished';
  }
  restarts(name: string): number {
    return this.#children.get(name)?.restarts ?? 0;
  }

  /** Starts a child. Throws STOPPING once {@link close} was called. */
  start(spec: ChildSpec): void {
    if (this.#closed) throw new TidemarkError('STOPPING', 'Tidemark is stopping: nothing more is started');
    const child: Child = {
      spec,
      process: null,
      startedMs: 0,
      backoffMs: FIRST_BACKOFF_MS,
      restarts: 0,
      state: 'running',
      timer: null,
    };
    this.#children.set(spec.name, child);
    this.#spawn(child);
  }

  /** No child is started from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when a child says that it is ready. Throws START_FAILED with its last words when it ends or takes too long. */
  async ready(name: string, limitMs: number): Promise<void> {
    const child = this.#children.get(name)!;
    const startMs = Date.now();
    let noticeMs = startMs + NOTICE_EVERY_MS;
    for (let pauseMs = 20; !this.#closed; pauseMs = Math.min(pauseMs * 1.5, 250)) {
      if (child.state === 'finished') return;
      if (child.restarts >= START_TRIES) throw this.#startFailed(name, 'ended');
      const reason = await notReady(child);
      if (reason === null) return;
      if (Date.now() > startMs + limitMs)
        throw this.#startFailed(name, `is not ready after ${Math.round(limitMs / 1000)} s (${reason})`);
      if (Date.now() > noticeMs) {
        this.#notice(`waiting for ${name}: ${reason}`);
        noticeMs += NOTICE_EVERY_MS;
      }
      await sleep(pauseMs);
    }
    throw new TidemarkError('STOPPING', `${name} was stopped before it was ready`);
  }

  /** Stops children together and waits for their end; one that does not end within `limitMs` is killed. */
  async stop(names: readonly string[], limitMs = STOP_LIMIT_MS): Promise<void> {
    await Promise.all(names.map((name) => this.#stop(this.#children.get(name), limitMs)));
  }

  async #stop(child: Child | undefined, limitMs: number): Promise<void> {
    if (!child || child.state === 'stopped' || child.state === 'finished') return;
    const { state, process: running } = child;
    child.state = 'stopping';
    if (child.timer) clearTimeout(child.timer);
    if (state === 'running' && running && running.exitCode === null && running.signalCode === null) {
      const ended = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      const timer = setTimeout(() => {
        this.#notice(`${child.spec.name} did not stop by itself and is ended`);
        running.kill('SIGKILL');
      }, limitMs);
      await ended;
      clearTimeout(timer);
    }
    child.state = 'stopped';
  }

  #spawn(child: Child): void {
    const { spec } = child;
    const log = openLog(this.#logFile(spec.name));
    child.startedMs = Date.now();
    child.state = 'running';
    child.process = fork(join(repositoryRoot, spec.file), [...(spec.args ?? [])], {
      cwd: repositoryRoot,
      // What the launcher itself was given on its command line is not for its children.
      execArgv: [],
      env: {
        ...spec.env,
        TIDEMARK_STATUS_PORT: String(spec.statusPort),
        // A quarter of a second less for each process: what was compiled once is kept.
        NODE_COMPILE_CACHE: join(this.#logs, '..', 'compile-cache'),
      },
      // A group of its own: Ctrl-C must reach the launcher alone, or Kafka would go before the last commit.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    child.process.once('exit', (code, signal) => this.#exited(child, code, signal));
  }

  #exited(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    if (child.state !== 'running') return;
    const { spec } = child;
    if (code === 0 && spec.finishes) {
      child.state = 'finished';
      return;
    }
    if (Date.now() - child.startedMs > HEALTHY_MS) child.backoffMs = FIRST_BACKOFF_MS;
    this.#notice(
      `${spec.name} ended with ${signal ?? `exit code ${code}`}; starting it again in ${child.backoffMs / 1000} s (log: ${this.#logFile(spec.name)})`,
    );
    child.state = 'waiting';
    child.restarts++;
    child.timer = setTimeout(() => this.#spawn(child), child.backoffMs);
    child.backoffMs = Math.min(child.backoffMs * 2, LAST_BACKOFF_MS);
  }

  #logFile(name: string): string {
    return join(this.#logs, `${name}.log`);
  }

  #startFailed(name: string, what: string): TidemarkError {
    const last = lastWords(readFileSync(this.#logFile(name), 'utf8').trim().split('\n'));
    return new TidemarkError(
      'START_FAILED',
      `${name} ${what}. Its last words (${this.#logFile(name)}):\n  ${last || 'none'}`,
    );
  }
}

/** Null when a child is ready, else what it waits for. */
async function notReady(child: Child): Promise<string | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${child.spec.statusPort}/health/ready`, {
      signal: AbortSignal.timeout(2_000),
    });
    const { reason } = (await response.json()) as { reason: string | null };
    return response.ok ? null : (reason ?? 'it does not say why');
  } catch {
    return 'it does not answer yet';
  }
}

/** The last error that a log tells of; where it tells of none (a crash), its last three lines. */
function lastWords(lines: readonly string[]): string {
  const errors = lines.map(errorOf).filter((message) => message !== null);
  return errors.at(-1) ?? lines.slice(-3).join('\n  ');
}

/** The message of a JSON log line at the level error or above, else null. */
function errorOf(line: string): string | null {
  try {
    const { level, msg } = JSON.parse(line) as { level?: number; msg?: string };
    return typeof level === 'number' && level >= ERROR_LEVEL ? (msg ?? null) : null;
  } catch {
    return null;
  }
}
