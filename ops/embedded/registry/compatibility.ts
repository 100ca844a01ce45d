import avro from 'avsc';

export const COMPATIBILITY_LEVELS = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const;
export type CompatibilityLevel = (typeof COMPATIBILITY_LEVELS)[number];

/**
 * A logical type as a schema resolver must see it: the specification lets two decimals match only with the same scale
 * and precision, and reading milliseconds as microseconds would move every date without any error.
 */
class StrictLogicalType extends avro.types.LogicalType {
  readonly meaning: string;
  constructor(schema: avro.Schema, options?: avro.ForSchemaOptions) {
    super(schema, options);
    const { logicalType, precision, scale } = schema as { logicalType: string; precision?: number; scale?: number };
    this.meaning = precision === undefined ? logicalType : `${logicalType}(${precision}, ${scale ?? 0})`;
  }
  override _fromValue(value: unknown): unknown {
    return value;
  }
  override _toValue(value: unknown): unknown {
    return value;
  }
  override _resolve(type: avro.Type): ((value: unknown) => unknown) | undefined {
    return type instanceof StrictLogicalType && type.meaning === this.meaning ? (value) => value : undefined;
  }
}

const LOGICAL_TYPES = Object.fromEntries(
  [
    ['decimal', 'uuid', 'date', 'duration'],
    ['time-millis', 'time-micros', 'timestamp-millis', 'timestamp-micros', 'timestamp-nanos'],
    ['local-timestamp-millis', 'local-timestamp-micros', 'local-timestamp-nanos'],
  ].flatMap((names) => names.map((name) => [name, StrictLogicalType])),
);

/** Compiles a schema's JSON text. Throws with a sentence that says what is wrong with it. */
export function parseSchema(text: string): avro.Type {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // A bare primitive name is a schema too, and clients send it without quotes.
    parsed = text.trim();
  }
  return avro.Type.forSchema(parsed as avro.Schema, { logicalTypes: LOGICAL_TYPES, wrapUnions: 'always' });
}

/** Null when `reader` can read everything that `writer` writes, else one sentence that names the field. */
export function whyUnreadable(reader: avro.Type, writer: avro.Type): string | null {
  try {
    reader.createResolver(writer);
    return null;
  } catch (error) {
    return locate(reader, writer, [], error as Error);
  }
}

/** The resolver says which types do not match, but not where: the deepest field that fails alone is the one to name. */
function locate(reader: avro.Type, writer: avro.Type, path: readonly string[], error: Error): string {
  if (reader instanceof avro.types.RecordType && writer instanceof avro.types.RecordType) {
    const written = new Map(writer.fields.map((field) => [field.name, field]));
    for (const field of reader.fields) {
      const match = [field.name, ...field.aliases].map((name) => written.get(name)).find(Boolean);
      const here = [...path, field.name];
      if (!match) {
        // Only a default of undefined is no default: null is one.
        if (field.defaultValue() === undefined)
          return `field '${here.join('.')}' has no default and is not in the other schema`;
        continue;
      }
      try {
        field.type.createResolver(match.type);
      } catch (cause) {
        return locate(field.type, match.type, here, cause as Error);
      }
    }
  }
  if (reader instanceof avro.types.ArrayType && writer instanceof avro.types.ArrayType)
    return locate(reader.itemsType, writer.itemsType, [...path, '[]'], error);
  if (reader instanceof avro.types.MapType && writer instanceof avro.types.MapType)
    return locate(reader.valuesType, writer.valuesType, [...path, '{}'], error);
  const where = path.length > 0 ? `field '${path.join('.')}': ` : '';
  return `${where}${describe(reader)} cannot read ${describe(writer)}${symbols(reader, writer)}`;
}

function describe(type: avro.Type): string {
  if (type instanceof StrictLogicalType) return type.meaning;
  if (type instanceof avro.types.WrappedUnionType) return `union of ${type.types.map(describe).join(', ')}`;
  return type.name ? `${type.typeName} ${type.name}` : type.typeName;
}

function symbols(reader: avro.Type, writer: avro.Type): string {
  if (!(reader instanceof avro.types.EnumType && writer instanceof avro.types.EnumType)) return '';
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol));
  return missing.length > 0 ? ` (it does not know ${missing.join(', ')})` : ' (their names differ)';
}

/**
 * What speaks against `candidate` after `earlier` (oldest first) under a level: backward = the candidate reads what the
 * earlier ones wrote, forward = the earlier ones read what the candidate writes, full = both; transitive = all
 * versions, not the last.
 */
export function incompatibilities(
  level: CompatibilityLevel,
  candidate: avro.Type,
  earlier: readonly { version: number; type: avro.Type }[],
): string[] {
  if (level === 'NONE') return [];
  const checked = level.endsWith('_TRANSITIVE') ? earlier : earlier.slice(-1);
  const messages: string[] = [];
  for (const { version, type } of checked) {
    if (!level.startsWith('FORWARD')) {
      const reason = whyUnreadable(candidate, type);
      if (reason) messages.push(`the new schema cannot read data written with version ${version}: ${reason}`);
    }
    if (!level.startsWith('BACKWARD')) {
      const reason = whyUnreadable(type, candidate);
      if (reason) messages.push(`version ${version} cannot read data written with the new schema: ${reason}`);
    }
  }
  return messages;
}
