import { describe, expect, it } from 'vitest';
import type { TopicName } from '#schemas/topics.ts';
import type { Feed, Offsets, Reject, SinkBatch } from '#sinks/kit/feed.ts';
import { runSink, type SinkStore } from '#sinks/kit/sink.ts';
import type { Clock } from '#streams/kit/clock.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';

const TOPIC: TopicName = 'orders.fills';
const STEP = 10;

/** A topic of `end` records, a store that remembers one offset, and a clock that only counts. */
function world(end: number, write: (batch: SinkBatch, attempt: number) => void = () => {}) {
  const controller = new AbortController();
  const metrics = new Metrics();
  const sleeps: number[] = [];
  const writes: string[] = [];
  const reasons: (string | null)[] = [];
  let stored = 0;
  let attempts = 0;
  let open = 0;
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms) => {
      sleeps.push(ms);
      reasons.push(service.notReady());
    },
  };
  const store = (): SinkStore => ({
    offsets: async () => new Map([[TOPIC, [stored]]]),
    write: async (batch) => {
      await new Promise((resolve) => setImmediate(resolve));
      write(batch, ++attempts);
      const [step] = batch.advances;
      expect(step!.from).toBe(stored);
      stored = step!.next;
      writes.push(`${step!.from}-${step!.next}`);
      return [];
    },
    close: async () => void open--,
  });
  const feed = (from: number): Feed => {
    let position = from;
    return {
      next: async (signal) => {
        while (position >= end && !signal.aborted) {
          if (stored === end) controller.abort();
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (signal.aborted) return null;
        const next = Math.min(end, position + STEP);
        const records = Array.from({ length: next - position }, () => ({}) as never);
        const batch: SinkBatch = {
          records: new Map([[TOPIC, records]]),
          rejects: [],
          advances: [{ topic: TOPIC, partition: 0, from: position, next }],
        };
        position = next;
        return batch;
      },
      lag: () => end - position,
      close: async () => void open--,
    };
  };
  const service = runSink({
    name: 'sink-test',
    topics: [TOPIC],
    openStore: async () => {
      open++;
      return store();
    },
    openFeed: async (start) => {
      const offsets: Offsets = await start(new Map([[TOPIC, [0]]]));
      open++;
      return feed(offsets.get(TOPIC)![0]!);
    },
    log: silentLog,
    metrics,
    signal: controller.signal,
    clock,
  });
  const metric = async (name: string) => (await metrics.registry.getSingleMetric(name)!.get()).values[0]?.value;
  return { service, controller, sleeps, writes, reasons, metric, stored: () => stored, open: () => open };
}

describe('a sink', () => {
  it('writes every batch once and in order, then ends with nothing open', async () => {
    const { service, writes, metric, open } = world(35);
    expect(service.notReady()).toContain('is connecting');
    await service.done;
    expect(writes).toEqual(['0-10', '10-20', '20-30', '30-35']);
    expect(await metric('tidemark_sink_rows_total')).toBe(35);
    expect(await metric('tidemark_sink_lag_records')).toBe(0);
    expect(service.notReady()).toBeNull();
    expect(open()).toBe(0);
  });

  it('goes on from what the store holds after failures, waiting longer each time and shortly again after a success', async () => {
    const failing = new Set([2, 3, 4, 6]);
    const { service, sleeps, stored, open } = world(30, (_batch, attempt) => {
      if (failing.has(attempt)) throw new Error('the database went away');
    });
    await service.done;
    expect(stored()).toBe(30);
    expect(sleeps).toEqual([250, 500, 1000, 250]);
    expect(open()).toBe(0);
  });

  it('never waits longer than five seconds', async () => {
    const { service, sleeps } = world(10, (_batch, attempt) => {
      if (attempt < 9) throw new Error('the database went away');
    });
    await service.done;
    expect(sleeps.slice(-3)).toEqual([5000, 5000, 5000]);
  });

  it('says what it waits for while the store is away', async () => {
    const { service, controller, reasons } = world(10, (_batch, attempt) => {
      if (attempt === 3) controller.abort();
      throw new TidemarkError('X', 'the database went away', { retriable: true });
    });
    await service.done;
    expect(reasons).toEqual(Array(2).fill('sink-test waits: the database went away'));
  });

  it('ends with the error when another process writes too', async () => {
    const { service, open } = world(30, (_batch, attempt) => {
      if (attempt === 2) throw new TidemarkError('SINK_FENCED', 'Another process writes to this database');
    });
    await expect(service.done).rejects.toMatchObject({ code: 'SINK_FENCED' });
    await service.stop();
    expect(open()).toBe(0);
  });

  it('counts what the store refused', async () => {
    const metrics = new Metrics();
    const controller = new AbortController();
    const record = { offset: 4, timestampMs: 0, key: null, value: null, headers: [] };
    const reject: Reject = { topic: TOPIC, partition: 0, record, code: 'VALUE_REFUSED', message: 'too large' };
    let served = false;
    const service = runSink({
      name: 'sink-test',
      topics: [TOPIC],
      openStore: async () => ({ offsets: async () => new Map(), write: async () => [reject], close: async () => {} }),
      openFeed: async () => ({
        next: async () => {
          if (served) return controller.abort() as never;
          served = true;
          return { records: new Map(), rejects: [{ ...reject, code: 'RECORD_CORRUPT' }], advances: [] };
        },
        lag: () => 0,
        close: async () => {},
      }),
      log: silentLog,
      metrics,
      signal: controller.signal,
    });
    await service.done;
    const { values } = await metrics.registry.getSingleMetric('tidemark_sink_rejects_total')!.get();
    expect(values.map(({ labels, value }) => [labels.code, value])).toEqual([
      ['RECORD_CORRUPT', 1],
      ['VALUE_REFUSED', 1],
    ]);
  });
});
