import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MonteCarloGraph } from '#ml/model/monte-carlo.ts';
import { normalCdf } from '#quant/distributions.ts';
import { type MonteCarloOptions, monteCarloProfits } from '#quant/monte-carlo.ts';
import { cholesky, type SquareMatrix } from '#quant/statistics.ts';
import { Random } from '#streams/kit/random.ts';
import { squaresNormals } from './squares.ts';

const CPU = { providers: ['cpu'], threads: 1 };
type Options = Omit<MonteCarloOptions, 'sampling'>;
const normal = (paths: number, seed = 'test'): Options => ({ paths, seed, freedom: null });

const unit = (size: number): SquareMatrix => ({
  size,
  values: Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0)),
});
/** Correlations of 0.3, deviations from 1 % to 3 %. */
function book(size: number): { exposures: Float64Array; covariance: SquareMatrix } {
  const random = new Random(`book ${size}`);
  const deviations = Float64Array.from({ length: size }, () => 0.01 + 0.02 * random.uniform());
  const values = new Float64Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      values[row * size + column] = deviations[row]! * deviations[column]! * (row === column ? 1 : 0.3);
  return { exposures: Float64Array.from({ length: size }, () => random.normal() * 1e5), covariance: { size, values } };
}
const bytes = (values: Float64Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

let graph: MonteCarloGraph;
beforeAll(async () => {
  graph = await MonteCarloGraph.open(CPU);
});
afterAll(() => graph.close());

describe('the graph', () => {
  it.each([
    [1, null],
    [2, null],
    [5, null],
    [4, 3],
    [3, 4],
    [2, 9],
  ])('draws of %i instruments with freedom %s what the generator says, calculated apart', async (size, freedom) => {
    const { exposures, covariance } = book(size);
    const profits = await graph.profits(exposures, covariance, { paths: 600, seed: 'apart', freedom, horizonDays: 10 });
    const lower = cholesky(covariance);
    for (let pair = 0; pair < 300; pair++) {
      const { instruments, chi } = squaresNormals('apart', pair, size, freedom ?? 0);
      let profit = 0;
      for (let row = 0; row < size; row++)
        for (let column = 0; column <= row; column++)
          profit += exposures[row]! * lower[row * size + column]! * instruments[column]!;
      const square = chi.reduce((sum, value) => sum + value * value, 0);
      profit *= Math.sqrt(10) * (freedom === null ? 1 : Math.sqrt((freedom - 2) / square));
      expect(Math.abs(profits[2 * pair]! - profit)).toBeLessThan(1e-11 * 1e5);
      expect(profits[2 * pair + 1]).toBe(0 - profits[2 * pair]!);
    }
  });

  it('gives the same bytes for a seed, whatever the blocks and threads, and others for another', async () => {
    const { exposures, covariance } = book(7);
    const options = { paths: 30_001, seed: 'bytes', freedom: 5 };
    const expected = await graph.profits(exposures, covariance, options);
    expect(expected).toHaveLength(30_002);
    for (const [blockDraws, threads] of [
      [1, 1],
      [5_000, 1],
      [77_777, 1],
      [2 ** 24, 1],
      [2 ** 15, 2],
      [2 ** 24, 2],
    ] as const) {
      const other = await MonteCarloGraph.open({ providers: ['cpu'], threads, blockDraws });
      const profits = await other.profits(exposures, covariance, options);
      expect(bytes(profits).equals(bytes(expected)), `${blockDraws} draws, ${threads} threads`).toBe(true);
      await other.close();
    }
    const fewer = await graph.profits(exposures, covariance, { ...options, paths: 1_000 });
    expect(bytes(fewer).equals(bytes(expected.subarray(0, 1_000)))).toBe(true);
    const another = await graph.profits(exposures, covariance, { ...options, seed: 'bytes 2' });
    expect(another.filter((profit, path) => profit === expected[path])).toHaveLength(0);
  });

  it('answers calls that come at once as if they came alone', async () => {
    const { exposures, covariance } = book(3);
    const seeds = ['a', 'b', 'a', 'c'];
    const together = await Promise.all(
      seeds.map((seed) => graph.profits(exposures, covariance, normal(200_000, seed))),
    );
    for (const [call, seed] of seeds.entries())
      expect(together[call]).toEqual(await graph.profits(exposures, covariance, normal(200_000, seed)));
  });

  it.each([1, 100, 1_000])('has the variance of %i instruments', async (size) => {
    const { exposures, covariance } = book(size);
    const paths = 40_000;
    const variance = (profits: Float64Array) => profits.reduce((sum, profit) => sum + profit * profit, 0) / paths;
    const projected = monteCarloProfits(exposures, covariance, { ...normal(paths), sampling: 'projected' });
    const ratio = variance(await graph.profits(exposures, covariance, normal(paths))) / variance(projected);
    // Four standard errors: each side's variance has one of √(2 ÷ pairs).
    expect(Math.abs(ratio - 1)).toBeLessThan(4 * Math.sqrt(2) * Math.sqrt(2 / (paths / 2)));
  });

  it('loses nothing and gains nothing where nothing is held', async () => {
    const profits = await graph.profits(new Float64Array(5), book(5).covariance, normal(1_000));
    expect(profits.every((profit) => Object.is(profit, 0))).toBe(true);
    const empty = await graph.profits(new Float64Array(0), { size: 0, values: new Float64Array(0) }, normal(10));
    expect([...empty]).toEqual(new Array(10).fill(0));
  });

  it('refuses what monteCarloProfits refuses, with the same codes', async () => {
    const { exposures, covariance } = book(2);
    const singular: SquareMatrix = { size: 2, values: Float64Array.of(1, 1, 1, 1) };
    const cases: [Float64Array, SquareMatrix, Options, string][] = [
      [exposures, covariance, normal(0), 'PARAMETER_INVALID'],
      [exposures, covariance, normal(Number.NaN), 'PARAMETER_INVALID'],
      [exposures, covariance, normal(1e9), 'PARAMETER_INVALID'],
      [exposures, covariance, { ...normal(10), horizonDays: 0 }, 'PARAMETER_INVALID'],
      [exposures, covariance, { ...normal(10), freedom: 2 }, 'PARAMETER_INVALID'],
      [exposures, covariance, { ...normal(10), freedom: Number.NaN }, 'PARAMETER_INVALID'],
      [exposures.subarray(1), covariance, normal(10), 'SHAPE_MISMATCH'],
      [Float64Array.of(1, Number.NaN), covariance, normal(10), 'VALUE_NOT_FINITE'],
      [Float64Array.of(1, Number.POSITIVE_INFINITY), covariance, normal(10), 'VALUE_NOT_FINITE'],
      [exposures, singular, normal(10), 'NOT_POSITIVE_DEFINITE'],
      [exposures, { size: 2, values: new Float64Array(4).fill(Number.NaN) }, normal(10), 'NOT_POSITIVE_DEFINITE'],
    ];
    for (const [held, matrix, options, code] of cases) {
      await expect(graph.profits(held, matrix, options)).rejects.toMatchObject({ code });
      expect(() => monteCarloProfits(held, matrix, { ...options, sampling: 'full-cholesky' })).toThrow(
        expect.objectContaining({ code }),
      );
    }
    for (const freedom of [2.5, 1_001])
      await expect(graph.profits(exposures, covariance, { ...normal(10), freedom })).rejects.toMatchObject({
        code: 'PARAMETER_INVALID',
        message: `The degrees of freedom are ${freedom}: the ONNX graph adds up as many squares, so it takes whole ones from 3 to 1000, or none for a normal distribution`,
      });
  });

  it('takes execution providers as they are configured, and says which there are', async () => {
    const open = (providers: string[]) => MonteCarloGraph.open({ providers, threads: 1 });
    await expect(open(['rocm'])).rejects.toMatchObject({ code: 'PROVIDER_UNKNOWN', message: /there are cpu, / });
    await expect(open([])).rejects.toMatchObject({ code: 'PROVIDER_UNKNOWN' });
  });
});

describe('its normal numbers', () => {
  const PAIRS = 200_000;
  const SIZE = 4;
  /** By chance one of 150,000 figures is as far off; there are 620. */
  const ERRORS = 4.5;
  const seeds = ['', '0', '1', '2', 'tidemark'];

  it.each(seeds)('of seed "%s" are normal and independent of each other', async (seed) => {
    const rows: Float64Array[] = [];
    for (let instrument = 0; instrument < SIZE; instrument++) {
      const one = Float64Array.from({ length: SIZE }, (_, at) => (at === instrument ? 1 : 0));
      const profits = await graph.profits(one, unit(SIZE), normal(2 * PAIRS, seed));
      rows.push(profits.filter((_, path) => path % 2 === 0));
    }
    const mean = (value: (pair: number) => number, count = PAIRS) => {
      let sum = 0;
      for (let pair = 0; pair < count; pair++) sum += value(pair);
      return sum / count;
    };
    const within = (estimate: number, deviation: number, what: string) =>
      expect(Math.abs(estimate) / (deviation / Math.sqrt(PAIRS)), what).toBeLessThan(ERRORS);
    for (const [a, row] of rows.entries()) {
      // Moments of Hermite's polynomials are 0, with variances 1!, 2!, 3!, 4!.
      const x = (pair: number) => row[pair]!;
      within(mean(x), 1, `mean of ${a}`);
      within(
        mean((pair) => x(pair) ** 2 - 1),
        Math.sqrt(2),
        `variance of ${a}`,
      );
      within(
        mean((pair) => x(pair) ** 3 - 3 * x(pair)),
        Math.sqrt(6),
        `skewness of ${a}`,
      );
      within(
        mean((pair) => x(pair) ** 4 - 6 * x(pair) ** 2 + 3),
        Math.sqrt(24),
        `kurtosis of ${a}`,
      );
      // Kolmogorov and Smirnov: above 2.2 in one of 8,000 samples.
      const sorted = row.slice().sort();
      const furthest = sorted.reduce((far, value, rank) => {
        const share = normalCdf(value);
        return Math.max(far, share - rank / PAIRS, (rank + 1) / PAIRS - share);
      }, 0);
      expect(furthest * Math.sqrt(PAIRS)).toBeLessThan(2.2);
      for (const [b, other] of rows.entries()) {
        for (const lag of b > a ? [0, 1, 2, 64] : [1, 2, 64]) {
          const y = (pair: number) => other[pair + lag]!;
          const count = PAIRS - lag;
          within(
            mean((pair) => x(pair) * y(pair), count),
            1,
            `correlation of ${a} and ${b}, ${lag} later`,
          );
          within(
            mean((pair) => (x(pair) ** 2 - 1) * (y(pair) ** 2 - 1), count),
            2,
            `correlation of the squares of ${a} and ${b}, ${lag} later`,
          );
        }
      }
    }
  });
});
