import { Reader } from '@platformatic/kafka';
import { TidemarkError } from '../../kit/errors.ts';

/** A varint of 32 bits has at most five bytes. */
const VARINT_BYTES = 5;

/**
 * Reads a response and believes no number in it. The client's own reader takes counts and lengths as they come: one damaged
 * tagged-field count makes it go in circles for a minute. Here nothing lies behind the end, nothing goes back, and an array has no more
 * elements than there are bytes left. Throws RESPONSE_CORRUPT; numbers of fixed length that are cut off are the client's errors.
 */
export class BoundedReader extends Reader {
  /** Bytes behind the position. */
  get left(): number {
    return this.buffer.length - this.position;
  }

  override skip(length: number): this {
    this.#check(length, 'a length');
    return super.skip(length) as this;
  }

  override readUnsignedVarInt(): number {
    let value = 0;
    for (let index = 0, scale = 1; ; index++, scale *= 128) {
      if (index === VARINT_BYTES) throw corrupt('a number is too long');
      const byte = this.readUnsignedInt8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  override readNullableString(compact = true, encoding: BufferEncoding = 'utf-8'): string | null {
    const length = compact ? this.readUnsignedVarInt() - 1 : this.readInt16();
    if (length === -1) return null;
    this.#check(length, 'a text');
    const text = this.buffer.toString(encoding, this.position, this.position + length);
    this.position += length;
    return text;
  }

  override readNullableArray<T>(
    read: (reader: Reader, index: number) => T,
    compact = true,
    discardTrailingTaggedFields = true,
  ): T[] | null {
    const count = compact ? this.readUnsignedVarInt() - 1 : this.readInt32();
    if (count === -1) return null;
    this.#check(count, 'an array');
    const values: T[] = [];
    for (let index = 0; index < count; index++) {
      values.push(read(this, index));
      if (discardTrailingTaggedFields) this.readTaggedFields();
    }
    return values;
  }

  override readTaggedFields(): void {
    const count = this.readUnsignedVarInt();
    this.#check(count, 'a row of tagged fields');
    for (let index = 0; index < count; index++) {
      this.readUnsignedVarInt();
      this.skip(this.readUnsignedVarInt());
    }
  }

  /** Elements take at least a byte each, so that a count is checked like a length. */
  #check(length: number, what: string): void {
    if (length < 0 || length > this.left) throw corrupt(`${what} of ${length} reaches beyond its end`);
  }
}

const corrupt = (reason: string): TidemarkError =>
  new TidemarkError('RESPONSE_CORRUPT', `The broker's response cannot be read: ${reason}`, { retriable: true });
