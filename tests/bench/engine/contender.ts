import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const STOP_LIMIT_MS = 30_000;
/** Where a process's own times begin in /proc/PID/stat, behind its name in brackets. */
const USER_TIME_FIELD = 11;
let ticksPerSecond = 0;

/**
 * A process under measurement. It says what it knows as lines of JSON on standard output, first of all
 * `{"firstMs": …}`, the wall clock at its first record; its errors are kept to be told when it ends too soon.
 */
export class Contender {
  readonly child: ChildProcess;
  /** The wall clock at its first record, milliseconds. Rejects when it ends before. */
  readonly first: Promise<number>;
  /** What it said later on, newest last. */
  readonly messages: Record<string, number>[] = [];
  /** Rejects when it ends without having been asked to. */
  readonly failed: Promise<never>;
  #stopping = false;
  #errors = '';
  readonly #ended: Promise<void>;

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.stderr!.on('data', (data: Buffer) => {
      this.#errors = (this.#errors + data).slice(-4_000);
    });
    this.first = new Promise((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const message = JSON.parse(line) as Record<string, number>;
        if (message.firstMs !== undefined) resolve(message.firstMs);
        else this.messages.push(message);
      });
    });
    this.failed = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (!this.#stopping) reject(new Error(`${command} ended with ${signal ?? code}:\n${this.#errors}`));
      });
    });
    this.failed.catch(() => undefined);
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        process.off('exit', kill);
        resolve();
      });
    });
  }

  /** CPU time of all its threads so far, seconds; Linux only, NaN elsewhere. */
  cpuSeconds(): number {
    try {
      const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticksPerSecond ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
      return (Number(fields[USER_TIME_FIELD]) + Number(fields[USER_TIME_FIELD + 1])) / ticksPerSecond;
    } catch {
      return Number.NaN;
    }
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}
