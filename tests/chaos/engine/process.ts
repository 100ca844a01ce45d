import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RunnerOrder, RunnerSettings } from './runner.ts';

const PROGRAM = fileURLToPath(new URL('./runner.ts', import.meta.url));

/** A process of a tally: killed, paused and started again by whoever holds it. Its state folder, and with it its name, stays. */
export class TallyProcess {
  readonly #settings: RunnerSettings;
  #child: ChildProcess;
  /** Everything its log has said, over all its lives. */
  readonly messages: string[] = [];

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
    this.#child = this.#fork();
  }
  /** False once it has ended, however. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
  /** The partitions it had when it last said so. */
  get partitions(): readonly number[] {
    const last = this.messages.findLast((message) => / has partitions .* in generation /.test(message));
    return [...(last?.match(/partitions (.*) in/)?.[1]?.matchAll(/\d+/g) ?? [])].map(Number);
  }
  /** What the log has said since a moment told by `messages.length` then. */
  hasSaid(pattern: RegExp, since = 0): boolean {
    return this.messages.slice(since).some((message) => pattern.test(message));
  }
  restart(): void {
    this.#child = this.#fork();
  }
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
  pause(): void {
    this.#child.kill('SIGSTOP');
  }
  resume(): void {
    this.#child.kill('SIGCONT');
  }
  order(order: RunnerOrder): void {
    this.#child.send(order);
  }
  /** Asks it to stop; its exit code, null when a signal has ended it. */
  async stop(): Promise<number | null> {
    if (!this.isRunning) return this.#child.exitCode;
    const exit = once(this.#child, 'exit');
    this.order('stop');
    const [code] = await exit;
    return code as number | null;
  }
  #fork(): ChildProcess {
    const child = fork(PROGRAM, [JSON.stringify(this.#settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', (entry) => this.messages.push((JSON.parse(String(entry)) as { msg: string }).msg));
    // It may end while an order is on its way; its end is seen anyway.
    child.on('error', () => {});
    return child;
  }
}
