import type { AvroSchema } from '../kit/avro.ts';

/** What a table hands to the next node: the value of a key before and after; null where there was or is none. */
export interface Change<V> {
  readonly before: V | null;
  readonly after: V | null;
}

const BEFORE = 1;
const AFTER = 2;

/** A change as it is stored and sent: the values that are there, and which they are (bit 1: before, bit 2: after). */
export interface PackedChange<V> {
  readonly shape: number;
  readonly values: readonly V[];
}
export function pack<V>({ before, after }: Change<V>): PackedChange<V> {
  const values: V[] = [];
  if (before !== null) values.push(before);
  if (after !== null) values.push(after);
  return { shape: (before === null ? 0 : BEFORE) | (after === null ? 0 : AFTER), values };
}
export function unpack<V>({ shape, values }: PackedChange<V>): Change<V> {
  return {
    before: shape & BEFORE ? values[0]! : null,
    after: shape & AFTER ? values[values.length - 1]! : null,
  };
}

/** One array instead of two unions: a value's schema may be a union itself, and a named type may be defined only once. */
export const packedFields = (value: AvroSchema) => [
  { name: 'shape', type: 'int' },
  { name: 'values', type: { type: 'array', items: value } },
];
export const packedChangeSchema = (value: AvroSchema): AvroSchema =>
  ({ type: 'record', name: 'TidemarkTableChange', fields: packedFields(value) }) as AvroSchema;
