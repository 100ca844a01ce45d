import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Makes `generated/types.ts` from `avro/*.avsc`. A test proves that the checked-in file is what this returns. */
type Schema = string | Schema[] | SchemaObject;
interface SchemaObject {
  type: Schema;
  logicalType?: string;
  name?: string;
  doc?: string;
  symbols?: string[];
  items?: Schema;
  fields?: { name: string; type: Schema; doc: string }[];
}

const FOLDER = import.meta.dirname;

function typeName(schema: Schema): string {
  if (Array.isArray(schema)) return schema.map(typeName).join(' | ');
  if (typeof schema === 'string') {
    const primitive = { string: 'string', boolean: 'boolean', null: 'null', bytes: 'Buffer' }[schema];
    return primitive ?? (/^(int|long|float|double)$/.test(schema) ? 'number' : schema);
  }
  if (schema.logicalType === 'decimal') return 'Decimal';
  if (schema.logicalType === 'timestamp-micros') return 'Micros';
  if (schema.symbols) return schema.symbols.map((symbol) => `'${symbol}'`).join(' | ');
  if (schema.items) {
    const item = typeName(schema.items);
    return `readonly ${item.includes(' | ') ? `(${item})` : item}[]`;
  }
  if (schema.fields) return schema.name!;
  return typeName(schema.type);
}

/** The records within a schema, innermost first. */
function records(schema: Schema): SchemaObject[] {
  if (typeof schema === 'string') return [];
  if (Array.isArray(schema)) return schema.flatMap(records);
  if (schema.items) return records(schema.items);
  if (schema.fields) return [...schema.fields.flatMap(({ type }) => records(type)), schema];
  return records(schema.type);
}

function declaration({ doc, name, fields }: SchemaObject): string[] {
  const lines = fields!.flatMap((field) => [
    `  /** ${field.doc} */`,
    `  readonly ${field.name}: ${typeName(field.type)};`,
  ]);
  return ['', `/** ${doc} */`, `export interface ${name} {`, ...lines, '}'];
}

export function generateTypes(): string {
  const files = readdirSync(join(FOLDER, 'avro'))
    .filter((file) => file.endsWith('.avsc'))
    .sort();
  const lines = [
    '// Made from schemas/avro/*.avsc by schemas/generate.ts (npm run generate). Do not edit.',
    '',
    '/** Exact amount: a bigint of 1e-9 units (see schemas/decimal.ts). */',
    'export type Decimal = bigint;',
    '/** Microseconds since 1970-01-01 UTC, a safe integer (until the year 2255). */',
    'export type Micros = number;',
  ];
  const table: string[] = [];
  for (const file of files) {
    const schema = JSON.parse(readFileSync(join(FOLDER, 'avro', file), 'utf8')) as SchemaObject;
    for (const record of records(schema)) lines.push(...declaration(record));
    table.push(`  '${basename(file, '.avsc')}': ${schema.name};`);
  }
  lines.push('', '/** The value type of each topic. */', 'export interface Types {', ...table, '}', '');
  return lines.join('\n');
}

if (import.meta.main) writeFileSync(join(FOLDER, 'generated', 'types.ts'), generateTypes());
