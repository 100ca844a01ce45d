import avro from 'avsc';
import { StringCache } from './string-cache.ts';

/** An Avro schema as parsed JSON. */
export type AvroSchema = avro.Schema;
export type AvroType = avro.Type;

/** avsc's cursor over a buffer. Reads past the end give nonsense and are noticed when the value is done. */
interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  readString(): string | undefined;
  skipString(): void;
}
/** The parts of a type that avsc keeps to itself. */
interface Codec {
  _read(tap: Tap): unknown;
  _write(tap: Tap, value: unknown): void;
  _skip(tap: Tap): void;
}
const codec = (type: unknown): Codec => type as Codec;

/** Eight bytes, to take a bigint apart and put it together without making anything. */
const word = new DataView(new ArrayBuffer(8));
const wordBytes = new Uint8Array(word.buffer);

/** Ledger amounts: Avro `decimal` over bytes (big-endian two's complement) to a bigint of units of 10^-scale. */
class DecimalType extends avro.types.LogicalType {
  readonly precision: number;
  readonly scale: number;
  readonly #limit: bigint;
  readonly #slow = avro.types.LogicalType.prototype as unknown as Codec;

  constructor(schema: avro.Schema, options?: unknown) {
    super(schema, options);
    const { precision, scale = 0 } = schema as { precision?: unknown; scale?: unknown };
    if (!Number.isInteger(precision) || !Number.isInteger(scale) || Number(scale) < 0 || Number(precision) < 1)
      throw new Error(`decimal(${precision}, ${scale}) is not a decimal`);
    this.precision = Number(precision);
    this.scale = Number(scale);
    this.#limit = 10n ** BigInt(this.precision);
  }
  override _fromValue(bytes: Buffer | undefined): bigint {
    // Undefined is a value that is cut off: avsc tells when the record is done.
    const length = bytes?.length ?? 0;
    if (bytes === undefined || length === 0) return 0n;
    if (length <= 6) return this.#check(BigInt(bytes.readIntBE(0, length)));
    if (length <= 8) {
      const low = BigInt(bytes.readUIntBE(length - 4, 4));
      return this.#check((BigInt(bytes.readIntBE(0, length - 4)) << 32n) | low);
    }
    return this.#check(BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex')}`)));
  }
  override _toValue(value: unknown): Buffer | undefined {
    if (typeof value !== 'bigint' || value >= this.#limit || value <= -this.#limit) return undefined;
    let length = 1;
    while (BigInt.asIntN(length * 8, value) !== value) length++;
    if (length <= 6) {
      const short = Buffer.allocUnsafe(length);
      short.writeIntBE(Number(value), 0, length);
      return short;
    }
    const hex = BigInt.asUintN(length * 8, value).toString(16);
    return Buffer.from(hex.padStart(length * 2, '0'), 'hex');
  }
  /** As the base class by way of `_fromValue`; amounts of up to eight bytes, which nearly all are, without a buffer between. */
  _read(tap: Tap): bigint {
    const { buf, pos } = tap;
    const length = buf[pos]! >> 1;
    if (length === 0 || length > 8 || buf[pos]! & 1 || pos + 1 + length > buf.length)
      return this.#slow._read.call(this, tap) as bigint;
    word.setInt32(0, buf[pos + 1]! & 0x80 ? -1 : 0);
    word.setInt32(4, buf[pos + 1]! & 0x80 ? -1 : 0);
    for (let index = 1; index <= length; index++) wordBytes[8 - length + index - 1] = buf[pos + index]!;
    tap.pos = pos + 1 + length;
    return this.#check(word.getBigInt64(0));
  }
  /** As the base class by way of `_toValue`, likewise. */
  _write(tap: Tap, value: unknown): void {
    if (typeof value === 'bigint') word.setBigInt64(0, value);
    if (typeof value !== 'bigint' || word.getBigInt64(0) !== value || value >= this.#limit || value <= -this.#limit) {
      this.#slow._write.call(this, tap, value);
      return;
    }
    const sign = wordBytes[0]! & 0x80 ? 0xff : 0;
    let start = 0;
    while (start < 7 && wordBytes[start] === sign && ((wordBytes[start + 1]! ^ sign) & 0x80) === 0) start++;
    const length = 8 - start;
    const { buf, pos } = tap;
    // avsc's rule: a value that does not fit moves the position all the same, and the caller sees by how much.
    tap.pos = pos + 1 + length;
    if (tap.pos > buf.length) return;
    buf[pos] = length << 1;
    for (let index = 0; index < length; index++) buf[pos + 1 + index] = wordBytes[start + index]!;
  }
  override _resolve(type: avro.Type): ((value: bigint) => bigint) | undefined {
    // Another scale means other units: reading it as ours would be wrong by powers of ten.
    if (!(type instanceof DecimalType) || type.scale !== this.scale) return undefined;
    return type.precision <= this.precision ? (value) => value : (value) => this.#check(value);
  }
  override _export(schema: avro.Schema): void {
    Object.assign(schema, { precision: this.precision, scale: this.scale });
  }
  #check(value: bigint): bigint {
    if (value >= this.#limit || value <= -this.#limit)
      throw new Error(`an amount has more than ${this.precision} digits`);
    return value;
  }
}

/** Event times: `timestamp-micros` stays a number of microseconds (a safe integer until 2255; beyond it decoding fails). */
class MicrosType extends avro.types.LogicalType {
  override _fromValue(value: number): number {
    return value;
  }
  override _toValue(value: unknown): number | undefined {
    return typeof value === 'number' ? value : undefined;
  }
  override _resolve(type: avro.Type): ((value: number) => number) | undefined {
    if (type instanceof MillisType) return (value) => value * 1000;
    return type instanceof MicrosType || avro.Type.isType(type, 'long', 'int') ? (value) => value : undefined;
  }
}

/** Known so that a writer's milliseconds are not taken for microseconds. */
class MillisType extends avro.types.LogicalType {
  override _fromValue(value: number): number {
    return value;
  }
  override _toValue(value: unknown): number | undefined {
    return typeof value === 'number' ? value : undefined;
  }
  override _resolve(type: avro.Type): ((value: number) => number) | undefined {
    return type instanceof MillisType || avro.Type.isType(type, 'long', 'int') ? (value) => value : undefined;
  }
}

/**
 * Items in the next block of an array or map; 0 at the end. avsc itself believes any count, and a corrupt one makes it allocate
 * and loop for minutes; here an item takes at least one byte of the buffer.
 */
function readBlockCount(tap: Tap): number {
  let count = tap.readLong();
  if (count < 0) {
    count = -count;
    tap.readLong();
  }
  if (count > tap.buf.length - tap.pos) throw new Error(`there is no room for ${count} items`);
  return count;
}
function skipBlocks(tap: Tap, skipItem: () => void): void {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    const bytes = count < 0 ? tap.readLong() : 0;
    if (bytes < 0 || Math.max(bytes, count) > tap.buf.length - tap.pos) throw new Error('a block reaches too far');
    if (count < 0) tap.pos += bytes;
    else for (; count > 0; count--) skipItem();
  }
}

class BoundedArrayType extends avro.types.ArrayType {
  _read(tap: Tap): unknown[] {
    const items: unknown[] = [];
    // Under a resolver `this` is the resolver, and its items' type another one.
    const type = codec(this.itemsType);
    for (let count = readBlockCount(tap); count > 0; count = readBlockCount(tap))
      for (; count > 0; count--) items.push(type._read(tap));
    return items;
  }
  _skip(tap: Tap): void {
    skipBlocks(tap, () => codec(this.itemsType)._skip(tap));
  }
}

class BoundedMapType extends avro.types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    const type = codec(this.valuesType);
    for (let count = readBlockCount(tap); count > 0; count = readBlockCount(tap))
      for (; count > 0; count--) entries.push([tap.readString() ?? '', type._read(tap)]);
    return Object.fromEntries(entries);
  }
  _skip(tap: Tap): void {
    skipBlocks(tap, () => {
      tap.skipString();
      codec(this.valuesType)._skip(tap);
    });
  }
}

/** A union of null and one other type. avsc's own tries a logical type by converting the value, and then converts it again. */
class NullableType extends avro.types.UnwrappedUnionType {
  _write(tap: Tap, value: unknown): void {
    // The branch's number as a zigzag varint. Beyond the buffer's end nothing is written, and the position says so.
    tap.buf[tap.pos++] = value === null ? 0 : 2;
    if (value !== null) codec(this.types[1])._write(tap, value);
  }
  _read(tap: Tap): unknown {
    const branch = tap.buf[tap.pos];
    if (branch !== 0 && branch !== 2) return codec(avro.types.UnwrappedUnionType.prototype)._read.call(this, tap);
    tap.pos++;
    return branch === 0 ? null : codec(this.types[1])._read(tap);
  }
}

/** Ids, topics, currencies: most strings come again and again. */
const strings = new StringCache();

class CachedStringType extends avro.types.StringType {
  /** Without `this`: a resolver takes it as it is. */
  _read(tap: Tap): string | undefined {
    const length = tap.readLong();
    const { buf, pos } = tap;
    // A length that cannot be: past the end, where it is noticed.
    tap.pos = length < 0 ? buf.length + 1 : pos + length;
    return tap.pos > buf.length ? undefined : strings.get(buf, pos, pos + length);
  }
}

/** Types that avsc makes otherwise. */
function typeHook(schema: avro.Schema, options: unknown): avro.Type | undefined {
  if (Array.isArray(schema))
    return schema.length === 2 && schema[0] === 'null'
      ? new NullableType(schema, options as ConstructorParameters<typeof avro.types.UnwrappedUnionType>[1])
      : undefined;
  if (schema === 'string') return new CachedStringType();
  const { type } = schema as { type?: unknown };
  if (type === 'array') return new BoundedArrayType(schema, options);
  if (type === 'map') return new BoundedMapType(schema, options);
  return undefined;
}

/**
 * Compiles a schema: decimals are bigints of units of 10^-scale, timestamps are numbers of the unit that the schema says, unions are plain
 * values. Decoding corrupt bytes ends soon, in an error or in a value that does not fill its range. Throws on an invalid schema.
 */
export function avroType(schema: AvroSchema): AvroType {
  return avro.Type.forSchema(schema, {
    logicalTypes: { decimal: DecimalType, 'timestamp-micros': MicrosType, 'timestamp-millis': MillisType },
    // Without this a decimal that is none would silently become its bytes.
    assertLogicalTypes: true,
    typeHook,
    wrapUnions: 'never',
  });
}
