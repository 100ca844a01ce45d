import { formatDecimal } from '#schemas/decimal.ts';
import type { SchemaRegistry } from '#streams/kafka/index.ts';
import { type AvroSchema, avroType } from '#streams/kit/avro.ts';
import { describeError } from '#streams/kit/errors.ts';
import { toJson } from '../export/fields.ts';

/** A value as the schema it was written with reads it, or why it cannot be read. */
export type Contents =
  | { readonly schemaId: number; readonly name: string; readonly value: unknown }
  | { readonly unreadable: string };

/** Bytes before the Avro body: zero and the schema id. */
const PREFIX_BYTES = 5;
const HEX_COLUMNS = 16;

/** Decodes a value with its writer's schema, whatever topic it is of. Never throws: a letter is often one that cannot be read. */
export async function readContents(registry: SchemaRegistry, value: Buffer): Promise<Contents> {
  if (value.length < PREFIX_BYTES || value[0] !== 0)
    return { unreadable: 'it is not in the Confluent wire format (a zero byte, a schema id, Avro)' };
  const schemaId = value.readInt32BE(1);
  try {
    const schema = await registry.schema(schemaId);
    checkScales(schema);
    const type = avroType(schema);
    const decoded = type.decode(value, PREFIX_BYTES) as { value: unknown; offset: number };
    if (decoded.offset !== value.length) {
      const cutOff = decoded.offset < 0 || decoded.offset > value.length;
      const what = cutOff ? 'it is cut off' : `${value.length - decoded.offset} bytes follow it`;
      return { unreadable: `it is not what schema ${schemaId} says: ${what}` };
    }
    return { schemaId, name: type.name ?? 'value', value: decoded.value };
  } catch (error) {
    return { unreadable: describeError(error) };
  }
}

/** Decimals of another scale than ours would be shown wrong by powers of ten. */
function checkScales(schema: AvroSchema): void {
  const text = JSON.stringify(schema);
  const decimals = text.match(/"logicalType":"decimal"/g)?.length ?? 0;
  if (decimals !== (text.match(/"scale":9\b/g)?.length ?? 0))
    throw new Error('its schema has decimals of another scale than 9');
}

/** JSON of a decoded value: exact amounts as decimal strings, bytes in base64, NaN and infinities by name. */
export const contentsJson = (value: unknown, indent = 2): string =>
  JSON.stringify(value, replaceContents, indent) ?? 'null';

/** For JSON.stringify: what JSON cannot say by itself. */
export function replaceContents(this: unknown, name: string, value: unknown): unknown {
  // By now a Buffer would be an object of numbers: the holder has it as it was.
  const original = (this as Record<string, unknown> | undefined)?.[name] ?? value;
  if (Buffer.isBuffer(original)) return original.toString('base64');
  return typeof original === 'bigint' ? formatDecimal(original) : toJson(value);
}

/** Lines of `offset  hex  text`, sixteen bytes each. */
export function hexDump(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_COLUMNS) {
    const row = bytes.subarray(at, at + HEX_COLUMNS);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...row].map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_COLUMNS * 3 - 1)}  ${text}`);
  }
  return lines;
}
