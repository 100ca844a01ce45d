import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';

const FLUSH_LENGTH = 256 * 1024;

/**
 * Text on its way to standard output or a file, in large pieces, with back-pressure. A file appears under its name only when it
 * is whole.
 */
export class Output {
  readonly #stream: Writable;
  readonly #path: string | null;
  readonly #partial: string | null;
  #pieces: string[] = [];
  #length = 0;
  #failure: Error | null = null;

  private constructor(stream: Writable, path: string | null, partial: string | null) {
    this.#stream = stream;
    this.#path = path;
    this.#partial = partial;
    stream.on('error', (error) => {
      this.#failure = error;
    });
  }

  /** Standard output, or a file. */
  static open(path: string | undefined): Output {
    if (path === undefined) return new Output(process.stdout, null, null);
    const partial = partialPath(path);
    return new Output(createWriteStream(partial ?? path), path, partial);
  }

  /** Returns a promise only when the reader is slower than the export: await it then. Throws OUTPUT_FAILED. */
  write(text: string): void | Promise<void> {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length >= FLUSH_LENGTH) return this.#flush();
  }

  /** Everything is written, and the file in place. */
  async finish(): Promise<void> {
    await this.#flush();
    if (this.#path === null) return;
    await new Promise<void>((resolve) => this.#stream.end(resolve));
    this.#check();
    if (this.#partial !== null) renameSync(this.#partial, this.#path);
  }

  /** Leaves no half file behind. */
  abandon(): void {
    if (this.#path === null) return;
    this.#stream.destroy();
    if (this.#partial !== null) rmSync(this.#partial, { force: true });
  }

  async #flush(): Promise<void> {
    this.#check();
    if (this.#length === 0) return;
    const text = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    if (this.#stream.write(text)) return;
    const controller = new AbortController();
    const { signal } = controller;
    // What fails never drains.
    await Promise.race(['drain', 'error', 'close'].map((event) => once(this.#stream, event, { signal }))).catch(
      () => undefined,
    );
    controller.abort();
    this.#check();
  }

  #check(): void {
    if (this.#failure === null) return;
    throw outputFailed(this.#path ?? 'standard output', this.#failure);
  }
}

/** Where a file grows until it is whole; null for a device or a pipe, which cannot be put in place later. */
export function partialPath(path: string): string | null {
  return existsSync(path) && !statSync(path).isFile() ? null : `${path}.part`;
}

export const outputFailed = (where: string, cause: unknown): TidemarkError =>
  new TidemarkError('OUTPUT_FAILED', `${where} cannot be written: ${describeError(cause)}`, { cause });
