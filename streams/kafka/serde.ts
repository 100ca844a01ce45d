import { type AvroSchema, type AvroType, avroType } from '../kit/avro.ts';
import { describeError, TidemarkError } from '../kit/errors.ts';
import type { SchemaRegistry } from './registry.ts';

/** Bytes before the Avro body in the Confluent wire format: magic 0 and the schema id. */
const PREFIX_BYTES = 5;
const INITIAL_BYTES = 4 * 1024;

/** A record was written with a schema that is not here yet: `load(schemaId)` and decode again. */
export class SchemaNotLoaded extends TidemarkError {
  readonly schemaId: number;
  constructor(schemaId: number) {
    super('SCHEMA_NOT_LOADED', `schema ${schemaId} is not loaded`, { retriable: true });
    this.schemaId = schemaId;
  }
}

/** Avro values in the Confluent wire format: magic byte 0, four bytes of schema id, body. */
export interface AvroSerde<V> {
  encode(value: V): Buffer;
  /** Writes at a position and returns the end; a negative number says by how many bytes the buffer is too short (avsc's rule). */
  encodeInto(value: V, buffer: Buffer, position: number): number;
  /** Reads the range. Throws SCHEMA_NOT_LOADED, or RECORD_CORRUPT when it is not exactly one value. */
  decode(buffer: Buffer, start?: number, end?: number): V;
  /** Fetches a writer's schema. Throws SCHEMA_UNKNOWN, SCHEMA_INCOMPATIBLE, or a retriable error of the registry. */
  load(schemaId: number): Promise<void>;
  /** `decode`, with the writer's schema fetched when needed. */
  decodeAsync(buffer: Buffer): Promise<V>;
}

type Resolver = Parameters<AvroType['decode']>[2];

class TopicSerde<V> implements AvroSerde<V> {
  readonly #registry: SchemaRegistry;
  readonly #type: AvroType;
  readonly #id: number;
  /** By schema id, how to read what it wrote; undefined: written with our own schema. */
  readonly #writers = new Map<number, Resolver>();
  /** The writer of the last value, which mostly wrote the next one too. */
  #lastId: number;
  #lastResolver: Resolver;
  #scratch = Buffer.allocUnsafe(INITIAL_BYTES);

  constructor(registry: SchemaRegistry, schema: AvroSchema, id: number) {
    this.#registry = registry;
    this.#type = avroType(schema);
    this.#id = id;
    this.#writers.set(id, undefined);
    this.#lastId = id;
  }

  encode(value: V): Buffer {
    for (;;) {
      const end = this.encodeInto(value, this.#scratch, 0);
      if (end >= 0) return Buffer.from(this.#scratch.subarray(0, end));
      this.#scratch = Buffer.allocUnsafe((this.#scratch.length - end) * 2);
    }
  }

  encodeInto(value: V, buffer: Buffer, position: number): number {
    if (position + PREFIX_BYTES > buffer.length) return buffer.length - position - PREFIX_BYTES;
    buffer[position] = 0;
    buffer.writeInt32BE(this.#id, position + 1);
    return this.#type.encode(value, buffer, position + PREFIX_BYTES);
  }

  decode(buffer: Buffer, start = 0, end = buffer.length): V {
    if (end - start < PREFIX_BYTES || buffer[start] !== 0) {
      throw new TidemarkError(
        'RECORD_CORRUPT',
        'the value is not in the Confluent wire format: it must begin with a zero byte and a schema id',
      );
    }
    const id = buffer.readInt32BE(start + 1);
    if (id !== this.#lastId) {
      if (!this.#writers.has(id)) throw new SchemaNotLoaded(id);
      this.#lastId = id;
      this.#lastResolver = this.#writers.get(id);
    }
    let decoded: { value: V; offset: number };
    try {
      // A length that lies may reach into the records behind this one, never out of the buffer: the end tells.
      decoded = this.#type.decode(buffer, start + PREFIX_BYTES, this.#lastResolver) as typeof decoded;
    } catch (error) {
      throw new TidemarkError('RECORD_CORRUPT', `the value is not what schema ${id} says: ${describeError(error)}`, {
        cause: error,
      });
    }
    if (decoded.offset !== end) {
      const beyond = decoded.offset < 0 || decoded.offset > end;
      const what = beyond ? 'it is cut off' : `${end - decoded.offset} bytes follow it`;
      throw new TidemarkError('RECORD_CORRUPT', `the value is not what schema ${id} says: ${what}`);
    }
    return decoded.value;
  }

  async load(schemaId: number): Promise<void> {
    if (this.#writers.has(schemaId)) return;
    const schema = await this.#registry.schema(schemaId);
    try {
      this.#writers.set(schemaId, this.#type.createResolver(avroType(schema)) as Resolver);
    } catch (error) {
      throw new TidemarkError(
        'SCHEMA_INCOMPATIBLE',
        `schema ${schemaId} cannot be read as ${this.#type.name}: ${describeError(error)}`,
        { cause: error },
      );
    }
  }

  async decodeAsync(buffer: Buffer): Promise<V> {
    try {
      return this.decode(buffer);
    } catch (error) {
      if (!(error instanceof SchemaNotLoaded)) throw error;
      await this.load(error.schemaId);
      return this.decode(buffer);
    }
  }
}

/** The serde of a topic's values; registers the schema as subject `<topic>-value`. */
export async function topicSerde<V>(
  registry: SchemaRegistry,
  topic: string,
  schema: AvroSchema,
): Promise<AvroSerde<V>> {
  return new TopicSerde<V>(registry, schema, await registry.register(`${topic}-value`, schema));
}
