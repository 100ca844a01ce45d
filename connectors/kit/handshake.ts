import { TOPICS } from '#schemas/topics.ts';
import type { Kafka } from '#streams/kafka/index.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';

/** Polls of a committed offset begin at the first pause and slow down to the second. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 5;
/** A wait longer than this is told. */
const PATIENCE_MS = 5_000;
/** Between two looks for a topic that does not exist. */
const ABSENT_PAUSE_MS = 200;

/**
 * What the ledger topologies read, stage by stage: a group's offsets and its outputs are committed together, so once a stage
 * has caught up, everything it made of its input can be read, and the next stage can be waited for.
 */
const LEDGER_STAGES = [
  { group: 'positions', topics: [TOPICS['orders.fills'].name, TOPICS['reference.instruments'].name] },
  {
    group: 'positions',
    topics: [
      'positions.fills-by-instrument.repartition',
      TOPICS['market.trades'].name,
      TOPICS['reference.corporate-actions'].name,
    ],
  },
  { group: 'portfolio', topics: [TOPICS['portfolio.positions'].name, TOPICS['portfolio.cash'].name] },
] as const;
/** What an order is checked on, beyond the ledger. */
const CHECK_STAGE = {
  group: 'limits',
  topics: (['portfolio.pnl', 'portfolio.positions', 'market.marks', 'risk.limits'] as const).map(
    (name) => TOPICS[name].name,
  ),
};

interface Stage {
  readonly group: string;
  readonly topics: readonly string[];
}

/** Waiting for others, by the offsets they commit. */
export class Handshake {
  readonly #kafka: Kafka;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #who: string;
  #waitingFor: string | null = null;

  /** `who` waits, as its sentences begin: The replay. */
  constructor(who: string, kafka: Kafka, log: Log, signal: AbortSignal, clock: Clock = systemClock) {
    this.#who = who;
    this.#kafka = kafka;
    this.#log = log;
    this.#signal = signal;
    this.#clock = clock;
  }

  /** One sentence while something has been waited for longer than 5 s, else null. */
  get waitingFor(): string | null {
    return this.#waitingFor;
  }

  /** Resolves when the group's committed offsets have reached `ends`. Throws the signal's reason when it aborts. */
  async until(group: string, topic: string, ends: readonly number[]): Promise<void> {
    const started = this.#clock.now();
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause + 1, LONGEST_PAUSE_MS)) {
      // They have only just been told, so the first look comes after a pause too.
      await this.#clock.sleep(pause, this.#signal);
      this.#signal.throwIfAborted();
      const committed = await this.#kafka.committedOffsets(group, topic);
      const behind = ends.reduce(
        (sum, end, partition) => sum + Math.max(0, end - Math.max(committed[partition]!, 0)),
        0,
      );
      if (behind === 0) break;
      if (this.#clock.now() - started > PATIENCE_MS) this.#tell(`${group} is ${behind} records behind in ${topic}`);
    }
    if (this.#waitingFor !== null) this.#log.info({ group, topic }, `${group} has caught up`);
    this.#waitingFor = null;
  }

  /** Resolves when positions and P&L rest on everything that is in their inputs now. */
  untilLedgerIsCurrent(): Promise<void> {
    return this.#untilAll(LEDGER_STAGES);
  }

  /** Resolves when an order would be checked on everything that is in the ledger's inputs now. */
  untilOrdersCanBeChecked(): Promise<void> {
    return this.#untilAll([...LEDGER_STAGES, CHECK_STAGE]);
  }

  /** Resolves when the pre-trade check has decided on every order that is there now. */
  async untilOrdersAreDecided(): Promise<void> {
    const requests = TOPICS['orders.requests'].name;
    await this.until(CHECK_STAGE.group, requests, await this.#endsOf(requests));
  }

  async #untilAll(stages: readonly Stage[]): Promise<void> {
    for (const { group, topics } of stages) {
      const ends = await Promise.all(topics.map((topic) => this.#endsOf(topic)));
      for (const [index, topic] of topics.entries()) await this.until(group, topic, ends[index]!);
    }
  }

  /**
   * The ends of a topic, records of open transactions included: right after a commit its markers may still be on their way, and the stable
   * end would leave out what the stage before has just made. Waits for the topic to be created: a topology makes its inner
   * topics when it first starts.
   */
  async #endsOf(topic: string): Promise<readonly number[]> {
    for (const started = this.#clock.now(); ; ) {
      this.#signal.throwIfAborted();
      try {
        return await this.#kafka.offsets(topic, 'latest');
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== 'TOPIC_UNKNOWN') throw error;
        if (this.#clock.now() - started > PATIENCE_MS) this.#tell(`topic ${topic} does not exist yet`);
        await this.#clock.sleep(ABSENT_PAUSE_MS, this.#signal);
      }
    }
  }

  #tell(reason: string): void {
    if (this.#waitingFor === null) this.#log.info(`${this.#who} waits: ${reason}`);
    this.#waitingFor = `${this.#who} waits: ${reason}`;
  }
}
