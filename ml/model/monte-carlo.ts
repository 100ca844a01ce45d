/** The path simulation of quant/monte-carlo.ts by ONNX Runtime, on whatever execution provider is configured. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { type MonteCarloOptions, requireMonteCarlo } from '#quant/monte-carlo.ts';
import { cholesky, type SquareMatrix } from '#quant/statistics.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import { openSession, type SessionOptions } from './session.ts';

export interface MonteCarloGraphOptions extends SessionOptions {
  /** Pairs of draws that are made at once. Default: what stays in a core's caches, and on an accelerator what fits its memory. */
  readonly blockDraws?: number;
}

/** Made by ml/train/monte_carlo_graph.py. */
const FILE = join(import.meta.dirname, '..', 'models', 'monte-carlo', 'monte-carlo.onnx');
/** A quarter of a megabyte for each step: the fastest of 2^12 to 2^22 where a core has a cache of 2 MiB (tests/bench/ml/monte-carlo.ts). */
const CPU_BLOCK_DRAWS = 2 ** 15;
/** 128 MiB for each step, of which a few live at the same time. */
const ACCELERATOR_BLOCK_DRAWS = 2 ** 24;
/** Blocks are whole multiples: the kernels treat what is left over of a vector otherwise, which would show in the last digit. */
const VECTOR_PAIRS = 64;
/** χ² is a sum of so many squares; beyond, a t is normal to a tenth of a percent at 99 %. */
const MOST_FREEDOM = 1_000;

/** A session that simulates. Calls share it and may overlap. */
export class MonteCarloGraph {
  readonly #session: InferenceSession;
  readonly #blockDraws: number;

  private constructor(session: InferenceSession, blockDraws: number) {
    this.#session = session;
    this.#blockDraws = blockDraws;
  }

  /** Throws PROVIDER_UNKNOWN, with those that there are; PROVIDER_FAILED, where one cannot start on this machine; MODEL_UNREADABLE. */
  static async open({ blockDraws, ...options }: MonteCarloGraphOptions): Promise<MonteCarloGraph> {
    const session = await openSession(readFileSync(FILE), options);
    const most = options.providers[0] === 'cpu' ? CPU_BLOCK_DRAWS : ACCELERATOR_BLOCK_DRAWS;
    return new MonteCarloGraph(session, blockDraws ?? most);
  }

  /**
   * As monteCarloProfits by full Cholesky, from other random numbers: profits of an even number of paths, each draw with both signs side by side,
   * in the exposures' currency; degrees of freedom must be whole. The same seed gives the same paths: on the CPU to the last bit, whatever
   * the blocks; on another provider but for the rounding of its logarithm, sine, cosine and products. Throws as monteCarloProfits, and SIMULATION_FAILED.
   */
  async profits(
    exposures: Float64Array,
    covariance: SquareMatrix,
    options: Omit<MonteCarloOptions, 'sampling'>,
  ): Promise<Float64Array> {
    requireMonteCarlo(exposures, covariance, options);
    const { paths, seed, freedom, horizonDays = 1 } = options;
    requireWhole(freedom);
    const size = exposures.length;
    const pairs = Math.ceil(paths / 2);
    const rows = Math.ceil(size / 2) + Math.max(1, Math.ceil((freedom ?? 0) / 2));
    const block = VECTOR_PAIRS * Math.max(1, Math.floor(this.#blockDraws / rows / VECTOR_PAIRS));
    const fixed = {
      exposures: new Tensor('float64', exposures, [size]),
      lower: new Tensor('float64', cholesky(covariance), [size, size]),
      key: whole(squaresKey(seed)),
      freedom: whole(freedom ?? 0),
      scale: new Tensor('float64', Float64Array.of(Math.sqrt(horizonDays)), []),
    };
    const profits = new Float64Array(2 * pairs);
    for (let first = 0; first < pairs; first += block) {
      const left = pairs - first;
      const count = Math.min(block, VECTOR_PAIRS * Math.ceil(left / VECTOR_PAIRS));
      const drawn = await this.#run({ ...fixed, first: whole(first), pairs: whole(count) }, 2 * count);
      profits.set(left < count ? drawn.subarray(0, 2 * left) : drawn, 2 * first);
    }
    return profits;
  }

  /** Frees the session, when no call is on its way. */
  async close(): Promise<void> {
    await this.#session.release();
  }

  async #run(feeds: Readonly<Record<string, Tensor>>, count: number): Promise<Float64Array> {
    let profits: Tensor;
    try {
      profits = (await this.#session.run(feeds)).profits as Tensor;
    } catch (cause) {
      throw new TidemarkError('SIMULATION_FAILED', `Monte Carlo by ONNX Runtime: ${describeError(cause)}`, { cause });
    }
    if (profits.data.length !== count)
      throw new TidemarkError('SIMULATION_FAILED', `${profits.data.length} profits came back, not ${count}`);
    return profits.data as Float64Array;
  }
}

function requireWhole(freedom: number | null): void {
  if (freedom === null || (Number.isInteger(freedom) && freedom <= MOST_FREEDOM)) return;
  const limits = `whole ones from 3 to ${MOST_FREEDOM}, or none for a normal distribution`;
  throw new TidemarkError(
    'PARAMETER_INVALID',
    `The degrees of freedom are ${freedom}: the ONNX graph adds up as many squares, so it takes ${limits}`,
  );
}

const whole = (value: number | bigint) => new Tensor('int64', BigInt64Array.of(BigInt(value)), []);

/**
 * A key for the squares generator, as its paper asks (Widynski 2020, section 5): eight different hexadecimal digits, and eight different
 * ones of which the last is odd. A key with a pattern, such as 1, would show it in the numbers.
 */
function squaresKey(seed: string): bigint {
  const random = new Random(seed);
  const digits = () => {
    const all = [...'0123456789abcdef'];
    return Array.from({ length: 8 }, () => all.splice(random.below(all.length), 1)[0]!);
  };
  let low = digits();
  while (Number.parseInt(low[7]!, 16) % 2 === 0) low = digits();
  return BigInt.asIntN(64, BigInt(`0x${digits().join('')}${low.join('')}`));
}
