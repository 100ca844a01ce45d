/**
 * Makes the training set of the classifier of regimes from the shipped closes, a Parquet file of all instruments:
 *
 *   node ml/train/regimes/main.ts --out regimes.parquet
 *
 * A row of day t has what was known at its end; `label` is the regime it turned out to have been in (-1: not known), `nextSquare` the square of the next
 * day's return over the usual variance.
 */
import { renameSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parquetWriteFile } from 'hyparquet-writer';
import { LABEL_DAYS, labelAt } from '#quant/regimes/labels.ts';
import { ReturnWindow } from '#quant/regimes/return-window.ts';
import { REGIME_FEATURE_NAMES, regimeRow } from '../../features/regime.ts';
import { loadCloses } from '../breach/history.ts';

interface Row {
  readonly instrument: string;
  /** Trading day, counted from the first of the history. */
  readonly at: number;
  readonly values: Float64Array;
  label: number;
  nextSquare: number;
}

const { values: flags } = parseArgs({ options: { out: { type: 'string' } } });
if (!flags.out) throw new Error('--out is needed');
const closes = loadCloses();
const rows = [...closes.returns].flatMap(([instrument, returns]) => rowsOf(instrument, returns));
write(flags.out);
process.stderr.write(`${rows.length} rows of ${closes.returns.size} instruments\n`);

function rowsOf(instrument: string, returns: Float64Array): Row[] {
  const window = new ReturnWindow();
  const found = new Map<number, Row>();
  returns.forEach((simpleReturn, at) => {
    if (at === 0) return;
    window.push(Math.log1p(simpleReturn));
    const labelled = found.get(at - LABEL_DAYS);
    if (labelled) labelled.label = labelAt(window);
    const before = found.get(at - 1);
    if (before) before.nextSquare = (window.back(0) / window.usualVolatility(1)) ** 2;
    const values = regimeRow(window);
    if (values) found.set(at, { instrument, at, values, label: -1, nextSquare: Number.NaN });
  });
  return [...found.values()];
}

function write(out: string): void {
  const partial = `${out}.partial`;
  parquetWriteFile({
    filename: partial,
    columnData: [
      { name: 'instrument', data: rows.map(({ instrument }) => instrument), type: 'STRING' },
      { name: 'date', data: rows.map(({ at }) => closes.dates[at]!), type: 'STRING' },
      { name: 'at', data: Int32Array.from(rows, ({ at }) => at), type: 'INT32' },
      {
        name: 'eventTime',
        data: BigInt64Array.from(rows, ({ at }) => BigInt(closes.eventTimes[at]!)),
        type: 'INT64',
      },
      ...REGIME_FEATURE_NAMES.map((name, column) => ({
        name,
        data: Float64Array.from(rows, ({ values }) => values[column]!),
        type: 'DOUBLE' as const,
      })),
      { name: 'label', data: Int32Array.from(rows, ({ label }) => label), type: 'INT32' },
      { name: 'nextSquare', data: Float64Array.from(rows, ({ nextSquare }) => nextSquare), type: 'DOUBLE' },
    ],
  });
  renameSync(partial, out);
}
