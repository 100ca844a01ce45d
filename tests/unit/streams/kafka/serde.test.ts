import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AVRO } from '#schemas/avro.ts';
import { type AvroSerde, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { TidemarkError } from '#streams/kit/errors.ts';
import { startFakeRegistry } from './fake-registry.ts';

const record = (...fields: { name: string; type: unknown; default?: unknown }[]) =>
  ({ type: 'record', name: 'Quote', fields }) as unknown as AvroSchema;
const QUOTE = record({ name: 'bid', type: 'double' }, { name: 'venue', type: 'string' });
interface Quote {
  bid: number;
  venue: string;
}

let fake: Awaited<ReturnType<typeof startFakeRegistry>>;
let registry: SchemaRegistry;
beforeEach(async () => {
  fake = await startFakeRegistry();
  registry = new SchemaRegistry(fake.url);
});
afterEach(() => fake.stop());

const quotes = (): Promise<AvroSerde<Quote>> => topicSerde<Quote>(registry, 'market.quotes', QUOTE);
const thrown = (work: () => unknown): TidemarkError => {
  try {
    work();
  } catch (error) {
    return error as TidemarkError;
  }
  throw new Error('nothing was thrown');
};

describe('the serde', () => {
  it('writes the Confluent wire format under the subject of the topic', async () => {
    const bytes = (await quotes()).encode({ bid: 1.5, venue: 'X' });
    expect(bytes.toString('hex')).toBe('00000000010000' + '00000000f83f' + '0258');
    expect(fake.requests).toEqual(['POST /subjects/market.quotes-value/versions']);
  });

  it('encodes in place, and says by how many bytes a buffer is too short', async () => {
    const serde = await quotes();
    const value = { bid: -2, venue: 'NYSE' };
    const whole = serde.encode(value);
    const buffer = Buffer.alloc(64, 0xee);
    expect(serde.encodeInto(value, buffer, 10)).toBe(10 + whole.length);
    expect(buffer.subarray(10, 10 + whole.length)).toEqual(whole);
    expect(buffer[9]).toBe(0xee);
    expect(buffer[10 + whole.length]).toBe(0xee);
    for (let room = 0; room < whole.length; room++) {
      const missing = -serde.encodeInto(value, buffer, buffer.length - room);
      expect(missing).toBeGreaterThan(0);
      expect(missing).toBeLessThanOrEqual(whole.length - room);
    }
    const long = { bid: 0, venue: 'v'.repeat(100_000) };
    expect(serde.decode(serde.encode(long))).toEqual(long);
  });

  it('reads a value where it lies between others, and only that', async () => {
    const serde = await quotes();
    const values = Array.from({ length: 20 }, (_, index) => ({ bid: index / 3, venue: 'v'.repeat(index) }));
    const encoded = values.map((value) => serde.encode(value));
    const buffer = Buffer.concat(encoded);
    let at = 0;
    for (const [index, bytes] of encoded.entries()) {
      const end = at + bytes.length;
      expect(serde.decode(buffer, at, end)).toEqual(values[index]);
      for (let cut = at; cut < end; cut++)
        expect(thrown(() => serde.decode(buffer, at, cut)).code).toBe('RECORD_CORRUPT');
      if (end < buffer.length) expect(thrown(() => serde.decode(buffer, at, end + 1)).code).toBe('RECORD_CORRUPT');
      at = end;
    }
  });

  it.each([
    ['nothing', '', 'RECORD_CORRUPT'],
    ['no magic byte', '7b2261223a317d', 'RECORD_CORRUPT'],
    ['less than a schema id', '00000000', 'RECORD_CORRUPT'],
    ['no body', '0000000001', 'RECORD_CORRUPT'],
    ['a string of negative length', '0000000001000000000000000003', 'RECORD_CORRUPT'],
    ['a string longer than everything', '00000000010000000000000000feffffffffffff0f', 'RECORD_CORRUPT'],
    ['a schema not seen yet', '0000000063', 'SCHEMA_NOT_LOADED'],
    ['a negative schema id', '00ffffffff00', 'SCHEMA_NOT_LOADED'],
  ])('refuses %s', async (_, hex, code) => {
    const serde = await quotes();
    expect(thrown(() => serde.decode(Buffer.from(hex, 'hex')))).toMatchObject({ code });
  });

  it('gives a value or an error for any bytes, whatever lies behind them', async () => {
    const serde = await topicSerde<Record<string, unknown>>(
      registry,
      'market.sessions',
      AVRO['market.sessions'] as unknown as AvroSchema,
    );
    const prefix = Buffer.from('0000000001', 'hex');
    const bytes = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(bytes, bytes, (body, behind) => {
        const buffer = Buffer.concat([prefix, body, behind]);
        try {
          serde.decode(buffer, 0, prefix.length + body.length);
        } catch (error) {
          expect((error as TidemarkError).code).toBe('RECORD_CORRUPT');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads older and newer writers through Avro resolution, their schemas fetched once', async () => {
    const older = await topicSerde<{ bid: number }>(registry, 'market.quotes', record({ name: 'bid', type: 'float' }));
    const newer = await topicSerde<object>(
      registry,
      'market.quotes',
      record(
        { name: 'venue', type: 'string' },
        { name: 'ask', type: ['null', 'double'] },
        { name: 'bid', type: 'int' },
      ),
    );
    const schema = record({ name: 'bid', type: 'double' }, { name: 'venue', type: 'string', default: '?' });
    const serde = await topicSerde<Quote>(registry, 'market.quotes', schema);
    const first = older.encode({ bid: 2 });
    expect(await serde.decodeAsync(first)).toEqual({ bid: 2, venue: '?' });
    expect(serde.decode(first)).toEqual({ bid: 2, venue: '?' });
    expect(await serde.decodeAsync(newer.encode({ bid: 7, venue: 'X', ask: null }))).toEqual({ bid: 7, venue: 'X' });
    const again = await topicSerde<Quote>(registry, 'market.quotes', schema);
    await Promise.all([again.decodeAsync(first), again.load(1)]);
    expect(fake.requests.filter((request) => request === 'GET /schemas/ids/1')).toHaveLength(1);
  });

  it('refuses a writer that cannot be read as ours', async () => {
    const other = await topicSerde<object>(registry, 'x', record({ name: 'bid', type: 'string' }));
    await expect((await quotes()).decodeAsync(other.encode({ bid: 'much' }))).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      retriable: false,
    });
  });
});

describe('the registry client', () => {
  it('tells what is unknown for good from what may come back', async () => {
    await expect(registry.schema(99)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN', retriable: false });
    fake.answers.set('/schemas/ids/5', { status: 500, body: '{"message":"store is starting"}' });
    await expect(registry.schema(5)).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_REFUSED', retriable: true });
    fake.answers.set('/schemas/ids/5', { status: 200, body: JSON.stringify({ schema: '"long"' }) });
    expect(await registry.schema(5)).toBe('long');
    fake.answers.set('/schemas/ids/6', { status: 502, body: '<html>' });
    await expect(registry.schema(6)).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_UNREACHABLE', retriable: true });
    await fake.stop();
    await expect(registry.schema(7)).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_UNREACHABLE', retriable: true });
    expect(await registry.schema(5)).toBe('long');
  });

  it.each([{ schema: 'message A {}', schemaType: 'PROTOBUF' }, { schema: 'not json' }, {}])(
    'refuses a schema that is not Avro: %j',
    async (answer) => {
      fake.answers.set('/schemas/ids/8', { status: 200, body: JSON.stringify(answer) });
      await expect(registry.schema(8)).rejects.toMatchObject({ code: 'SCHEMA_UNSUPPORTED', retriable: false });
    },
  );

  it('names an incompatible schema', async () => {
    fake.answers.set('/subjects/market.quotes-value/versions', { status: 409, body: '{"message":"READER_FIELD"}' });
    await expect(quotes()).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      message: expect.stringContaining('READER_FIELD'),
    });
  });

  it('signs in with the name and password of its URL, and shows neither', async () => {
    const signed = new SchemaRegistry(fake.url.replace('//', '//me:s%40cret@'));
    await signed.setCompatibility('a/b', 'BACKWARD_TRANSITIVE');
    const credentials = Buffer.from('me:s@cret').toString('base64');
    expect(fake.requests).toEqual([`PUT /config/a%2Fb Basic ${credentials}`]);
    await fake.stop();
    await expect(signed.schema(1)).rejects.not.toMatchObject({ message: expect.stringContaining('s%40cret') });
  });
});
