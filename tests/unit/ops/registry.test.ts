import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CompatibilityLevel, incompatibilities, parseSchema } from '#ops/embedded/registry/compatibility.ts';
import { registryServer } from '#ops/embedded/registry/http.ts';
import { RegistryState, type SchemaEvent } from '#ops/embedded/registry/state.ts';
import { AVRO } from '#schemas/avro.ts';

const record = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'Trade', namespace: 'test', fields });
const price = { name: 'price', type: 'double' };
const decimal = (scale: number) => ({ type: 'bytes', logicalType: 'decimal', precision: 38, scale });
const check = (level: CompatibilityLevel, candidate: string, ...earlier: string[]) =>
  incompatibilities(
    level,
    parseSchema(candidate),
    earlier.map((text, index) => ({ version: index + 1, type: parseSchema(text) })),
  );

describe('compatibility', () => {
  const v1 = record(price);
  const withDefault = record(price, { name: 'size', type: ['null', 'double'], default: null });
  const withoutDefault = record(price, { name: 'size', type: 'double' });

  it('BACKWARD takes a new field with a default and refuses one without, by name', () => {
    expect(check('BACKWARD', withDefault, v1)).toEqual([]);
    expect(check('BACKWARD', withoutDefault, v1)).toEqual([expect.stringContaining("field 'size' has no default")]);
  });

  it('FORWARD takes any new field and refuses to lose one that readers need', () => {
    expect(check('FORWARD', withoutDefault, v1)).toEqual([]);
    expect(check('FORWARD', v1, withoutDefault)).toEqual([expect.stringContaining("field 'size'")]);
    expect(check('FORWARD', v1, withDefault)).toEqual([]);
  });

  it('FULL asks both ways', () => {
    expect(check('FULL', withDefault, v1)).toEqual([]);
    expect(check('FULL', withoutDefault, v1)).toHaveLength(1);
    expect(check('FULL', v1, withoutDefault)).toHaveLength(1);
  });

  it('only transitive levels look beyond the last version', () => {
    const renamed = record({ name: 'cost', type: 'double' });
    const both = record({ ...price, default: 0 }, { name: 'cost', type: 'double', default: 0 });
    const onlyPrice = record(price);
    expect(check('BACKWARD', onlyPrice, renamed, both)).toEqual([]);
    expect(check('BACKWARD_TRANSITIVE', onlyPrice, renamed, both)).toEqual([expect.stringContaining('version 1')]);
    expect(check('FORWARD', onlyPrice, renamed, both)).toEqual([]);
    expect(check('FORWARD_TRANSITIVE', onlyPrice, renamed, both)).toEqual([expect.stringContaining("field 'cost'")]);
    expect(check('FULL_TRANSITIVE', onlyPrice, renamed, both)).toHaveLength(2);
    expect(check('NONE', JSON.stringify('string'), renamed, both)).toEqual([]);
  });

  it('promotes numbers one way only and names the nested field that fails', () => {
    const nested = (type: string) =>
      record({ name: 'leg', type: { type: 'record', name: 'Leg', fields: [{ name: 'amount', type }] } });
    expect(check('BACKWARD', nested('double'), nested('int'))).toEqual([]);
    expect(check('BACKWARD', nested('int'), nested('double'))).toEqual([
      expect.stringContaining("field 'leg.amount': int cannot read double"),
    ]);
  });

  it('refuses another scale of a decimal and another unit of time, which would change every figure silently', () => {
    const amount = (type: object) => record({ name: 'amount', type });
    expect(check('BACKWARD', amount(decimal(9)), amount(decimal(9)))).toEqual([]);
    expect(check('BACKWARD', amount(decimal(6)), amount(decimal(9)))).toEqual([
      expect.stringContaining("field 'amount': decimal(38, 6) cannot read decimal(38, 9)"),
    ]);
    const time = (unit: string) => amount({ type: 'long', logicalType: `timestamp-${unit}` });
    expect(check('BACKWARD', time('millis'), time('micros'))).toHaveLength(1);
  });

  it('names the enum symbols a reader does not know', () => {
    const side = (symbols: string[]) => record({ name: 'side', type: { type: 'enum', name: 'Side', symbols } });
    expect(check('BACKWARD', side(['BUY', 'SELL', 'SHORT']), side(['BUY', 'SELL']))).toEqual([]);
    expect(check('FORWARD', side(['BUY', 'SELL', 'SHORT']), side(['BUY', 'SELL']))).toEqual([
      expect.stringMatching(/field 'side'.*does not know SHORT/),
    ]);
  });

  it('accepts every schema of ours as its own successor', () => {
    for (const schema of Object.values(AVRO)) {
      expect(check('FULL_TRANSITIVE', JSON.stringify(schema), JSON.stringify(schema))).toEqual([]);
    }
  });
});

describe('the HTTP service', () => {
  let log: SchemaEvent[];
  let server: FastifyInstance;
  let url: string;

  beforeEach(async () => {
    log = [];
    server = registryServer(new RegistryState(), async (event) => void log.push(event));
    url = await server.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(() => server.close());

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const register = (subject: string, schema: string) => call('POST', `/subjects/${subject}/versions`, { schema });

  it('serves the real Confluent client: register, encode, decode, look up', async () => {
    const client = new SchemaRegistry({ host: url });
    const schema = { type: 'record', name: 'Trade', namespace: 'test', fields: [price] } as const;
    const { id } = await client.register(schema as never, { subject: 'trades-value' });
    expect(await client.register(schema as never, { subject: 'trades-value' })).toEqual({ id });
    const bytes = await client.encode(id, { price: 101.5 });
    expect(await new SchemaRegistry({ host: url }).decode(bytes)).toMatchObject({ price: 101.5 });
    expect(await client.getLatestSchemaId('trades-value')).toBe(id);
    expect(await client.getRegistryId('trades-value', 1)).toBe(id);
    expect(await client.getRegistryIdBySchema('trades-value', schema as never)).toBe(id);
    await expect(client.getLatestSchemaId('nobody-value')).rejects.toMatchObject({ status: 404 });
  });

  it('gives the same schema one id in all subjects, however it is spelled, and another schema another id', async () => {
    const first = await register('a-value', record(price));
    const spelled = `{ "fields": [{"type": {"type": "double"}, "name": "price"}],\n "namespace": "test", "name": "Trade", "type": "record" }`;
    expect((await register('b-value', spelled)).body).toEqual(first.body);
    expect((await register('a-value', spelled)).body).toEqual(first.body);
    expect((await call('GET', '/subjects/a-value/versions')).body).toEqual([1]);
    const other = await register('b-value', record(price, { name: 'venue', type: 'string', default: '' }));
    expect(other.body.id).toBe(Number(first.body.id) + 1);
    expect((await call('GET', '/subjects')).body).toEqual(['a-value', 'b-value']);
  });

  it('answers with the codes of Confluent', async () => {
    await register('a-value', record(price));
    const codes = {
      '/subjects/none/versions': 40401,
      '/subjects/none/versions/latest': 40401,
      '/subjects/a-value/versions/7': 40402,
      '/subjects/a-value/versions/first': 42202,
      '/schemas/ids/99': 40403,
      '/config/a-value': 40408,
      '/nowhere': 404,
    };
    for (const [path, code] of Object.entries(codes)) {
      expect((await call('GET', path)).body, path).toMatchObject({ error_code: code });
    }
    expect(await register('a-value', '{"type":"record"}')).toMatchObject({ status: 422, body: { error_code: 42201 } });
    expect(await register('a-value', 'nonsense')).toMatchObject({ status: 422, body: { error_code: 42201 } });
    expect(await call('PUT', '/config', { compatibility: 'SOME' })).toMatchObject({ body: { error_code: 42203 } });
    const unknown = await call('POST', '/subjects/a-value', { schema: '"string"' });
    expect(unknown).toMatchObject({ status: 404, body: { error_code: 40403 } });
    expect(log).toHaveLength(1);
  });

  it('refuses an incompatible version with 409 and the name of the field, and keeps nothing of it', async () => {
    await register('a-value', record(price));
    const bad = record(price, { name: 'size', type: 'double' });
    const refused = await register('a-value', bad);
    expect(refused).toMatchObject({ status: 409, body: { error_code: 409 } });
    expect(refused.body.message).toContain("field 'size'");
    const path = '/compatibility/subjects/a-value/versions/latest?verbose=true';
    expect((await call('POST', path, { schema: bad })).body).toMatchObject({ is_compatible: false });
    expect((await call('GET', '/subjects/a-value/versions')).body).toEqual([1]);
    await call('PUT', '/config/a-value', { compatibility: 'none' });
    expect((await call('GET', '/config/a-value')).body).toEqual({ compatibilityLevel: 'NONE' });
    expect((await register('a-value', bad)).status).toBe(200);
  });

  it('gives concurrent clients of one schema one id, and concurrent schemas different ones', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `f${index % 5}`);
    const answers = await Promise.all(
      names.map((name, index) => register(`s${index}-value`, record({ name, type: 'double' }))),
    );
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(5);
    expect(new Set(log.map((event) => event.key)).size).toBe(20);
  });

  it('is the same after a restart, from its events alone', async () => {
    await register('a-value', record(price));
    await call('PUT', '/config/a-value', { compatibility: 'FULL' });
    await register('a-value', record(price, { name: 'venue', type: 'string', default: '' }));
    const restarted = new RegistryState();
    for (const event of log) restarted.apply(event);
    expect(restarted.versions('a-value')).toEqual([1, 2]);
    expect(restarted.level('a-value', false)).toBe('FULL');
    expect(restarted.register('b-value', record(price)).id).toBe(1);
    expect(restarted.register('b-value', record({ name: 'x', type: 'int' })).id).toBe(3);
  });

  it('reads what a Confluent registry wrote, tombstones and unknown kinds included', () => {
    const state = new RegistryState();
    const key = (version: number) => JSON.stringify({ keytype: 'SCHEMA', subject: 's', version, magic: 1 });
    const value = (version: number, deleted: boolean) =>
      JSON.stringify({
        subject: 's',
        version,
        id: version,
        schema: record({ name: `f${version}`, type: 'int' }),
        deleted,
      });
    state.apply({ key: '{"keytype":"NOOP","magic":0}', value: null });
    for (const version of [1, 2, 3]) state.apply({ key: key(version), value: value(version, false) });
    state.apply({ key: key(2), value: value(2, true) });
    state.apply({ key: key(3), value: null });
    expect(state.versions('s')).toEqual([1]);
    expect(state.schema('2')).toContain('f2');
    expect(state.register('t', record({ name: 'new', type: 'int' })).id).toBe(4);
  });

  it('changes nothing when the event cannot be written', async () => {
    const state = new RegistryState();
    const failing = registryServer(state, async () => {
      throw new Error('the broker is away');
    });
    const answer = await failing.inject({
      method: 'POST',
      url: '/subjects/a-value/versions',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema: record(price) }),
    });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ error_code: 50001, message: 'the broker is away' });
    expect(state.subjects()).toEqual([]);
  });
});
