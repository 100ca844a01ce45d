import { describe, expect, it } from 'vitest';
import { COOL_DOWN_BLOCKS, type DriftAlarm, DriftMonitor } from '#ml/drift/monitor.ts';
import { innovationAt, placeOf } from '#ml/drift/reference.ts';
import { Random } from '#streams/kit/random.ts';
import { CHANGES, simulate } from '#tests/bench/ml/drift.ts';
import { KINDS, type Kind, referenceOf } from './simulated.ts';

const DAY = 86_400_000_000;
const BEFORE = 252;

/** Two features and a score of a model with ten years of training; `change` moves the values of a row by its day. */
function run(
  days: number,
  change: (row: Float64Array, day: number) => void,
  restoredAt: number | null = null,
): { alarms: (DriftAlarm & { day: number })[]; monitor: DriftMonitor } {
  const sources = ['a', 'b', 'score'].map((name) => KINDS['AR(1) 0.9'](new Random(`monitor ${name}`)));
  const columns = sources.map((next, index) =>
    referenceOf(['a', 'b', 'score'][index]!, Float64Array.from({ length: 2_520 }, next)),
  );
  const reference = { blockMicros: DAY, columns };
  let monitor = new DriftMonitor(reference);
  const alarms: (DriftAlarm & { day: number })[] = [];
  for (let day = 0; day < days; day++) {
    const row = Float64Array.from(sources, (next) => next());
    change(row, day);
    if (day === restoredAt) monitor = new DriftMonitor(reference, JSON.parse(JSON.stringify(monitor.snapshot())));
    // Four rows a day: their mean is what counts.
    const features = Float64Array.from({ length: 8 }, (_, at) => row[at % 2]! + (at < 4 ? 1 : -1));
    const alarm = monitor.observe(day * DAY + 7, features, new Float64Array(4).fill(row[2]!), 4);
    if (alarm) alarms.push({ ...alarm, day });
  }
  return { alarms, monitor };
}
const still = () => {};
const from = (day: number, work: (row: Float64Array) => void) => (row: Float64Array, at: number) => {
  if (at >= day) work(row);
};

describe('a drift monitor', () => {
  it('finds a change of a feature, names it and the detectors that agree', () => {
    const { alarms } = run(
      800,
      from(BEFORE, (row) => {
        row[1]! *= 2;
      }),
    );
    const [alarm] = alarms;
    expect(alarm!.columns.map(({ name }) => name)).toEqual(['b']);
    expect(alarm!.columns[0]!.detectors.length).toBeGreaterThanOrEqual(2);
    expect(alarm!.day).toBeGreaterThan(BEFORE + 30);
    expect(alarm!.day).toBeLessThan(BEFORE + 252);
    expect(alarm!.eventTime).toBe(alarm!.day * DAY);
  });

  it('finds a change of the scores where the features are what they were', () => {
    const { alarms } = run(
      800,
      from(BEFORE, (row) => {
        row[2]! = 0.3 * row[2]! + 3;
      }),
    );
    expect(alarms[0]!.columns.map(({ name }) => name)).toEqual(['score']);
  });

  it('finds a drift that was there from its first day', () => {
    const { alarms } = run(800, (row) => {
      row[0]! *= 2;
    });
    expect(alarms[0]!.columns.map(({ name }) => name)).toEqual(['a']);
    expect(alarms[0]!.day).toBeLessThan(252);
  });

  it('is quiet for a while after an alarm, and tells again of a drift that lasts', () => {
    const { alarms } = run(1_200, (row) => {
      row[0]! *= 2;
    });
    expect(alarms.length).toBeGreaterThanOrEqual(2);
    for (let index = 1; index < alarms.length; index++)
      expect(alarms[index]!.day - alarms[index - 1]!.day).toBeGreaterThan(COOL_DOWN_BLOCKS);
  });

  it.each([100, BEFORE + 40, BEFORE + 120])('goes on from a snapshot of day %i as if nothing had been', (day) => {
    const change = from(BEFORE, (row: Float64Array) => {
      row[0]! *= 2;
      row[2]! += 0.5;
    });
    expect(run(900, change, day).alarms).toEqual(run(900, change).alarms);
  });

  it('has a snapshot whose size does not grow with time', () => {
    const [short, long] = [2_000, 6_000].map((days) => JSON.stringify(run(days, still).monitor.snapshot()).length);
    expect(long! / short!).toBeLessThan(1.1);
    expect(long).toBeLessThan(30_000);
  });

  it('leaves out what is no number and what comes late, and counts the late', () => {
    const gaps = run(600, (row, day) => {
      if (day % 5 === 0) row[0] = Number.NaN;
      if (day % 7 === 0) row[1] = Number.POSITIVE_INFINITY;
    });
    expect(gaps.alarms).toEqual([]);
    const { monitor } = run(10, still);
    const before = JSON.stringify(monitor.snapshot().columns);
    expect(monitor.observe(3 * DAY, new Float64Array(4), new Float64Array(2), 2)).toBeNull();
    expect(monitor.late).toBe(2);
    expect(JSON.stringify(monitor.snapshot().columns)).toBe(before);
  });

  it('finds that a constant is none any more', () => {
    const columns = [referenceOf('flag', new Float64Array(500).fill(3))];
    const monitor = new DriftMonitor({ blockMicros: DAY, columns });
    const alarms: number[] = [];
    for (let day = 0; day < 900; day++) {
      const value = day < 400 ? 3 : 3 + (day % 2);
      if (monitor.observe(day * DAY, Float64Array.of(value), new Float64Array(0), 1)) alarms.push(day);
    }
    expect(alarms[0]).toBeGreaterThan(400);
    expect(alarms[0]).toBeLessThan(600);
  });

  it('refuses rows and snapshots of another shape', () => {
    const { monitor } = run(3, still);
    const code = (work: () => unknown, expected: string) =>
      expect(work).toThrow(expect.objectContaining({ code: expected }));
    code(() => monitor.observe(9 * DAY, new Float64Array(3), new Float64Array(2), 2), 'SHAPE_MISMATCH');
    code(() => monitor.observe(9 * DAY, new Float64Array(2), new Float64Array(1), 0.5), 'SHAPE_MISMATCH');
    code(() => monitor.observe(Number.NaN, new Float64Array(2), new Float64Array(1), 1), 'EVENT_TIME_INVALID');
    expect(monitor.observe(9 * DAY, new Float64Array(0), new Float64Array(0), 0)).toBeNull();
    code(() => new DriftMonitor({ blockMicros: DAY, columns: [] }, monitor.snapshot()), 'SHAPE_MISMATCH');
  });

  it('has no false alarm in years of models that do not drift, however slowly or wildly their features move', () => {
    for (const kind of Object.keys(KINDS) as Kind[])
      for (let seed = 0; seed < 5; seed++)
        expect(simulate(kind, 10, `unit ${kind} ${seed}`, BEFORE, null).alarmDays, `${kind} ${seed}`).toEqual([]);
  });

  it.each([
    ['independent', 'mean + 0.5 σ', 504],
    ['independent', 'mean + 1 σ', 189],
    ['independent', 'deviation × 2', 315],
    ['AR(1) 0.9', 'deviation × 2', 315],
    ['Student t, 3', 'mean + 1 σ', 189],
    ['five values', 'mean + 0.5 σ', 504],
  ] as const)('finds, of columns that are %s, %s within %i days', (kind, change, days) => {
    for (let seed = 0; seed < 5; seed++) {
      const { alarmDays, names } = simulate(kind, 10, `found ${seed}`, BEFORE + days, CHANGES[change]);
      expect(
        alarmDays.filter((day) => day >= BEFORE),
        `seed ${seed}`,
      ).toHaveLength(1);
      expect(names).toContain('c0');
    }
  });
});

describe('places among the innovations of training', () => {
  it('are uniform for what training was like, also where values repeat', () => {
    const random = new Random('places');
    const spread = referenceOf(
      'x',
      Float64Array.from({ length: 3_000 }, () => random.normal()),
    );
    for (let index = 1; index < 100; index++)
      expect(placeOf(innovationAt(index / 100, spread), spread)).toBeCloseTo(index / 100, 6);
    expect([placeOf(-99, spread), placeOf(99, spread)]).toEqual([0, 1]);
    const five = referenceOf(
      'five',
      Float64Array.from({ length: 3_000 }, () => random.below(5)),
    );
    const places = [0, 1, 2, 3, 4].map((value) => placeOf((value - five.mean) / five.deviation, five));
    places.forEach((place, index) => {
      expect(Math.abs(place - (index + 0.5) / 5)).toBeLessThan(0.03);
    });
  });
});
