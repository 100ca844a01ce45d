import { describe, expect, it } from 'vitest';
import { IntradayMotion } from '#ml/features/intraday-motion.ts';
import { brierOf, reliabilityOf, tell, WORLDS, type WorldName } from './minutes-world.ts';

const MINUTE = 60e6;
const START = 20_000 * 86_400e6 + 15 * 3600e6;
const zigzag = (minutes: number, every = 1) => {
  const motion = new IntradayMotion();
  for (let at = 0; at <= minutes; at++) motion.take(START + at * every * MINUTE, 0.8 + 0.01 * (at % 2));
  return motion;
};

describe('the motion of a limit within the day', () => {
  it('says nothing before it has seen thirty moves, and then no less of more minutes', () => {
    expect(zigzag(29).ahead(0.8)).toEqual([]);
    const [five, thirty, sixty] = zigzag(30).ahead(0.9);
    expect(five).toBeGreaterThan(0);
    expect(thirty).toBeGreaterThan(five!);
    expect(sixty).toBeGreaterThan(thirty!);
    expect(zigzag(30).ahead(1)).toEqual([1, 1, 1]);
  });

  it('knows the volatility of a minute at any spacing of records', () => {
    // 0.01 a minute: the barrier is one standard deviation of 25 minutes away, so twice the tail of a normal beyond sqrt(25 / 5) for 5 minutes.
    const [five] = zigzag(400).ahead(0.95);
    expect(five).toBeCloseTo(2 * 0.012673659, 6);
    // A move of 0.01 in four minutes is a quarter of the variance.
    expect(zigzag(400, 4).ahead(0.95)[1]).toBeCloseTo(2 * 0.033944577, 6);
  });

  it('takes no night for a move, and no second', () => {
    const motion = zigzag(100);
    const before = motion.ahead(0.9);
    motion.take(START + 100 * MINUTE + 30e6, 5);
    motion.take(START - MINUTE, 5);
    motion.take(START + 1000 * MINUTE, 0.2);
    expect(motion.ahead(0.9)).toEqual(before);
    motion.take(START + 1001 * MINUTE, 0.3);
    expect(motion.ahead(0.9)[0]).toBeGreaterThan(before[0]!);
  });

  it('goes on from a snapshot as if nothing had been', () => {
    const [motion, copy] = [zigzag(45), new IntradayMotion(zigzag(45).snapshot())];
    for (const each of [motion, copy]) each.take(START + 47 * MINUTE, 0.83);
    expect(copy.snapshot()).toEqual(motion.snapshot());
    expect(copy.ahead(0.83)).toEqual(motion.ahead(0.83));
  });

  it.each(Object.keys(WORLDS) as WorldName[])(
    'is worth more than the share of breaches, and near what happens: %s',
    (world) => {
      for (const told of tell(world, 1_500, `test ${world}`)) {
        const { skill, share } = brierOf(told);
        const { error } = reliabilityOf(told, [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]);
        expect(told.said.length).toBeGreaterThan(10_000);
        expect(skill).toBeGreaterThan(0.2);
        expect(error).toBeLessThan(Math.max(0.002, (world === 'bid and ask' ? 1 : 0.4) * share));
      }
    },
  );
});
