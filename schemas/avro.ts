import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOPICS, type TopicName } from './topics.ts';

/** Parsed Avro schema of each topic's value. */
export const AVRO = Object.fromEntries(
  Object.keys(TOPICS).map((name) => [
    name,
    JSON.parse(readFileSync(join(import.meta.dirname, 'avro', `${name}.avsc`), 'utf8')),
  ]),
) as Record<TopicName, { type: 'record'; name: string; fields: { name: string; type: string; doc?: string }[] }>;
