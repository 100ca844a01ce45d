import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { openFeed } from '../kit/feed.ts';
import { runSink } from '../kit/sink.ts';
import { CLICKHOUSE_TOPICS } from './tables.ts';
import { openClickHouseStore } from './write.ts';

/** Rows of one insert. */
const MAX_RECORDS = 100_000;
/** ClickHouse wants few large inserts: each one is a part that has to be merged. */
const LINGER_MS = 1_000;

const NAME = 'sink-clickhouse';

/**
 * Writes topics to ClickHouse. Rows are keyed by their position, so that a kill at any moment loses and doubles
 * nothing.
 */
await runService(NAME, async ({ log, metrics, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, CLICKHOUSE_URL: clickhouseUrl } = settings;
  if (!brokers || !registryUrl || !clickhouseUrl) {
    throw new TidemarkError('CONFIG_INVALID', `${NAME} needs KAFKA_BROKERS, SCHEMA_REGISTRY_URL and CLICKHOUSE_URL`);
  }
  const topics = CLICKHOUSE_TOPICS;
  const feed = { brokers, registryUrl, name: NAME, topics, maxRecords: MAX_RECORDS, lingerMs: LINGER_MS, log };
  return runSink({
    name: NAME,
    topics,
    openStore: () => openClickHouseStore(clickhouseUrl),
    openFeed: (start) => openFeed(feed, start),
    log,
    metrics,
    signal,
  });
});
