import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModel } from '#ml/model/metadata.ts';
import { Scorer } from '#ml/model/scorer.ts';
import { machine, quantile, spread } from '../figures.ts';
import { pythonOf } from '../python.ts';

const ROWS = 1_000;
const FEATURES = 30;
const TREES = 300;
const LEAVES = [15, 31];
const BATCHES = 50;
const PEER = join(import.meta.dirname, '..', 'peers', 'scoring');

/** Milliseconds of each call: of a batch of 1,000 rows, and of one row. */
interface Times {
  readonly many: readonly number[];
  readonly one: readonly number[];
}
interface PeerFigures {
  readonly onnxruntime: Times;
  readonly lightgbm: Times;
  readonly scores: readonly number[];
}

/**
 * Scores 1,000 rows of 30 features with LightGBM models of 300 trees, in a batch and one by one: the scorer with one thread and with two, Python's
 * onnxruntime and LightGBM's own predict with one, in turns over the same rows; all must say the same.
 */
export async function scoringBenchmark(pairs: number, log: (text: string) => void): Promise<unknown> {
  const python = pythonOf('bench-scoring', join(PEER, 'requirements.txt'), log);
  const models = [];
  for (const leaves of LEAVES) models.push({ leaves, ...(await measure(python, leaves, pairs, log)) });
  return { benchmark: 'scoring', machine: machine(), rows: ROWS, features: FEATURES, trees: TREES, pairs, models };
}

async function measure(python: string, leaves: number, pairs: number, log: (text: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-scoring-'));
  try {
    runPeer(python, ['make', folder, ROWS, FEATURES, TREES, leaves]);
    const model = readModel(readFileSync(join(folder, 'model.onnx')));
    const one = await Scorer.open(model, { providers: ['cpu'], threads: 1 });
    const two = await Scorer.open(model, { providers: ['cpu'], threads: 2 });
    const rows = new Float64Array(new Uint8Array(readFileSync(join(folder, 'rows.bin'))).buffer);
    const peer = () => JSON.parse(runPeer(python, ['run', folder, ROWS, FEATURES, BATCHES])) as PeerFigures;
    const runs: (Record<'node' | 'nodeTwoThreads' | 'onnxruntime' | 'lightgbm', Times> & {
      readonly differs: number;
    })[] = [];
    for (let pair = 1; pair <= pairs; pair++) {
      // Alternating, so that a machine that slows down slows both.
      const before = pair % 2 === 0 ? peer() : null;
      const node = await timesOf(one, rows);
      const nodeTwoThreads = await timesOf(two, rows);
      const { onnxruntime, lightgbm, scores } = before ?? peer();
      const differs = await largestDifference(one, rows, scores);
      runs.push({ node, nodeTwoThreads, onnxruntime, lightgbm, differs });
      const said = [node, nodeTwoThreads, onnxruntime, lightgbm].map(({ many }) => `${middle(many)} ms`).join(', ');
      log(`${leaves} leaves, pair ${pair}: 1,000 rows ${said} (here, with two threads, onnxruntime, LightGBM)`);
    }
    await Promise.all([one.close(), two.close()]);
    const of = (who: 'node' | 'nodeTwoThreads' | 'onnxruntime' | 'lightgbm') => summary(runs.map((run) => run[who]));
    return {
      node: of('node'),
      nodeTwoThreads: of('nodeTwoThreads'),
      onnxruntime: of('onnxruntime'),
      lightgbm: of('lightgbm'),
      largestDifference: Math.max(...runs.map(({ differs }) => differs)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const summary = (times: readonly Times[]) => ({
  batchMs: spread(
    times.map(({ many }) => middle(many)),
    3,
  ),
  batchP99Ms: spread(
    times.map(({ many }) => quantile(many, 0.99)),
    3,
  ),
  oneRowMs: spread(
    times.map(({ one }) => middle(one)),
    4,
  ),
});
const middle = (times: readonly number[]) => Number(quantile(times, 0.5).toFixed(4));

async function timesOf(scorer: Scorer, rows: Float64Array): Promise<Times> {
  const timed = async (part: Float64Array, count: number) => {
    const start = performance.now();
    await scorer.score(part, count);
    return performance.now() - start;
  };
  for (let round = 0; round < 5; round++) await timed(rows, ROWS);
  const many: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) many.push(await timed(rows, ROWS));
  const one: number[] = [];
  for (let row = 0; row < BATCHES * 10; row++)
    one.push(await timed(rows.slice(row * FEATURES, (row + 1) * FEATURES), 1));
  return { many, one };
}

async function largestDifference(scorer: Scorer, rows: Float64Array, expected: readonly number[]): Promise<number> {
  const scores = await scorer.score(rows, ROWS);
  const largest = Math.max(...expected.map((score, row) => Math.abs(score - scores[row]!)));
  if (!(largest < 1e-6)) throw new Error(`scores differ by ${largest}`);
  return largest;
}

function runPeer(python: string, args: readonly (string | number)[]): string {
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' };
  return execFileSync(python, [join(PEER, 'scoring.py'), ...args.map(String)], {
    encoding: 'utf8',
    env,
    maxBuffer: 1 << 28,
  });
}

if (import.meta.main) {
  const result = await scoringBenchmark(3, (text) => process.stderr.write(`${text}\n`));
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
