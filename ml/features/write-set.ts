import { renameSync } from 'node:fs';
import { parquetWriteFile } from 'hyparquet-writer';
import type { LabelledRow } from './breach-set.ts';
import { FEATURE_NAMES, HORIZONS_DAYS } from './breach-table.ts';

/**
 * Rows of a portfolio as Parquet: portfolio, source, limitId, type, day, eventTime, a column a feature, and `breach1`, `breach5`, `breach20`
 * (null: not known). It appears under its name only when it is whole.
 */
export function writeSet(path: string, portfolio: string, source: string, rows: readonly LabelledRow[]): void {
  const text = (name: string, of: (row: LabelledRow) => string) => ({
    name,
    data: rows.map(of),
    type: 'STRING' as const,
  });
  const partial = `${path}.partial`;
  parquetWriteFile({
    filename: partial,
    columnData: [
      text('portfolio', () => portfolio),
      text('source', () => source),
      text('limitId', ({ limitId }) => limitId),
      text('type', ({ type }) => type),
      { name: 'day', data: Int32Array.from(rows, ({ day }) => day), type: 'INT32' },
      { name: 'eventTime', data: BigInt64Array.from(rows, ({ eventTime }) => BigInt(eventTime)), type: 'INT64' },
      ...FEATURE_NAMES.map((name, at) => ({
        name,
        data: Float64Array.from(rows, ({ values }) => values[at]!),
        type: 'DOUBLE' as const,
      })),
      ...HORIZONS_DAYS.map((days, at) => ({
        name: `breach${days}`,
        data: rows.map(({ labels }) => labels[at]!),
        type: 'INT32' as const,
      })),
    ],
  });
  renameSync(partial, path);
}
