/**
 * Makes the training set of breach prediction, a Parquet file a portfolio:
 *
 *   node ml/train/breach/main.ts --recorded DIR --out DIR [--made 14]
 *
 * --recorded: a folder with portfolio.pnl.jsonl and portfolio.positions.jsonl as `tidemark export` writes them.
 */
import { createReadStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { BreachSet } from '../../features/breach-set.ts';
import { writeSet } from '../../features/write-set.ts';
import { type Desk, madeDesk, type RecordedPnl, type RecordedPosition, recordedDesks } from './desks.ts';
import { loadCloses, marketReturns } from './history.ts';
import { Labeller } from './labeller.ts';

async function readJsonLines<T>(path: string): Promise<T[]> {
  const values: T[] = [];
  for await (const line of createInterface({ input: createReadStream(path) }))
    values.push((JSON.parse(line) as { value: T }).value);
  return values;
}

const { values: flags } = parseArgs({
  options: { recorded: { type: 'string' }, out: { type: 'string' }, made: { type: 'string', default: '14' } },
});
if (!flags.recorded || !flags.out) throw new Error('--recorded and --out are needed');
mkdirSync(flags.out, { recursive: true });
const closes = loadCloses();
const market = marketReturns(closes);
const made = Array.from({ length: Number(flags.made) }, (_, index) => madeDesk(`made-${index + 1}`, closes));
const pnl = await readJsonLines<RecordedPnl>(join(flags.recorded, 'portfolio.pnl.jsonl'));
const positions = await readJsonLines<RecordedPosition>(join(flags.recorded, 'portfolio.positions.jsonl'));
for (const desk of [...recordedDesks(pnl, positions, closes), ...made]) {
  const started = performance.now();
  const { portfolio, source } = desk;
  const rows = label(desk).map((row) => ({ ...row, portfolio, source }));
  writeSet(join(flags.out, `${portfolio}.parquet`), rows);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${desk.portfolio}: ${desk.days.length} days, ${rows.length} rows in ${seconds} s\n`);
}

function label(desk: Desk) {
  const set = new BreachSet(market);
  for (const records of new Labeller(desk, closes).days()) for (const record of records) set.take(record);
  return set.finish();
}
