import { renameSync } from 'node:fs';
import { parquetWriteFile } from 'hyparquet-writer';
import type { LabelledRow } from './breach-set.ts';
import { FEATURES, HORIZONS_DAYS } from './breach-table.ts';

/** A row with whose it is and where it comes from. */
export interface SetRow extends LabelledRow {
  readonly portfolio: string;
  readonly source: string;
}
export interface SetColumn {
  readonly name: string;
  /** Of features as the table of features has it; of the others what the number counts, or none. */
  readonly unit: string;
  readonly doc: string;
  readonly type: 'STRING' | 'INT32' | 'INT64' | 'DOUBLE';
  readonly of: (row: SetRow) => string | number | null;
}

/** Columns of a set: whose and when, the features in the order of their table, the labels. */
export const SET_COLUMNS: readonly SetColumn[] = [
  { name: 'portfolio', unit: '', doc: 'Portfolio.', type: 'STRING', of: (row) => row.portfolio },
  { name: 'source', unit: '', doc: 'Where the row comes from.', type: 'STRING', of: (row) => row.source },
  { name: 'limitId', unit: '', doc: 'Limit of the portfolio.', type: 'STRING', of: (row) => row.limitId },
  { name: 'type', unit: '', doc: 'Type of the limit.', type: 'STRING', of: (row) => row.type },
  {
    name: 'day',
    unit: 'days since 1970-01-01',
    doc: 'UTC day at whose end the features are.',
    type: 'INT32',
    of: (row) => row.day,
  },
  {
    name: 'eventTime',
    unit: 'microseconds since 1970-01-01 UTC',
    doc: 'Event time of the newest record that the row knows of.',
    type: 'INT64',
    of: (row) => row.eventTime,
  },
  ...FEATURES.map(
    ({ name, unit, doc }, at): SetColumn => ({ name, unit, doc, type: 'DOUBLE', of: ({ values }) => values[at]! }),
  ),
  ...HORIZONS_DAYS.map(
    (days, at): SetColumn => ({
      name: `breach${days}`,
      unit: 'flag',
      doc: `1 if the limit was breached within the next ${days} trading days, 0 if not, null where that is not known yet.`,
      type: 'INT32',
      of: ({ labels }) => labels[at]!,
    }),
  ),
];

/** What the file says of itself, by key of the Parquet file's metadata: `tidemark.columns` has unit and meaning of each column as JSON. */
export const setMetadata = (): Record<string, string> => ({
  'tidemark.columns': JSON.stringify(
    Object.fromEntries(SET_COLUMNS.map(({ name, unit, doc }) => [name, { unit, doc }])),
  ),
});

/**
 * Rows as Parquet, {@link SET_COLUMNS}, with `more` beside the metadata of the columns. It appears under its name only when it is whole.
 */
export function writeSet(path: string, rows: readonly SetRow[], more: Readonly<Record<string, string>> = {}): void {
  const partial = `${path}.partial`;
  parquetWriteFile({
    filename: partial,
    columnData: SET_COLUMNS.map(({ name, type, of }) => ({ name, type, data: dataOf(type, rows, of) })),
    kvMetadata: Object.entries({ ...setMetadata(), ...more }).map(([key, value]) => ({ key, value })),
    createdBy: 'tidemark',
  });
  renameSync(partial, path);
}

function dataOf(type: SetColumn['type'], rows: readonly SetRow[], of: SetColumn['of']) {
  if (type === 'DOUBLE') return Float64Array.from(rows, (row) => of(row) as number);
  if (type === 'INT64') return BigInt64Array.from(rows, (row) => BigInt(of(row) as number));
  return rows.map(of);
}
