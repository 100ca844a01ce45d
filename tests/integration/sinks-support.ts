import { freePort } from '#ops/embedded/ports.ts';
import { prepareSystem } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { Types } from '#schemas/generated/types.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import { type Kafka, openKafka, type Producer, SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { type Services, startServices } from './harness.ts';

/** A day's close in New York, 1990-01-02, in microseconds. */
export const FIRST_DAY = Date.UTC(1990, 0, 2, 21) * 1000;
export const MINUTE = 60_000_000;

export const pnl = (portfolio: string, index: number, equity = 1_000_000 + index): Types['portfolio.pnl'] => ({
  eventTime: FIRST_DAY + index * MINUTE,
  portfolio,
  cash: parseDecimal(`${index}.123456789`),
  realizedPnl: BigInt(-index),
  commission: parseDecimal('0.000000001'),
  unrealizedPnl: index / 3,
  equity,
  dayPnl: 0,
  grossExposure: 0,
  netExposure: 0,
  peakEquity: equity,
  drawdown: 0,
  openPositions: 1,
  unpricedPositions: 0,
  baseCurrency: 'USD',
  missingRates: [],
  currencies: [],
  sourceTopic: 'portfolio.positions',
  sourceEventTime: FIRST_DAY + index * MINUTE,
});

export const position = (portfolio: string, instrument: string, index: number): Types['portfolio.positions'] => ({
  eventTime: FIRST_DAY + index * MINUTE,
  portfolio,
  instrument,
  quantity: parseDecimal(String(index)),
  cost: parseDecimal(`${index}.5`),
  averagePrice: 1.5,
  markPrice: null,
  markTime: null,
  multiplier: parseDecimal('1'),
  currency: 'USD',
  realizedPnl: 0n,
  unrealizedPnl: null,
  commission: 0n,
  dividends: parseDecimal(`${index}.25`),
  cashFlow: parseDecimal(`-${index}.5`),
  fills: index,
  revision: index,
  unpriced: true,
  cause: 'FILL',
  sourceTopic: 'orders.fills',
  sourceEventTime: FIRST_DAY,
});

export const trade = (instrument: string, index: number, price = 100): Types['market.trades'] => ({
  eventTime: FIRST_DAY + index * MINUTE,
  instrument,
  price,
  size: index % 2 === 0 ? 10 : null,
  source: 'test',
  sequence: index,
});

export const fill = (portfolio: string, instrument: string, index: number): Types['orders.fills'] => ({
  eventTime: FIRST_DAY + index * MINUTE,
  fillId: `f${index}`,
  action: 'NEW',
  portfolio,
  instrument,
  side: index % 3 === 0 ? 'SELL' : 'BUY',
  quantity: parseDecimal('10'),
  price: parseDecimal(`${index}.25`),
  commission: parseDecimal('1.01'),
  orderId: null,
  venue: 'test',
});

/** Services with topics, schemas and tables ready, and a hand to write and measure topics. */
export class SinkWorld {
  readonly services: Services;
  readonly kafka: Kafka;
  readonly producer: Producer;
  readonly #encoders: Map<TopicName, (value: never) => Buffer>;

  private constructor(
    services: Services,
    kafka: Kafka,
    producer: Producer,
    encoders: Map<TopicName, (value: never) => Buffer>,
  ) {
    this.services = services;
    this.kafka = kafka;
    this.producer = producer;
    this.#encoders = encoders;
  }

  static async open(): Promise<SinkWorld> {
    const services = await startServices({ kafka: true, registry: true, postgres: true, clickhouse: true });
    await prepareSystem(services, () => {});
    const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'sinks-test' });
    const registry = new SchemaRegistry(services.registryUrl);
    const encoders = new Map<TopicName, (value: never) => Buffer>();
    for (const topic of Object.keys(TOPICS) as TopicName[]) {
      const serde = await topicSerde(registry, topic, AVRO[topic]);
      encoders.set(topic, (value) => serde.encode(value));
    }
    return new SinkWorld(services, kafka, await kafka.openProducer(), encoders);
  }

  encode<T extends TopicName>(topic: T, value: Types[T]): Buffer {
    return this.#encoders.get(topic)!(value as never);
  }

  async send<T extends TopicName>(topic: T, key: string, value: Types[T]): Promise<void> {
    await this.raw(topic, key, this.encode(topic, value), Math.floor(value.eventTime / 1000));
  }

  async raw(topic: TopicName, key: string, value: Buffer | null, timestampMs = FIRST_DAY / 1000): Promise<void> {
    const partitionKey = key.split('/')[0]!;
    await this.producer.send({ topic, key, value, timestampMs, partitionKey });
  }

  /** Runs a sink under the harness's supervisor, which starts it again when it dies. */
  async startSink(name: 'sink-postgres' | 'sink-clickhouse'): Promise<void> {
    const { supervisor, kafkaBrokers, registryUrl, databaseUrl, clickhouseUrl } = this.services;
    const env = {
      ...process.env,
      KAFKA_BROKERS: kafkaBrokers.join(','),
      SCHEMA_REGISTRY_URL: registryUrl,
      DATABASE_URL: databaseUrl,
      CLICKHOUSE_URL: clickhouseUrl,
    };
    const file = name === 'sink-postgres' ? 'sinks/postgres/main.ts' : 'sinks/clickhouse/main.ts';
    supervisor.start({ name, file, env, statusPort: await freePort() });
  }

  kill(name: string): void {
    const pid = this.services.supervisor.pid(name);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    await this.producer.close();
    await this.kafka.close();
    await this.services.supervisor.stop(['sink-postgres', 'sink-clickhouse']);
    await this.services.stop();
  }
}
