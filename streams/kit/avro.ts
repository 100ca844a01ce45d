import avro from 'avsc';

/** An Avro schema as parsed JSON. */
export type AvroSchema = avro.Schema;
export type AvroType = avro.Type;

/** Ledger amounts: Avro `decimal` over bytes (big-endian two's complement) to a bigint of units of 10^-scale. */
class DecimalType extends avro.types.LogicalType {
  override _fromValue(bytes: Buffer): bigint {
    return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  }
  override _toValue(value: unknown): Buffer | undefined {
    if (typeof value !== 'bigint') return undefined;
    let length = 8;
    while (BigInt.asIntN(length * 8, value) !== value) length += 8;
    const hex = BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0');
    const bytes = Buffer.from(hex, 'hex');
    // Two's complement in as few bytes as hold the sign, as Java's BigInteger writes it.
    let start = 0;
    const fill = value < 0n ? 0xff : 0;
    while (start < length - 1 && bytes[start] === fill && ((bytes[start + 1] ?? 0) & 0x80) === (fill & 0x80)) start++;
    return bytes.subarray(start);
  }
  override _resolve(type: avro.Type): ((value: unknown) => unknown) | undefined {
    return type instanceof DecimalType ? (value) => value : undefined;
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
  override _resolve(type: avro.Type): ((value: unknown) => unknown) | undefined {
    return type instanceof MicrosType || avro.Type.isType(type, 'long', 'int') ? (value) => value : undefined;
  }
}

/** Compiles a schema: decimals are bigints, timestamps are numbers, unions are plain values. Throws on an invalid schema. */
export function avroType(schema: AvroSchema): AvroType {
  return avro.Type.forSchema(schema, {
    logicalTypes: { decimal: DecimalType, 'timestamp-micros': MicrosType },
    wrapUnions: 'never',
  });
}
