import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { syntheticBook } from '#connectors/synthetic/book.ts';
import { freePort } from '#ops/embedded/ports.ts';
import { AVRO } from '#schemas/avro.ts';
import type { BookUpdate, Depth } from '#schemas/generated/types.ts';
import { openClient } from '#sinks/clickhouse/client.ts';
import { openReadStore, type ReadStore } from '#sinks/postgres/read.ts';
import { SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail } from '#streams/kafka/log-tail.ts';
import { silentLog } from '#streams/kit/log.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { book } from '#topologies/book/graph.ts';
import { until } from './harness.ts';
import { SinkWorld } from './sinks-support.ts';

const LIMIT_MS = 120_000;
const KILLS = 3;
const START = Date.UTC(2026, 0, 5, 15) * 1000;
const INSTRUMENTS = ['SYB001', 'SYB002', 'SYB003'];
const EACH = 4_000;

/** Updates of three books, one after the other in turns, some lost. */
const streams = INSTRUMENTS.map((instrument, index) =>
  syntheticBook({ instrument, seed: index, startMicros: START, updatesPerSecond: 100, levels: 200, lostEvery: 300 }),
);
const UPDATES: BookUpdate[] = Array.from({ length: EACH }, () => streams.map((stream) => stream.next().value)).flat();

/** What the topology says without a broker, without conflation and without an accident. */
function expected(): Depth[] {
  const driver = new TopologyTestDriver(book(), { now: () => START / 1000 });
  for (const value of UPDATES)
    driver.pipe('market.book', { key: value.instrument, value, timestampMs: Math.floor(value.eventTime / 1000) });
  driver.commit();
  return driver.read<Depth>('market.depth').map(({ value }) => value);
}
/** By instrument the newest record, and every change of state. */
const newestOf = (all: readonly Depth[]) =>
  INSTRUMENTS.map((instrument) => all.findLast((value) => value.instrument === instrument)!);
const changesOf = (all: readonly Depth[]) =>
  INSTRUMENTS.map((instrument) => {
    const own = all.filter((value) => value.instrument === instrument);
    return own
      .filter(({ state }, index) => state !== own[index - 1]?.state)
      .map(({ state, sequence, gaps, eventTime }) => `${state} ${sequence} ${gaps} ${eventTime}`);
  });

describe('order books of a process that is killed again and again', () => {
  let world: SinkWorld;
  let read: ReadStore;

  beforeAll(async () => {
    world = await SinkWorld.open();
    read = openReadStore(world.services.databaseUrl);
    const { supervisor, kafkaBrokers, registryUrl, home } = world.services;
    const env = {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      TIDEMARK_HOME: home,
    };
    supervisor.start({ name: 'book', file: 'topologies/main.ts', args: ['book'], env, statusPort: await freePort() });
    await world.startSink('sink-postgres');
    await world.startSink('sink-clickhouse');
  }, LIMIT_MS);
  afterAll(async () => {
    await read?.close();
    await world?.services.supervisor.stop(['book']);
    await world?.close();
  }, LIMIT_MS);

  const depths = async (): Promise<Depth[]> => {
    const registry = new SchemaRegistry(world.services.registryUrl);
    const serde = await topicSerde<Depth>(registry, 'market.depth', AVRO['market.depth']);
    const tail = await LogTail.open(world.kafka, { topic: 'market.depth', serde, from: 'earliest', log: silentLog });
    const values: Depth[] = [];
    const ends = await world.kafka.offsets('market.depth', 'latest');
    await tail.readTo(ends, ({ value }) => void (value && values.push(value)));
    await tail.close();
    return values;
  };
  const clickhouse = async <R>(query: string): Promise<R[]> => {
    const client = openClient(world.services.clickhouseUrl);
    try {
      return await (await client.query({ query, format: 'JSONEachRow' })).json<R>();
    } finally {
      await client.close();
    }
  };
  const caughtUp = async (): Promise<boolean> => {
    const ends = await world.kafka.offsets('market.book', 'latest-stable');
    const committed = await world.kafka.committedOffsets('book', 'market.book');
    // A partition without a book has no offset.
    return ends.every((end, partition) => end === 0 || committed[partition]! >= end);
  };

  it('are those of an undisturbed run to the last digit, every change of state told once', {
    timeout: LIMIT_MS,
  }, async () => {
    const part = Math.ceil(UPDATES.length / (KILLS + 1));
    for (let kill = 0; kill <= KILLS; kill++) {
      for (const value of UPDATES.slice(kill * part, (kill + 1) * part))
        await world.send('market.book', value.instrument, value);
      await world.producer.flush();
      if (kill < KILLS) world.kill('book');
    }
    await until('all updates', () => caughtUp().catch(() => false), LIMIT_MS);
    expect(world.services.supervisor.restarts('book')).toBeGreaterThan(0);
    const wanted = expected();
    const found = await depths();
    expect(newestOf(found)).toEqual(newestOf(wanted));
    expect(changesOf(found)).toEqual(changesOf(wanted));
    expect(changesOf(found).flat().length).toBeGreaterThan(30);
  });

  it('are in both stores as they stand, and in ClickHouse level by level', { timeout: LIMIT_MS }, async () => {
    const found = await depths();
    const newest = newestOf(found);
    const isStored = async () => (await read.orderBooks()).map(({ sequence }) => sequence);
    const sequences = newest.map(({ sequence }) => sequence);
    await until('PostgreSQL', async () => String(await isStored()) === String(sequences), LIMIT_MS);
    expect(await read.orderBooks()).toEqual(newest);

    const levels = UPDATES.reduce((sum, update) => sum + update.levels.length, 0);
    const count = async (view: string) =>
      (await clickhouse<{ rows: number }>(`SELECT toUInt32(count()) AS rows FROM ${view}`))[0]!.rows;
    await until('ClickHouse', async () => (await count('market_depth')) === found.length, LIMIT_MS);
    await until('its updates', async () => (await count('book_updates')) === UPDATES.length, LIMIT_MS);
    expect(await count('book_levels')).toBe(levels);
    const latest = await clickhouse(
      'SELECT instrument, state, stale_reason, best_bid, best_ask_size, microprice FROM depth_latest ORDER BY instrument',
    );
    expect(latest).toEqual(
      newest.map(({ instrument, state, staleReason, bestBid, bestAskSize, microprice }) => ({
        instrument,
        state,
        stale_reason: staleReason,
        best_bid: bestBid,
        best_ask_size: bestAskSize,
        microprice,
      })),
    );
    const [minutes] = await clickhouse<Record<string, number>>(
      `SELECT toUInt32(sum(records)) AS records, toUInt32(sum(sound_records)) AS sound, toUInt32(max(gaps)) AS gaps
       FROM depth_minutes`,
    );
    expect(minutes).toEqual({
      records: found.length,
      sound: found.filter(({ state }) => state === 'SOUND').length,
      gaps: Math.max(...newest.map(({ gaps }) => gaps)),
    });
    const best = await clickhouse<{ bids: [number, number][] }>(
      `SELECT arrayMap(level -> (level.price, level.size), bids) AS bids FROM market_depth
       WHERE instrument = 'SYB001' ORDER BY _offset DESC LIMIT 1`,
    );
    expect(best[0]!.bids.map((level) => Object.values(level))).toEqual(
      newest[0]!.bids.map(({ price, size }) => [price, size]),
    );
  });
});
