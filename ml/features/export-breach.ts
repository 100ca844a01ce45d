/**
 * The training set of breach prediction of what a system has recorded, a Parquet file a portfolio:
 *
 *   for topic in portfolio.pnl risk.utilisation risk.breaches market.returns; do
 *     tidemark export $topic --out recorded/$topic.jsonl
 *   done
 *   node ml/features/export-breach.ts --recorded recorded --out set [--market SP500]
 *
 * risk.utilisation is told once a commit and compacted: of a replay at full speed there are days without a record, which count with the figure
 * before. ml/train/breach/main.ts has the limit engine look at every day instead.
 */
import { createReadStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { DailyReturn, LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { type BreachRecord, BreachSet, type MarketReturn } from './breach-set.ts';
import { writeSet } from './write-set.ts';

/** A line of `tidemark export --format jsonl`. */
interface Line<V> {
  readonly key: string;
  readonly timestamp: string;
  readonly value: V | null;
}

/** Of one event time P&L comes first, and what the limit engine makes of it after it. */
const ORDER = { pnl: 0, utilisation: 1, breach: 2 } as const;
const timeOf = (record: BreachRecord) => (record.kind === 'utilisation' ? record.eventTime : record.value.eventTime);

async function main(recorded: string, out: string, market: string): Promise<void> {
  const records = new Map<string, BreachRecord[]>();
  const add = (portfolio: string, record: BreachRecord) => {
    const own = records.get(portfolio) ?? [];
    own.push(record);
    records.set(portfolio, own);
  };
  for await (const { value } of lines<PortfolioPnl>(recorded, 'portfolio.pnl'))
    if (value) add(value.portfolio, { kind: 'pnl', value });
  for await (const { key, timestamp, value } of lines<LimitUtilisation>(recorded, 'risk.utilisation')) {
    const [portfolio, limitId] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)];
    add(portfolio, {
      kind: 'utilisation',
      limitId,
      value,
      eventTime: value?.eventTime ?? Date.parse(timestamp) * 1000,
    });
  }
  for await (const { value } of lines<RiskBreach>(recorded, 'risk.breaches'))
    if (value) add(value.portfolio, { kind: 'breach', value });
  const returns = await marketReturns(recorded, market);
  mkdirSync(out, { recursive: true });
  for (const [portfolio, own] of records) {
    const set = new BreachSet(returns);
    // The sort is stable: what was recorded first stays first.
    own.sort((a, b) => timeOf(a) - timeOf(b) || ORDER[a.kind] - ORDER[b.kind]);
    for (const record of own) set.take(record);
    const rows = set.finish().map((row) => ({ portfolio, source: 'demo', ...row }));
    writeSet(join(out, `${portfolio}.parquet`), rows);
    process.stderr.write(`${portfolio}: ${own.length} records, ${rows.length} rows\n`);
  }
}

async function marketReturns(recorded: string, market: string): Promise<MarketReturn[]> {
  const byDay = new Map<number, number>();
  for await (const { value } of lines<DailyReturn>(recorded, 'market.returns'))
    if (value?.instrument === market) byDay.set(Date.parse(value.date) / 86_400_000, value.simpleReturn);
  return [...byDay].map(([day, simpleReturn]) => ({ day, simpleReturn })).sort((a, b) => a.day - b.day);
}

async function* lines<V>(folder: string, topic: string): AsyncGenerator<Line<V>> {
  for await (const line of createInterface({ input: createReadStream(join(folder, `${topic}.jsonl`)) }))
    yield JSON.parse(line) as Line<V>;
}

if (import.meta.main) {
  const { values: flags } = parseArgs({
    options: { recorded: { type: 'string' }, out: { type: 'string' }, market: { type: 'string', default: 'SP500' } },
  });
  if (!flags.recorded || !flags.out) throw new Error('--recorded and --out are needed');
  await main(flags.recorded, flags.out, flags.market);
}
