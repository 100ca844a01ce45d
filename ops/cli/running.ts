import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as paths from '#ops/embedded/paths.ts';
import type { SystemUrls } from '#ops/embedded/prepare-system.ts';
import { SETTINGS } from '#schemas/settings.ts';
import type { Kafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { isRunning } from '#streams/kit/lock.ts';

type Environment = Readonly<Record<string, string | undefined>>;
export interface RunningSystem extends SystemUrls {
  readonly pid: number;
  readonly httpUrl: string;
  /** ISO 8601. */
  readonly startedAt: string;
}
/** What the commands that read and write topics need. */
export type SystemAddress = Pick<SystemUrls, 'kafkaBrokers' | 'registryUrl'>;
export interface Connection {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
}

/** TIDEMARK_HOME as an absolute path; relative ones are relative to the project, wherever the command was called. */
export const homeFolder = (env: Environment = process.env): string =>
  paths.homeFolder(env.TIDEMARK_HOME || SETTINGS.TIDEMARK_HOME.default);

/** The system that runs on this home folder, or null: a file left behind by a dead one is seen through. */
export function runningSystem(home: string = homeFolder()): RunningSystem | null {
  try {
    const system = JSON.parse(readFileSync(join(home, 'running.json'), 'utf8')) as RunningSystem;
    return isRunning(system.pid, 'node') ? system : null;
  } catch {
    return null;
  }
}

/**
 * The system to talk to: the running one, unless KAFKA_BROKERS names other brokers. Throws NOT_RUNNING, CONFIG_INVALID.
 */
export function findSystem(env: Environment = process.env): SystemAddress {
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl } = readSettings(SETTINGS, env);
  const running = runningSystem(homeFolder(env));
  if (running && (!brokers || brokers.join() === running.kafkaBrokers.join())) return running;
  if (brokers && registryUrl) return { kafkaBrokers: brokers, registryUrl };
  const hint = brokers ? 'KAFKA_BROKERS is set, SCHEMA_REGISTRY_URL is not' : 'start one with npm start';
  throw new TidemarkError('NOT_RUNNING', `No running Tidemark found: ${hint}`);
}

/** The database to read: DATABASE_URL, else that of the running system. Throws NOT_RUNNING, CONFIG_INVALID. */
export function findDatabase(env: Environment = process.env): string {
  const { DATABASE_URL: url } = readSettings(SETTINGS, env);
  const found = url ?? runningSystem(homeFolder(env))?.databaseUrl;
  if (found) return found;
  throw new TidemarkError('NOT_RUNNING', 'No running Tidemark found: start one with npm start, or set DATABASE_URL');
}

/** Connects to the system. Throws NOT_RUNNING, CONFIG_INVALID, KAFKA_UNREACHABLE. */
export async function openSystem(): Promise<Connection> {
  const { kafkaBrokers, registryUrl } = findSystem();
  // Only commands that talk to Kafka pay for loading its client.
  const { openKafka, SchemaRegistry } = await import('#streams/kafka/index.ts');
  const kafka = await openKafka({ brokers: kafkaBrokers, clientId: 'tidemark-cli' });
  return { kafka, registry: new SchemaRegistry(registryUrl) };
}

/** Runs `work` with a connection to the system and closes it. */
export async function withSystem<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await openSystem();
  try {
    return await work(connection);
  } finally {
    await connection.kafka.close();
  }
}
