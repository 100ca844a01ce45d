import { AVRO } from '#schemas/avro.ts';
import type { Fill, OrderDecision, Session, Trade } from '#schemas/generated/types.ts';
import { TOPICS } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail, type TailRecord } from '#streams/kafka/log-tail.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { Handshake } from '../kit/handshake.ts';
import { PaperVenue } from './venue.ts';

/** Group whose committed offset in market.sessions tells the replay how far the venue has come. It has no members. */
export const VENUE_GROUP = 'paper-venue';
const SESSIONS = TOPICS['market.sessions'].name;
const TRADES = TOPICS['market.trades'].name;
const REQUESTS = TOPICS['orders.requests'].name;
const DECISIONS = TOPICS['orders.decisions'].name;
const FILLS = TOPICS['orders.fills'].name;

export interface VenueOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly seed: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/**
 * The paper venue on Kafka. At each CLOSED session it fills the orders that the pre-trade check let pass before, writes the fills and then commits its
 * position; what it knows it reads from the topics, so a kill at any moment costs nothing: a fill that was written is never
 * written again, one that was not is written with the same figures.
 */
export class VenueClient {
  readonly #options: VenueOptions;
  readonly #venue: PaperVenue;
  readonly #tails: Tails;
  readonly #fillSerde: AvroSerde<Fill>;
  readonly #producer: Producer;
  readonly #handshake: Handshake;
  readonly #fillsTotal;
  /** Ends of orders.requests up to which decisions were read. */
  #asked = '';

  private constructor(options: VenueOptions, tails: Tails, fillSerde: AvroSerde<Fill>, producer: Producer) {
    this.#options = options;
    this.#venue = new PaperVenue(options.seed);
    this.#tails = tails;
    this.#fillSerde = fillSerde;
    this.#producer = producer;
    this.#handshake = new Handshake('The paper venue', options.kafka, options.log, options.signal);
    this.#fillsTotal = options.metrics.counter('tidemark_paper_fills_total', 'Fills given by the paper venue.');
  }

  static async open(options: VenueOptions): Promise<VenueClient> {
    const { kafka, registry, log } = options;
    const fills = await topicSerde<Fill>(registry, FILLS, AVRO[FILLS]);
    const decisions = await topicSerde<OrderDecision>(registry, DECISIONS, AVRO[DECISIONS]);
    const trades = await topicSerde<Trade>(registry, TRADES, AVRO[TRADES]);
    const sessions = await topicSerde<Session>(registry, SESSIONS, AVRO[SESSIONS]);
    const tails: Tails = {
      fills: await LogTail.open(kafka, { topic: FILLS, serde: fills, from: 'earliest', log }),
      decisions: await LogTail.open(kafka, { topic: DECISIONS, serde: decisions, from: 'earliest', log }),
      sessions: await LogTail.open(kafka, { topic: SESSIONS, serde: sessions, from: 'earliest', log }),
      openTrades: (from) => LogTail.open(kafka, { topic: TRADES, serde: trades, from, log }),
    };
    return new VenueClient(options, tails, fills, await kafka.openProducer());
  }

  /** Works until the signal aborts, then throws its reason. */
  async run(): Promise<never> {
    const { kafka, signal, log } = this.#options;
    const { fills, sessions, openTrades } = this.#tails;
    const restore = ({ value }: TailRecord<Fill>) => void (value && this.#venue.restore(value));
    await fills.readTo(await kafka.offsets(FILLS, 'latest-stable'), restore, signal);
    await fills.close();
    const committed = (await kafka.committedOffsets(VENUE_GROUP, SESSIONS))[0]!;
    let tradesFrom: 'earliest' | readonly number[] = 'earliest';
    const skipDone = ({ value }: TailRecord<Session>) => {
      if (value) tradesFrom = value.tradeEndOffsets;
    };
    if (committed > 0) await sessions.readTo([committed], skipDone, signal);
    log.info({ sessions: Math.max(committed, 0) }, 'The paper venue knows its fills and goes on');
    const trades = await openTrades(tradesFrom);
    return sessions.follow(async ({ value, offset }) => {
      if (value?.state !== 'CLOSED') return;
      await this.#fillSession(value, trades);
      await kafka.commitOffsets(VENUE_GROUP, SESSIONS, [offset + 1]);
    }, signal);
  }

  /** One sentence while it waits for somebody for long, else null. */
  get waitingFor(): string | null {
    return this.#handshake.waitingFor;
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  async #fillSession({ eventTime, tradeEndOffsets }: Session, trades: LogTail<Trade>): Promise<void> {
    const { signal } = this.#options;
    const closes = new Map<string, number>();
    const see = ({ value }: TailRecord<Trade>) => {
      // Trades of other times share the topic: somebody's ticks, a history that was ingested meanwhile.
      if (value?.eventTime === eventTime && isPrice(value.price)) closes.set(value.instrument, value.price);
    };
    await Promise.all([trades.readTo(tradeEndOffsets, see, signal), this.#readDecisions()]);
    const fills = this.#venue.fillAt(eventTime, closes);
    if (fills.length === 0) return;
    for (const fill of fills) {
      await this.#producer.send({
        topic: FILLS,
        key: fill.portfolio,
        value: this.#fillSerde.encode(fill),
        timestampMs: Math.floor(fill.eventTime / 1000),
      });
    }
    await this.#producer.flush();
    this.#fillsTotal.inc(fills.length);
  }

  /** An order fills only after the pre-trade check has let it pass; that on all orders so far is waited for. */
  async #readDecisions(): Promise<void> {
    const { kafka, signal } = this.#options;
    const asked = String(await kafka.offsets(REQUESTS, 'latest'));
    if (asked === this.#asked) return;
    await this.#handshake.untilOrdersAreDecided();
    const ends = await kafka.offsets(DECISIONS, 'latest');
    await this.#tails.decisions.readTo(ends, (record) => this.#accept(record), signal);
    this.#asked = asked;
  }

  #accept({ value, partition, offset }: TailRecord<OrderDecision>): void {
    if (value?.decision !== 'ACCEPTED') return;
    const refusal = this.#venue.accept(value);
    if (refusal) this.#options.log.warn({ topic: DECISIONS, partition, offset }, `An order is refused: ${refusal}`);
  }
}

interface Tails {
  readonly fills: LogTail<Fill>;
  readonly decisions: LogTail<OrderDecision>;
  readonly sessions: LogTail<Session>;
  readonly openTrades: (from: 'earliest' | readonly number[]) => Promise<LogTail<Trade>>;
}

/** A price that the ledger can hold: whatever else is in the topic is dead-lettered by the topologies and no close here. */
const isPrice = (price: number) => price >= 1e-9 && price < 1e15;
