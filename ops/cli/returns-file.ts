import { open } from 'node:fs/promises';
import { splitCsvLine } from '#connectors/file/csv.ts';
import { LineReader, type TextLine } from '#connectors/file/lines.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';

/** Simple returns by day, as a file has them. */
export interface ReturnsFile {
  /** As they stand in the file, rising; YYYY-MM-DD. */
  readonly dates: readonly string[];
  /** By column, in the file's order: one return a date. */
  readonly columns: readonly { readonly name: string; readonly returns: Float64Array }[];
  /** What looks wrong but is no error: jumps of the size of a split. */
  readonly warnings: readonly string[];
}

const DATE = /^\d{4}-\d\d-\d\d$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
/** A day's return from here on is more often an unadjusted split than a return. */
const JUMP = 0.5;
const SHOWN_PROBLEMS = 5;
const SHOWN_WARNINGS = 5;
const FAULTS = { NOT_UTF8: 'is not UTF-8', TOO_LONG: 'is too long' } as const;

/**
 * Reads a CSV (plain or gzip) of `date,return`, or of `date` and a column for each instrument. Rows in order of date, every cell a
 * number: 0.0123 for 1.23 %. Throws FILE_UNREADABLE, and RETURNS_INVALID with the first lines that are wrong: nothing is guessed.
 */
export async function readReturns(path: string): Promise<ReturnsFile> {
  const parser = new Parser();
  const file = await open(path).catch((error: unknown) => {
    throw new TidemarkError('FILE_UNREADABLE', `${path} cannot be opened: ${describeError(error)}`, { cause: error });
  });
  try {
    for await (const lines of new LineReader(file).blocks()) for (const line of lines) parser.line(line);
  } finally {
    await file.close();
  }
  return parser.result(path);
}

class Parser {
  readonly #fields: string[] = [];
  readonly #dates: string[] = [];
  readonly #problems: string[] = [];
  readonly #warnings: string[] = [];
  #problemCount = 0;
  #names: string[] | null = null;
  #values: number[][] = [];

  line({ text, number, fault }: TextLine): void {
    if (text.trim() === '') return;
    const problem = fault ? FAULTS[fault] : splitCsvLine(text, this.#fields);
    if (problem) this.#wrong(number, problem);
    else if (this.#names) this.#row(number, this.#names);
    else this.#header(number);
  }

  result(path: string): ReturnsFile {
    if (this.#problemCount === 0 && this.#dates.length === 0) this.#wrong(1, 'there are no rows');
    if (this.#problemCount > 0) {
      const more = this.#problemCount - this.#problems.length;
      const rest = more > 0 ? `\n  … and ${more} more` : '';
      throw new TidemarkError('RETURNS_INVALID', `${path} cannot be used:\n${this.#problems.join('\n')}${rest}`);
    }
    const columns = this.#names!.map((name, column) => ({ name, returns: Float64Array.from(this.#values[column]!) }));
    return { dates: this.#dates, columns, warnings: this.#warnings };
  }

  #header(number: number): void {
    const [first, ...names] = this.#fields;
    this.#names = [...names];
    this.#values = names.map(() => []);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (first?.toLowerCase() !== 'date' || names.length === 0)
      this.#wrong(number, 'expected a header "date,return", or "date" and a column for each instrument');
    else if (names.includes('')) this.#wrong(number, 'a column has no name');
    else if (twice !== undefined) this.#wrong(number, `column "${twice}" is there twice`);
  }

  #row(number: number, names: readonly string[]): void {
    const [date, ...cells] = this.#fields;
    const problem = this.#problemOf(date!, cells, names);
    if (problem) {
      this.#wrong(number, problem);
      return;
    }
    this.#dates.push(date!);
    cells.forEach((cell, column) => {
      const value = Number(cell);
      this.#values[column]!.push(value);
      if (Math.abs(value) < JUMP || this.#warnings.length >= SHOWN_WARNINGS) return;
      const percent = (value * 100).toFixed(1);
      this.#warnings.push(`${date} ${names[column]}: a return of ${percent} %. Is it a split, or a percentage?`);
    });
  }

  #problemOf(date: string, cells: readonly string[], names: readonly string[]): string | null {
    const before = this.#dates.at(-1);
    if (cells.length !== names.length) return `${cells.length + 1} cells, the header has ${names.length + 1}`;
    if (!DATE.test(date) || Number.isNaN(Date.parse(date))) return `"${date}" is no day: expected YYYY-MM-DD`;
    if (before !== undefined && date <= before)
      return `${date} does not come after ${before}: sort the rows by date, one a day`;
    const wrong = cells.findIndex((cell) => !NUMBER.test(cell) || !Number.isFinite(Number(cell)));
    return wrong < 0 ? null : `${names[wrong]} is "${cells[wrong]}": expected a number, 0.0123 for 1.23 %`;
  }

  #wrong(number: number, what: string): void {
    this.#problemCount++;
    if (this.#problems.length < SHOWN_PROBLEMS) this.#problems.push(`  line ${number}: ${what}`);
  }
}
