import { parseArgs } from 'node:util';
import { AVRO } from '#schemas/avro.ts';
import { ONE } from '#schemas/decimal.ts';
import type { Instrument, Trade } from '#schemas/generated/types.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { TOPICS } from '#schemas/topics.ts';
import { type Kafka, openKafka, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { systemClock } from '#streams/kit/clock.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService, type ServiceContext } from '#streams/kit/service.ts';
import { syntheticTicks, TICK_SIZE } from './ticks.ts';

const TRADES = TOPICS['market.trades'].name;
const REFERENCE = TOPICS['reference.instruments'].name;
const SOURCE = 'synthetic';
/** How often what is due is sent. */
const STEP_MS = 5;

interface Arguments {
  readonly rate: number;
  readonly seconds: number;
  readonly instruments: number;
}

/** Reads `--rate`, `--seconds` and `--instruments`; throws CONFIG_INVALID. */
function readArguments(args: readonly string[]): Arguments {
  const text = { type: 'string' } as const;
  let values: { rate?: string; seconds?: string; instruments?: string };
  try {
    ({ values } = parseArgs({ args: [...args], options: { rate: text, seconds: text, instruments: text } }));
  } catch (error) {
    throw new TidemarkError('CONFIG_INVALID', (error as Error).message);
  }
  const above = (name: keyof typeof values, fallback: number) => {
    const value = Number(values[name] ?? fallback);
    if (!(value > 0 && Number.isFinite(value)))
      throw new TidemarkError('CONFIG_INVALID', `--${name} ${values[name]}: expected a number above zero`);
    return value;
  };
  return { rate: above('rate', 1000), seconds: above('seconds', 60), instruments: Math.ceil(above('instruments', 50)) };
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

/** Publishes ticks as they fall due by the wall clock, so that their event time is the present, for so many seconds. */
async function publish(
  kafka: Kafka,
  registry: SchemaRegistry,
  wanted: Arguments,
  context: ServiceContext,
  seed: number,
) {
  const { log, signal } = context;
  const producer = await kafka.openProducer();
  try {
    const trades = await topicSerde<Trade>(registry, TRADES, AVRO[TRADES]);
    const reference = await topicSerde<Instrument>(registry, REFERENCE, AVRO[REFERENCE]);
    const names = Array.from({ length: wanted.instruments }, (_, index) => `SYN${String(index + 1).padStart(3, '0')}`);
    const startMs = systemClock.now();
    for (const name of names) {
      const value = reference.encode(describe(name, startMs * 1000));
      await producer.send({ topic: REFERENCE, key: name, value, timestampMs: startMs });
    }
    const options = { instruments: names, seed, startMicros: startMs * 1000, ticksPerSecond: wanted.rate };
    const ticks = syntheticTicks(options);
    const endMicros = (startMs + wanted.seconds * 1000) * 1000;
    let tick = ticks.next().value;
    let sequence = 0;
    while (tick.eventTime < endMicros && !signal.aborted) {
      for (const due = Math.min(systemClock.now() * 1000, endMicros); tick.eventTime < due; tick = ticks.next().value) {
        const { eventTime, instrument, price, size } = tick;
        const value = trades.encode({ eventTime, instrument, price, size, source: SOURCE, sequence: ++sequence });
        await producer.send({ topic: TRADES, key: instrument, value, timestampMs: Math.floor(eventTime / 1000) });
      }
      await systemClock.sleep(STEP_MS, signal);
    }
    log.info({ ticks: sequence }, 'The synthetic ticks are published');
  } finally {
    await producer.close();
  }
}

/** Synthetic ticks into a running system: `node connectors/synthetic/main.ts --rate 5000 --seconds 60`. Seed: TIDEMARK_SEED. */
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
