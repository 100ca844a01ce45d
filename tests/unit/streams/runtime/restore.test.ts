import { expect, it } from 'vitest';
import type { Kafka } from '#streams/kafka/index.ts';
import type { Clock } from '#streams/kit/clock.ts';
import type { Log } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { RuntimeMetrics } from '#streams/runtime/metrics.ts';
import { type RestoreOptions, restoreTask } from '#streams/runtime/restore.ts';

/** Restores one store whose changelog ends at 10 and of which nothing beyond offset 7 can be read until `openMs` have gone by. */
async function restore(openMs: number): Promise<string[]> {
  let nowMs = 0;
  let position = 0;
  const clock = { now: () => nowMs } as Clock;
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (text: string) => warnings.push(text) } as unknown as Log;
  const reader = {
    poll: async () => {
      nowMs += 1_000;
      position = nowMs < openMs ? 7 : 10;
      return [];
    },
    position: () => position,
    close: async () => undefined,
  };
  const kafka = {
    offsets: async (_topic: string, which: string) => [which === 'latest' ? 10 : 0],
    openReader: async () => reader,
  } as unknown as Kafka;
  const store = { name: 'counts', size: 0 };
  const task = {
    partition: 0,
    sub: { stores: [{ name: 'counts', changelog: 'app.counts.changelog' }] },
    stores: new Map([['counts', store]]),
  };
  await restoreTask({
    kafka,
    topology: {},
    task,
    ends: new Map(),
    log,
    clock,
    metrics: new RuntimeMetrics(new Metrics()),
    progress: () => undefined,
    signal: new AbortController().signal,
  } as unknown as RestoreOptions);
  return warnings;
}

it('a restore that waits for the end of a transaction says so, and again, but not of one that ends in time', async () => {
  expect(await restore(15_000)).toEqual([]);
  const warnings = await restore(50_000);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain('counts/0 waits at offset 7 of app.counts.changelog');
  expect(warnings[0]).toContain('find-hanging');
});
