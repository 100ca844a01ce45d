import type { ObjectRef } from '@pothos/core';
import { type Column, columnsOf } from '#schemas/columns.ts';
import type { TopicName } from '#schemas/topics.ts';
import { builder } from './types.ts';

export interface TopicTypeOptions {
  readonly description: string;
  /** Names of the records within its lists, by field. */
  readonly items?: Readonly<Record<string, string>>;
  /** Fields that are not shown. */
  readonly without?: readonly string[];
}

const SCALARS = {
  decimal: 'Decimal',
  micros: 'DateTime',
  double: 'Float',
  // A count may pass what GraphQL's Int holds.
  long: 'Float',
  int: 'Int',
  boolean: 'Boolean',
  string: 'String',
  enum: 'String',
} as const;

/** Of a portfolio the API speaks as `portfolioId` everywhere. */
const nameOf = (field: string) => (field === 'portfolio' ? 'portfolioId' : field);

/**
 * A GraphQL type of a topic's values: the fields of its schema with their documentation, which has them from one place. The values may come
 * from the topic or from its table (exact amounts as bigint or as decimal text). Enums are strings, so that a symbol that comes
 * later breaks nobody.
 */
export function topicType<V extends object>(
  topic: TopicName,
  name: string,
  { description, items = {}, without = ['sourceTopic', 'sourceEventTime'] }: TopicTypeOptions,
): ObjectRef<typeof builder extends { $inferSchemaTypes: infer T } ? T & never : never, V> {
  const columns = columnsOf(topic).filter(({ field }) => !without.includes(field));
  return recordType(name, description, columns, items) as never;
}

function recordType(
  name: string,
  description: string,
  columns: readonly Column[],
  items: Readonly<Record<string, string>>,
) {
  const lists = new Map<string, unknown>();
  for (const column of columns) {
    const itemName = items[column.field];
    if (column.kind === 'list' && itemName) lists.set(column.field, recordType(itemName, column.doc, column.items, {}));
  }
  return builder.objectRef<Record<string, unknown>>(name).implement({
    description,
    fields: (t) =>
      Object.fromEntries(
        columns.map(({ field, kind, nullable, symbols, items: [item], doc }) => {
          const scalar = kind === 'list' ? [lists.get(field) ?? SCALARS[item!.kind as 'string']] : SCALARS[kind];
          const type = field === 'portfolio' ? 'ID' : scalar;
          const description = symbols.length > 0 && !doc.includes(symbols[0]!) ? `${symbols.join(', ')}. ${doc}` : doc;
          const options = { type, nullable, description, resolve: (value: Record<string, unknown>) => value[field] };
          return [nameOf(field), t.field(options as never)];
        }),
      ) as never,
  });
}
