import { createInterface } from 'node:readline/promises';
import { InvalidArgumentError } from 'commander';
import { TidemarkError } from '#streams/kit/errors.ts';

/** What a command does: resolves with the exit code. */
export type Run<A extends readonly unknown[]> = (...args: A) => Promise<number>;

/** Commander awaits actions but not their result: this makes it the exit code. */
export const action =
  <A extends readonly unknown[]>(run: Run<A>) =>
  async (...args: A): Promise<void> => {
    process.exitCode = await run(...args);
  };

export const printLine = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => printLine(JSON.stringify(value, null, 2));
/** For people beside a command's output: progress, warnings. */
export const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** A number with thousands separators. */
export const grouped = (value: number): string => value.toLocaleString('en-US');
/** `1 row`, `2 rows`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

/** A commander parser for whole numbers within bounds. */
export const wholeNumber =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(
        `Expected a whole number of ${min} or more${max < 1e15 ? `, at most ${max}` : ''}.`,
      );
    return value;
  };

/** Lines of a table: columns padded to their widest cell, the last one left ragged. */
export function table(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        if (rightAligned.includes(column)) return cell.padStart(widths[column]!);
        return column === row.length - 1 ? cell : cell.padEnd(widths[column]!);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** Asks a person; anything but yes is no. Throws `code` where nobody is there to ask. */
export async function ask(question: string, code: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new TidemarkError(code, `${question} Nobody is here to ask: add --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
