import { AVRO } from '#schemas/avro.ts';
import type { TopicName } from '#schemas/topics.ts';

/**
 * What a field of a topic's value is to a table. `decimal` is exact (38 digits, 9 of them decimals), `micros` a point
 * in time.
 */
export type ColumnKind = 'decimal' | 'micros' | 'double' | 'long' | 'int' | 'boolean' | 'string' | 'enum';

export interface Column {
  /** Field of the Avro schema, e.g. realizedPnl. */
  readonly field: string;
  /** The same in SQL, e.g. realized_pnl. */
  readonly name: string;
  readonly kind: ColumnKind;
  readonly nullable: boolean;
  /** Values of an enum. */
  readonly symbols: readonly string[];
  readonly doc: string;
}

type FieldType = string | { type: string; logicalType?: string; symbols?: string[] };

export const snakeCase = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The columns of a topic's value, in the schema's order. The writers of both stores derive from this. */
export function columnsOf(topic: TopicName): Column[] {
  return AVRO[topic].fields.map((field) => {
    const type = field.type as FieldType | FieldType[];
    const branches = Array.isArray(type) ? type : [type];
    const inner = branches.find((branch) => branch !== 'null')!;
    return {
      field: field.name,
      name: snakeCase(field.name),
      kind: kindOf(inner),
      nullable: branches.includes('null'),
      symbols: typeof inner === 'object' ? (inner.symbols ?? []) : [],
      doc: field.doc ?? '',
    };
  });
}

function kindOf(type: FieldType): ColumnKind {
  const name = typeof type === 'string' ? type : (type.logicalType ?? type.type);
  if (name === 'timestamp-micros') return 'micros';
  if (['decimal', 'double', 'long', 'int', 'boolean', 'string', 'enum'].includes(name)) return name as ColumnKind;
  throw new Error(`a column of type ${name} has no form in a table`);
}
