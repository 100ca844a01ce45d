import { parseArgs } from 'node:util';
import { AVRO } from '#schemas/avro.ts';
import { ONE } from '#schemas/decimal.ts';
import type { BookUpdate, Instrument, Trade } from '#schemas/generated/types.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { TOPICS } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService, type ServiceContext } from '#streams/kit/service.ts';
import { syntheticBook } from './book.ts';
import { syntheticTicks, TICK_SIZE } from './ticks.ts';

const TRADES = TOPICS['market.trades'].name;
const BOOK = TOPICS['market.book'].name;
const REFERENCE = TOPICS['reference.instruments'].name;
const SOURCE = 'synthetic';
/** How often what is due is sent. */
const STEP_MS = 5;

/** What is asked for by default. */
const DEFAULTS = {
  /** Ticks a second, all instruments together. */
  rate: 1000,
  seconds: 60,
  instruments: 50,
  /** Order books, each of an instrument of its own. */
  books: 0,
  /** Updates a second of each book. */
  'book-rate': 20,
  /** About how many levels a side. */
  levels: 50,
  /** One update of a book in so many is lost, to show what a gap does; 0: none. */
  'lost-every': 0,
};
type Arguments = Readonly<typeof DEFAULTS>;
const MAY_BE_ZERO: ReadonlySet<string> = new Set(['books', 'lost-every']);
const WHOLE: ReadonlySet<string> = new Set(['instruments', 'books', 'levels', 'lost-every']);

/** Reads `--rate` and the others; throws CONFIG_INVALID. */
function readArguments(args: readonly string[]): Arguments {
  const options = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: 'string' } as const]));
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    throw new TidemarkError('CONFIG_INVALID', (error as Error).message);
  }
  const numberOf = ([name, fallback]: [string, number]): [string, number] => {
    const value = Number(values[name] ?? fallback);
    const isSound = Number.isFinite(value) && (MAY_BE_ZERO.has(name) ? value >= 0 : value > 0);
    if (!isSound) throw new TidemarkError('CONFIG_INVALID', `--${name} ${values[name]}: expected a number above zero`);
    return [name, WHOLE.has(name) ? Math.ceil(value) : value];
  };
  return Object.fromEntries(Object.entries(DEFAULTS).map(numberOf)) as Arguments;
}

const describe = (instrument: string, eventTime: number): Instrument => ({
  eventTime,
  instrument,
  name: `Synthetic instrument ${instrument.slice(3)}`,
  currency: 'USD',
  multiplier: ONE,
  assetClass: 'OTHER',
  sector: null,
  lotSize: ONE,
  tickSize: ONE / BigInt(1 / TICK_SIZE),
  source: SOURCE,
});

/** Sends what of a stream is due at a time, microseconds; each time from where it was before. */
type Feed = (due: number) => Promise<void>;

function feedOf<V extends { readonly eventTime: number }>(
  stream: Generator<V, never>,
  send: (value: V) => Promise<void>,
): Feed {
  let next = stream.next().value;
  return async (due) => {
    for (; next.eventTime < due; next = stream.next().value) await send(next);
  };
}

const namesOf = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1).padStart(3, '0')}`);

/** Publishes what falls due by the wall clock, so that event times are the present, for so many seconds. */
async function publish(
  kafka: Kafka,
  registry: SchemaRegistry,
  wanted: Arguments,
  { log, signal }: ServiceContext,
  seed: number,
) {
  const producer = await kafka.openProducer();
  const counts = { ticks: 0, bookUpdates: 0 };
  try {
    const trades = await topicSerde<Trade>(registry, TRADES, AVRO[TRADES]);
    const books = await topicSerde<BookUpdate>(registry, BOOK, AVRO[BOOK]);
    const reference = await topicSerde<Instrument>(registry, REFERENCE, AVRO[REFERENCE]);
    const startMs = systemClock.now();
    const startMicros = startMs * 1000;
    const traded = namesOf('SYN', wanted.instruments);
    const booked = namesOf('SYB', wanted.books);
    for (const name of [...traded, ...booked]) {
      const value = reference.encode(describe(name, startMicros));
      await producer.send({ topic: REFERENCE, key: name, value, timestampMs: startMs });
    }
    const ticks = syntheticTicks({ instruments: traded, seed, startMicros, ticksPerSecond: wanted.rate });
    const tickFeed = feedOf(ticks, async ({ eventTime, instrument, price, size }) => {
      const value = trades.encode({ eventTime, instrument, price, size, source: SOURCE, sequence: ++counts.ticks });
      await producer.send({ topic: TRADES, key: instrument, value, timestampMs: Math.floor(eventTime / 1000) });
    });
    const bookFeeds = booked.map((instrument) => {
      const { levels, 'book-rate': updatesPerSecond, 'lost-every': lostEvery } = wanted;
      const book = syntheticBook({ instrument, seed, startMicros, updatesPerSecond, levels, lostEvery });
      return feedOf(book, async (update) => {
        counts.bookUpdates++;
        const timestampMs = Math.floor(update.eventTime / 1000);
        await producer.send({ topic: BOOK, key: instrument, value: books.encode(update), timestampMs });
      });
    });
    const endMicros = startMicros + wanted.seconds * 1e6;
    for (let due = startMicros; due < endMicros && !signal.aborted; ) {
      due = Math.min(systemClock.now() * 1000, endMicros);
      for (const feed of [tickFeed, ...bookFeeds]) await feed(due);
      await systemClock.sleep(STEP_MS, signal);
    }
    log.info(counts, 'The synthetic ticks and order books are published');
  } finally {
    await producer.close();
  }
}

/**
 * Synthetic ticks and order books into a running system: `node connectors/synthetic/main.ts --rate 5000 --seconds 60 --books 3 --lost-every 500`.
 * Seed: TIDEMARK_SEED.
 */
await runService('synthetic', async (context) => {
  const settings = readSettings(SETTINGS, process.env);
  const wanted = readArguments(process.argv.slice(2));
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, TIDEMARK_SEED: seed } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError(
      'CONFIG_INVALID',
      'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set; those of a running system are in its running.json',
    );
  const kafka = await openKafka({ brokers, clientId: 'synthetic', log: context.log });
  const done = publish(kafka, new SchemaRegistry(registryUrl), wanted, context, seed);
  return {
    notReady: () => null,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      await kafka.close();
    },
  };
});
