import { csvField } from '#connectors/file/csv.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { type ExportRecord, type Field, jsonText, toText } from './fields.ts';
import { Output } from './output.ts';

/** Where records go, in one format. */
export interface RecordWriter {
  /** Returns a promise only when it must be awaited. */
  write(record: ExportRecord): void | Promise<void>;
  /** Everything is written and in place. */
  finish(): Promise<void>;
  /** After a failure: leaves no half file behind. */
  abandon(): void;
}

export const FORMATS = ['jsonl', 'csv', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];
/** What a table says of a record beside its value; underscores keep them apart from the value's own fields. */
export const RECORD_COLUMNS = ['_key', '_partition', '_offset', '_timestamp'];

export async function openWriter(
  format: Format,
  fields: readonly Field[],
  out: string | undefined,
): Promise<RecordWriter> {
  if (format === 'jsonl') return new JsonLines(Output.open(out));
  if (format === 'csv') return new CsvTable(fields, Output.open(out));
  if (out === undefined) throw new TidemarkError('OPTION_MISSING', 'Parquet is written to a file: add --out FILE');
  const { ParquetTable } = await import('./parquet.ts');
  return new ParquetTable(fields, out);
}

const isoTime = (ms: number) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms));

class Text {
  readonly output: Output;
  constructor(output: Output) {
    this.output = output;
  }
  finish(): Promise<void> {
    return this.output.finish();
  }
  abandon(): void {
    this.output.abandon();
  }
}

/** One JSON object a line. */
class JsonLines extends Text implements RecordWriter {
  write({ topic, partition, offset, timestampMs, key, value, unreadable }: ExportRecord): void | Promise<void> {
    const line = { topic, partition, offset, timestamp: isoTime(timestampMs), key, value, ...unreadable };
    return this.output.write(`${jsonText(line)}\n`);
  }
}

/** A header line, then a line a record: the value's fields, then {@link RECORD_COLUMNS}. */
class CsvTable extends Text implements RecordWriter {
  readonly #fields: readonly Field[];
  #begun = false;

  constructor(fields: readonly Field[], output: Output) {
    super(output);
    this.#fields = fields;
  }

  write({ partition, offset, timestampMs, key, value }: ExportRecord): void | Promise<void> {
    const cells = this.#fields.map(({ name }) => csvField(toText(value?.[name])));
    cells.push(csvField(key ?? ''), String(partition), String(offset), isoTime(timestampMs));
    return this.output.write(`${this.#header()}${cells.join(',')}\n`);
  }

  override finish(): Promise<void> {
    void this.output.write(this.#header());
    return super.finish();
  }

  #header(): string {
    if (this.#begun) return '';
    this.#begun = true;
    return `${[...this.#fields.map(({ name }) => name), ...RECORD_COLUMNS].join(',')}\n`;
  }
}
