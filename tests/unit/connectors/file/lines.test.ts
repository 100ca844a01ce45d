import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { LineReader, MAX_LINE_BYTES, type TextLine } from '#connectors/file/lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: Buffer | string) {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  const file = await open(path);
  try {
    const lines: TextLine[] = [];
    let bytes = 0;
    const reader = new LineReader(file, {
      onBytes: (count) => {
        bytes = count;
      },
    });
    for await (const block of reader.blocks()) lines.push(...block);
    return { lines, bytes, digest: reader.digest() };
  } finally {
    await file.close();
  }
}
const texts = ({ lines }: { lines: readonly TextLine[] }) => lines.map(({ text }) => text);

describe('LineReader', () => {
  it('numbers lines and drops the byte order mark and carriage returns', async () => {
    const { lines } = await read('\ufeffa\r\nb\n\nü');
    expect(lines).toEqual([
      { text: 'a', number: 1, fault: null },
      { text: 'b', number: 2, fault: null },
      { text: '', number: 3, fault: null },
      { text: 'ü', number: 4, fault: null },
    ]);
  });

  it('finds every line of a file of many chunks, plain and gzip, with one digest', async () => {
    const expected = Array.from({ length: 60_000 }, (_, index) => `line ${index} ${'é'.repeat(index % 17)}`);
    const content = Buffer.from(`${expected.join('\n')}\n`);
    const plain = await read(content);
    const packed = await read(gzipSync(content));
    expect(texts(plain)).toEqual(expected);
    expect(texts(packed)).toEqual(expected);
    expect(plain.lines.at(-1)!.number).toBe(60_000);
    expect(plain.bytes).toBe(content.length);
    expect(packed.bytes).toBeLessThan(content.length);
    const digest = createHash('sha256').update(content).digest('hex');
    expect([plain.digest, packed.digest]).toEqual([digest, digest]);
  });

  it('marks a line that is too long, and goes on behind it', async () => {
    for (const length of [MAX_LINE_BYTES + 1, 10_000_000]) {
      const { lines } = await read(`a\n${'x'.repeat(length)}\nb\n`);
      expect(lines.map(({ number, fault }) => [number, fault])).toEqual([
        [1, null],
        [2, 'TOO_LONG'],
        [3, null],
      ]);
      expect(lines[2]!.text).toBe('b');
    }
    expect((await read('x'.repeat(MAX_LINE_BYTES))).lines[0]!.fault).toBeNull();
  });

  it('marks only the line that is not UTF-8', async () => {
    const content = Buffer.concat([Buffer.from('a\nü\n'), Buffer.from([0xc3, 0x28, 10]), Buffer.from('b\n')]);
    const { lines } = await read(content);
    expect(lines.map(({ fault }) => fault)).toEqual([null, null, 'NOT_UTF8', null]);
    expect(lines[1]!.text).toBe('ü');
  });

  it('refuses UTF-16, and gzip files that are cut off or damaged', async () => {
    await expect(read(Buffer.from('\ufefftime', 'utf16le'))).rejects.toThrow('UTF-16');
    const packed = gzipSync(Buffer.from('a\n'.repeat(100_000)));
    await expect(read(packed.subarray(0, packed.length - 20))).rejects.toThrow('cannot be read to its end');
    packed[packed.length >> 1]! ^= 0xff;
    await expect(read(packed)).rejects.toThrow('cannot be read to its end');
  });
});
