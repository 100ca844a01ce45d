import { join } from 'node:path';
import { adoptModels } from '#connectors/models/adopt.ts';
import { ModelRegistry } from '#ml/model/registry.ts';
import { AVRO } from '#schemas/avro.ts';
import { TOPICS, type TopicName, topicConfig } from '#schemas/topics.ts';
import { migrate as migrateClickhouse } from '#sinks/clickhouse/migrate.ts';
import { migrate as migratePostgres } from '#sinks/postgres/migrate.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';

export interface SystemUrls {
  readonly kafkaBrokers: readonly string[];
  readonly registryUrl: string;
  readonly databaseUrl: string;
  readonly clickhouseUrl: string;
}

/** Creates the topics that are missing; returns how many. */
export async function createTopics(kafkaBrokers: readonly string[]): Promise<number> {
  const kafka = await openKafka({ brokers: kafkaBrokers, clientId: 'prepare' });
  try {
    const topics = Object.values(TOPICS).map(({ name, partitions, cleanup }) => ({
      name,
      partitions,
      config: topicConfig(cleanup),
    }));
    return (await kafka.createTopics(topics)).length;
  } finally {
    await kafka.close();
  }
}

/** Registers every topic's schema, with the compatibility that lets readers of any age go on. */
export async function registerSchemas(registryUrl: string): Promise<void> {
  const registry = new SchemaRegistry(registryUrl);
  for (const name of Object.keys(TOPICS) as TopicName[]) {
    await registry.setCompatibility(`${name}-value`, 'BACKWARD_TRANSITIVE');
    await registry.register(`${name}-value`, AVRO[name]);
  }
}

/** Makes topics, schemas and databases ready; safe to repeat. */
export async function prepareSystem(urls: SystemUrls, progress: (text: string) => void): Promise<void> {
  progress(`${await createTopics(urls.kafkaBrokers)} topics created`);
  await registerSchemas(urls.registryUrl);
  progress(`${Object.keys(TOPICS).length} schemas registered`);
  await Promise.all([migratePostgres(urls.databaseUrl), migrateClickhouse(urls.clickhouseUrl)]);
  progress('databases migrated');
}

/** Models that come with Tidemark count where there is none, and what was done to models is told; safe to repeat. */
export async function prepareModels(urls: SystemUrls, home: string): Promise<void> {
  const kafka = await openKafka({ brokers: urls.kafkaBrokers, clientId: 'prepare' });
  try {
    await adoptModels(new ModelRegistry({ folder: join(home, 'models') }), kafka, new SchemaRegistry(urls.registryUrl));
  } finally {
    await kafka.close();
  }
}
