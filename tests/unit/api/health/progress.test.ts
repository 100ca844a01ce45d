import { describe, expect, it } from 'vitest';
import { ProgressTracker } from '#api/health/progress.ts';

const tracker = () => new ProgressTracker('group positions', { maxLagRecords: 1000, freshMs: 10_000 });
const input = (next: number[], end: number[]) => [{ topic: 'market.trades', next, end }];

describe('a processor is ready', () => {
  it('when its inputs are exhausted, even before it has ever committed', () => {
    expect(tracker().check(input([-1, -1], [0, 0]), 0)).toMatchObject({
      ok: true,
      lagRecords: 0,
      reason: 'inputs exhausted',
    });
    expect(tracker().check(input([5, 7], [5, 7]), 0).ok).toBe(true);
  });

  it('when it is behind and moving', () => {
    const positions = tracker();
    expect(positions.check(input([5, 5], [10, 10]), 0)).toMatchObject({ ok: false, movedMsAgo: null });
    expect(positions.check(input([6, 5], [20, 10]), 1000)).toMatchObject({ ok: true, lagRecords: 19, movedMsAgo: 0 });
    expect(positions.check(input([6, 5], [20, 10]), 11_000).ok).toBe(true);
  });
});

describe('a processor is not ready', () => {
  it('when it has stood still for longer than the bound with work left', () => {
    const positions = tracker();
    positions.check(input([5], [10]), 0);
    positions.check(input([6], [10]), 1000);
    expect(positions.check(input([6], [10]), 11_001)).toMatchObject({ ok: false, lagRecords: 4, movedMsAgo: 10_001 });
  });

  it('when it is too far behind, moving or not; the figures name each input', () => {
    const positions = tracker();
    positions.check(input([5], [5000]), 0);
    expect(positions.check(input([6], [5000]), 1000)).toMatchObject({
      ok: false,
      lagRecords: 4994,
      inputs: { 'market.trades': 4994 },
    });
  });

  it('and a group without commits is behind by all there is', () => {
    expect(tracker().check(input([-1, -1], [3, 4]), 0)).toMatchObject({ ok: false, lagRecords: 7 });
  });
});
