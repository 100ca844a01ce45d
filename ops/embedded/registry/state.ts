import type avro from 'avsc';
import { describeError } from '#streams/kit/errors.ts';
import { COMPATIBILITY_LEVELS, type CompatibilityLevel, incompatibilities, parseSchema } from './compatibility.ts';

/** An answer that is an error: HTTP status and the numeric code of Confluent's API. */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** One record of the `_schemas` topic, in Confluent's own form, so that their registry can take the topic over. */
export interface SchemaEvent {
  readonly key: string;
  readonly value: string;
}
export interface SchemaVersion {
  readonly subject: string;
  readonly version: number;
  readonly id: number;
  readonly schema: string;
}
interface Version extends SchemaVersion {
  readonly identity: string;
  readonly type: avro.Type;
}

const DEFAULT_LEVEL: CompatibilityLevel = 'BACKWARD';

/**
 * Everything the registry knows, as a pure state machine: commands (`register`, `setLevel`) return the event to be
 * written to the topic and change nothing; `apply` takes an event, from the topic or just written.
 */
export class RegistryState {
  #subjects = new Map<string, Version[]>();
  /** Identity of a schema to its id: the same schema has one id in all subjects. */
  #ids = new Map<string, number>();
  #schemas = new Map<number, string>();
  #levels = new Map<string, CompatibilityLevel>();
  #globalLevel: CompatibilityLevel = DEFAULT_LEVEL;
  #lastId = 0;

  /** Applies a record of the topic; records of kinds it does not know (Confluent writes some) are left alone. */
  apply(event: { readonly key: string; readonly value: string | null }): void {
    const key = JSON.parse(event.key) as { keytype: string; subject?: string | null; version?: number };
    if (key.keytype === 'CONFIG') this.#applyLevel(key.subject ?? null, event.value);
    if (key.keytype === 'SCHEMA') this.#applySchema(key.subject ?? '', key.version ?? 0, event.value);
  }

  subjects(): string[] {
    return [...this.#subjects.keys()].sort();
  }

  versions(subject: string): number[] {
    return this.#subject(subject).map((entry) => entry.version);
  }

  /** `version`: a number as text, `latest` or `-1`. */
  version(subject: string, version: string): SchemaVersion {
    const entries = this.#subject(subject);
    if (version === 'latest' || version === '-1') return view(entries.at(-1)!);
    const number = Number(version);
    if (!Number.isInteger(number) || number < 1) {
      throw new RegistryError(422, 42202, `The specified version '${version}' is not a valid version id.`);
    }
    const entry = entries.find((candidate) => candidate.version === number);
    if (!entry) throw new RegistryError(404, 40402, `Version ${number} not found.`);
    return view(entry);
  }

  schema(id: string): string {
    const schema = this.#schemas.get(Number(id));
    if (schema === undefined) throw new RegistryError(404, 40403, `Schema ${id} not found`);
    return schema;
  }

  /** The version under which a subject holds this schema. */
  lookup(subject: string, schema: string): SchemaVersion {
    const entries = this.#subject(subject);
    const { identity } = readSchema(schema);
    const entry = entries.findLast((candidate) => candidate.identity === identity);
    if (!entry) throw new RegistryError(404, 40403, 'Schema not found');
    return view(entry);
  }

  /**
   * The level that holds for a subject; null asks for the global one. Throws 40408 when the subject has none of its
   * own.
   */
  level(subject: string | null, defaultToGlobal: boolean): CompatibilityLevel {
    if (subject === null) return this.#globalLevel;
    const level = this.#levels.get(subject) ?? (defaultToGlobal ? this.#globalLevel : undefined);
    if (level) return level;
    throw new RegistryError(404, 40408, `Subject '${subject}' does not have subject-level compatibility configured`);
  }

  setLevel(subject: string | null, level: unknown): { level: CompatibilityLevel; event: SchemaEvent } {
    const known = COMPATIBILITY_LEVELS.find((name) => name === String(level).toUpperCase());
    if (!known) {
      const message = `Invalid compatibility level. Valid values are ${COMPATIBILITY_LEVELS.join(', ')}.`;
      throw new RegistryError(422, 42203, message);
    }
    const key = JSON.stringify({ keytype: 'CONFIG', subject, magic: 0 });
    return { level: known, event: { key, value: JSON.stringify({ compatibilityLevel: known }) } };
  }

  /**
   * What speaks against a schema; against one version when it is given, else against what the subject's level asks for.
   */
  check(subject: string, schema: string, version?: string): string[] {
    const { type } = readSchema(schema);
    const level = this.level(subject, true);
    const entries = this.#subjects.get(subject) ?? [];
    if (version === undefined || (version === 'latest' && entries.length === 0)) {
      return incompatibilities(level, type, entries);
    }
    const { version: number } = this.version(subject, version);
    const entry = entries.find((candidate) => candidate.version === number)!;
    return incompatibilities(level, type, [entry]);
  }

  /** The id of a schema in a subject; `event` is null when it is there already. Throws 409 when it is incompatible. */
  register(subject: string, schema: string): { id: number; event: SchemaEvent | null } {
    const { identity } = readSchema(schema);
    const entries = this.#subjects.get(subject) ?? [];
    const known = entries.find((entry) => entry.identity === identity);
    if (known) return { id: known.id, event: null };
    const problems = this.check(subject, schema);
    if (problems.length > 0) {
      throw new RegistryError(
        409,
        409,
        `Schema being registered is incompatible with an earlier schema for subject "${subject}" ` +
          `(${this.level(subject, true)}): ${problems.join('; ')}`,
      );
    }
    const id = this.#ids.get(identity) ?? this.#lastId + 1;
    const version = (entries.at(-1)?.version ?? 0) + 1;
    const key = JSON.stringify({ keytype: 'SCHEMA', subject, version, magic: 1 });
    return { id, event: { key, value: JSON.stringify({ subject, version, id, schema, deleted: false }) } };
  }

  #subject(subject: string): Version[] {
    const entries = this.#subjects.get(subject);
    if (!entries) throw new RegistryError(404, 40401, `Subject '${subject}' not found.`);
    return entries;
  }

  #applyLevel(subject: string | null, value: string | null): void {
    const level =
      value === null ? null : (JSON.parse(value) as { compatibilityLevel: CompatibilityLevel }).compatibilityLevel;
    if (subject === null) this.#globalLevel = level ?? DEFAULT_LEVEL;
    else if (level === null) this.#levels.delete(subject);
    else this.#levels.set(subject, level);
  }

  #applySchema(subject: string, version: number, value: string | null): void {
    const entries = (this.#subjects.get(subject) ?? []).filter((entry) => entry.version !== version);
    const stored = value === null ? null : (JSON.parse(value) as SchemaVersion & { deleted?: boolean });
    if (stored) {
      const { identity, type } = readSchema(stored.schema);
      // A deleted version leaves its subject, but its id stays readable: records written with it are still in the
      // topics.
      this.#schemas.set(stored.id, stored.schema);
      if (!this.#ids.has(identity)) this.#ids.set(identity, stored.id);
      this.#lastId = Math.max(this.#lastId, stored.id);
      if (!stored.deleted) entries.push({ subject, version, id: stored.id, schema: stored.schema, identity, type });
    }
    entries.sort((a, b) => a.version - b.version);
    if (entries.length > 0) this.#subjects.set(subject, entries);
    else this.#subjects.delete(subject);
  }
}

const view = ({ subject, version, id, schema }: SchemaVersion): SchemaVersion => ({ subject, version, id, schema });

function readSchema(schema: unknown): { type: avro.Type; identity: string } {
  if (typeof schema !== 'string')
    throw new RegistryError(422, 42201, 'Invalid schema: the field "schema" must be a string');
  try {
    const type = parseSchema(schema);
    return { type, identity: identityOf(schema) };
  } catch (error) {
    throw new RegistryError(422, 42201, `Invalid schema: ${describeError(error)}`);
  }
}

/**
 * Equal for texts that differ only in white space, in the order of attributes, or in `{"type": "string"}` for
 * `"string"`.
 */
function identityOf(schema: string): string {
  const normal = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(normal);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 1 && entries[0]![0] === 'type') return normal(entries[0]![1]);
    return Object.fromEntries(entries.map(([name, part]) => [name, normal(part)]));
  };
  try {
    return JSON.stringify(normal(JSON.parse(schema)));
  } catch {
    return JSON.stringify(schema.trim());
  }
}
