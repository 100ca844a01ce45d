import { describe, expect, it } from 'vitest';
import { HealthMonitor, type MonitorOptions } from '#api/health/monitor.ts';

function system() {
  const state = { committed: 10, end: 10, sink: 10, written: 3, feed: null as string | null, kafkaDown: false };
  const options: MonitorOptions = {
    kafka: {
      offsets: async () => {
        if (state.kafkaDown) throw new Error('No broker answers at localhost:1');
        return [state.end];
      },
      committedOffsets: async () => [state.committed],
    },
    store: {
      sinkOffsets: async () =>
        ['portfolio.pnl', 'portfolio.positions', 'orders.fills'].slice(0, state.written).map((topic) => {
          return { topic, partition: 0, nextOffset: state.sink, updatedAt: 0 };
        }),
    },
    feed: { notReady: () => state.feed, lagRecords: () => 0 },
    processes: [{ name: 'replay', url: 'http://127.0.0.1:1' }],
    maxLagRecords: 100,
  };
  return { state, monitor: new HealthMonitor(options) };
}
const failed = (monitor: HealthMonitor, nowMs: number) =>
  monitor
    .report(nowMs)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);

describe('readiness', () => {
  it('is not there before the first measurement', () => {
    const { monitor } = system();
    expect(monitor.report(0)).toMatchObject({ ready: false });
  });

  it('is there when all is exhausted; a replay that has ended and answers no more does not matter', async () => {
    const { monitor } = system();
    await monitor.sample(0);
    expect(monitor.report(0)).toMatchObject({ ready: true });
    expect(monitor.report(0).checks.map(({ name }) => name)).toEqual([
      'group positions',
      'group portfolio',
      'group bars',
      'group indicators',
      'group regimes',
      'group book',
      'sink postgres',
      'live views',
    ]);
  });

  it('goes when processors or sinks stand still, and names them', async () => {
    const { state, monitor } = system();
    state.end = 20;
    await monitor.sample(0);
    expect(failed(monitor, 0)).toEqual([
      'group positions',
      'group portfolio',
      'group bars',
      'group indicators',
      'group regimes',
      'group book',
      'sink postgres',
    ]);
    state.committed = 15;
    await monitor.sample(1000);
    expect(failed(monitor, 1000)).toEqual(['sink postgres']);
    await monitor.sample(12_000);
    expect(failed(monitor, 12_000)).toEqual([
      'group positions',
      'group portfolio',
      'group bars',
      'group indicators',
      'group regimes',
      'group book',
      'sink postgres',
    ]);
  });

  it('is not there while the sink has never written what the API reads', async () => {
    const { state, monitor } = system();
    state.written = 1;
    await monitor.sample(0);
    expect(failed(monitor, 0)).toEqual(['sink postgres']);
  });

  it('goes when the live views lose their topics, when Kafka is down, and when the measuring itself stops', async () => {
    const { state, monitor } = system();
    state.feed = 'the live views lost their topics';
    await monitor.sample(0);
    expect(failed(monitor, 0)).toEqual(['live views']);
    state.feed = null;
    state.kafkaDown = true;
    await monitor.sample(1000);
    expect(failed(monitor, 1000)).toEqual([
      'group positions',
      'group portfolio',
      'group bars',
      'group indicators',
      'group regimes',
      'group book',
      'sink postgres',
    ]);
    expect(monitor.report(1000).checks[0]?.reason).toContain('No broker answers');
    state.kafkaDown = false;
    await monitor.sample(2000);
    expect(monitor.report(2000).ready).toBe(true);
    expect(failed(monitor, 20_000)).toEqual(['monitor']);
  });
});
