import { AVRO } from '#schemas/avro.ts';
import type {
  CashMovement,
  Fill,
  OrderRequest,
  Portfolio,
  RiskLimit,
  RiskWorkflow,
  Session,
  Trade,
} from '#schemas/generated/types.ts';
import { workflowKeys } from '#schemas/response.ts';
import { partitionKeyOf, TOPICS, type TopicName } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail, type TailRecord } from '#streams/kafka/log-tail.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { Handshake } from '../kit/handshake.ts';
import { DemoBook, INITIAL_CASH } from './book.ts';
import { LIMITS } from './limits.ts';
import { STRATEGIES } from './strategies.ts';
import { WORKFLOWS } from './workflows.ts';

/** Group whose committed offset in market.sessions tells the replay how far the demo has come. It has no members. */
export const DEMO_GROUP = 'demo';
const SESSIONS = TOPICS['market.sessions'].name;
const TRADES = TOPICS['market.trades'].name;
const REQUESTS = TOPICS['orders.requests'].name;
const FILLS = TOPICS['orders.fills'].name;
const CASH = TOPICS['portfolio.cash'].name;
const PORTFOLIOS = TOPICS['reference.portfolios'].name;
const RISK_LIMITS = TOPICS['risk.limits'].name;
const RISK_WORKFLOWS = TOPICS['risk.workflows'].name;

/** Event time of the portfolios' descriptions: before the first trade of the history. */
const DESCRIBED_MICROS = Date.parse('1990-01-01T00:00:00Z') * 1000;
/** From 09:30, when trading opens, to the close at 16:00. */
const SESSION_MICROS = 6.5 * 3600 * 1e6;

export interface DemoOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

interface Serdes {
  readonly sessions: AvroSerde<Session>;
  readonly trades: AvroSerde<Trade>;
  readonly fills: AvroSerde<Fill>;
  readonly requests: AvroSerde<OrderRequest>;
  readonly cash: AvroSerde<CashMovement>;
  readonly portfolios: AvroSerde<Portfolio>;
  readonly limits: AvroSerde<RiskLimit>;
  readonly workflows: AvroSerde<RiskWorkflow>;
}

/**
 * The demo's strategies on Kafka. At each SETTLED session they see the day's closes and fills, decide, and only then is the
 * position committed. After a restart the whole past is decided again from the topics, which gives the same orders; those that
 * are there already are not written again.
 */
export class DemoClient {
  readonly #options: DemoOptions;
  readonly #serdes: Serdes;
  readonly #producer: Producer;
  readonly #book = new DemoBook(STRATEGIES);
  readonly #requested = new Set<string>();
  readonly #funded = new Set<string>();
  /** Fills read and not yet booked, oldest first: those of days after the one that is being decided. */
  readonly #fills: Fill[] = [];
  /** Closes of the day that is being followed. */
  #closes = new Map<string, number>();
  #closesDate = '';
  readonly #handshake: Handshake;
  readonly #ordersTotal;

  private constructor(options: DemoOptions, serdes: Serdes, producer: Producer) {
    this.#options = options;
    this.#serdes = serdes;
    this.#producer = producer;
    this.#handshake = new Handshake('The demo', options.kafka, options.log, options.signal);
    this.#ordersTotal = options.metrics.counter('tidemark_demo_orders_total', 'Orders asked for by the demo.');
  }

  static async open(options: DemoOptions): Promise<DemoClient> {
    const serde = <V>(topic: TopicName) => topicSerde<V>(options.registry, topic, AVRO[topic]);
    const serdes: Serdes = {
      sessions: await serde(SESSIONS),
      trades: await serde(TRADES),
      fills: await serde(FILLS),
      requests: await serde(REQUESTS),
      cash: await serde(CASH),
      portfolios: await serde(PORTFOLIOS),
      limits: await serde(RISK_LIMITS),
      workflows: await serde(RISK_WORKFLOWS),
    };
    return new DemoClient(options, serdes, await options.kafka.openProducer());
  }

  /** Works until the signal aborts, then throws its reason. */
  async run(): Promise<never> {
    const { kafka, signal, log } = this.#options;
    await this.#describePortfolios();
    await this.#setLimits();
    await this.#setWorkflows();
    await this.#readAll(CASH, this.#serdes.cash, (movement) => void this.#funded.add(movement.cashId));
    await this.#readAll(REQUESTS, this.#serdes.requests, (order) => void this.#requested.add(order.orderId));
    const committed = (await kafka.committedOffsets(DEMO_GROUP, SESSIONS))[0]!;
    log.info({ sessions: Math.max(committed, 0) }, 'The demo decides its past again and goes on');
    const sessions = await this.#tail(SESSIONS, this.#serdes.sessions);
    const trades = await this.#tail(TRADES, this.#serdes.trades);
    const fills = await this.#tail(FILLS, this.#serdes.fills);
    await this.#readFills(fills);
    return sessions.follow(async ({ value: session, offset }) => {
      if (!session) return;
      await this.#fund(session);
      // The day's trades are complete at CLOSED already: reading them then overlaps with the venue's work.
      await this.#readCloses(session, trades);
      if (session.state !== 'SETTLED') return;
      const isPast = offset < committed;
      if (!isPast) await this.#readFills(fills);
      await this.#decide(session);
      if (!isPast) await kafka.commitOffsets(DEMO_GROUP, SESSIONS, [offset + 1]);
    }, signal);
  }

  /** One sentence while it waits for somebody for long, else null. */
  get waitingFor(): string | null {
    return this.#handshake.waitingFor;
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  async #describePortfolios(): Promise<void> {
    const described = new Set<string>();
    await this.#readAll(PORTFOLIOS, this.#serdes.portfolios, ({ portfolio }) => void described.add(portfolio));
    for (const { portfolio, name, description } of STRATEGIES) {
      if (described.has(portfolio)) continue;
      const value = { eventTime: DESCRIBED_MICROS, portfolio, name, baseCurrency: 'USD', description };
      await this.#send(PORTFOLIOS, portfolio, this.#serdes.portfolios.encode(value), value.eventTime);
    }
    await this.#producer.flush();
  }

  /** Sets the limits that were never set: what somebody has changed or taken away since stays so. */
  async #setLimits(): Promise<void> {
    const known = await this.#keysOf(RISK_LIMITS, this.#serdes.limits);
    for (const { portfolio } of STRATEGIES)
      for (const limit of LIMITS) {
        const key = `${portfolio}/${limit.limitId}`;
        if (known.has(key)) continue;
        const value = { ...limit, eventTime: DESCRIBED_MICROS, portfolio };
        await this.#send(RISK_LIMITS, key, this.#serdes.limits.encode(value), value.eventTime);
      }
    await this.#producer.flush();
  }

  /** Likewise the workflows. */
  async #setWorkflows(): Promise<void> {
    const known = await this.#keysOf(RISK_WORKFLOWS, this.#serdes.workflows);
    for (const workflow of WORKFLOWS)
      for (const key of workflowKeys(workflow.workflowId)) {
        if (known.has(key)) continue;
        const value = { ...workflow, eventTime: DESCRIBED_MICROS };
        await this.#send(RISK_WORKFLOWS, key, this.#serdes.workflows.encode(value), value.eventTime);
      }
    await this.#producer.flush();
  }

  /** Every key that a topic has, of tombstones too. */
  async #keysOf<V>(topic: TopicName, serde: AvroSerde<V>): Promise<ReadonlySet<string | null>> {
    const { kafka, signal } = this.#options;
    const known = new Set<string | null>();
    const tail = await this.#tail(topic, serde);
    await tail.readTo(await kafka.offsets(topic, 'latest-stable'), ({ key }) => void known.add(key), signal);
    await tail.close();
    return known;
  }

  /** Puts the initial cash in, at the open of the first day that was replayed. */
  async #fund(session: Session): Promise<void> {
    for (const { portfolio } of STRATEGIES) {
      const cashId = `${portfolio}:initial`;
      if (this.#funded.has(cashId)) continue;
      const eventTime = session.eventTime - SESSION_MICROS;
      const value = { eventTime, cashId, portfolio, amount: INITIAL_CASH, currency: null, source: 'demo' };
      await this.#send(CASH, portfolio, this.#serdes.cash.encode(value), eventTime);
      this.#funded.add(cashId);
    }
  }

  async #readCloses({ date, eventTime, tradeEndOffsets }: Session, trades: LogTail<Trade>): Promise<void> {
    if (this.#closesDate !== date) this.#closes = new Map();
    this.#closesDate = date;
    const see = ({ value }: TailRecord<Trade>) => {
      // Trades of other times share the topic: somebody's ticks, a history that was ingested meanwhile.
      if (value?.eventTime === eventTime && Number.isFinite(value.price) && value.price > 0)
        this.#closes.set(value.instrument, value.price);
    };
    await trades.readTo(tradeEndOffsets, see, this.#options.signal);
  }

  async #decide({ date, eventTime }: Session): Promise<void> {
    const closes = this.#closes;
    const booked = this.#fills.findIndex((fill) => fill.eventTime > eventTime);
    for (const fill of this.#fills.splice(0, booked < 0 ? this.#fills.length : booked)) this.#book.apply(fill);
    const orders = this.#book
      .decide({ date, eventTime, closes })
      .filter(({ orderId }) => !this.#requested.has(orderId));
    if (orders.length === 0) return;
    // On yesterday's figures they would be checked wrongly, on none at all refused.
    await this.#producer.flush();
    await this.#handshake.untilOrdersCanBeChecked();
    for (const order of orders) {
      this.#requested.add(order.orderId);
      await this.#send(REQUESTS, order.portfolio, this.#serdes.requests.encode(order), eventTime);
      this.#ordersTotal.inc();
    }
    await this.#producer.flush();
  }

  /** Only the paper venue's fills answer the demo's orders; somebody may ingest or correct others in the same portfolio. */
  async #readFills(fills: LogTail<Fill>): Promise<void> {
    const { kafka, signal } = this.#options;
    const before = this.#fills.length;
    const keep = ({ value }: TailRecord<Fill>) => {
      if (value?.venue === 'paper' && value.action === 'NEW') this.#fills.push(value);
    };
    await fills.readTo(await kafka.offsets(FILLS, 'latest-stable'), keep, signal);
    if (this.#fills.length > before) this.#fills.sort((a, b) => a.eventTime - b.eventTime);
  }

  #send(topic: TopicName, key: string, value: Buffer, eventTime: number): void | Promise<void> {
    const timestampMs = Math.floor(eventTime / 1000);
    return this.#producer.send({ topic, key, value, timestampMs, partitionKey: partitionKeyOf(topic, key) });
  }

  #tail<V>(topic: TopicName, serde: AvroSerde<V>): Promise<LogTail<V>> {
    const { kafka, log } = this.#options;
    return LogTail.open(kafka, { topic, serde, from: 'earliest', log });
  }

  async #readAll<V>(topic: TopicName, serde: AvroSerde<V>, visit: (value: V) => void): Promise<void> {
    const { kafka, signal } = this.#options;
    const tail = await this.#tail(topic, serde);
    const ends = await kafka.offsets(topic, 'latest-stable');
    await tail.readTo(ends, ({ value }) => void (value && visit(value)), signal);
    await tail.close();
  }
}
