import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MonteCarloGraph } from '#ml/model/monte-carlo.ts';
import { monteCarloProfits, quadraticForm } from '#quant/monte-carlo.ts';
import { covarianceMatrix } from '#quant/statistics.ts';
import { historicalTail, studentTTail } from '#quant/tail.ts';
import { Random } from '#streams/kit/random.ts';
import { machine, quantile, spread } from '../figures.ts';
import { pythonOf } from '../python.ts';

const POSITIONS = 100;
const SCENARIOS = 500;
const PATHS = 100_000;
const FREEDOM = 5;
const CONFIDENCE = 0.99;
/** Of each contestant in a pair; the median counts. */
const ROUNDS = 5;
const BLOCKS = [2 ** 12, 2 ** 14, 2 ** 15, 2 ** 16, 2 ** 18, 2 ** 22];
const PEER = join(import.meta.dirname, '..', 'peers', 'numpy');
/** Sixteen standard errors of VaR at 99 %: whoever is further off has done other work. */
const MOST_OFF = 0.1;

type Contestant = 'typescript' | 'graph' | 'graphTwoThreads' | 'numpy';
/** Medians of the rounds: as the clock says, and of processor time, which other work on the machine does not lengthen as much. */
interface Times {
  readonly seconds: number;
  readonly cpuSeconds: number;
}
const CONTESTANTS: readonly Contestant[] = ['typescript', 'graph', 'graphTwoThreads', 'numpy'];

/**
 * Profits of 100 positions on 100,000 paths by full Cholesky, Student t, from covariance to profits: in TypeScript, by the ONNX graph on the CPU with
 * one thread and with two, in numpy with one, in turns. Then the graph with other sizes of blocks.
 */
export async function monteCarloBenchmark(pairs: number, log: (text: string) => void): Promise<unknown> {
  const python = pythonOf('bench-numpy', join(PEER, 'requirements.txt'), log);
  const random = new Random('bench monte carlo');
  const returns = Array.from({ length: POSITIONS }, () =>
    Float64Array.from({ length: SCENARIOS }, () => random.normal() * 0.02),
  );
  const covariance = covarianceMatrix(returns);
  const exposures = Float64Array.from({ length: POSITIONS }, () => (random.uniform() - 0.3) * 1e6);
  const exact = studentTTail(0, Math.sqrt(quadraticForm(exposures, covariance)), FREEDOM, CONFIDENCE).valueAtRisk;
  const options = (round: number) => ({ paths: PATHS, seed: `bench ${round}`, freedom: FREEDOM });
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-monte-carlo-'));
  const one = await MonteCarloGraph.open({ providers: ['cpu'], threads: 1 });
  const two = await MonteCarloGraph.open({ providers: ['cpu'], threads: 2 });
  const drawn = (graph: MonteCarloGraph) =>
    timed((round) => graph.profits(exposures, covariance, options(round)), exact);
  try {
    save(folder, 'covariance', covariance.values);
    save(folder, 'exposures', exposures);
    const run: Readonly<Record<Contestant, () => Times | Promise<Times>>> = {
      typescript: () =>
        timed(
          (round) => monteCarloProfits(exposures, covariance, { ...options(round), sampling: 'full-cholesky' }),
          exact,
        ),
      graph: () => drawn(one),
      graphTwoThreads: () => drawn(two),
      numpy: () => runPeer(python, folder, exact),
    };
    const times: Record<Contestant, Times[]> = { typescript: [], graph: [], graphTwoThreads: [], numpy: [] };
    for (let pair = 1; pair <= pairs; pair++) {
      // Alternating, so that a machine that slows down slows all.
      for (const name of pair % 2 === 0 ? [...CONTESTANTS].reverse() : CONTESTANTS) times[name].push(await run[name]());
      const said = CONTESTANTS.map((name) => `${name} ${times[name].at(-1)!.seconds.toFixed(3)} s`);
      log(`pair ${pair}: ${said.join(', ')}`);
    }
    const blocks = [];
    for (const blockDraws of BLOCKS) {
      const graph = await MonteCarloGraph.open({ providers: ['cpu'], threads: 1, blockDraws });
      blocks.push({ blockDraws, ...(await drawn(graph)) });
      await graph.close();
    }
    const of = (figure: keyof Times) => {
      const figures = (name: Contestant) => times[name].map((each) => each[figure]);
      return Object.fromEntries(CONTESTANTS.map((name) => [name, spread(figures(name), 3)]));
    };
    return {
      ...{ benchmark: 'monte-carlo', machine: machine(), positions: POSITIONS, paths: PATHS, freedom: FREEDOM, pairs },
      ...{ seconds: of('seconds'), cpuSeconds: of('cpuSeconds') },
      graphOneThreadByBlock: blocks,
    };
  } finally {
    await Promise.all([one.close(), two.close()]);
    rmSync(folder, { recursive: true });
  }
}

/** After a round that does not count. Throws where the figure is not the distribution's. */
async function timed(draw: (round: number) => Float64Array | Promise<Float64Array>, exact: number): Promise<Times> {
  const rounds: Times[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    const start = performance.now();
    const profits = await draw(round);
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    if (round > 0) rounds.push({ seconds, cpuSeconds: (user + system) / 1e6 });
    requireNear(historicalTail(profits, CONFIDENCE).valueAtRisk, exact);
  }
  return medians(rounds);
}

function runPeer(python: string, folder: string, exact: number): Times {
  // One core, as ours.
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
  const args = [join(PEER, 'monte_carlo.py'), folder, POSITIONS, PATHS, FREEDOM, ROUNDS + 1].map(String);
  const output = execFileSync(python, args, { encoding: 'utf8', env });
  const { rounds, valueAtRisk } = JSON.parse(output) as { readonly rounds: Times[]; readonly valueAtRisk: number };
  requireNear(valueAtRisk, exact);
  return medians(rounds.slice(1));
}

function medians(rounds: readonly Times[]): Times {
  const median = (values: readonly number[]) => Number(quantile(values, 0.5).toFixed(3));
  return {
    seconds: median(rounds.map(({ seconds }) => seconds)),
    cpuSeconds: median(rounds.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

function requireNear(valueAtRisk: number, exact: number): void {
  if (!(Math.abs(valueAtRisk / exact - 1) < MOST_OFF)) throw new Error(`VaR is ${valueAtRisk}, not about ${exact}`);
}

function save(folder: string, name: string, values: Float64Array): void {
  writeFileSync(join(folder, `${name}.bin`), Buffer.from(values.buffer, values.byteOffset, values.byteLength));
}

if (import.meta.main) {
  const result = await monteCarloBenchmark(3, (text) => process.stderr.write(`${text}\n`));
  process.stdout.write(`${JSON.stringify(result, null, process.argv.includes('--json') ? undefined : 2)}\n`);
}
