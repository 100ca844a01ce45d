import { AVRO } from '#schemas/avro.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import { replayOf } from '../replay/side.ts';

/** What a field holds: decimals are bigints of 1e-9, times are microseconds since 1970, json is any structure. */
export type FieldKind = 'string' | 'double' | 'int' | 'long' | 'boolean' | 'time' | 'decimal' | 'json';
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
}
/** One record as it is exported. */
export interface ExportRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  /** Null for a tombstone, and for what the schema cannot read. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** Why the value cannot be read, with its bytes. */
  readonly unreadable?: Readonly<Record<string, unknown>>;
}

/** Fields of a topic that has no schema of ours: the value as it lies there. */
export const RAW_FIELDS: readonly Field[] = [
  { name: 'headers', kind: 'json' },
  { name: 'valueBase64', kind: 'string' },
];

const isTopicOfOurs = (topic: string): topic is TopicName => Object.hasOwn(TOPICS, topic);
/** The topic of ours whose schema and keys a topic has: itself, or what it is a replay of; null: neither. */
export function topicLike(topic: string): TopicName | null {
  const likely = replayOf(topic)?.topic ?? topic;
  return isTopicOfOurs(likely) ? likely : null;
}

/** The fields of a topic's value, in the schema's order. */
export function topicFields(topic: string): readonly Field[] {
  const like = topicLike(topic);
  if (like === null) return RAW_FIELDS;
  return AVRO[like].fields.map(({ name, type }) => ({ name, kind: fieldKind(type) }));
}

function fieldKind(type: unknown): FieldKind {
  if (Array.isArray(type)) {
    const others = type.filter((branch) => branch !== 'null');
    return others.length === 1 ? fieldKind(others[0]) : 'json';
  }
  if (typeof type === 'object' && type !== null) {
    const { type: base, logicalType } = type as { type: unknown; logicalType?: string };
    if (logicalType === 'decimal') return 'decimal';
    if (logicalType === 'timestamp-micros') return 'time';
    return base === 'enum' ? 'string' : base === 'array' || base === 'record' ? 'json' : fieldKind(base);
  }
  return type === 'string' || type === 'double' || type === 'int' || type === 'long' || type === 'boolean'
    ? type
    : 'json';
}

/** A value for JSON: exact amounts as decimal strings, what JSON has no number for (NaN, infinities) by name. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return formatDecimal(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** A value for a cell of text; null is empty. */
export function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? jsonText(value) : String(toJson(value));
}

/** Any structure as JSON, its values as `toJson` has them. */
export const jsonText = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => toJson(inner));
