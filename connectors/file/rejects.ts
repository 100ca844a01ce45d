import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { csvField } from './csv.ts';
import type { ParsedRow } from './parse.ts';

const HEADER = 'line,column,value,reason\n';
const FLUSH_LENGTH = 64 * 1024;
const MAX_VALUE_LENGTH = 200;

/**
 * The file that says what was wrong: a line for every problem of every bad row. It comes into being with the first of them;
 * a rejects file of an earlier run is replaced, or removed when nothing is wrong any more, and no other file is touched.
 */
export class RejectsFile {
  readonly path: string;
  /** Where it grows until it is whole; the path itself when that is a device or a pipe, which nothing may take the place of. */
  readonly #growing: string;
  #file: number | null = null;
  #text = '';

  /** Throws REJECTS_FILE when something else is at `path`. */
  constructor(path: string) {
    this.path = path;
    const exists = existsSync(path);
    const isFile = !exists || statSync(path).isFile();
    this.#growing = isFile ? `${path}.new` : path;
    if (exists && isFile && !isRejectsFile(path))
      throw new TidemarkError(
        'REJECTS_FILE',
        `${path} is there and is not a file of rejects: choose another --rejects`,
      );
  }

  add({ line, problems }: ParsedRow): void {
    for (const { column, value, reason } of problems)
      this.#text += `${[String(line), column, value.slice(0, MAX_VALUE_LENGTH), reason].map(csvField).join(',')}\n`;
    if (this.#text.length > FLUSH_LENGTH || this.#file === null) this.#flush();
  }

  /** Writes what is left and puts the file in place. */
  finish(): void {
    const inPlace = this.#growing === this.path;
    if (this.#file === null) {
      if (!inPlace) rmSync(this.path, { force: true });
      return;
    }
    this.#flush();
    closeSync(this.#file);
    this.#file = null;
    if (!inPlace) renameSync(this.#growing, this.path);
  }

  /** Leaves nothing behind; for when the file could not be read to its end. */
  abandon(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    if (this.#growing !== this.path) rmSync(this.#growing, { force: true });
  }

  #flush(): void {
    try {
      if (this.#file === null) {
        this.#file = openSync(this.#growing, 'w');
        writeSync(this.#file, HEADER);
      }
      writeSync(this.#file, this.#text);
      this.#text = '';
    } catch (error) {
      const reason = describeError(error);
      throw new TidemarkError(
        'REJECTS_FILE',
        `The bad rows cannot be written down (${reason}): choose another --rejects`,
        {
          cause: error,
        },
      );
    }
  }
}

function isRejectsFile(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(HEADER.length);
    const length = readSync(file, start);
    return length === 0 || start.toString() === HEADER;
  } finally {
    closeSync(file);
  }
}
