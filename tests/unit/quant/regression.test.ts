import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neweyWestLag, regress } from '#quant/regression.ts';
import { beta } from '#quant/statistics.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
/** Returns that look like noise and are always the same. */
const noise = (seed: number, count = 60) =>
  Array.from({ length: count }, (_, day) => Math.sin(seed * 12.9898 + day * 78.233 * seed) * 0.01);
const [x, z, rest] = [noise(1), noise(2.3), noise(3.7)];
const y = x.map((value, day) => 0.001 + 1.5 * value - 0.5 * z[day]! + rest[day]!);

describe('regression', () => {
  it('finds a line through three points as on paper', () => {
    // x = 0, 1, 2 and y = 1, 3, 4: slope 3/2, intercept 7/6, squares of the rest 1/6, with one degree of freedom.
    const fit = regress([1, 3, 4], [[0, 1, 2]]);
    expect(fit.slopes[0]!.estimate).toBeCloseTo(3 / 2, 14);
    expect(fit.intercept.estimate).toBeCloseTo(7 / 6, 14);
    expect(fit.slopes[0]!.standardError).toBeCloseTo(Math.sqrt(1 / 6 / 2), 14);
    expect(fit.rSquared).toBeCloseTo(27 / 28, 14);
    expect(fit.adjustedRSquared).toBeCloseTo(26 / 28, 14);
    // Student's t with one degree of freedom is Cauchy's distribution.
    expect(fit.slopes[0]!.p).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(fit.slopes[0]!.t), 12);
    expect(fit).toMatchObject({ observations: 3, degreesOfFreedom: 1, lag: null });
  });

  it('has the slope of beta with one factor', () => {
    expect(regress(y, [x]).slopes[0]!.estimate).toBeCloseTo(beta(y, x), 13);
  });

  it('scales: of values and factors in other units the slope is in those, t and p are the same', () => {
    const plain = regress(y, [x, z], 3);
    for (const unit of [1e-200, 1e4, 1e150]) {
      const scaled = regress(
        y.map((value) => value * unit),
        [x.map((value) => value * 100), z],
        3,
      );
      expect(scaled.slopes[0]!.estimate / unit).toBeCloseTo(plain.slopes[0]!.estimate / 100, 12);
      expect(scaled.slopes[0]!.t).toBeCloseTo(plain.slopes[0]!.t, 8);
      expect(scaled.slopes[1]!.p).toBeCloseTo(plain.slopes[1]!.p, 12);
      expect(scaled.rSquared).toBeCloseTo(plain.rSquared, 12);
    }
  });

  it('keeps its digits where the normal equations would lose them', () => {
    // Läuchli's matrix: condition 1e7, squared 1e14.
    const nearly = x.map((value, day) => value + 1e-7 * z[day]!);
    const exact = x.map((value, day) => 2 * value + 3 * nearly[day]! + 1e-8 * rest[day]!);
    const fit = regress(exact, [x, nearly]);
    expect(fit.slopes[0]!.estimate + fit.slopes[1]!.estimate).toBeCloseTo(5, 6);
    expect(Math.abs(fit.slopes[1]!.estimate - 3)).toBeLessThan(4 * fit.slopes[1]!.standardError);
  });

  it('gives errors that grow with autocorrelation', () => {
    // Each value of the rest stays for five days, and so does the factor.
    const held = (values: readonly number[]) => values.map((_, day) => values[day - (day % 5)]!);
    const values = held(x).map((value, day) => value + held(rest)[day]!);
    const classical = regress(values, [held(x)]).slopes[0]!;
    const robust = regress(values, [held(x)], 5).slopes[0]!;
    expect(robust.estimate).toBe(classical.estimate);
    expect(robust.standardError).toBeGreaterThan(1.3 * classical.standardError);
  });

  it('leaves nothing that a factor would still explain', () => {
    const series = fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(series, series, series, (values, first, second) => {
        try {
          const fit = regress(values, [first, second], 2);
          const residuals = values.map(
            (value, day) =>
              value -
              fit.intercept.estimate -
              fit.slopes[0]!.estimate * first[day]! -
              fit.slopes[1]!.estimate * second[day]!,
          );
          for (const column of [first.map(() => 1), first, second]) {
            const length = Math.hypot(...column) * Math.hypot(...values) + Number.MIN_VALUE;
            const product = column.reduce((sum, value, day) => sum + value * residuals[day]!, 0);
            expect(Math.abs(product) / length).toBeLessThan(1e-5);
          }
          for (const { t, p } of [fit.intercept, ...fit.slopes]) {
            expect(Number.isFinite(t)).toBe(true);
            expect(p >= 0 && p <= 1).toBe(true);
          }
          expect(fit.rSquared).toBeLessThanOrEqual(1);
        } catch (error) {
          expect(['COLLINEAR', 'NO_VARIATION', 'VALUE_NOT_FINITE']).toContain((error as { code?: string }).code);
        }
      }),
    );
  });

  it('names what it cannot answer', () => {
    const twice = x.map((value) => 2 * value - 1);
    expect(() => regress(y, [x, twice])).toThrow(code('COLLINEAR'));
    expect(() => regress(y, [x, z, x.map((value, day) => value + z[day]!)])).toThrow(/column 3/);
    expect(() => regress(y, [x.map(() => 0.3)])).toThrow(code('COLLINEAR'));
    expect(() => regress(y, [x.map(() => 0)])).toThrow(code('COLLINEAR'));
    expect(() =>
      regress(
        y.map(() => 0.1),
        [x],
      ),
    ).toThrow(code('NO_VARIATION'));
    expect(() =>
      regress(
        y.map(() => 0),
        [x],
      ),
    ).toThrow(code('NO_VARIATION'));
    expect(() => regress(twice, [x])).toThrow(code('NO_VARIATION'));
    expect(() => regress(y, [x.slice(1)])).toThrow(code('SHAPE_MISMATCH'));
    expect(() => regress(y.slice(0, 2), [x.slice(0, 2)])).toThrow(code('HISTORY_TOO_SHORT'));
    expect(() => regress([], [])).toThrow(code('HISTORY_TOO_SHORT'));
    expect(() => regress([1, Number.NaN, 2], [])).toThrow(code('VALUE_NOT_FINITE'));
    expect(() => regress(y, [x.with(3, Number.POSITIVE_INFINITY)])).toThrow(code('VALUE_NOT_FINITE'));
    for (const lag of [-1, 0.5, y.length, Number.NaN])
      expect(() => regress(y, [x], lag)).toThrow(code('PARAMETER_INVALID'));
  });

  it('is a mean with its error where there are no factors', () => {
    const fit = regress([1, 2, 3], []);
    expect(fit.intercept.estimate).toBeCloseTo(2, 14);
    expect(fit.intercept.standardError).toBeCloseTo(1 / Math.sqrt(3), 14);
    expect(fit.rSquared).toBeCloseTo(0, 14);
  });

  it('takes more lags of longer histories', () => {
    expect([20, 100, 252, 2_264].map(neweyWestLag)).toEqual([2, 4, 4, 8]);
  });
});
