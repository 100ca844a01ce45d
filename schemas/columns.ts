import { AVRO } from './avro.ts';
import type { TopicName } from './topics.ts';

/**
 * What a field of a topic's value is to a table. `decimal` is exact (38 digits, 9 of them decimals), `micros` a point
 * in time, `list` an array of scalars or of records.
 */
export type ColumnKind = (typeof SCALARS)[number] | 'list';
const SCALARS = ['decimal', 'micros', 'double', 'long', 'int', 'boolean', 'string', 'enum'] as const;

export interface Column {
  /** Field of the Avro schema, e.g. realizedPnl. */
  readonly field: string;
  /** The same in SQL, e.g. realized_pnl. */
  readonly name: string;
  readonly kind: ColumnKind;
  readonly nullable: boolean;
  /** Values of an enum. */
  readonly symbols: readonly string[];
  /** Of a list: the fields of its records, or one without a name where its items are scalars. */
  readonly items: readonly Column[];
  readonly doc: string;
}

interface Field {
  readonly name: string;
  readonly type: FieldType | FieldType[];
  readonly doc?: string;
}
type FieldType =
  | string
  | { type: string; logicalType?: string; symbols?: string[]; items?: FieldType | FieldType[]; fields?: Field[] };

export const snakeCase = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The columns of a topic's value, in the schema's order. The writers of both stores derive from this. */
export function columnsOf(topic: TopicName): Column[] {
  return AVRO[topic].fields.map((field) => columnOf(field as Field));
}

function columnOf({ name, type, doc = '' }: Field): Column {
  const branches = Array.isArray(type) ? type : [type];
  const inner = branches.find((branch) => branch !== 'null')!;
  const kind = kindOf(inner);
  const nullable = branches.includes('null');
  // ClickHouse has none, and would store an empty one.
  if (kind === 'list' && nullable) throw new Error(`a list that may be null (${name}) has no form in a table`);
  return {
    field: name,
    name: snakeCase(name),
    kind,
    nullable,
    symbols: typeof inner === 'object' ? (inner.symbols ?? []) : [],
    items: typeof inner === 'object' && inner.items !== undefined ? itemsOf(inner.items) : [],
    doc,
  };
}

function itemsOf(type: FieldType | FieldType[]): Column[] {
  const isRecord = typeof type === 'object' && !Array.isArray(type) && type.type === 'record';
  return isRecord ? type.fields!.map(columnOf) : [columnOf({ name: '', type })];
}

/** True for a list whose items have no fields of their own. */
export const isPlainList = ({ items }: Column): boolean => items.length === 1 && items[0]!.field === '';

function kindOf(type: FieldType): ColumnKind {
  const name = typeof type === 'string' ? type : (type.logicalType ?? type.type);
  if (name === 'timestamp-micros') return 'micros';
  if (name === 'array') return 'list';
  if ((SCALARS as readonly string[]).includes(name)) return name as ColumnKind;
  throw new Error(`a column of type ${name} has no form in a table`);
}
