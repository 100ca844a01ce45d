import type { DatedModels } from '#ml/model/dated.ts';
import { VOTERS } from '#quant/regimes/ensemble.ts';
import { REGIME_NAMES } from '#quant/regimes/regimes.ts';
import type { DailyReturn, MarketRegime } from '#schemas/generated/types.ts';
import { describeError } from '#streams/kit/errors.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { dateOf, dayOfDate } from '../kit/days.ts';
import type { KeptState } from '../kit/journal.ts';
import { type Answer, Lane, type MadeDay, type Question } from './lane.ts';
import type { KeptReturn } from './stored.ts';
import { returnProblem } from './validate.ts';

const TRADING_DAYS = 252;
const annual = (variance: number) => Math.sqrt(TRADING_DAYS * variance);

/** What one classifier is asked in a transaction. */
interface Batch {
  readonly file: string;
  readonly asked: { readonly instrument: string; readonly question: Question }[];
}

/**
 * By instrument: the regime of each day as soon as its return is known. A return that comes late or is changed gives those of every day since then
 * again. All days of a transaction are scored at once before its commit.
 */
export class RegimeNamer implements Processor<DailyReturn | null> {
  readonly #context: ProcessorContext;
  readonly #topic: string;
  readonly #models: DatedModels | null;
  readonly #onFailure: (reason: string) => void;
  readonly #days: KeyValueStore<KeptReturn>;
  readonly #states: KeyValueStore<KeptState>;
  readonly #lanes = new Map<string, Lane>();
  /** By instrument and day, what classifiers say. */
  #answers = new Map<string, Map<number, Answer>>();

  /** `onFailure`: told why a classifier is not heard, which stops nothing. */
  constructor(
    context: ProcessorContext,
    topic: string,
    models: DatedModels | null,
    onFailure: (reason: string) => void,
  ) {
    this.#context = context;
    this.#topic = topic;
    this.#models = models;
    this.#onFailure = onFailure;
    this.#days = context.store('kept-returns');
    this.#states = context.store('kept-states');
  }

  process({ key, value: day }: StreamRecord<DailyReturn | null>): void {
    const problem = returnProblem(key, day);
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { instrument, date, eventTime, simpleReturn } = day!;
    let lane = this.#lanes.get(instrument);
    if (!lane) {
      lane = new Lane(instrument, this.#days, this.#states);
      this.#lanes.set(instrument, lane);
    }
    const time = dayOfDate(date);
    if (!lane.take({ time, eventTime, logReturn: Math.log1p(simpleReturn), sourceEventTime: eventTime }))
      this.#context.late(`The return of ${date} came too late for the regimes of ${instrument}`);
  }

  async prepareCommit(): Promise<void> {
    this.#answers = new Map();
    if (!this.#models) return;
    for (const batch of this.#batches(this.#models)) {
      try {
        await this.#score(this.#models, batch);
      } catch (error) {
        this.#context.count('classifier-failed');
        this.#onFailure(`${batch.file}: ${describeError(error)}`);
      }
    }
  }

  beforeCommit(): void {
    for (const [instrument, lane] of this.#lanes) {
      if (!lane.isOpen) continue;
      for (const made of lane.make(this.#answers.get(instrument) ?? new Map())) this.#publish(instrument, made);
    }
    this.#answers.clear();
  }

  #batches(models: DatedModels): Batch[] {
    const batches = new Map<string, Batch>();
    for (const [instrument, lane] of this.#lanes) {
      if (!lane.isOpen) continue;
      for (const question of lane.questions()) {
        const file = models.fileAt(question.sourceEventTime);
        if (file === undefined) continue;
        let batch = batches.get(file);
        if (!batch) {
          batch = { file, asked: [] };
          batches.set(file, batch);
        }
        batch.asked.push({ instrument, question });
      }
    }
    return [...batches.values()];
  }

  async #score(models: DatedModels, { file, asked }: Batch): Promise<void> {
    const scorer = await models.scorer(file);
    const width = asked[0]!.question.row.length;
    const rows = new Float64Array(asked.length * width);
    for (const [at, { question }] of asked.entries()) rows.set(question.row, at * width);
    const scores = await scorer.score(rows, asked.length);
    const outputs = scores.length / asked.length;
    asked.forEach(({ instrument, question }, at) => {
      let answers = this.#answers.get(instrument);
      if (!answers) {
        answers = new Map();
        this.#answers.set(instrument, answers);
      }
      // The last digits go by how many rows are scored at once: without them the same days give the same bytes.
      const own = Array.from(scores.subarray(at * outputs, (at + 1) * outputs), Math.fround);
      if (own.every(Number.isFinite)) answers.set(question.time, { scores: own, classifier: scorer.model.version });
    });
  }

  #publish(instrument: string, { item, day }: MadeDay): void {
    const date = dateOf(item.time);
    const value: MarketRegime = {
      eventTime: item.eventTime,
      instrument,
      date,
      regime: day.regime,
      days: day.days,
      probabilities: probabilitiesOf(day.probabilities),
      volatility: annual(day.variance),
      voters: VOTERS.flatMap((name, voter) => {
        const seat = day.voters[voter];
        if (!seat) return [];
        const probability = Math.max(...seat.probabilities);
        const regime = REGIME_NAMES[seat.probabilities.indexOf(probability)]!;
        return [{ name, weight: seat.weight, regime, probability, volatility: annual(seat.variance) }];
      }),
      classifier: item.classifier,
      returns: item.number + 1,
      revision: item.revision,
      sourceTopic: this.#topic,
      sourceEventTime: item.sourceEventTime,
    };
    this.#context.forward('to-regimes', `${instrument}/${date}`, value, Math.floor(item.eventTime / 1000));
  }
}

const probabilitiesOf = (probabilities: Float64Array): MarketRegime['probabilities'] =>
  REGIME_NAMES.map((regime, at) => ({ regime, probability: probabilities[at]! }));
