/**
 * The training sets of cycle_reference.py, of the world of tests/unit/ml/life/world.ts: `node tests/golden/cycle-sets.ts FOLDER DAYS`. As a
 * system would have recorded them.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BreachSet, type MarketReturn } from '#ml/features/breach-set.ts';
import { writeSet } from '#ml/features/write-set.ts';
import { CYCLE } from '../unit/ml/life/cycle.ts';
import { PORTFOLIOS, recordsOf, world } from '../unit/ml/life/world.ts';

const [folder, days] = process.argv.slice(2) as [string, string];
mkdirSync(folder, { recursive: true });
const all = [...world({ ...CYCLE, days: Number(days) })];
const market: MarketReturn[] = all.map(({ day, market: { simpleReturn } }) => ({ day, simpleReturn }));
for (const portfolio of PORTFOLIOS) {
  const set = new BreachSet(market);
  for (const day of all) for (const record of recordsOf(day, portfolio)) set.take(record);
  const rows = set.finish().map((row) => ({ portfolio, source: 'demo', ...row }));
  writeSet(join(folder, `${portfolio}.parquet`), rows);
}
