import type { AvroSchema } from '../kit/avro.ts';
import { describeError, TidemarkError } from '../kit/errors.ts';

const TIMEOUT_MS = 10_000;

/**
 * The few calls a serde needs of a Confluent-compatible schema registry. Schemas never change under their id, so they are kept. Every call
 * may throw SCHEMA_REGISTRY_UNREACHABLE, after 10 s at most, or SCHEMA_REGISTRY_REFUSED.
 */
export class SchemaRegistry {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #schemas = new Map<number, Promise<AvroSchema>>();

  /** User and password in the URL are sent as basic authentication. */
  constructor(url: string) {
    const parsed = new URL(url);
    const { username, password } = parsed;
    parsed.username = parsed.password = '';
    this.#url = parsed.href.replace(/\/$/, '');
    const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
      'base64',
    );
    this.#headers = {
      'content-type': 'application/vnd.schemaregistry.v1+json',
      ...(username ? { authorization: `Basic ${credentials}` } : {}),
    };
  }

  /** The id of a schema under a subject, new or known. Throws SCHEMA_INCOMPATIBLE. */
  async register(subject: string, schema: AvroSchema): Promise<number> {
    const answer = await this.#call('POST', `/subjects/${encodeURIComponent(subject)}/versions`, {
      schema: JSON.stringify(schema),
    });
    return (answer as { id: number }).id;
  }
  /** Sets a subject's compatibility level: BACKWARD, FULL_TRANSITIVE and so on, as the registry names them. */
  async setCompatibility(subject: string, compatibility: string): Promise<void> {
    await this.#call('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility });
  }
  /** Throws SCHEMA_UNKNOWN when the registry has no such id, SCHEMA_UNSUPPORTED when it is not Avro. */
  schema(id: number): Promise<AvroSchema> {
    let schema = this.#schemas.get(id);
    if (!schema) {
      schema = this.#call('GET', `/schemas/ids/${id}`).then((answer) => parseSchema(id, answer));
      schema.catch(() => this.#schemas.delete(id));
      this.#schemas.set(id, schema);
    }
    return schema;
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    let response: Response;
    let answer: { message?: string };
    try {
      response = await fetch(this.#url + path, {
        method,
        headers: this.#headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      answer = ((await response.json()) ?? {}) as { message?: string };
    } catch (error) {
      const message = `The schema registry at ${this.#url} does not answer: ${describeError(error)}`;
      throw new TidemarkError('SCHEMA_REGISTRY_UNREACHABLE', message, { cause: error, retriable: true });
    }
    if (response.ok) return answer;
    const code =
      response.status === 404
        ? 'SCHEMA_UNKNOWN'
        : response.status === 409
          ? 'SCHEMA_INCOMPATIBLE'
          : 'SCHEMA_REGISTRY_REFUSED';
    const message = `The schema registry refused ${method} ${path} (${response.status}): ${answer.message ?? 'no reason given'}`;
    throw new TidemarkError(code, message, { retriable: response.status >= 500 || response.status === 429 });
  }
}

function parseSchema(id: number, answer: unknown): AvroSchema {
  const { schema, schemaType = 'AVRO' } = answer as { schema?: unknown; schemaType?: string };
  try {
    if (schemaType === 'AVRO') return JSON.parse(String(schema)) as AvroSchema;
  } catch {
    // Said below.
  }
  throw new TidemarkError('SCHEMA_UNSUPPORTED', `schema ${id} of the registry is not an Avro schema (${schemaType})`);
}
