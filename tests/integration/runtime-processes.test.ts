import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Kafka, openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { CountingLoad } from './counting.ts';
import { type Services, startServices, until } from './harness.ts';

const PARTITIONS = 4;
const LIMIT_MS = 40_000;
const PROGRAM = fileURLToPath(new URL('./counting-process.ts', import.meta.url));

/** A process of the topology and what its log says. */
class Runner {
  readonly #child: ChildProcess;
  readonly messages: string[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (entry) => this.messages.push((JSON.parse(String(entry)) as { msg: string }).msg));
  }
  /** What it has now, by its last word on it. */
  get partitions(): readonly number[] {
    const last = this.messages.findLast((message) => / has partitions .* in generation /.test(message));
    return [...(last?.match(/partitions (.*) in/)?.[1]?.matchAll(/\d/g) ?? [])].map(Number);
  }
  /** Partitions whose state it has restored so far, one entry each time. */
  get restored(): readonly number[] {
    return this.messages.flatMap((message) => {
      const partition = /^restored .* of counts\/(\d+) /.exec(message)?.[1];
      return partition === undefined ? [] : [Number(partition)];
    });
  }
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
  /** Asks it to stop; its exit code. */
  async stop(): Promise<number> {
    const exit = once(this.#child, 'exit');
    this.#child.send('stop');
    const [code] = await exit;
    return code as number;
  }
  async signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const exit = signal === 'SIGKILL' ? once(this.#child, 'exit') : null;
    this.#child.kill(signal);
    await exit;
  }
}

describe('processes that share a topology', () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  let runners: Runner[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-processes-'));

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'processes-test', log: silentLog });
    registry = new SchemaRegistry(services.registryUrl);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(runners.filter(({ isRunning }) => isRunning).map((runner) => runner.signal('SIGKILL')));
    runners = [];
  });
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(name: string, place: string, standbys = 0): Runner {
    const state = join(folder, name, place);
    const args = [name, services.kafkaBrokers[0]!, services.registryUrl, state, String(standbys)];
    const runner = new Runner(fork(PROGRAM, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    runners.push(runner);
    return runner;
  }
  const partitionsOf = (...of: readonly Runner[]) =>
    of.flatMap(({ partitions }) => [...partitions]).sort((a, b) => a - b);
  const shared = (...of: readonly Runner[]) =>
    until(
      `${of.length} processes to share the partitions`,
      () =>
        partitionsOf(...of).length === PARTITIONS &&
        of.every(({ partitions }) => partitions.length === PARTITIONS / of.length),
      LIMIT_MS,
    );
  const caughtUp = (steps: CountingLoad) =>
    until('all steps to be processed', async () => (await steps.committed()) === steps.written, LIMIT_MS);
  /** Writes steps in small portions until told to stop. */
  function keepWriting(steps: CountingLoad): () => Promise<void> {
    let stopped = false;
    const writing = (async () => {
      while (!stopped) await steps.write(50);
    })();
    const stop = () => {
      stopped = true;
      return writing;
    };
    onTestFinished(stop);
    return stop;
  }

  it('come and go under load: counts stay exact, and tasks that stay are not restored again', async () => {
    const steps = new CountingLoad(kafka, registry, 'sharing');
    await steps.prepare(PARTITIONS);
    await steps.write(400);
    const stopWriting = keepWriting(steps);
    const first = start('sharing', 'a');
    await until('the first to have everything', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    const second = start('sharing', 'b');
    await shared(first, second);
    const stayed = first.partitions;
    expect(partitionsOf(first, second)).toEqual([0, 1, 2, 3]);
    expect(first.restored).toEqual([]);
    const moved = second.partitions;
    await until('the moved tasks to be restored', () => second.restored.length === moved.length, LIMIT_MS);
    expect([...second.restored].sort()).toEqual(moved);
    expect(await second.stop()).toBe(0);
    await until('the first to have everything again', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    await until('what came back to be restored', () => first.restored.length === moved.length, LIMIT_MS);
    await stopWriting();
    await caughtUp(steps);
    expect([...first.restored].sort()).toEqual(moved);
    expect(first.restored.some((partition) => stayed.includes(partition))).toBe(false);
    expect(await first.stop()).toBe(0);
    expect(await steps.mistakes()).toEqual([]);
  });

  it('take over from one that was killed, and make room when it returns', async () => {
    const steps = new CountingLoad(kafka, registry, 'killed');
    await steps.prepare(PARTITIONS);
    const stopWriting = keepWriting(steps);
    const first = start('killed', 'a');
    // Alone at first: what it keeps all along it has never restored.
    await until('the first to have everything', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    const second = start('killed', 'b');
    await shared(first, second);
    const stayed = first.partitions;
    await second.signal('SIGKILL');
    await until('the first to have everything', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    const again = start('killed', 'b');
    await shared(first, again);
    await stopWriting();
    await caughtUp(steps);
    expect(first.restored.some((partition) => stayed.includes(partition))).toBe(false);
    expect(await first.stop()).toBe(0);
    expect(await again.stop()).toBe(0);
    expect(await steps.mistakes()).toEqual([]);
  });

  it('go on at once with the tasks of one that was killed, where they keep standbys of them', async () => {
    const steps = new CountingLoad(kafka, registry, 'standby');
    await steps.prepare(PARTITIONS);
    await steps.write(1_000);
    const first = start('standby', 'a', 1);
    const second = start('standby', 'b', 1);
    await shared(first, second);
    const copied = (runner: Runner, partition: number) =>
      runner.messages.includes(`keeps a standby of task 0_${partition}`);
    const moved = second.partitions;
    const haveCopies = () =>
      moved.every((partition) => copied(first, partition)) &&
      first.partitions.every((partition) => copied(second, partition));
    await until('copies of everything', haveCopies, LIMIT_MS);
    await steps.write(1_000);
    await caughtUp(steps);
    const before = first.messages.length;
    await second.signal('SIGKILL');
    await until('the first to have everything', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    const takeovers = () => first.messages.slice(before).filter((message) => /^restored/.test(message));
    await until('the moved tasks to go on', () => takeovers().length === moved.length, LIMIT_MS);
    const taken = takeovers();
    expect(taken.filter((message) => !/ from its standby and 0 changelog records /.test(message))).toEqual([]);
    await steps.write(500);
    await caughtUp(steps);
    // What was one's own goes on as the standby of who has it from then on.
    const again = start('standby', 'b', 1);
    await shared(first, again);
    await steps.write(500);
    await caughtUp(steps);
    await again.signal('SIGKILL');
    await until('the first to have everything once more', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    await steps.write(500);
    await caughtUp(steps);
    expect(await first.stop()).toBe(0);
    expect(await steps.mistakes()).toEqual([]);
  });

  it('fence one that was paused past its session: it writes nothing more, and joins again', async () => {
    const steps = new CountingLoad(kafka, registry, 'paused');
    await steps.prepare(PARTITIONS);
    const stopWriting = keepWriting(steps);
    const first = start('paused', 'a');
    const second = start('paused', 'b');
    await shared(first, second);
    await second.signal('SIGSTOP');
    await until('the first to have everything', () => first.partitions.length === PARTITIONS, LIMIT_MS);
    await second.signal('SIGCONT');
    await until(
      'the paused one to notice',
      () => second.messages.some((message) => /begins again/.test(message)),
      LIMIT_MS,
    );
    await shared(first, second);
    await stopWriting();
    await caughtUp(steps);
    expect(await first.stop()).toBe(0);
    expect(await second.stop()).toBe(0);
    expect(await steps.mistakes()).toEqual([]);
  });
});
