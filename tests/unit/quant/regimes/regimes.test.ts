import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangePointDetector, type ChangePointOptions } from '#quant/regimes/change-point.ts';
import { fitHiddenMarkov, HiddenMarkovFilter, type HiddenMarkovModel } from '#quant/regimes/hidden-markov.ts';
import { Random } from '#streams/kit/random.ts';

const MODEL: HiddenMarkovModel = {
  initial: [0.7, 0.3],
  transitions: [
    [0.98, 0.02],
    [0.05, 0.95],
  ],
  means: [0.5, -1],
  variances: [0.25, 4],
};

/** Values of the model, and the states that they are from. */
function drawn(model: HiddenMarkovModel, count: number, seed: string) {
  const random = new Random(seed);
  const pick = (row: readonly number[]) => {
    const drawn = random.uniform();
    return row.findIndex((_, state) => drawn < row.slice(0, state + 1).reduce((sum, p) => sum + p, 1e-12));
  };
  const states: number[] = [];
  const values: number[] = [];
  for (let at = 0; at < count; at++) {
    states.push(pick(at === 0 ? model.initial : model.transitions[states.at(-1)!]!));
    values.push(model.means[states[at]!]! + Math.sqrt(model.variances[states[at]!]!) * random.normal());
  }
  return { states, values };
}

describe('a hidden Markov model', () => {
  it('is found again from what it made', () => {
    const { values } = drawn(MODEL, 20_000, 'found again');
    const start = {
      ...MODEL,
      transitions: [
        [0.8, 0.2],
        [0.2, 0.8],
      ],
      means: [0.1, -0.1],
      variances: [1, 2],
    };
    const { model } = fitHiddenMarkov(values, start, { maxSteps: 500, tolerance: 1e-6 });
    expect(model.means[0]).toBeCloseTo(0.5, 1);
    expect(model.means[1]).toBeCloseTo(-1, 0);
    expect(Math.abs(model.variances[0]! / 0.25 - 1)).toBeLessThan(0.05);
    expect(Math.abs(model.variances[1]! / 4 - 1)).toBeLessThan(0.1);
    expect(model.transitions[0]![0]).toBeCloseTo(0.98, 2);
    expect(model.transitions[1]![1]).toBeCloseTo(0.95, 1);
  });

  it('is never less likely after a step', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 8, maxLength: 60 }), (values) => {
        const series = values.map((value) => value / 4);
        let model = MODEL;
        let before = Number.NEGATIVE_INFINITY;
        for (let step = 0; step < 8; step++) {
          const fit = fitHiddenMarkov(series, model, { maxSteps: 1, tolerance: 0 });
          expect(fit.logLikelihood).toBeGreaterThanOrEqual(before - 1e-7 * Math.max(1, Math.abs(before)));
          [model, before] = [fit.model, fit.logLikelihood];
          for (const row of [model.initial, ...model.transitions])
            expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('looks at nothing that comes later, and goes on from where another was', () => {
    const { values, states } = drawn(MODEL, 400, 'later');
    const whole = new HiddenMarkovFilter(MODEL);
    const other = new HiddenMarkovFilter(MODEL);
    let right = 0;
    values.forEach((value, at) => {
      whole.update(value);
      if (at < 200) other.update(value);
      if (at === 199) expect([...other.probabilities]).toEqual([...whole.probabilities]);
      right += whole.probabilities[states[at]!]! > 0.5 ? 1 : 0;
    });
    const resumed = new HiddenMarkovFilter(MODEL, other.probabilities);
    for (const value of values.slice(200)) resumed.update(value);
    expect([...resumed.probabilities]).toEqual([...whole.probabilities]);
    expect(resumed.next()).toEqual(whole.next());
    expect(right / values.length).toBeGreaterThan(0.9);
  });

  it('takes a value that no state could give, and a constant series, for what they are', () => {
    const filter = new HiddenMarkovFilter(MODEL);
    expect(filter.update(1e6)).toBeLessThan(-1e9);
    expect([...filter.probabilities]).toEqual([0, 1]);
    const { model } = fitHiddenMarkov(Array(50).fill(3), MODEL, { maxSteps: 50, tolerance: 1e-9 });
    expect(model.means.every((mean) => Number.isFinite(mean))).toBe(true);
    expect(model.variances.every((variance) => variance > 0)).toBe(true);
  });

  it('refuses what is none', () => {
    const wrong = {
      ...MODEL,
      transitions: [
        [0.9, 0.2],
        [0.5, 0.5],
      ],
    };
    expect(() => new HiddenMarkovFilter(wrong)).toThrow('probabilities that sum to 1');
    expect(() => new HiddenMarkovFilter({ ...MODEL, variances: [1, 0] })).toThrow('variances above 0');
    expect(() => new HiddenMarkovFilter(MODEL).update(Number.NaN)).toThrow('not a finite number');
    expect(() => fitHiddenMarkov([1, 2, 3], MODEL, { maxSteps: 5, tolerance: 0 })).toThrow('3 values, at least 4');
  });
});

describe('change points', () => {
  const options: ChangePointOptions = {
    prior: { mean: 0, meanWeight: 0.1, shape: 2, scale: 1 },
    expectedLength: 100,
    maxRuns: 300,
  };

  it('are seen within a few values of where they are', () => {
    const random = new Random('change');
    const detector = new ChangePointDetector(options);
    for (let at = 0; at < 200; at++) detector.update(random.normal());
    const before = detector.changedWithin(15);
    for (let at = 0; at < 15; at++) detector.update(8 + random.normal());
    expect(before).toBeLessThan(0.2);
    expect(detector.changedWithin(16)).toBeGreaterThan(0.9);
    expect(detector.expectedRun).toBeLessThan(25);
    expect(detector.next().mean).toBeGreaterThan(2);
  });

  it('are the same from a snapshot on, and of values so far alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 120 }),
        fc.nat(),
        (values, place) => {
          const short = { ...options, maxRuns: 20 };
          const at = 1 + (place % (values.length - 1));
          const whole = new ChangePointDetector(short);
          const part = new ChangePointDetector(short);
          for (const value of values.slice(0, at)) {
            whole.update(value);
            part.update(value);
          }
          const resumed = new ChangePointDetector(short, part.snapshot());
          for (const value of values.slice(at)) expect(resumed.update(value)).toBe(whole.update(value));
          expect(resumed.snapshot()).toEqual(whole.snapshot());
          expect(whole.snapshot().weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('take a constant and a huge value', () => {
    const detector = new ChangePointDetector(options);
    for (let at = 0; at < 500; at++) detector.update(0);
    expect(detector.expectedRun).toBeGreaterThan(90);
    expect(Number.isFinite(detector.update(1e12))).toBe(true);
    expect(detector.changedWithin(3)).toBeGreaterThan(0.5);
  });

  it('refuse what is no number or no prior', () => {
    expect(() => new ChangePointDetector({ ...options, expectedLength: 1 })).toThrow('expected length');
    expect(() => new ChangePointDetector({ ...options, prior: { ...options.prior, scale: 0 } })).toThrow('scale');
    expect(() => new ChangePointDetector(options).update(Number.NaN)).toThrow('not a finite number');
  });
});
