import { keyProblem, type Problem, valueMissing } from '#schemas/checks.ts';
import type { BreachPrediction, LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { GlobalTable, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { DAY_MS, dateOf } from '../kit/days.ts';
import type { KnownReturn } from '../kit/histories.ts';
import { explain, type Forecast, forecastOf, isMaterial, score, withhold } from './forecast.ts';
import type { BreachModels, BreachScorer } from './models.ts';
import { type Live, Portfolios } from './portfolios.ts';

/** Calendar days of the market that a portfolio which begins is shown: its slowest mean has forgotten all but a hundredth of what was before. */
const MARKET_DAYS = 700;

export interface PredictorOptions {
  readonly topics: { readonly pnl: string; readonly utilisation: string; readonly breaches: string };
  /** Index whose returns are the market's. */
  readonly market: string;
  readonly models: BreachModels | null;
  /** Told why a model is not heard, which stops nothing. */
  readonly onFailure: (reason: string) => void;
}
type Input = PortfolioPnl | LimitUtilisation | RiskBreach;

interface Cause {
  readonly topic: string;
  readonly eventTime: number;
}

interface Ready {
  readonly live: Live;
  readonly cause: Cause;
  readonly forecast: Forecast;
}

/**
 * By portfolio: how probable it is that each limit is broken. Records change features at once (ml/features/breach.ts); before a commit all
 * limits of the portfolios that had one are scored together, and said where that is worth a record (forecast.ts).
 */
export class Predictor implements Processor<Input | null> {
  readonly #context: ProcessorContext;
  readonly #options: PredictorOptions;
  readonly #returns: GlobalTable<KnownReturn>;
  readonly #portfolios: Portfolios;
  /** Portfolios with a record since the last commit, and their newest. */
  readonly #dirty = new Map<Live, Cause>();
  /** What is to be said at the commit. */
  #ready: readonly Ready[] | null = null;

  constructor(context: ProcessorContext, options: PredictorOptions) {
    this.#context = context;
    this.#options = options;
    this.#returns = context.global('returns');
    this.#portfolios = new Portfolios(context);
  }

  process({ key, value, source, timestampMs }: StreamRecord<Input | null>): void {
    const { topics } = this.#options;
    try {
      if (source.topic === topics.utilisation) this.#stand(key, value as LimitUtilisation | null, timestampMs * 1000);
      else this.#know(key, source.topic, value as PortfolioPnl | RiskBreach | null);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#context.reject(error.code, error.message);
    }
  }

  async prepareCommit(): Promise<void> {
    this.#ready = this.#forecasts();
    const { models } = this.#options;
    if (!models) return;
    const all = this.#ready.filter(({ forecast }) => forecast.state === 'PREDICTED');
    await this.#ask(
      all,
      (date, type) => models.champion(date, type),
      (model, own) => score(model, own, false),
    );
    await this.#ask(
      all,
      (date, type) => models.shadow(date, type),
      (model, own) => score(model, own, true),
    );
    const said = all.filter((each) => isSaid(each));
    const byModel = Map.groupBy(said, ({ forecast }) => forecast.model);
    for (const [model, own] of byModel)
      if (model)
        await this.#heard(() =>
          explain(
            model,
            own.map(({ forecast }) => forecast),
          ),
        );
  }

  beforeCommit(): void {
    for (const each of this.#ready ?? this.#forecasts()) {
      withhold(each.forecast);
      if (isSaid(each)) this.#say(each);
    }
    for (const live of this.#dirty.keys()) this.#portfolios.save(live);
    this.#dirty.clear();
    this.#ready = null;
  }

  /** P&L, and incidents. */
  #know(key: string | null, topic: string, value: PortfolioPnl | RiskBreach | null): void {
    const what = topic === this.#options.topics.pnl ? 'A P&L' : 'An incident';
    const problem: Problem = value === null ? valueMissing(what) : keyProblem(key, 'portfolio', value.portfolio);
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const live = this.#portfolios.get(value!.portfolio);
    if (topic === this.#options.topics.pnl) live.features.onPnl(value as PortfolioPnl);
    else live.features.onBreach(value as RiskBreach);
    this.#took(live, topic, value!.eventTime);
  }

  #stand(key: string | null, value: LimitUtilisation | null, timestampMicros: number): void {
    const topic = this.#options.topics.utilisation;
    const slash = key?.indexOf('/') ?? -1;
    const [portfolio, limitId] = [key?.slice(0, slash) ?? '', key?.slice(slash + 1) ?? ''];
    const known = `a portfolio and a limit, such as ${JSON.stringify('fund-1/leverage')}`;
    const noKey: Problem =
      slash > 0 && limitId !== ''
        ? value && keyProblem(key, 'portfolio/limit', `${value.portfolio}/${value.limitId}`)
        : { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not ${known}` };
    if (noKey) {
      this.#context.reject(noKey.code, noKey.reason);
      return;
    }
    const live = this.#portfolios.get(portfolio);
    live.features.onUtilisation(limitId, value);
    if (value === null) {
      live.gone.add(limitId);
      live.said.delete(limitId);
      this.#context.forward('to-predictions', key, null, Math.floor(timestampMicros / 1000));
    }
    this.#took(live, topic, value?.eventTime ?? timestampMicros);
  }

  #took(live: Live, topic: string, eventTime: number): void {
    const before = this.#dirty.get(live);
    if (!before || eventTime >= before.eventTime) this.#dirty.set(live, { topic, eventTime });
    this.#showMarket(live);
  }

  /** The market's days before today, as they were known when today began. */
  #showMarket({ features }: Live): void {
    const today = features.day;
    const newest = features.marketDay;
    if (newest !== null && newest >= today - 1) return;
    for (let day = Math.max((newest ?? 0) + 1, today - MARKET_DAYS); day < today; day++) {
      const known = this.#returns.getAsOf(`${this.#options.market}/${dateOf(day)}`, today * DAY_MS);
      if (known && known.value.simpleReturn > -1) features.onMarket(day, known.value.simpleReturn);
    }
  }

  #forecasts(): Ready[] {
    return [...this.#dirty].flatMap(([live, cause]) =>
      [...live.features.limits()].map(([limitId, type]) => ({
        live,
        cause,
        forecast: forecastOf(limitId, type, live.features.peek(limitId), live.features.minutesAhead(limitId)),
      })),
    );
  }

  /** Hands what one model is to be asked to `use`, model after model. */
  async #ask(
    all: readonly Ready[],
    find: (date: string, type: string) => Promise<BreachScorer | null>,
    use: (model: BreachScorer, forecasts: readonly Forecast[]) => Promise<void>,
  ): Promise<void> {
    const batches = new Map<BreachScorer, Forecast[]>();
    for (const { live, forecast } of all)
      await this.#heard(async () => {
        const model = await find(dateOf(live.features.day), forecast.type);
        if (!model) return;
        const own = batches.get(model) ?? [];
        own.push(forecast);
        batches.set(model, own);
      });
    for (const [model, forecasts] of batches) await this.#heard(() => use(model, forecasts));
  }

  /** What a model cannot say does not keep the stream from saying the rest. */
  async #heard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.count('model-failed');
      this.#options.onFailure(describeError(error));
    }
  }

  #say({ live, cause, forecast }: Ready): void {
    const { limitId, type, row, state, probabilities, minutes, model, shadow } = forecast;
    const eventTime = cause.eventTime;
    const value: BreachPrediction = {
      eventTime,
      portfolio: live.portfolio,
      limitId,
      type,
      utilisation: live.features.utilisation(limitId),
      state,
      reason: state === 'UNKNOWN' ? (row.reason ?? 'NO_MODEL') : null,
      probability1: probabilities[0] ?? null,
      probability5: probabilities[1] ?? null,
      probability20: probabilities[2] ?? null,
      probability5m: minutes[0] ?? null,
      probability30m: minutes[1] ?? null,
      probability60m: minutes[2] ?? null,
      method: forecast.method,
      modelVersion: model?.version ?? null,
      trainedUntil: model?.trainedUntil ?? null,
      contributions: [...forecast.contributions],
      shadowVersion: shadow?.version ?? null,
      shadow1: forecast.shadowProbabilities[0] ?? null,
      shadow5: forecast.shadowProbabilities[1] ?? null,
      shadow20: forecast.shadowProbabilities[2] ?? null,
      sourceTopic: cause.topic,
      sourceEventTime: cause.eventTime,
    };
    const versions = { modelVersion: value.modelVersion, shadowVersion: value.shadowVersion };
    live.said.set(limitId, { eventTime, state, probabilities, minutes, ...versions });
    this.#context.forward('to-predictions', `${live.portfolio}/${limitId}`, value, Math.floor(eventTime / 1000));
  }
}

const isSaid = ({ live, cause, forecast }: Ready): boolean =>
  isMaterial(live.said.get(forecast.limitId) ?? null, forecast, cause.eventTime);
