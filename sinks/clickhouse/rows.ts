import { type Column, type ColumnKind, columnsOf, isPlainList } from '#schemas/columns.ts';
import { checkDecimal, formatDecimal } from '#schemas/decimal.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { SinkRecord } from '../kit/feed.ts';
import type { ClickHouseTopic } from './tables.ts';

/**
 * Beyond these, DateTime64(6) would store another time without an error (1900-01-01; the upper end Avro cannot reach).
 */
const FIRST_MICROS = Date.UTC(1900, 0, 1) * 1000;

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\0': '\\0' };
/** A string as TabSeparated wants it. */
export const escapeText = (value: string): string => value.replace(/[\\\t\n\r\0]/g, (character) => ESCAPES[character]!);

/** `2020-01-02 03:04:05.000006`, UTC. Throws VALUE_REFUSED before 1900. */
export function timestampText(micros: number): string {
  if (micros < FIRST_MICROS) throw refused(`${micros} µs is before the year 1900, which ClickHouse cannot hold`);
  const fraction = ((micros % 1000) + 1000) % 1000;
  const iso = new Date((micros - fraction) / 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(fraction).padStart(3, '0')}`;
}

const doubleText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';

const TEXT: Readonly<Record<Exclude<ColumnKind, 'list'>, (value: never) => string>> = {
  decimal: (value: bigint) => formatDecimal(checkDecimal(value)),
  micros: timestampText,
  double: doubleText,
  long: String,
  int: String,
  boolean: String,
  string: escapeText,
  enum: String,
};

/** How a column's values are written, null where it may be. */
function writerOf(column: Column): (value: unknown) => string {
  const text = column.kind === 'list' ? listWriter(column) : (TEXT[column.kind] as (value: unknown) => string);
  return (value) => (value === null ? '\\N' : text(value));
}

/** `[1,2]` or `[('historical',0.99,NULL)]`: as in TabSeparated, with texts and times in quotes. */
function listWriter(list: Column): (value: unknown) => string {
  const cells = list.items.map((item) => ({ field: item.field, text: quotedWriter(item) }));
  const plain = isPlainList(list);
  return (values) => {
    const items = (values as readonly unknown[]).map((value) => {
      if (plain) return cells[0]!.text(value);
      const fields = cells.map(({ field, text }) => text((value as Record<string, unknown>)[field]));
      // Of a single value in brackets ClickHouse would not know that it is a tuple.
      return `(${fields.join(',')}${fields.length === 1 ? ',' : ''})`;
    });
    return `[${items.join(',')}]`;
  };
}

function quotedWriter(column: Column): (value: unknown) => string {
  const text = column.kind === 'list' ? listWriter(column) : (TEXT[column.kind] as (value: unknown) => string);
  const isQuoted = ['string', 'enum', 'micros'].includes(column.kind);
  return (value) => {
    if (value === null) return 'NULL';
    return isQuoted ? `'${text(value).replaceAll("'", "\\'")}'` : text(value);
  };
}

const refused = (message: string, cause?: unknown) => new TidemarkError('VALUE_REFUSED', message, { cause });

/**
 * Makes the lines of a topic's table, one a record. A line throws VALUE_REFUSED when ClickHouse would store another
 * value.
 */
export function lineWriter(topic: ClickHouseTopic): (record: SinkRecord) => string {
  const cells = columnsOf(topic).map((column) => ({ field: column.field, text: writerOf(column) }));
  return ({ partition, offset, value }) => {
    let line = '';
    for (const { field, text } of cells) {
      const cell = value![field];
      try {
        line += `${text(cell)}\t`;
      } catch (error) {
        if (error instanceof TidemarkError) throw error;
        throw refused(`${field}: ${(error as Error).message}`, error);
      }
    }
    return `${line}${topic}\t${partition}\t${offset}\n`;
  };
}
