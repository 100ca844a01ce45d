import { SchemaRegistry as ConfluentClient } from '@kafkajs/confluent-schema-registry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerSchemas } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { type Services, startServices, until } from './harness.ts';

const LIMIT_MS = 60_000;

describe('the embedded schema registry', () => {
  let services: Services;
  const subjects = async (): Promise<unknown> => (await fetch(`${services.registryUrl}/subjects`)).json();

  beforeAll(async () => {
    services = await startServices({ kafka: true, registry: true });
    await registerSchemas(services.registryUrl);
  }, 2 * LIMIT_MS);
  afterAll(() => services?.stop(), LIMIT_MS);

  it('holds every schema of ours under the compatibility that lets readers of any age go on', async () => {
    expect(await subjects()).toEqual(
      Object.keys(TOPICS)
        .map((topic) => `${topic}-value`)
        .sort(),
    );
    const config = await (await fetch(`${services.registryUrl}/config/orders.fills-value`)).json();
    expect(config).toEqual({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
  });

  it('lets a downstream team read our values with the Confluent client', async () => {
    const client = new ConfluentClient({ host: services.registryUrl });
    const id = await client.getLatestSchemaId('market.trades-value');
    const trade = {
      eventTime: 1_000_000,
      instrument: 'AAPL',
      price: 101.5,
      size: null,
      source: 'test',
      sequence: null,
    };
    expect(await client.decode(await client.encode(id, trade))).toMatchObject({ instrument: 'AAPL', price: 101.5 });
  });

  it('refuses a schema of ours that lost a field without a default, by name', async () => {
    const registry = new SchemaRegistry(services.registryUrl);
    const added = {
      ...AVRO['orders.fills'],
      fields: [...AVRO['orders.fills'].fields, { name: 'desk', type: 'string' }],
    };
    await expect(registry.register('orders.fills-value', added)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      message: expect.stringContaining("field 'desk'"),
    });
  });

  it(
    'is the same after kill -9: ids, versions and levels',
    async () => {
      const registry = new SchemaRegistry(services.registryUrl);
      const state = async () => {
        const names = Object.keys(TOPICS) as TopicName[];
        return Promise.all(names.map((topic) => registry.register(`${topic}-value`, AVRO[topic])));
      };
      const before = await state();
      const pid = services.supervisor.pid('registry')!;
      process.kill(pid, 'SIGKILL');
      await until('the registry to be back', async () => (await subjects().catch(() => null)) !== null, LIMIT_MS);
      expect(services.supervisor.pid('registry')).not.toBe(pid);
      expect(await state()).toEqual(before);
      expect(await registry.register('another-value', { type: 'record', name: 'N', fields: [] })).toBe(
        Math.max(...before) + 1,
      );
    },
    LIMIT_MS,
  );

  it('keeps its schemas in a compacted topic that nothing expires from', async () => {
    const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'registry-test' });
    expect(await kafka.partitions('_schemas')).toBe(1);
    const [end] = await kafka.offsets('_schemas', 'latest');
    expect(end).toBe(2 * Object.keys(TOPICS).length + 1);
    await kafka.close();
  });
});
