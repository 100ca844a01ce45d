/**
 * What breach prediction costs: features by limit and day and by row, their state, scores and contributions. Several rounds, each of all; prints
 * JSON. A row computed afresh from a limit's 250 days stands beside the row of the running state.
 *
 *   node tests/bench/ml/breach.ts [rounds]
 */

import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { BreachFeatures } from '#ml/features/breach.ts';
import { FEATURE_NAMES } from '#ml/features/breach-table.ts';
import { BATCH_ROWS, contributionsOf, rowsToExplain } from '#ml/features/contributions.ts';
import { Random } from '#streams/kit/random.ts';
import { breachPnl, dayMicros, limitUtilisation } from '../../unit/ml/features/records.ts';
import { machine, spread } from '../figures.ts';

const LIMITS = 100;
const DAYS = 500;
const MODEL = join(import.meta.dirname, '..', '..', '..', 'ml', 'models', 'breach', '2020-12-31.onnx');
const WIDTH = FEATURE_NAMES.length;

interface Round {
  readonly dayMicrosPerLimit: number;
  readonly rowMicros: number;
  readonly afreshMicros: number;
  readonly scoreMicrosPerRow: number;
  readonly explainMillis: number;
}

/** A portfolio of so many limits over some days, told on each. */
function feed(limits: number, days: number, seed: string): BreachFeatures {
  const random = new Random(seed);
  const features = new BreachFeatures();
  for (let day = 0; day < days; day++) {
    const change = 0.01 * random.normal();
    features.onPnl(breachPnl(dayMicros(day), { dayPnl: 1e6 * change }));
    if (day > 0) features.onMarket(day - 1, change);
    for (let limit = 0; limit < limits; limit++) {
      const record = limitUtilisation('value-at-risk', dayMicros(day), 50_000 * (1 + 0.1 * random.normal()), 80_000);
      features.onUtilisation(`limit-${limit}`, record);
    }
  }
  return features;
}

const ids = Array.from({ length: LIMITS }, (_, limit) => `limit-${limit}`);

async function round(session: InferenceSession, seed: string): Promise<Round> {
  let started = performance.now();
  const took = () => {
    const now = performance.now();
    const elapsedMs = now - started;
    started = now;
    return elapsedMs;
  };
  const features = feed(LIMITS, DAYS, seed);
  const fedMs = took();
  const rows = new Float64Array(LIMITS * WIDTH);
  for (let again = 0; again < 20; again++)
    for (const [at, id] of ids.entries()) rows.set(features.peek(id).values!, at * WIDTH);
  const rowsMs = took();
  feed(1, 251, seed).peek('limit-0');
  const afreshMs = took();
  const batch = Float64Array.from({ length: 1000 * WIDTH }, (_, at) => rows[at % rows.length]!);
  for (let again = 0; again < 10; again++) await session.run({ features: new Tensor('float64', batch, [1000, WIDTH]) });
  const scoredMs = took();
  const reference = rows.slice(WIDTH, 2 * WIDTH);
  for (let again = 0; again < 20; again++) {
    const row = rows.slice(0, WIDTH);
    const { scores } = await session.run({
      features: new Tensor('float64', rowsToExplain(row, reference), [BATCH_ROWS, WIDTH]),
    });
    const all = scores!.data as Float64Array;
    contributionsOf(
      row,
      Float64Array.from({ length: BATCH_ROWS }, (_, at) => all[at * 3 + 2]!),
    );
  }
  return {
    dayMicrosPerLimit: (1000 * fedMs) / (LIMITS * DAYS),
    rowMicros: (1000 * rowsMs) / (20 * LIMITS),
    afreshMicros: 1000 * afreshMs,
    scoreMicrosPerRow: (1000 * scoredMs) / 10_000,
    explainMillis: took() / 20,
  };
}

const rounds = Number(process.argv[2] ?? 7);
const session = await InferenceSession.create(MODEL, { intraOpNumThreads: 1 });
await round(session, 'warm-up');
const found: Round[] = [];
for (let number = 0; number < rounds; number++) found.push(await round(session, `${number}`));
const snapshotBytes = JSON.stringify(feed(1, DAYS, 'one').snapshot()).length;
const over = (name: keyof Round) =>
  spread(
    found.map((each) => each[name]),
    2,
  );
const names = ['dayMicrosPerLimit', 'rowMicros', 'afreshMicros', 'scoreMicrosPerRow', 'explainMillis'] as const;
const figures = Object.fromEntries(names.map((name) => [name, over(name)]));
process.stdout.write(
  `${JSON.stringify({ machine: machine(), rounds, features: WIDTH, snapshotBytes, ...figures }, null, 1)}\n`,
);
