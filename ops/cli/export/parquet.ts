import { renameSync, rmSync } from 'node:fs';
import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement, type Writer } from 'hyparquet-writer';
import { DECIMAL_PRECISION, DECIMAL_SCALE } from '#schemas/decimal.ts';
import { type ExportRecord, type Field, type FieldKind, jsonText } from './fields.ts';
import type { RecordWriter } from './formats.ts';
import { outputFailed, partialPath } from './output.ts';

/** Rows held in memory before they are written. */
const ROW_GROUP_ROWS = 50_000;

/** Parquet types by kind of field. Decimals are exact (`decimal(38, 9)`), times are UTC microseconds. */
const TYPES: Readonly<Record<FieldKind, Omit<SchemaElement, 'name'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  json: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  double: { type: 'DOUBLE' },
  int: { type: 'INT32' },
  long: { type: 'INT64' },
  boolean: { type: 'BOOLEAN' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
  decimal: {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: 16,
    converted_type: 'DECIMAL',
    scale: DECIMAL_SCALE,
    precision: DECIMAL_PRECISION,
  },
};
const RECORD_FIELDS: readonly Field[] = [
  { name: '_key', kind: 'string' },
  { name: '_partition', kind: 'int' },
  { name: '_offset', kind: 'long' },
  { name: '_timestamp', kind: 'time' },
];

/** A Parquet file, written a row group at a time; it appears under its name only when it is whole. */
export class ParquetTable implements RecordWriter {
  readonly #fields: readonly Field[];
  readonly #path: string;
  readonly #partial: string;
  readonly #writer: ParquetWriter;
  #columns: unknown[][];

  constructor(fields: readonly Field[], path: string) {
    this.#fields = [...fields, ...RECORD_FIELDS];
    this.#path = path;
    this.#partial = partialPath(path) ?? path;
    this.#columns = this.#fields.map(() => []);
    this.#writer = new ParquetWriter({
      writer: this.#openFile(),
      schema: schema(this.#fields),
      createdBy: 'tidemark',
    });
  }

  write({ partition, offset, timestampMs, key, value }: ExportRecord): void | Promise<void> {
    const own: Record<string, unknown> = {
      _key: key,
      _partition: partition,
      _offset: offset,
      _timestamp: timestampMs * 1000,
    };
    this.#fields.forEach(({ name, kind }, column) => {
      const cell = name in own ? own[name] : value?.[name];
      this.#columns[column]!.push(toParquet(kind, cell ?? null));
    });
    if (this.#columns[0]!.length >= ROW_GROUP_ROWS) return this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#guard(() => this.#writer.finish());
    if (this.#partial !== this.#path) renameSync(this.#partial, this.#path);
  }

  abandon(): void {
    if (this.#partial !== this.#path) rmSync(this.#partial, { force: true });
  }

  async #flush(): Promise<void> {
    const columns = this.#columns;
    if (columns[0]!.length === 0) return;
    this.#columns = this.#fields.map(() => []);
    const columnData = this.#fields.map(({ name }, column): ColumnSource => ({ name, data: columns[column]! }));
    await this.#guard(() => this.#writer.write({ columnData, rowGroupSize: ROW_GROUP_ROWS }));
  }

  #openFile(): Writer {
    try {
      return fileWriter(this.#partial);
    } catch (error) {
      throw outputFailed(this.#path, error);
    }
  }

  /** A full disk is a sentence; anything else that the writer throws is an error of ours. */
  async #guard(work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw (error as NodeJS.ErrnoException).syscall ? outputFailed(this.#path, error) : error;
    }
  }
}

/** Every column may be null: a tombstone has no value. */
function schema(fields: readonly Field[]): SchemaElement[] {
  return [
    { name: 'root', num_children: fields.length },
    ...fields.map(({ name, kind }): SchemaElement => ({ name, repetition_type: 'OPTIONAL', ...TYPES[kind] })),
  ];
}

function toParquet(kind: FieldKind, value: unknown): unknown {
  if (value === null) return null;
  if (kind === 'long' || kind === 'time') return BigInt(value as number);
  return kind === 'json' ? jsonText(value) : value;
}
