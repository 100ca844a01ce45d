import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { BreachSet } from '#ml/features/breach-set.ts';
import { FEATURE_NAMES, FEATURES } from '#ml/features/breach-table.ts';
import { type FeatureTopic, RecordedBreaches } from '#ml/features/recorded.ts';
import { SET_COLUMNS, writeSet } from '#ml/features/write-set.ts';
import type { DailyReturn } from '#schemas/generated/types.ts';
import { breachOf, breachPnl, dayMicros, limitUtilisation } from './records.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-features-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Entry = readonly [topic: FeatureTopic, key: string, value: unknown, timestampMs: number];
const DAYS = 30;
const figureOf = (day: number) => 0.5 + 0.3 * Math.sin(day);

const returns = Array.from({ length: DAYS }, (_, day): Entry => {
  const date = new Date(dayMicros(day) / 1000).toISOString().slice(0, 10);
  const value = { eventTime: dayMicros(day + 1), instrument: 'SP500', date, simpleReturn: 0.01 * Math.cos(day) };
  return ['market.returns', `SP500/${date}`, value as DailyReturn, value.eventTime / 1000];
});
const figures = Array.from({ length: DAYS }, (_, day): Entry[] => {
  const time = dayMicros(day, 16);
  const pnl = breachPnl(time);
  return [
    ['portfolio.pnl', pnl.portfolio, pnl, time / 1000],
    [
      'risk.utilisation',
      `${pnl.portfolio}/drawdown`,
      limitUtilisation('drawdown', time, figureOf(day), 1),
      time / 1000,
    ],
    ...(day === 20 ? [['risk.breaches', pnl.portfolio, breachOf('drawdown', time), time / 1000] as Entry] : []),
  ];
}).flat();
const portfolio = figures[0]![1];

function rowsOf(entries: readonly Entry[]) {
  const recorded = new RecordedBreaches('SP500');
  for (const entry of entries) recorded.add(...entry);
  return { rows: recorded.rows(portfolio), recorded };
}

describe('what topics have recorded', () => {
  it('gives the rows that the records would give as they come, whatever topic is read first', () => {
    const set = new BreachSet(
      returns.map(([, , value]) => {
        const { date, simpleReturn } = value as DailyReturn;
        return { day: Date.parse(date) / 86_400_000, simpleReturn };
      }),
    );
    for (const [topic, , value] of figures) {
      if (topic === 'portfolio.pnl') set.take({ kind: 'pnl', value: value as never });
      else if (topic === 'risk.breaches') set.take({ kind: 'breach', value: value as never });
      else
        set.take({
          kind: 'utilisation',
          limitId: 'drawdown',
          value: value as never,
          eventTime: (value as never as { eventTime: number }).eventTime,
        });
    }
    const expected = set.finish();
    expect(expected.length).toBeGreaterThan(DAYS - 5);
    const order: readonly FeatureTopic[] = ['risk.utilisation', 'risk.breaches', 'portfolio.pnl', 'market.returns'];
    const byTopic = [...returns, ...figures].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
    expect(rowsOf(byTopic).rows).toEqual(expected);
    expect(rowsOf([...figures, ...returns]).rows).toEqual(expected);
    expect(expected.some(({ labels }) => labels[1] === 1)).toBe(true);
  });

  it('ends a limit where it was taken away, at the time of the tombstone', () => {
    const gone: Entry = ['risk.utilisation', `${portfolio}/drawdown`, null, dayMicros(10, 17) / 1000];
    const { rows } = rowsOf([
      gone,
      ...returns,
      ...figures.filter(([topic, , , time]) => topic === 'portfolio.pnl' || time < gone[3]),
    ]);
    expect(rows.at(-1)!.day - rows[0]!.day).toBe(9);
  });

  it('leaves out and counts what cannot be', () => {
    const wrong: Entry = ['portfolio.pnl', portfolio, { ...breachPnl(dayMicros(5, 17)), equity: Number.NaN }, 0];
    const { rows, recorded } = rowsOf([...returns, ...figures, wrong]);
    const values = (of: typeof rows) => of.map((row) => row.values);
    expect(values(rows)).toEqual(values(rowsOf([...returns, ...figures]).rows));
    expect([...recorded.refused]).toEqual([['PNL_INVALID', 1]]);
    expect([recorded.portfolios, recorded.hasMarket, recorded.rows('nobody')]).toEqual([[portfolio], true, []]);
    expect(new RecordedBreaches('OTHER').hasMarket).toBe(false);
  });
});

describe('the file of a set', () => {
  it('is read by others as it was written, and says what its columns are', async () => {
    const rows = rowsOf([...returns, ...figures]).rows.map((row) => ({ ...row, portfolio, source: 'recorded' }));
    const path = join(folder, 'set.parquet');
    writeSet(path, rows, { 'tidemark.market': 'SP500' });
    const file = await asyncBufferFromFile(path);
    const read = await parquetReadObjects({ file });
    expect(read).toHaveLength(rows.length);
    for (const [index, row] of rows.entries()) {
      const { limitId, day, eventTime, breach20, ...rest } = read[index]!;
      expect([limitId, day, Number(eventTime), breach20 ?? null]).toEqual([
        row.limitId,
        row.day,
        row.eventTime,
        row.labels[2],
      ]);
      expect(FEATURE_NAMES.map((name) => rest[name])).toEqual([...row.values]);
    }
    const metadata = await parquetMetadataAsync(file);
    const said = Object.fromEntries(metadata.key_value_metadata!.map(({ key, value }) => [key, value]));
    expect(said['tidemark.market']).toBe('SP500');
    const columns = JSON.parse(said['tidemark.columns']!) as Record<string, { unit: string; doc: string }>;
    expect(Object.keys(columns)).toEqual(SET_COLUMNS.map(({ name }) => name));
    for (const { name, unit, doc } of FEATURES) expect(columns[name]).toEqual({ unit, doc });
    writeSet(join(folder, 'again.parquet'), rows, { 'tidemark.market': 'SP500' });
    expect(readFileSync(join(folder, 'again.parquet')).equals(readFileSync(path))).toBe(true);
  });
});
