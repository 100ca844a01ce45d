import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createTopics, registerSchemas } from '#ops/embedded/prepare-system.ts';
import { AVRO } from '#schemas/avro.ts';
import { parseDecimal } from '#schemas/decimal.ts';
import type { OrderDecision, OrderRequest, Types } from '#schemas/generated/types.ts';
import { LANES, partitionKeyOf, type TopicName } from '#schemas/topics.ts';
import {
  type AvroSerde,
  type Kafka,
  openKafka,
  type Producer,
  SchemaRegistry,
  topicSerde,
} from '#streams/kafka/index.ts';
import { silentLog } from '#streams/kit/log.ts';
import { type Services, startServices, until } from '#tests/integration/harness.ts';
import { instrument, limit, pnl, position } from '#tests/topology/limits-records.ts';
import { nowMicros } from './engine/steady.ts';
import { machine, quantile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const POSITIONS = 50;
const PORTFOLIOS = 8;
const ORDERS_PER_SECOND = 50;
/** Prices that come beside the orders, a second; each reaches every partition. */
const MARK_RATES = [0, 500];
/** The broker's JVM compiles for so long. */
const WARM_SECONDS = 40;
const SECONDS = 20;
const LIMIT_MS = 60_000;

/**
 * From the moment an order is given to a producer until a read_committed reader has the decision on it, through the topology `limits` as a
 * process of its own; beside it, in the same run, until a reader has the order itself: what Kafka and the client take alone.
 */
export async function pretradeBenchmark({ log }: BenchOptions): Promise<unknown> {
  const services = await startServices({ kafka: true, registry: true });
  const kafka = await openKafka({ brokers: services.kafkaBrokers, clientId: 'bench', log: silentLog });
  await createTopics(services.kafkaBrokers);
  await registerSchemas(services.registryUrl);
  const topology = startLimits(services);
  const desk = await Desk.open(kafka, new SchemaRegistry(services.registryUrl));
  try {
    await desk.describe();
    const results: unknown[] = [];
    for (const marksPerSecond of MARK_RATES) {
      log(`${ORDERS_PER_SECOND} orders/s beside ${marksPerSecond} prices/s: warming for ${WARM_SECONDS} s`);
      await desk.trade(WARM_SECONDS, marksPerSecond);
      const samples = await desk.trade(SECONDS, marksPerSecond);
      const figures = { order: figuresOf(samples.orders), decision: figuresOf(samples.decisions) };
      log(JSON.stringify(figures));
      results.push({ marksPerSecond, samples: samples.decisions.length, latencyMs: figures });
    }
    return {
      benchmark: 'pretrade',
      machine: machine(),
      portfolios: PORTFOLIOS,
      positions: POSITIONS,
      limits: LIMITS.length,
      ordersPerSecond: ORDERS_PER_SECOND,
      results,
    };
  } finally {
    await desk.close();
    topology.kill('SIGTERM');
    await once(topology, 'exit');
    await kafka.close();
    await services.stop();
  }
}

const figuresOf = (samples: readonly number[]) => {
  const round = (share: number) => Number(quantile([...samples], share).toFixed(2));
  return { p50: round(0.5), p99: round(0.99), max: round(1) };
};
const LIMITS = [
  limit('gross', 'gross-exposure', 1e12),
  limit('net', 'net-exposure', 1e12),
  limit('leverage', 'leverage', 1e6),
  limit('name', 'instrument-concentration', 1),
  limit('size', 'order-size', 1e9),
  limit('rate', 'order-rate', 1e9, { windowMs: 60_000 }),
  limit('loss', 'daily-loss', 1e9),
  limit('drawdown', 'drawdown', 0.9),
];
const portfolioOf = (index: number) => `fund-${index % PORTFOLIOS}`;
const nameOf = (index: number) => `I${index % POSITIONS}`;

function startLimits({ kafkaBrokers, registryUrl, home }: Services): ChildProcess {
  const env = {
    ...process.env,
    KAFKA_BROKERS: kafkaBrokers.join(','),
    SCHEMA_REGISTRY_URL: registryUrl,
    TIDEMARK_HOME: home,
  };
  return spawn(process.execPath, ['topologies/main.ts', 'limits'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Who sends orders and prices, and reads what becomes of them. */
class Desk {
  readonly #kafka: Kafka;
  readonly #producer: Producer;
  readonly #serdes: { readonly [T in TopicName]?: AvroSerde<Types[T]> };
  readonly #end = new AbortController();
  readonly #sentMicros = new Map<string, number>();
  #samples = { orders: [] as number[], decisions: [] as number[] };
  #reading: Promise<void>[] = [];
  #orders = 0;

  private constructor(kafka: Kafka, producer: Producer, serdes: Desk['#serdes' & keyof Desk]) {
    this.#kafka = kafka;
    this.#producer = producer;
    this.#serdes = serdes;
  }

  static async open(kafka: Kafka, registry: SchemaRegistry): Promise<Desk> {
    const topics = [
      'reference.instruments',
      'risk.limits',
      'market.marks',
      'portfolio.positions',
      'portfolio.pnl',
      'orders.requests',
      'orders.decisions',
    ] as const;
    const serdes = Object.fromEntries(
      await Promise.all(topics.map(async (topic) => [topic, await topicSerde(registry, topic, AVRO[topic])] as const)),
    );
    const desk = new Desk(kafka, await kafka.openProducer(), serdes as never);
    desk.#reading = [
      desk.#follow<OrderRequest>('orders.requests', 'orders'),
      desk.#follow<OrderDecision>('orders.decisions', 'decisions'),
    ];
    return desk;
  }

  async describe(): Promise<void> {
    const eventTime = nowMicros();
    for (let index = 0; index < POSITIONS; index++)
      await this.#send('reference.instruments', nameOf(index), { ...instrument(nameOf(index), 'Energy'), eventTime });
    await this.#marks(0, POSITIONS);
    for (let fund = 0; fund < PORTFOLIOS; fund++) {
      const portfolio = portfolioOf(fund);
      await this.#send('portfolio.pnl', portfolio, pnl(1e8, eventTime, { portfolio }));
      for (const one of LIMITS)
        await this.#send('risk.limits', `${portfolio}/${one.limitId}`, { ...one, portfolio, eventTime });
      for (let index = 0; index < POSITIONS; index++) {
        const value = position(nameOf(index), '1000', 100, eventTime, { portfolio });
        await this.#send('portfolio.positions', `${portfolio}/${nameOf(index)}`, value);
      }
    }
    await this.#producer.flush();
  }

  /** Sends orders at the rate and prices beside them; resolves when all of them are decided on, with what each took. */
  async trade(seconds: number, marksPerSecond: number) {
    this.#samples = { orders: [], decisions: [] };
    const count = seconds * ORDERS_PER_SECOND;
    const start = performance.now();
    let marks = 0;
    for (let sent = 0; sent < count; sent++) {
      const due = start + (sent * 1000) / ORDERS_PER_SECOND;
      while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
      const wanted = Math.floor(((performance.now() - start) / 1000) * marksPerSecond);
      await this.#marks(marks, wanted);
      marks = Math.max(marks, wanted);
      await this.#order();
    }
    await this.#producer.flush();
    await until('every decision', () => this.#samples.decisions.length === count, LIMIT_MS);
    return this.#samples;
  }

  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#reading);
    await this.#producer.close();
  }

  async #order(): Promise<void> {
    const orderId = String(this.#orders++);
    const eventTime = nowMicros();
    const portfolio = portfolioOf(this.#orders);
    const value: OrderRequest = {
      eventTime,
      orderId,
      portfolio,
      instrument: nameOf(this.#orders),
      side: this.#orders % 2 === 0 ? 'BUY' : 'SELL',
      quantity: parseDecimal('1'),
      orderType: 'MARKET_ON_CLOSE',
      strategy: 'bench',
      decisionPrice: null,
    };
    this.#sentMicros.set(orderId, eventTime);
    await this.#send('orders.requests', portfolio, value);
    // An order waits for no other to share its batch.
    void this.#producer.flush();
  }

  async #marks(from: number, to: number): Promise<void> {
    for (let index = from; index < to; index++) {
      const eventTime = nowMicros();
      const source = { sourceTopic: 'market.trades', sourceEventTime: eventTime };
      const value = { eventTime, instrument: nameOf(index), price: 100 + (index % 7), ...source };
      for (const lane of LANES) await this.#send('market.marks', `${lane}/${nameOf(index)}`, value);
    }
  }

  #send<T extends TopicName>(topic: T, key: string, value: Types[T]): void | Promise<void> {
    const timestampMs = Math.floor((value as { eventTime: number }).eventTime / 1000);
    const serde = this.#serdes[topic] as unknown as AvroSerde<Types[T]>;
    const partitionKey = partitionKeyOf(topic, key);
    return this.#producer.send({ topic, key, value: serde.encode(value), timestampMs, partitionKey });
  }

  async #follow<V extends { orderId: string }>(
    topic: 'orders.requests' | 'orders.decisions',
    kind: 'orders' | 'decisions',
  ): Promise<void> {
    const reader = await this.#kafka.openReader({ topics: [{ topic, from: 'earliest' }] });
    const serde = this.#serdes[topic] as unknown as AvroSerde<V>;
    while (!this.#end.signal.aborted) {
      for (const { records } of await reader.poll(this.#end.signal)) {
        const micros = nowMicros();
        for (const { value } of records) {
          const { orderId, ...rest } = serde.decode(value!);
          const { decision, reason } = rest as unknown as Partial<OrderDecision>;
          if (decision === 'REJECTED') throw new Error(`order ${orderId} was refused: ${reason}`);
          this.#samples[kind].push((micros - this.#sentMicros.get(orderId)!) / 1000);
        }
      }
    }
    await reader.close();
  }
}
