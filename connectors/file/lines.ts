import { isUtf8 } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';

/** Longest line that is read, bytes; a longer one is handed on cut off and marked. */
export const MAX_LINE_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

export type LineFault = 'TOO_LONG' | 'NOT_UTF8';
export interface TextLine {
  /** Without its line ending. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Why the text cannot be trusted; null when it can. */
  readonly fault: LineFault | null;
}
export interface LinesOptions {
  /** Called as the file is read with the bytes of it (compressed, if it is) that were read so far. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * The lines of a text file, plain or gzip (told by its first bytes), in blocks: an array a chunk, because a promise a line would cost
 * more than the work on it. A byte order mark and carriage returns at line ends are dropped. Reads the file from its beginning
 * whatever was read from the handle before. Memory: one chunk and one line.
 */
export class LineReader {
  readonly #file: FileHandle;
  readonly #options: LinesOptions;
  readonly #hash: Hash = createHash('sha256');
  #number = 0;
  /** The beginning of a line whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);
  #cutOff = false;

  constructor(file: FileHandle, options: LinesOptions = {}) {
    this.#file = file;
    this.#options = options;
  }

  /** SHA-256 of the uncompressed content in hexadecimal; once, after the last block. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** Throws FILE_UNREADABLE, also for a gzip file that is damaged or cut off, and for UTF-16. */
  async *blocks(): AsyncGenerator<readonly TextLine[]> {
    try {
      for await (const chunk of await this.#open()) {
        this.#hash.update(chunk as Buffer);
        const lines: TextLine[] = [];
        this.#split(chunk as Buffer, lines);
        if (lines.length > 0) yield lines;
      }
    } catch (error) {
      if (error instanceof TidemarkError) throw error;
      const reason = describeError(error);
      throw new TidemarkError('FILE_UNREADABLE', `The file cannot be read to its end: ${reason}`, { cause: error });
    }
    if (this.#rest.length > 0) yield [this.#line(this.#rest)];
  }

  async #open(): Promise<Readable> {
    const { buffer: magic } = await this.#file.read(Buffer.alloc(2), 0, 2, 0);
    if ((magic[0] === 0xff && magic[1] === 0xfe) || (magic[0] === 0xfe && magic[1] === 0xff))
      throw new TidemarkError('FILE_UNREADABLE', 'The file is UTF-16: save it as UTF-8');
    const source = this.#file.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
    let bytes = 0;
    source.on('data', (chunk) => {
      bytes += chunk.length;
      this.#options.onBytes?.(bytes);
    });
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) return source;
    const plain = createGunzip({ chunkSize: CHUNK_BYTES });
    // An error of either stream destroys the other and comes out of the loop over `plain`.
    pipeline(source, plain, () => undefined);
    return plain;
  }

  #split(chunk: Buffer, lines: TextLine[]): void {
    let start = 0;
    const first = chunk.indexOf(NEWLINE);
    if (this.#rest.length > 0 || this.#cutOff) {
      this.#keep(first < 0 ? chunk : chunk.subarray(0, first));
      if (first < 0) return;
      lines.push(this.#line(this.#rest));
      start = first + 1;
    }
    const last = chunk.lastIndexOf(NEWLINE);
    if (last >= start) this.#whole(chunk.subarray(start, last + 1), lines);
    this.#keep(chunk.subarray(Math.max(start, last + 1)));
  }

  #keep(part: Buffer): void {
    const room = MAX_LINE_BYTES - this.#rest.length;
    if (part.length > room) this.#cutOff = true;
    const kept = part.subarray(0, room);
    this.#rest = this.#rest.length === 0 ? Buffer.from(kept) : Buffer.concat([this.#rest, kept]);
  }

  /** Whole lines: decoded at once where the bytes are sound. */
  #whole(bytes: Buffer, lines: TextLine[]): void {
    const sound = isUtf8(bytes);
    if (sound) {
      const text = bytes.toString();
      for (let start = 0; start < text.length; ) {
        const end = text.indexOf('\n', start);
        this.#number++;
        const fault = end - start > MAX_LINE_BYTES ? 'TOO_LONG' : null;
        lines.push({ text: this.#clean(text.slice(start, end)), number: this.#number, fault });
        start = end + 1;
      }
      return;
    }
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, start);
      lines.push(this.#line(bytes.subarray(start, end)));
      start = end + 1;
    }
  }

  #line(bytes: Buffer): TextLine {
    this.#number++;
    const fault = this.#cutOff || bytes.length > MAX_LINE_BYTES ? 'TOO_LONG' : isUtf8(bytes) ? null : 'NOT_UTF8';
    this.#rest = Buffer.alloc(0);
    this.#cutOff = false;
    return { text: this.#clean(bytes.toString()), number: this.#number, fault };
  }

  #clean(text: string): string {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    return this.#number === 1 && line.startsWith('\ufeff') ? line.slice(1) : line;
  }
}
