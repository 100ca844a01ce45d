import { describe, expect, it } from 'vitest';
import { compareForecasts } from '#quant/forecast-comparison.ts';
import { Random } from '#streams/kit/random.ts';

const draw = (count: number, of: () => number) => Float64Array.from({ length: count }, of);

describe('forecasts compared', () => {
  it('says the opposite when they change places', () => {
    const random = new Random('places');
    const first = draw(100, () => random.normal());
    const second = draw(100, () => random.normal());
    const [one, other] = [compareForecasts(first, second, 4), compareForecasts(second, first, 4)];
    expect(other.statistic).toBeCloseTo(-one.statistic, 12);
    expect(one.p + other.p).toBeCloseTo(1, 12);
  });

  it('is right about as often as it says where both are equally good, also where losses depend on each other', () => {
    const random = new Random('size');
    let found = 0;
    for (let run = 0; run < 1_000; run++) {
      let shared = 0;
      const first = draw(252, () => random.normal());
      const second = first.map((value) => {
        shared = 0.5 * shared + random.normal();
        return value + shared;
      });
      if (compareForecasts(first, second, 9).p < 0.05) found++;
    }
    expect(found).toBeGreaterThan(35);
    expect(found).toBeLessThan(95);
  });

  it('does not depend on the unit of the losses, be it tiny or huge', () => {
    const random = new Random('scale');
    const first = draw(50, () => random.uniform());
    const second = draw(50, () => random.uniform());
    const { statistic } = compareForecasts(first, second, 2);
    for (const unit of [1e-200, 1e200]) {
      const scaled = compareForecasts(
        first.map((loss) => loss * unit),
        second.map((loss) => loss * unit),
        2,
      );
      expect(scaled.statistic).toBeCloseTo(statistic, 9);
    }
  });

  it.each([
    [[1, 2], [1], 0, 'SHAPE_MISMATCH'],
    [[1], [2], 0, 'HISTORY_TOO_SHORT'],
    [[], [], 0, 'HISTORY_TOO_SHORT'],
    [[1, Number.NaN], [1, 2], 0, 'VALUE_NOT_FINITE'],
    [[1, 2], [1, Number.POSITIVE_INFINITY], 0, 'VALUE_NOT_FINITE'],
    [[1, 2, 3], [1, 2, 3], 0, 'NO_VARIATION'],
    [[1.1, 2.1, 3.1], [1, 2, 3], 0, 'NO_VARIATION'],
    [[1, 2, 3, 5], [1, 1, 1, 1], 2, 'PARAMETER_INVALID'],
    [[1, 2, 3, 5], [1, 1, 1, 1], 0.5, 'PARAMETER_INVALID'],
    [[1, 2, 3, 5], [1, 1, 1, 1], -1, 'PARAMETER_INVALID'],
  ])('refuses %j against %j with lag %d: %s', (first, second, lag, code) => {
    expect(() => compareForecasts(first, second, lag)).toThrow(expect.objectContaining({ code }));
  });
});
