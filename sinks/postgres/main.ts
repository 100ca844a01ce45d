import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { openFeed } from '../kit/feed.ts';
import { runSink } from '../kit/sink.ts';
import { POSTGRES_TOPICS } from './tables.ts';
import { openPostgresStore } from './write.ts';

/** Rows of one transaction. */
const MAX_RECORDS = 20_000;
/** A quiet stream reaches the database this long after the topic, ms, beside Kafka's own wait. */
const LINGER_MS = 20;

const NAME = 'sink-postgres';

/**
 * Writes topics to PostgreSQL: rows and offsets in one transaction, so that a kill at any moment loses and doubles
 * nothing.
 */
await runService(NAME, async ({ log, metrics, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, DATABASE_URL: databaseUrl } = settings;
  if (!brokers || !registryUrl || !databaseUrl) {
    throw new TidemarkError('CONFIG_INVALID', `${NAME} needs KAFKA_BROKERS, SCHEMA_REGISTRY_URL and DATABASE_URL`);
  }
  const feed = {
    brokers,
    registryUrl,
    name: NAME,
    topics: POSTGRES_TOPICS,
    maxRecords: MAX_RECORDS,
    lingerMs: LINGER_MS,
    log,
  };
  return runSink({
    name: NAME,
    topics: POSTGRES_TOPICS,
    openStore: () => openPostgresStore(databaseUrl),
    openFeed: (start) => openFeed(feed, start),
    log,
    metrics,
    signal,
  });
});
