import { describe, expect, it } from 'vitest';
import { runChaos } from './engine/chaos.ts';
import { failureSchedule } from './engine/schedule.ts';

describe('a topology whose processes and brokers fail', () => {
  it('counts every step once after ten failures', async () => {
    const { mistakes, outputs, written } = await runChaos({ kills: 10, seed: 'two brokers', log: () => {} });
    expect(mistakes).toEqual([]);
    expect(outputs).toBe(written);
    expect(written).toBeGreaterThan(5_000);
  }, 180_000);

  it('fails the same way for the same seed, and every way in ten failures', () => {
    const schedule = failureSchedule(30, 'one', 2_000);
    expect(failureSchedule(30, 'one', 2_000)).toEqual(schedule);
    expect(failureSchedule(30, 'two', 2_000)).not.toEqual(schedule);
    for (const from of [0, 10, 20]) {
      const kinds = new Set(schedule.slice(from, from + 10).map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['broker-kill', 'broker-restart', 'kill', 'pause']);
    }
    expect(schedule.every(({ kind, awayMs }) => kind !== 'pause' || awayMs >= 2_000)).toBe(true);
  });
});
