import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { splitCsvLine } from './csv.ts';
import type { FileKind, FileRecord, Origin } from './kinds.ts';
import { MAX_LINE_BYTES, type TextLine } from './lines.ts';
import { Row, type RowProblem } from './row.ts';
import { UniqueIds } from './unique-ids.ts';

export interface ParsedRow {
  /** Counted from 1 over all rows. */
  readonly number: number;
  /** Line of the file, from 1. */
  readonly line: number;
  /** Null when the row is bad. */
  readonly record: FileRecord | null;
  /** Every problem of the row; empty when it is good. */
  readonly problems: readonly RowProblem[];
}

/** Turns a file's lines into records, the first line being its header. Blank lines are no rows. `ids` serves all passes over a file. */
export class FileParser {
  readonly #kind: FileKind;
  readonly #origin: Origin;
  readonly #nowMs: number;
  readonly #ids: UniqueIds;
  #columns = 0;
  #row: Row | null = null;

  constructor(kind: FileKind, origin: Origin, nowMs: number, ids = new UniqueIds()) {
    this.#kind = kind;
    this.#origin = origin;
    this.#nowMs = nowMs;
    this.#ids = ids;
  }

  /** True once the header was read. */
  get hasHeader(): boolean {
    return this.#row !== null;
  }

  /** A row, or null for the header and blank lines. Throws HEADER_INVALID. */
  parse(line: TextLine): ParsedRow | null {
    if (line.text.trim() === '' && line.fault === null) return null;
    const row = this.#row;
    if (row === null) {
      this.#readHeader(line);
      return null;
    }
    row.number++;
    row.problems.length = 0;
    const record = this.#record(row, line);
    if (row.problems.length === 0) return { number: row.number, line: line.number, record, problems: [] };
    return { number: row.number, line: line.number, record: null, problems: [...row.problems] };
  }

  #record(row: Row, { text, fault }: TextLine): FileRecord | null {
    if (fault !== null) {
      const reason =
        fault === 'TOO_LONG' ? `the line is longer than ${MAX_LINE_BYTES} bytes` : 'the line is not UTF-8 text';
      row.report('', text.slice(0, 100), reason);
      return null;
    }
    const problem = splitCsvLine(text, row.fields);
    if (problem !== null) row.report('', text.slice(0, 100), problem);
    else if (row.fields.length !== this.#columns)
      row.report('', text.slice(0, 100), `the line has ${row.fields.length} fields; the header has ${this.#columns}`);
    return row.problems.length > 0 ? null : this.#kind.record(row, this.#origin);
  }

  #readHeader({ text, fault }: TextLine): void {
    const { columns } = this.#kind;
    const names: string[] = [];
    const broken = fault === null ? splitCsvLine(text, names) : 'it is not a line of text';
    const expected = `Expected columns: ${columns.map(({ name, required }) => (required ? name : `[${name}]`)).join(', ')}`;
    const refuse = (reason: string) =>
      new TidemarkError('HEADER_INVALID', `The first line must name the columns: ${reason}. ${expected}`);
    if (broken !== null) throw refuse(broken);
    if (names.length === 1 && /[;\t|]/.test(text)) throw refuse('they must be separated by commas');
    const index = new Map<string, number>();
    for (const [place, name] of names.entries()) {
      const column = columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
      const known = columns.map((candidate) => candidate.name);
      if (!column) throw refuse(`"${name.slice(0, 60)}" is not a column here${closest(name, known)}`);
      if (index.has(column.name)) throw refuse(`"${name}" is there twice`);
      index.set(column.name, place);
    }
    const missing = columns.filter(({ name, required }) => required && !index.has(name)).map(({ name }) => name);
    if (missing.length > 0) throw refuse(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
    this.#columns = names.length;
    this.#row = new Row(index, this.#nowMs, this.#ids);
  }
}
