import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FeedOptions, LiveFeed } from '#api/live/feed.ts';
import { createViews } from '#api/live/views.ts';
import { AVRO } from '#schemas/avro.ts';
import type { ReadStore } from '#sinks/postgres/read.ts';
import {
  type FetchedRecords,
  type Reader,
  type ReaderOptions,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { silentLog } from '#streams/kit/log.ts';
import { Metrics } from '#streams/kit/metrics.ts';
import { emptyStore, pnl, until } from '../fake-api.ts';

vi.setConfig({ testTimeout: 30_000 });

/** A registry that knows one schema under id 1. */
class FakeRegistry extends SchemaRegistry {
  override register = async () => 1;
}

type Step = FetchedRecords[] | Error;

/** A feed over readers that give what the test lists, one list a reader, and then nothing. */
function feedOf(readers: Step[][], store: Partial<ReadStore> = {}, end = 100) {
  const registry = new FakeRegistry('http://127.0.0.1:1');
  const opened: ReaderOptions[] = [];
  const metrics = new Metrics();
  const views = createViews(metrics);
  const openReader = async (options: ReaderOptions) => {
    opened.push(options);
    const steps = readers.shift() ?? [];
    const poll = async () => {
      const step = steps.shift();
      if (step instanceof Error) throw step;
      if (step) return step;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return [];
    };
    return { poll, close: async () => {} } as unknown as Reader;
  };
  const options: FeedOptions = {
    kafka: { offsets: async (_topic, at) => (at === 'earliest' ? [10] : [end]), openReader },
    registry,
    store: emptyStore(store),
    views,
    metrics,
    log: silentLog,
    clock: { now: Date.now, sleep: () => new Promise((resolve) => setTimeout(resolve, 1)) },
  };
  const feed = new LiveFeed(options);
  const from = (reader: number) =>
    Object.fromEntries(opened[reader]?.topics.map(({ topic, from: place }) => [topic, place]) ?? []);
  return { feed, views, registry, opened, from };
}

const batch = (value: Buffer, nextOffset: number): FetchedRecords => ({
  topic: 'portfolio.pnl',
  partition: 0,
  records: [{ offset: nextOffset - 1, timestampMs: 0, key: null, value, headers: [] }],
  nextOffset,
  endOffset: nextOffset + 3,
});

let feed: LiveFeed | undefined;
afterEach(() => feed?.stop());

describe('the live feed', () => {
  it('begins where the store is, within what the log holds; trades with a tail of their own', async () => {
    const sinkOffsets = async () => [
      { topic: 'portfolio.pnl', partition: 0, nextOffset: 42, updatedAt: 0 },
      { topic: 'portfolio.positions', partition: 0, nextOffset: 3, updatedAt: 0 },
    ];
    const world = feedOf([], { sinkOffsets });
    feed = world.feed;
    expect(feed.notLoaded()).not.toBeNull();
    feed.start();
    await until('a reader', () => world.opened.length === 1);
    expect(world.from(0)).toEqual({
      'portfolio.pnl': [42],
      'portfolio.positions': [10],
      'market.trades': [10],
      'market.indicators': [10],
      'market.regimes': [10],
      'risk.measures': [10],
      'risk.utilisation': [10],
      'risk.predictions': [10],
      'risk.breaches': [10],
      'ml.events': [10],
      'market.depth': [10],
    });
    await until('it to be ready', () => world.feed.notReady() === null);
    expect(feed.notLoaded()).toBeNull();
  });

  it('does not start beyond the end of a log that was made anew', async () => {
    const sinkOffsets = async () => [{ topic: 'portfolio.pnl', partition: 0, nextOffset: 4_000_000, updatedAt: 0 }];
    const world = feedOf([], { sinkOffsets });
    feed = world.feed;
    feed.start();
    await until('a reader', () => world.opened.length === 1);
    expect(world.from(0)['portfolio.pnl']).toEqual([100]);
  });

  it('says what is in the way, and goes on after a failure from where it was', async () => {
    const serde = await topicSerde(new FakeRegistry('http://127.0.0.1:1'), 'portfolio.pnl', AVRO['portfolio.pnl']);
    const lost = new TidemarkError('KAFKA_UNREACHABLE', 'No broker answers', { retriable: true });
    const world = feedOf([[[batch(serde.encode(pnl('p', 7)), 50)], lost]]);
    feed = world.feed;
    const reasons = new Set<string | null>();
    feed.start();
    await until('a second reader', () => {
      reasons.add(world.feed.notReady());
      return world.opened.length === 2;
    });
    expect(world.from(1)['portfolio.pnl']).toEqual([50]);
    expect(world.views.pnl.values('p').next().value?.eventTime).toBe(7);
    expect(feed.lagRecords()).toBe(3);
    await until('it to be ready', () => world.feed.notReady() === null);
  });

  it('starts over from the store when the log no longer holds its place', async () => {
    const serde = await topicSerde(new FakeRegistry('http://127.0.0.1:1'), 'portfolio.pnl', AVRO['portfolio.pnl']);
    const gone = new TidemarkError('OFFSET_OUT_OF_RANGE', 'Offset 50 is not there');
    const world = feedOf([[[batch(serde.encode(pnl('p', 7)), 50)], gone]]);
    feed = world.feed;
    feed.start();
    await until('a second reader', () => world.opened.length === 2);
    expect(world.from(1)['portfolio.pnl']).toEqual([10]);
  });
});
