import { describe, expect, it } from 'vitest';
import { pacer } from '#connectors/replay/pace.ts';
import { planReplay } from '#connectors/replay/plan.ts';

const history = ['1990-01-02', '1990-01-03', '1990-01-04', '1990-01-05'].map((date) => ({ date, closes: new Map() }));
const all = { from: null, to: null };
const at = (date: string, state: 'CLOSED' | 'SETTLED') => ({ date, state, tradeEndOffsets: [1] });
const dates = (plan: ReturnType<typeof planReplay>) => plan.days.map(({ date }) => date.slice(-2));

describe('planReplay', () => {
  it('begins at the beginning', () => {
    const plan = planReplay(history, all, null);
    expect(dates(plan)).toEqual(['02', '03', '04', '05']);
    expect(plan.entry).toBe('OPEN');
  });

  it('keeps to its bounds, both included, whether or not they are trading days', () => {
    expect(dates(planReplay(history, { from: '1990-01-03', to: '1990-01-04' }, null))).toEqual(['03', '04']);
    expect(dates(planReplay(history, { from: '1990-01-01', to: '1990-01-06' }, null))).toHaveLength(4);
  });

  it('takes up the interrupted day where it stopped', () => {
    const closed = planReplay(history, all, at('1990-01-03', 'CLOSED'));
    expect([dates(closed), closed.entry]).toEqual([['03', '04', '05'], 'CLOSED']);
    const settled = planReplay(history, all, at('1990-01-03', 'SETTLED'));
    expect([dates(settled), settled.entry]).toEqual([['03', '04', '05'], 'SETTLED']);
  });

  it('never goes back, and ends an interrupted day outside new bounds', () => {
    const bounds = { from: '1990-01-02', to: '1990-01-03' };
    expect(dates(planReplay(history, bounds, at('1990-01-04', 'CLOSED')))).toEqual(['04']);
    const later = planReplay(history, { from: '1990-01-05', to: null }, at('1990-01-02', 'SETTLED'));
    expect(dates(later)).toEqual(['02', '05']);
  });

  it.each([
    [{ from: '1990-1-2', to: null }, /TIDEMARK_REPLAY_FROM="1990-1-2"/],
    [{ from: null, to: '1990-02-30' }, /TIDEMARK_REPLAY_TO="1990-02-30"/],
    [{ from: '2030-01-01', to: null }, /history goes from 1990-01-02 to 1990-01-05/],
    [{ from: '1990-01-05', to: '1990-01-02' }, /No day to replay/],
  ])('refuses %j', (bounds, message) => {
    expect(() => planReplay(history, bounds, null)).toThrow(message);
  });
});

describe('pacer', () => {
  function clockAt(startMs: number) {
    const clock = {
      nowMs: startMs,
      slept: [] as number[],
      now: () => clock.nowMs,
      sleep: async (ms: number) => {
        clock.slept.push(ms);
        clock.nowMs += ms;
      },
    };
    return clock;
  }
  const signal = new AbortController().signal;

  it('waits for what is left of each day’s share', async () => {
    const clock = clockAt(0);
    const pace = pacer(50, clock, signal);
    clock.nowMs += 5;
    await pace();
    await pace();
    expect(clock.slept).toEqual([15, 20]);
  });

  it('catches up a short delay, but no more than a second of it', async () => {
    const clock = clockAt(0);
    const pace = pacer(10, clock, signal);
    clock.nowMs = 150;
    await pace();
    await pace();
    expect(clock.slept).toEqual([50]);
    clock.nowMs = 60_000;
    for (let day = 0; day < 10; day++) await pace();
    expect(clock.slept).toEqual([50]);
    await pace();
    await pace();
    expect(clock.slept).toEqual([50, 100]);
  });

  it('does not wait at speed 0', async () => {
    const clock = clockAt(0);
    await pacer(0, clock, signal)();
    expect(clock.slept).toEqual([]);
  });
});
