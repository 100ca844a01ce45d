import { createTopicsV7, deleteGroupsV2, deleteTopicsV6 } from '@platformatic/kafka';
import { TidemarkError } from '../kit/errors.ts';
import type { Cluster } from './cluster.ts';
import { isRetriable, kafkaErrorName } from './protocol-errors.ts';

/** A topic to create. */
export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  /** Broker settings of the topic (`retention.ms` and the like). */
  readonly config: Readonly<Record<string, string>>;
}

const REQUEST_LIMIT_MS = 15_000;
/** How long brokers may take to hear of a new topic, milliseconds. */
const KNOWN_LIMIT_MS = 15_000;
const UNKNOWN_TOPIC = 3;
const TOPIC_EXISTS = 36;
const GROUP_UNKNOWN = 69;

/**
 * Creates topics that do not exist, replicated as the brokers' default says, and waits until they are known; returns the names
 * created. Throws TOPIC_REFUSED with Kafka's reason.
 */
export async function createTopics(cluster: Cluster, topics: readonly NewTopic[]): Promise<string[]> {
  const existing = new Set(await allTopics(cluster));
  const missing = topics.filter(({ name }) => !existing.has(name));
  const created: string[] = [];
  await cluster.retry(async () => {
    const left = missing.filter(({ name }) => !created.includes(name));
    if (left.length === 0) return;
    const connection = await cluster.connection(await cluster.controller());
    const request = left.map(({ name, partitions, config }) => ({
      name,
      numPartitions: partitions,
      replicationFactor: -1,
      assignments: [],
      configs: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    }));
    const answer = await answered(createTopicsV7.api.async(connection, request, REQUEST_LIMIT_MS, false));
    for (const { name, errorCode, errorMessage } of answer.topics) {
      if (errorCode === 0) created.push(name);
      else if (errorCode !== TOPIC_EXISTS)
        throw refused('TOPIC_REFUSED', `create topic ${name}`, errorCode, errorMessage);
    }
  });
  for (const name of created) await known(cluster, name);
  return created;
}

/** Names of all topics but Kafka's own. */
export async function listTopics(cluster: Cluster): Promise<string[]> {
  return (await allTopics(cluster)).filter((name) => !name.startsWith('__')).sort();
}

/** Deletes the topics that exist. */
export async function deleteTopics(cluster: Cluster, topics: readonly string[]): Promise<void> {
  await cluster.retry(async () => {
    const connection = await cluster.connection(await cluster.controller());
    const request = topics.map((name) => ({ name, topicId: null }));
    const answer = await answered(deleteTopicsV6.api.async(connection, request, REQUEST_LIMIT_MS));
    for (const { name, errorCode, errorMessage } of answer.responses) {
      if (errorCode === 0 || errorCode === UNKNOWN_TOPIC) continue;
      throw refused('TOPIC_REFUSED', `delete topic ${name}`, errorCode, errorMessage);
    }
  });
  cluster.refresh();
}

/** Deletes a group that has no members, and its offsets; one that is not there is fine. Throws GROUP_REFUSED. */
export async function deleteGroup(cluster: Cluster, group: string): Promise<void> {
  await cluster.retry(async () => {
    const connection = await cluster.connection(await cluster.coordinator('group', group));
    const answer = await answered(deleteGroupsV2.api.async(connection, [group]));
    for (const { errorCode } of answer.results)
      if (errorCode !== 0 && errorCode !== GROUP_UNKNOWN)
        throw refused('GROUP_REFUSED', `delete group ${group}`, errorCode, null);
  });
}

async function allTopics(cluster: Cluster): Promise<string[]> {
  const topics = await cluster.retry(() => cluster.describe(null));
  return topics.flatMap(({ name }) => name ?? []);
}

/** Waits until the brokers know a new topic and its leaders take requests, which is a moment later. */
async function known(cluster: Cluster, topic: string): Promise<void> {
  const deadline = Date.now() + KNOWN_LIMIT_MS;
  for (;;) {
    try {
      await cluster.offsets(topic, 'latest');
      return;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'TOPIC_UNKNOWN' || Date.now() > deadline) throw error;
    }
  }
}

/** The answer, even when it names errors: the client throws those, and they differ from topic to topic. */
const answered = <T>(request: Promise<T>): Promise<T> =>
  request.catch((error: { response?: T }) => {
    if (error.response) return error.response;
    throw error;
  });

function refused(code: string, what: string, errorCode: number, reason: string | null | undefined): TidemarkError {
  const cause = { apiCode: errorCode };
  return new TidemarkError(code, `Kafka refused to ${what}: ${reason ?? kafkaErrorName(errorCode)}`, {
    cause,
    retriable: isRetriable(cause),
  });
}
