import { describe, expect, it } from 'vitest';
import { BatchCursor } from '#streams/kafka/codec/batch-cursor.ts';
import { DecoderFuzzer, FuzzFailure } from '#tests/fuzz/decoder.ts';

const INPUTS = 10_000;

describe('the decoder, given damaged input', { timeout: 60_000 }, () => {
  it('ends in records or an error, in bounded time and memory, and shows nothing from elsewhere', () => {
    const fuzzer = new DecoderFuzzer('unit');
    for (let n = 0; n < INPUTS; n++) fuzzer.run(n);
    // The damage goes everywhere, and leaves enough whole that records are read.
    for (const end of ['records', 'BATCH_CORRUPT', 'response parsed', 'response refused'])
      expect(fuzzer.ends.get(end)).toBeGreaterThan(INPUTS / 50);
    expect(fuzzer.ends.get('BATCH_UNSUPPORTED')).toBeGreaterThan(0);
    expect(fuzzer.records).toBeGreaterThan(INPUTS);
  });

  it.each<[string, (cursor: BatchCursor) => void]>([
    ['a range beyond the section', (cursor) => Object.assign(cursor, { valueEnd: cursor.buffer.length + 1 })],
    ['a range before the section', (cursor) => Object.assign(cursor, { keyStart: -2 })],
    ['a copy of what lies around it', (cursor) => Object.assign(cursor, { timestampMs: outside(cursor) })],
    ['an error of another kind', () => Buffer.alloc(1).readInt32BE(0)],
  ])('would be caught with %s', (_, spoil) => {
    class Spoilt extends BatchCursor {
      override next(): boolean {
        const more = super.next();
        if (more) spoil(this);
        return more;
      }
    }
    const fuzzer = new DecoderFuzzer('unit', (section, options) => new Spoilt(section, options));
    const run = () => {
      for (let n = 0; n < 500; n++) fuzzer.run(n);
    };
    expect(run).toThrow(FuzzFailure);
  });
});

const outside = ({ buffer }: BatchCursor): number => new Uint8Array(buffer.buffer)[buffer.byteOffset - 1] ?? 0;
