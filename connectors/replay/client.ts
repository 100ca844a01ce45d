import { AVRO } from '#schemas/avro.ts';
import type { Instrument, Session, Trade } from '#schemas/generated/types.ts';
import { TOPICS, type TopicName } from '#schemas/topics.ts';
import { type AvroSerde, type Kafka, type Producer, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail, type TailRecord } from '#streams/kafka/log-tail.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { Handshake } from '../kit/handshake.ts';
import { closeMicros, type HistoryDay, tradesOf } from './parse.ts';
import { type Entry, planReplay, type ReplayPosition } from './plan.ts';
import { INSTRUMENTS } from './reference.ts';

/** Market of the sessions, and their record key. */
const MARKET = 'replay';
/** Who works at a CLOSED session, and who at a SETTLED one: their committed offsets in market.sessions are waited for. */
const VENUE_GROUP = 'paper-venue';
const DEMO_GROUP = 'demo';
const SESSIONS = TOPICS['market.sessions'].name;
const TRADES = TOPICS['market.trades'].name;
const FILLS = TOPICS['orders.fills'].name;
const REFERENCE = TOPICS['reference.instruments'].name;
const NOTHING: ReadonlySet<string> = new Set();

export interface ReplayOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly history: readonly HistoryDay[];
  readonly from: string | null;
  readonly to: string | null;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** Called after each day; the next begins when it resolves. */
  readonly pace: () => Promise<void>;
}

interface Serdes {
  readonly trades: AvroSerde<Trade>;
  readonly sessions: AvroSerde<Session>;
  readonly instruments: AvroSerde<Instrument>;
}

/**
 * Replays history day by day: trades, then CLOSED, then the wait for the venue, SETTLED, the wait for the demo, and, on days with
 * fills, the wait for the ledger. It is the only writer of market.sessions, and that topic is its only memory: whatever day it
 * was killed in, the newest session and the day's trades already in market.trades say what is still to do.
 */
export class ReplayClient {
  readonly #options: ReplayOptions;
  readonly #serdes: Serdes;
  readonly #producer: Producer;
  readonly #handshake: Handshake;
  #fillEnds: readonly number[] = [];
  /** End of market.sessions, counted here: nobody else writes to it. */
  #sessionEnd = 0;

  private constructor(options: ReplayOptions, serdes: Serdes, producer: Producer) {
    this.#options = options;
    this.#serdes = serdes;
    this.#producer = producer;
    this.#handshake = new Handshake('The replay', options.kafka, options.log, options.signal);
  }

  static async open(options: ReplayOptions): Promise<ReplayClient> {
    const serde = <V>(topic: TopicName) => topicSerde<V>(options.registry, topic, AVRO[topic]);
    const serdes: Serdes = {
      trades: await serde(TRADES),
      sessions: await serde(SESSIONS),
      instruments: await serde(REFERENCE),
    };
    return new ReplayClient(options, serdes, await options.kafka.openProducer());
  }

  /** One sentence while it waits for somebody for long, else null. */
  get waitingFor(): string | null {
    return this.#handshake.waitingFor;
  }

  /** Goes through the days that are left. Throws the signal's reason when it aborts, CONFIG_INVALID on wrong bounds. */
  async run(): Promise<void> {
    const { history, from, to, log, metrics, pace } = this.#options;
    const position = await this.#position();
    const { days, entry } = planReplay(history, { from, to }, position);
    await this.#describeInstruments();
    const dayGauge = metrics.gauge('tidemark_replay_day', 'Newest replayed trading day, Unix seconds of its close.');
    const daysTotal = metrics.counter('tidemark_replay_days_total', 'Trading days replayed by this process.');
    const last = days.at(-1)!.date;
    log.info({ from: days[0]!.date, to: last, days: days.length }, 'The replay begins');
    let written = position ? await this.#resume(days, entry, position) : await this.#tradesSince(days[0]!, 'earliest');
    for (const day of position ? days.slice(1) : days) {
      const tradeEndOffsets = await this.#publishTrades(day, written);
      written = NOTHING;
      await this.#publishSession(day, 'CLOSED', tradeEndOffsets);
      await this.#settle(day, tradeEndOffsets);
      dayGauge.set(closeMicros(day.date) / 1e6);
      daysTotal.inc();
      if (day.date !== last) await pace();
    }
    await this.#handshake.untilLedgerIsCurrent();
    log.info({ to: last }, 'The replay has come to its end');
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  /** Ends the day that was interrupted; returns what the next day already has in market.trades. */
  async #resume(days: readonly HistoryDay[], entry: Entry, position: ReplayPosition): Promise<ReadonlySet<string>> {
    const [interrupted, next] = days;
    if (entry === 'CLOSED') await this.#settle(interrupted!, position.tradeEndOffsets);
    else await this.#afterSettled();
    return next ? this.#tradesSince(next, position.tradeEndOffsets) : NOTHING;
  }

  /** From CLOSED to the end of the day. */
  async #settle(day: HistoryDay, tradeEndOffsets: readonly number[]): Promise<void> {
    await this.#handshake.until(VENUE_GROUP, SESSIONS, [this.#sessionEnd]);
    await this.#publishSession(day, 'SETTLED', tradeEndOffsets);
    await this.#afterSettled();
  }

  async #afterSettled(): Promise<void> {
    await this.#handshake.until(DEMO_GROUP, SESSIONS, [this.#sessionEnd]);
    const fillEnds = await this.#options.kafka.offsets(FILLS, 'latest');
    // After a start too: the day may have been interrupted after its fills, and the first day of all brings cash.
    const hasFills = fillEnds.some((end, partition) => end !== this.#fillEnds[partition]);
    this.#fillEnds = fillEnds;
    if (hasFills) await this.#handshake.untilLedgerIsCurrent();
  }

  /** The newest session; null before the first. */
  async #position(): Promise<ReplayPosition | null> {
    let newest: ReplayPosition | null = null;
    const see = ({ value, offset }: TailRecord<Session>) => {
      if (value?.market === MARKET) newest = value;
      this.#sessionEnd = offset + 1;
    };
    await this.#readAll(SESSIONS, this.#serdes.sessions, 'earliest', see);
    return newest;
  }

  /** Publishes reference data of the instruments that have none: what somebody else has said about one of them stays. */
  async #describeInstruments(): Promise<void> {
    const described = new Set<string | null>();
    await this.#readAll(REFERENCE, this.#serdes.instruments, 'earliest', ({ key, value }) => {
      if (value) described.add(key);
      else described.delete(key);
    });
    for (const value of INSTRUMENTS.filter(({ instrument }) => !described.has(instrument)))
      await this.#send(REFERENCE, value.instrument, this.#serdes.instruments.encode(value), value.eventTime);
    await this.#producer.flush();
  }

  /** Instruments whose trade of the day is in market.trades already, at or after `from`. */
  async #tradesSince(day: HistoryDay, from: 'earliest' | readonly number[]): Promise<ReadonlySet<string>> {
    const eventTime = closeMicros(day.date);
    const sources = new Map(INSTRUMENTS.map(({ instrument, source }) => [instrument, source]));
    const written = new Set<string>();
    await this.#readAll(TRADES, this.#serdes.trades, from, ({ value }) => {
      if (value?.eventTime === eventTime && value.source === sources.get(value.instrument))
        written.add(value.instrument);
    });
    return written;
  }

  /** Publishes the day's trades but those already there; returns the topic's end offsets after them. */
  async #publishTrades(day: HistoryDay, written: ReadonlySet<string>): Promise<readonly number[]> {
    for (const trade of tradesOf(day)) {
      if (!written.has(trade.instrument))
        await this.#send(TRADES, trade.instrument, this.#serdes.trades.encode(trade), trade.eventTime);
    }
    await this.#producer.flush();
    return this.#options.kafka.offsets(TRADES, 'latest');
  }

  async #publishSession(day: HistoryDay, state: Session['state'], tradeEndOffsets: readonly number[]): Promise<void> {
    const value: Session = {
      eventTime: closeMicros(day.date),
      market: MARKET,
      date: day.date,
      state,
      tradeEndOffsets: [...tradeEndOffsets],
    };
    await this.#send(SESSIONS, MARKET, this.#serdes.sessions.encode(value), value.eventTime);
    await this.#producer.flush();
    this.#sessionEnd++;
  }

  #send(topic: TopicName, key: string, value: Buffer, eventTime: number): void | Promise<void> {
    return this.#producer.send({ topic, key, value, timestampMs: Math.floor(eventTime / 1000) });
  }

  /** Everything that is in a topic now. Waits for open transactions: their records may lie before ours. */
  async #readAll<V>(
    topic: TopicName,
    serde: AvroSerde<V>,
    from: 'earliest' | readonly number[],
    visit: (record: TailRecord<V>) => void,
  ): Promise<void> {
    const { kafka, log, signal } = this.#options;
    const tail = await LogTail.open(kafka, { topic, serde, from, log });
    await tail.readTo(await kafka.offsets(topic, 'latest'), visit, signal);
    await tail.close();
  }
}
