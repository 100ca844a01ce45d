import { Reader, Writer } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { BoundedReader } from '#streams/kafka/codec/bounded-reader.ts';

const over = (...bytes: number[]) => new BoundedReader(Reader.from(Buffer.from(bytes)).buffer);
const corrupt = expect.objectContaining({ code: 'RESPONSE_CORRUPT', retriable: true });

describe('the reader of responses', () => {
  it("reads what the client's writer writes", () => {
    const written = Writer.create()
      .appendString('market.trades')
      .appendString(null)
      .appendUnsignedVarInt(2 ** 31 + 5)
      .appendArray([7, 8], (writer, value) => writer.appendInt32(value))
      .appendArray([], () => {})
      .appendTaggedFields()
      .appendInt64(-3n).buffer;
    // In two chunks that meet anywhere, as a socket gives it.
    for (let cut = 1; cut < written.length; cut++) {
      const { buffer } = Reader.from(Buffer.from(written.subarray(0, cut)));
      buffer.append(written.subarray(cut));
      const reader = new BoundedReader(buffer);
      expect(reader.readString()).toBe('market.trades');
      expect(reader.readNullableString()).toBeNull();
      expect(reader.readUnsignedVarInt()).toBe(2 ** 31 + 5);
      expect(reader.readArray((inner) => inner.readInt32())).toEqual([7, 8]);
      expect(reader.readArray((inner) => inner.readInt32())).toEqual([]);
      reader.readTaggedFields();
      expect(reader.readInt64()).toBe(-3n);
      expect(reader.left).toBe(0);
    }
  });

  it('passes over tagged fields', () => {
    const reader = over(2, 0, 3, 9, 9, 9, 1, 0, 42);
    reader.readTaggedFields();
    expect(reader.readInt8()).toBe(42);
  });

  it.each<[string, (reader: BoundedReader) => unknown, number[]]>([
    ['an array', (reader) => reader.readArray(() => null), [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['an array of the old kind', (reader) => reader.readArray(() => null, false), [0x7f, 0xff, 0xff, 0xff]],
    ['a negative number of elements', (reader) => reader.readArray(() => null, false), [0xff, 0, 0, 0]],
    ['a text', (reader) => reader.readString(), [20, 65, 66]],
    ['tagged fields', (reader) => reader.readTaggedFields(), [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]],
    ['a tagged field', (reader) => reader.readTaggedFields(), [1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]],
    ['a varint', (reader) => reader.readUnsignedVarInt(), [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a step back', (reader) => reader.skip(-1), [0]],
  ])('believes no length of %s that cannot be', (_, read, bytes) => {
    expect(() => read(over(...bytes))).toThrow(corrupt);
  });

  it('ends where the response ends', () => {
    expect(() => over(0x80).readUnsignedVarInt()).toThrow('Out of bounds');
    expect(() => over(1, 2, 3).readInt32()).toThrow('Out of bounds');
  });
});
