import { join } from 'node:path';
import { FEATURE_NAMES } from '#ml/features/breach-table.ts';
import { ModelKeeper, type WatchedVersion } from '#ml/life/keeper.ts';
import type { LivePrediction } from '#ml/life/limit-days.ts';
import { LimitWatch, type WatchedDay } from '#ml/life/limit-watch.ts';
import type { LifeSettings } from '#ml/life/next-step.ts';
import type { Trainer } from '#ml/life/trainers.ts';
import type { ModelRegistry } from '#ml/model/registry.ts';
import { AVRO } from '#schemas/avro.ts';
import type { DailyReturn, LimitUtilisation, MlEvent, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { type AvroSerde, type Kafka, type SchemaRegistry, topicSerde } from '#streams/kafka/index.ts';
import { LogTail, type TailRecord } from '#streams/kafka/log-tail.ts';
import { type Clock, systemClock } from '#streams/kit/clock.ts';
import { describeError, mayPass, TidemarkError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import { type KeeperState, loadState, saveState } from './keeper-state.ts';
import { LifeRunner } from './life-runner.ts';
import type { Training } from './training.ts';

/** Where predictions are read. */
export interface PredictionSource<V = unknown> {
  readonly topic: string;
  readonly serde: AvroSerde<V>;
  /** Null: nothing that is watched. */
  readonly predictionOf: (value: V) => LivePrediction | null;
}
export interface KeeperClientOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly models: ModelRegistry;
  /** Null: what the model says is in no topic. It is trained and promoted by people then, and nothing is watched. */
  readonly predictions: PredictionSource | null;
  readonly trainer: Trainer;
  readonly training: Training;
  readonly settings: LifeSettings;
  readonly shadowDays: number;
  /** Instrument whose returns are the market's. */
  readonly market: string;
  /** `<TIDEMARK_HOME>/state/models`. */
  readonly folder: string;
  /** Hands events over; see publish.ts. */
  readonly publish: (events: readonly MlEvent[]) => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const ROUND_MS = 500;
const SAVE_MS = 2_000;
const INPUTS = ['portfolio.pnl', 'risk.utilisation', 'risk.breaches', 'market.returns'] as const;
type Input = (typeof INPUTS)[number];
type Tails = Partial<Record<Input, LogTail<never>>>;

/**
 * Keeps a model: reads what it predicts and what came of it, tells of drift, has it trained anew, compares what was trained with what
 * counts, and promotes or refuses it. What it knows of the stream is in its state file and the topics, what was done in the registry's
 * log: after a restart it goes on.
 */
export class KeeperClient {
  readonly #options: KeeperClientOptions;
  readonly #clock: Clock;
  readonly #tails: Readonly<Tails>;
  readonly #predictions: LogTail<unknown> | null;
  readonly #positions: Map<string, number[]>;
  readonly #watch: LimitWatch;
  readonly #keeper: ModelKeeper;
  readonly #runner: LifeRunner;
  #now: number | null;
  #isDirty = false;
  #savedMs = 0;
  #rounds = 0;
  #problem = '';

  private constructor(
    options: KeeperClientOptions,
    tails: Readonly<Tails>,
    predictions: LogTail<unknown> | null,
    positions: Map<string, number[]>,
    state: KeeperState | null,
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#tails = tails;
    this.#predictions = predictions;
    this.#positions = positions;
    this.#now = state?.now ?? null;
    this.#watch = new LimitWatch(state?.watch);
    this.#keeper = new ModelKeeper(
      { versionOf: (version) => this.#versionOf(version), shadowDays: options.shadowDays },
      state?.keeper,
    );
    this.#runner = new LifeRunner(options);
  }

  static async open(options: KeeperClientOptions): Promise<KeeperClient> {
    const { kafka, registry, predictions, folder, trainer, log } = options;
    const found = loadState(stateFile(folder, trainer));
    const topics: string[] = predictions ? [...INPUTS, predictions.topic] : [];
    const ends = new Map<string, number[]>();
    for (const topic of topics) ends.set(topic, await kafka.offsets(topic, 'latest'));
    // Offsets beyond a topic's end are of another topic, which had its name.
    const isOfThese = topics.every((topic) =>
      found?.positions[topic]?.every((at, index) => at <= ends.get(topic)![index]!),
    );
    const state = isOfThese ? found : null;
    if (found && !state) log.warn('The topics are others than before: models are watched from their beginning');
    const positions = new Map<string, number[]>();
    for (const topic of topics) {
      const earliest = await kafka.offsets(topic, 'earliest');
      positions.set(
        topic,
        earliest.map((first, index) => Math.max(first, state?.positions[topic]?.[index] ?? 0)),
      );
    }
    const open = async (topic: string, serde: AvroSerde<never>) =>
      LogTail.open(kafka, { topic, serde, from: [...positions.get(topic)!], log });
    const tails: Tails = {};
    if (!predictions) return new KeeperClient(options, tails, null, positions, state);
    for (const topic of INPUTS) tails[topic] = await open(topic, await topicSerde<never>(registry, topic, AVRO[topic]));
    const tail = await open(predictions.topic, predictions.serde as AvroSerde<never>);
    return new KeeperClient(options, tails, tail, positions, state);
  }

  /** Null when it has read once what there is. */
  get waitingFor(): string | null {
    return this.#rounds > 0 ? null : 'reading predictions and what came of them';
  }

  get isTraining(): boolean {
    return this.#runner.isTraining;
  }

  /** Works until the signal aborts, then throws its reason. */
  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      await this.round();
      await this.#clock.sleep(ROUND_MS, signal);
    }
  }

  /** Reads what there is, and does what is to be done. */
  async round(): Promise<void> {
    const { models, publish } = this.#options;
    await this.#read();
    await this.#advance();
    this.#save(false);
    await models.flush(publish).catch((error: unknown) => this.#tell('ml.events is told later', error));
    this.#rounds++;
  }

  /** After the signal. */
  async close(): Promise<void> {
    await this.#runner.settled();
    this.#save(true);
    for (const tail of [...Object.values(this.#tails), this.#predictions]) await tail?.close();
  }

  async #read(): Promise<void> {
    const { kafka, predictions, signal } = this.#options;
    if (!predictions || !this.#predictions) return;
    // In this order: whoever made these predictions has read what they rest on, so that is in the topics before they are.
    const ends = await kafka.offsets(predictions.topic, 'latest-stable');
    for (const topic of INPUTS) {
      const inputEnds = await kafka.offsets(topic, 'latest-stable');
      await this.#tails[topic]!.readTo(inputEnds, (record) => this.#take(topic, record), signal);
    }
    const { found, next } = await this.#newPredictions(predictions, this.#predictions, ends);
    for (const prediction of found) {
      this.#now = Math.max(this.#now ?? 0, prediction.eventTime);
      for (const day of this.#watch.predict(prediction)) await this.#day(day);
    }
    // Only now: a stop in between must not leave out what was read and not looked at.
    this.#positions.set(predictions.topic, next);
  }

  async #day(day: WatchedDay): Promise<void> {
    const drift = this.#keeper.take(day, this.#runner.shadow);
    if (drift) await this.#runner.drifted(drift);
    await this.#advance();
  }

  /** What cannot be done now, since a file is broken or a person was faster, holds nothing else up. */
  async #advance(): Promise<void> {
    try {
      await this.#runner.advance(this.#now, (shadow) => this.#keeper.judge(shadow));
      this.#problem = '';
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#tell('A step of the model cannot be done', error);
    }
  }

  #tell(what: string, error: unknown): void {
    if (!(error instanceof TidemarkError) && !mayPass(error)) throw error;
    const problem = `${what}: ${describeError(error)}`;
    if (problem !== this.#problem) this.#options.log.warn({ model: this.#options.trainer.model }, problem);
    this.#problem = problem;
  }

  /** All predictions up to offsets, in the order of event time: partitions are read one after the other. */
  async #newPredictions({ topic, predictionOf }: PredictionSource, tail: LogTail<unknown>, ends: readonly number[]) {
    const found: LivePrediction[] = [];
    const next = [...this.#positions.get(topic)!];
    const visit = ({ partition, offset, value }: TailRecord<unknown>) => {
      next[partition] = offset + 1;
      this.#isDirty = true;
      const prediction = value === null ? null : predictionOf(value);
      if (prediction) found.push(prediction);
    };
    await tail.readTo(ends, visit, this.#options.signal);
    found.sort((a, b) => a.eventTime - b.eventTime);
    return { found, next };
  }

  #take(topic: Input, record: TailRecord<never>): void {
    this.#positions.get(topic)![record.partition] = record.offset + 1;
    this.#isDirty = true;
    const value = record.value as unknown;
    if (topic === 'risk.utilisation') this.#takeUtilisation(record.key ?? '', value as LimitUtilisation | null);
    else if (value === null) return;
    else if (topic === 'portfolio.pnl') {
      const pnl = value as PortfolioPnl;
      this.#watch.take(pnl.portfolio, { kind: 'pnl', value: pnl });
    } else if (topic === 'risk.breaches') {
      const breach = value as RiskBreach;
      this.#watch.take(breach.portfolio, { kind: 'breach', value: breach });
    } else {
      const { instrument, date, simpleReturn } = value as DailyReturn;
      const day = Date.parse(date) / 86_400_000;
      if (instrument === this.#options.market && Number.isInteger(day)) this.#watch.takeMarket({ day, simpleReturn });
    }
  }

  #takeUtilisation(key: string, value: LimitUtilisation | null): void {
    const slash = key.indexOf('/');
    const [portfolio, limitId] = [key.slice(0, slash), key.slice(slash + 1)];
    // A limit that is taken away has no event time of its own: as of what is known by now.
    const eventTime = value?.eventTime ?? this.#now ?? 0;
    this.#watch.take(portfolio, { kind: 'utilisation', limitId, value, eventTime });
  }

  /** A version of the registry or of those that come with Tidemark. */
  #versionOf(version: string): WatchedVersion | null {
    const { models, trainer } = this.#options;
    const found = models.find(trainer.model, version);
    if (!found) return null;
    const { features, reference, training } = found.metadata;
    // Of another table of features: what is computed here is not what it sees.
    if (features.join() !== FEATURE_NAMES.join()) return null;
    return { reference, labelsUntil: training.labelsUntil };
  }

  #save(isLast: boolean): void {
    const nowMs = this.#clock.now();
    if (!this.#isDirty || (!isLast && nowMs - this.#savedMs < SAVE_MS)) return;
    const { folder, trainer } = this.#options;
    saveState(stateFile(folder, trainer), {
      format: 1,
      positions: Object.fromEntries(this.#positions),
      now: this.#now,
      watch: this.#watch.snapshot(),
      keeper: this.#keeper.snapshot(),
    });
    this.#isDirty = false;
    this.#savedMs = nowMs;
  }
}

const stateFile = (folder: string, { model }: Trainer) => join(folder, `${model}.json`);
