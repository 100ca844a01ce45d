import {
  type Backtest,
  conditionalCoverage,
  independence,
  isException,
  judge,
  kupiec,
  NO_DAYS,
  recentLight,
  shortfallTests,
} from '#quant/backtest.ts';
import { tailProbability } from '#quant/tail.ts';
import type { BacktestResult, RiskBacktest, RiskMeasures, RiskTail } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';
import { dayOfDate } from '../kit/days.ts';
import { Histories } from '../kit/histories.ts';
import type { RiskSettings } from './settings.ts';

export const BACKTEST_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'Backtest',
  namespace: 'tidemark.risk',
  doc: 'Counts of one method at one level (quant/backtest.ts); key portfolio/method/level.',
  fields: [
    { name: 'observations', type: 'long' },
    { name: 'exceptions', type: 'long' },
    { name: 'exceptionsInARow', type: 'long' },
    { name: 'lastWasException', type: 'boolean' },
    { name: 'firstWasException', type: 'boolean' },
    { name: 'recent', type: { type: 'array', items: 'long' } },
    { name: 'shortfallRatios', type: 'double' },
  ],
};

/**
 * By portfolio: holds what was forecast at a day's end against what the next trading day's returns brought to the same holdings (Basel's
 * hypothetical P&L: no trading, no fees). A day without a forecast, or of which no return is known when the next day's end is
 * measured, is not judged and counted; neither is a forecast after which several days have come at once.
 */
export class Backtester implements Processor<RiskMeasures> {
  readonly #context: ProcessorContext;
  readonly #forecasts: KeyValueStore<RiskMeasures>;
  readonly #backtests: KeyValueStore<Backtest>;
  readonly #histories: Histories;

  constructor(context: ProcessorContext, settings: RiskSettings) {
    this.#context = context;
    this.#forecasts = context.store('forecasts');
    this.#backtests = context.store('backtests');
    this.#histories = new Histories(context.global('returns'), settings.window);
  }

  process({ value: measures }: StreamRecord<RiskMeasures>): void {
    if (!measures.dayEnd) return;
    const { portfolio } = measures;
    const forecast = this.#forecasts.get(portfolio);
    this.#forecasts.put(portfolio, measures);
    const tails = forecast?.measures.filter(isForecast) ?? [];
    // Contributions are what says what was held; they come with a hundred days of history.
    if (!forecast || tails.length === 0 || forecast.contributions.length === 0) return;
    const outcome = this.#outcome(forecast, measures);
    if (typeof outcome === 'string') {
      this.#context.count(outcome);
      return;
    }
    const { eventTime, sourceTopic, sourceEventTime } = measures;
    const value: RiskBacktest = {
      eventTime,
      portfolio,
      date: measures.historyDate!,
      forecastDate: forecast.historyDate!,
      profit: outcome,
      results: tails.map((tail) => this.#result(portfolio, tail, outcome)),
      sourceTopic,
      sourceEventTime,
    };
    this.#context.forward('to-backtests', portfolio, value, Math.floor(eventTime / 1000));
  }

  /** The holdings' profit on the day after the forecast, or why it cannot be judged. */
  #outcome(forecast: RiskMeasures, measures: RiskMeasures): number | string {
    const first = dayOfDate(forecast.historyDate!) + 1;
    const last = measures.historyDate === null ? first - 1 : dayOfDate(measures.historyDate);
    if (last < first) return 'day-without-returns';
    let profit = 0;
    const days = new Set<number>();
    for (const { instrument, exposure } of forecast.contributions) {
      const history = this.#histories.between(instrument, first, last, last + 1);
      for (const day of history.days) days.add(day);
      profit += exposure * history.returns.reduce((sum, change) => sum + change, 0);
    }
    return days.size === 1 ? profit : days.size === 0 ? 'day-without-returns' : 'several-days-at-once';
  }

  #result(portfolio: string, { method, confidence, valueAtRisk, expectedShortfall }: RiskTail, profit: number) {
    const key = `${portfolio}/${method}/${confidence}`;
    const backtest = judge(this.#backtests.get(key) ?? NO_DAYS, profit, valueAtRisk!, expectedShortfall!);
    this.#backtests.put(key, backtest);
    const p = tailProbability(confidence);
    const light = recentLight(backtest, p);
    const hasPairs = backtest.observations > 1;
    const { z1, z2 } = shortfallTests(backtest, p);
    return {
      method,
      confidence,
      valueAtRisk: valueAtRisk!,
      expectedShortfall: expectedShortfall!,
      exception: isException(profit, valueAtRisk!),
      observations: backtest.observations,
      exceptions: backtest.exceptions,
      recentExceptions: backtest.recent.length,
      zone: light?.zone ?? null,
      multiplier: light?.multiplier ?? null,
      kupiecP: kupiec(backtest, p).pValue,
      independenceP: hasPairs ? independence(backtest).pValue : null,
      coverageP: hasPairs ? conditionalCoverage(backtest, p).pValue : null,
      z1,
      z2,
    } satisfies BacktestResult;
  }
}

/** One day ahead, of the newest scenarios, of something held. */
const isForecast = ({ horizonDays, stressWindow, valueAtRisk, scenarios }: RiskTail): boolean =>
  horizonDays === 1 && stressWindow === null && valueAtRisk !== null && scenarios > 0;
