import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monteCarloProfits, type Sampling } from '#quant/monte-carlo.ts';
import { ScenarioBook } from '#quant/scenario-book.ts';
import { covarianceMatrix, ledoitWolf } from '#quant/statistics.ts';
import { historicalTail } from '#quant/tail.ts';
import { Random } from '#streams/kit/random.ts';
import { machine, quantile, spread } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { pythonOf } from './python.ts';

const POSITIONS = 100;
const SCENARIOS = 500;
const TICKS = 20_000;
const WARM_UP_TICKS = 2_000;
const PATHS = 100_000;
const FREEDOM = 5;
const MANY_POSITIONS = 1_000;
const CONFIDENCES = [0.95, 0.99];
const SAMPLE_EVERY = 100;
const PEER = join(import.meta.dirname, 'peers', 'numpy');

interface Work {
  readonly returns: readonly Float64Array[];
  readonly exposures: Float64Array;
  /** Position and its new exposure, tick after tick. */
  readonly ticks: Float64Array;
}
interface Figures {
  /** Of each tick after the warm-up. */
  readonly micros: readonly number[];
  /** VaR and ES at both levels after every hundredth tick. */
  readonly samples: readonly (readonly number[])[];
}
interface PeerFigures extends Figures {
  readonly monteCarloSeconds: number;
  readonly simulated: number;
}

/**
 * Historical VaR 95 and 99 % and ES of 100 positions over 500 days after each tick: the live book, a full recomputation in TypeScript, and one
 * in numpy on one thread, in turns over the same ticks; all must say the same. Then Monte Carlo of 100,000 paths.
 */
export async function riskBenchmark({ pairs, log }: BenchOptions): Promise<unknown> {
  const python = pythonOf('bench-numpy', join(PEER, 'requirements.txt'), log);
  const work = makeWork(new Random('bench risk'), POSITIONS);
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-risk-'));
  const runs = [];
  try {
    save(folder, work);
    for (let pair = 1; pair <= pairs; pair++) {
      // Alternating, so that a machine that slows down slows both.
      const peerFirst = pair % 2 === 0;
      const before = peerFirst ? runPeer(python, folder) : null;
      const live = runTicks(work, false);
      const full = runTicks(work, true);
      const monteCarlo = runMonteCarlo(work.returns, work.exposures, 'full-cholesky');
      const peer = before ?? runPeer(python, folder);
      requireSame(live, full, 0);
      requireSame(live, peer, 1e-9);
      const run = { live: timesOf(live), full: timesOf(full), numpy: timesOf(peer), monteCarlo, peer };
      log(
        `pair ${pair}: live p99 ${run.live.p99} µs, full p99 ${run.full.p99} µs, numpy p99 ${run.numpy.p99} µs; ` +
          `Monte Carlo ${monteCarlo.seconds.toFixed(2)} s, numpy ${peer.monteCarloSeconds.toFixed(2)} s`,
      );
      runs.push(run);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const many = makeWork(new Random('bench risk, many'), MANY_POSITIONS);
  const manySeconds = runs.map(() => runMonteCarlo(many.returns, many.exposures, 'projected').seconds);
  return {
    benchmark: 'risk',
    machine: machine(),
    positions: POSITIONS,
    scenarios: SCENARIOS,
    ticks: TICKS,
    pairs,
    liveMicros: summary(runs.map(({ live }) => live)),
    fullMicros: summary(runs.map(({ full }) => full)),
    numpyMicros: summary(runs.map(({ numpy }) => numpy)),
    numpyOverLive: spread(
      runs.map(({ numpy, live }) => numpy.p50 / live.p50),
      1,
    ),
    numpyOverFull: spread(
      runs.map(({ numpy, full }) => numpy.p50 / full.p50),
      2,
    ),
    heapBytesPerTick: heapBytesPerTick(work),
    monteCarlo: {
      paths: PATHS,
      fullCholesky100Seconds: spread(
        runs.map(({ monteCarlo }) => monteCarlo.seconds),
        3,
      ),
      numpy100Seconds: spread(
        runs.map(({ peer }) => peer.monteCarloSeconds),
        3,
      ),
      valueAtRisk99: spread(runs.map(({ monteCarlo }) => monteCarlo.simulated)),
      numpyValueAtRisk99: spread(runs.map(({ peer }) => peer.simulated)),
      projected1000Seconds: spread(manySeconds, 3),
    },
  };
}

function makeWork(random: Random, positions: number): Work {
  const returns = Array.from({ length: positions }, () =>
    Float64Array.from({ length: SCENARIOS }, () => random.normal() * 0.02),
  );
  const exposures = Float64Array.from({ length: positions }, () => (random.uniform() - 0.3) * 1e6);
  const marks = exposures.slice();
  const ticks = new Float64Array(2 * TICKS);
  for (let tick = 0; tick < TICKS; tick++) {
    const position = random.below(positions);
    marks[position]! *= 1 + random.normal() * 1e-4;
    ticks[2 * tick] = position;
    ticks[2 * tick + 1] = marks[position]!;
  }
  return { returns, exposures, ticks };
}

function makeBook({ returns, exposures }: Work): ScenarioBook {
  const book = new ScenarioBook(returns, SCENARIOS, CONFIDENCES);
  exposures.forEach((exposure, position) => {
    book.hold(position, exposure);
  });
  return book;
}

function runTicks(work: Work, isFull: boolean): Figures {
  const book = makeBook(work);
  const out = new Float64Array(2 * CONFIDENCES.length);
  const micros: number[] = [];
  const samples: number[][] = [];
  for (let tick = 0; tick < TICKS; tick++) {
    const start = process.hrtime.bigint();
    book.hold(work.ticks[2 * tick]!, work.ticks[2 * tick + 1]!);
    if (isFull) book.recompute();
    book.tailsInto(out);
    micros.push(Number(process.hrtime.bigint() - start) / 1000);
    if (tick % SAMPLE_EVERY === SAMPLE_EVERY - 1) samples.push([...out]);
  }
  return { micros: micros.slice(WARM_UP_TICKS), samples };
}

/** What a tick leaves to the collector: measured over all ticks at once, so that the measuring itself does not count. */
function heapBytesPerTick(work: Work): number {
  const book = makeBook(work);
  const out = new Float64Array(2 * CONFIDENCES.length);
  const round = () => {
    for (let tick = 0; tick < TICKS; tick++) {
      book.hold(work.ticks[2 * tick]!, work.ticks[2 * tick + 1]!);
      book.tailsInto(out);
    }
  };
  round();
  const before = process.memoryUsage().heapUsed;
  round();
  return Math.max(0, Math.round((process.memoryUsage().heapUsed - before) / TICKS));
}

function runMonteCarlo(returns: readonly Float64Array[], exposures: Float64Array, sampling: Sampling) {
  const start = performance.now();
  // As many days as positions and more: else the sample's own matrix would have no Cholesky factor.
  const covariance = returns.length < SCENARIOS ? covarianceMatrix(returns) : ledoitWolf(returns);
  const profits = monteCarloProfits(exposures, covariance, { paths: PATHS, seed: 'bench', freedom: FREEDOM, sampling });
  const { valueAtRisk } = historicalTail(profits, 0.99);
  return { seconds: (performance.now() - start) / 1000, simulated: valueAtRisk };
}

function save(folder: string, { returns, exposures, ticks }: Work): void {
  const bytes = (values: Float64Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  writeFileSync(join(folder, 'returns.bin'), Buffer.concat(returns.map(bytes)));
  writeFileSync(join(folder, 'exposures.bin'), bytes(exposures));
  writeFileSync(join(folder, 'ticks.bin'), bytes(ticks));
}

function runPeer(python: string, folder: string): PeerFigures {
  const args = [folder, POSITIONS, SCENARIOS, TICKS, PATHS, FREEDOM].map(String);
  // One core, as ours: a product this small is slower on several.
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
  const output = execFileSync(python, [join(PEER, 'risk.py'), ...args], { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  const figures = JSON.parse(output) as PeerFigures;
  return { ...figures, micros: figures.micros.slice(WARM_UP_TICKS) };
}

function requireSame(a: Figures, b: Figures, relative: number): void {
  a.samples.forEach((figures, sample) => {
    figures.forEach((value, index) => {
      const other = b.samples[sample]![index]!;
      if (!(Math.abs(value - other) <= Math.abs(value) * relative))
        throw new Error(
          `after tick ${(sample + 1) * SAMPLE_EVERY} figure ${index} is ${value} here and ${other} there`,
        );
    });
  });
}

const timesOf = ({ micros }: Figures) => ({
  p50: Number(quantile(micros, 0.5).toFixed(2)),
  p99: Number(quantile(micros, 0.99).toFixed(2)),
});
const summary = (times: readonly ReturnType<typeof timesOf>[]) => ({
  p50: spread(
    times.map(({ p50 }) => p50),
    2,
  ),
  p99: spread(
    times.map(({ p99 }) => p99),
    2,
  ),
});
