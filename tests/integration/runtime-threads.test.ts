import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Kafka, openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { pipeLog } from '#streams/kit/log-pipe.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import type { RunningTopology } from '#streams/runtime/index.ts';
import { runTopologyThreads, type ThreadOptions } from '#streams/runtime/threads.ts';
import { CountingLoad } from './counting.ts';
import { type Services, startServices, until } from './harness.ts';

const PARTITIONS = 4;
const LIMIT_MS = 40_000;

describe('a topology in worker threads', () => {
  let services: Services;
  let kafka: Kafka;
  let registry: SchemaRegistry;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-threads-'));

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'threads-test', log: silentLog });
    registry = new SchemaRegistry(services.registryUrl);
  }, 60_000);
  afterAll(async () => {
    await kafka?.close();
    await services?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (name: string, options: Partial<ThreadOptions> = {}): Promise<RunningTopology> =>
    runTopologyThreads({
      module: new URL('./counting.ts', import.meta.url),
      export: 'counting',
      args: [name],
      threads: 2,
      brokers: services.kafkaBrokers,
      registryUrl: services.registryUrl,
      stateFolder: folder,
      topicConfig: { module: new URL('../../schemas/topics.ts', import.meta.url), export: 'topicConfig' },
      log: silentLog,
      metrics: new Metrics(),
      commitIntervalMs: 20,
      sessionTimeoutMs: 6_000,
      ...options,
    });
  const load = async (name: string) => {
    const prepared = new CountingLoad(kafka, registry, name);
    await prepared.prepare(PARTITIONS);
    return prepared;
  };
  const caughtUp = (steps: CountingLoad) =>
    until('all steps to be processed', async () => (await steps.committed()) === steps.written, LIMIT_MS);

  it('counts exactly, shows metrics and logs of all threads, and goes on after a restart', async () => {
    const steps = await load('threads');
    await steps.write(2_000);
    const metrics = new Metrics();
    const entries: { msg: string; thread: number }[] = [];
    const log = pipeLog('info', (entry) => entries.push(JSON.parse(entry)));
    const first = await run('threads', { metrics, log });
    await until('both threads to be ready', () => first.notReady() === null, LIMIT_MS);
    await caughtUp(steps);
    await until(
      'two tasks on each thread',
      () =>
        [0, 1].every((thread) =>
          entries.some((entry) => entry.thread === thread && /partitions \d, \d in/.test(entry.msg)),
        ),
      LIMIT_MS,
    );
    await steps.write(1_000);
    await caughtUp(steps);
    const page = await metrics.registry.metrics();
    const processed = [...page.matchAll(/^tidemark_records_processed_total\{.*thread="(\d)".*\} (\d+)$/gm)];
    expect(processed.map(([, thread]) => thread).sort()).toEqual(['0', '1']);
    expect(processed.reduce((sum, [, , count]) => sum + Number(count), 0)).toBeGreaterThanOrEqual(3_000);
    expect(page).toMatch(/^tidemark_commit_latency_ms_bucket\{le="1",thread="1"\} \d+$/m);
    await first.stop();
    expect(readdirSync(folder).sort()).toEqual(['thread-0', 'thread-1']);
    await steps.write(500);
    const second = await run('threads');
    await caughtUp(steps);
    await second.stop();
    expect(await steps.mistakes()).toEqual([]);
  });

  it('ends as a whole when one thread fails, with what the others had done', async () => {
    const steps = await load('failing');
    await steps.write(500);
    const running = await run('failing');
    await caughtUp(steps);
    await steps.writeImpossible();
    await expect(running.done).rejects.toMatchObject({
      code: 'POISON_RECORD',
      position: { topic: 'failing.in', offset: expect.any(Number) },
    });
    expect(running.notReady()).toMatch(/thread-\d/);
    expect(await steps.mistakes()).toEqual([]);
  });

  it('does not start with a module that has no such function', async () => {
    await expect(run('nothing', { export: 'nothing' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(run('nothing', { threads: 0 })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(run('no-such-topic')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });
});
