import { BreachFeatures } from '#ml/features/breach.ts';
import type { BreachPrediction, LimitUtilisation, PortfolioPnl, RiskBreach } from '#schemas/generated/types.ts';
import { TopologyTestDriver } from '#streams/testing/driver.ts';
import { dateOf } from '#topologies/kit/days.ts';
import { type PredictionSettings, predictions } from '#topologies/predictions/graph.ts';
import { breachOf, breachPnl, dayMicros, limitUtilisation } from '../unit/ml/features/records.ts';
import { NOW_MS } from './desk.ts';

export const TYPES = ['value-at-risk', 'drawdown', 'leverage'] as const;

export type Step =
  | { readonly kind: 'pnl'; readonly value: PortfolioPnl }
  | { readonly kind: 'utilisation'; readonly value: LimitUtilisation }
  | { readonly kind: 'gone'; readonly limitId: string; readonly eventTime: number }
  | { readonly kind: 'breach'; readonly value: RiskBreach };

/** Whatever a day of a portfolio may bring, from a number: always the same for the same day. */
export function dayOfSteps(day: number): Step[] {
  const wave = Math.sin(day / 9) + 0.6 * Math.sin(day * 1.7);
  const at = (hours: number) => dayMicros(day, hours);
  const steps: Step[] = [
    {
      kind: 'pnl',
      value: breachPnl(at(16), {
        equity: 1e6 * (1 + 0.05 * wave),
        dayPnl: 8000 * Math.cos(day * 1.3),
        drawdown: Math.max(0, 0.04 - 0.03 * wave),
        grossExposure: 9e5,
      }),
    },
    ...TYPES.map((type, index): Step => {
      const value = 1e4 * (0.75 + 0.34 * Math.sin(day / (7 + index)) + 0.05 * wave);
      return { kind: 'utilisation', value: limitUtilisation(type, at(16.1), day % 23 === index ? null : value, 1e4) };
    }),
  ];
  if (day % 31 === 5) steps.push({ kind: 'breach', value: breachOf('leverage', at(16.2)) });
  return steps;
}

export const marketReturn = (day: number): number => 0.01 * Math.sin(day * 2.1);

/** What the features by themselves know after these days. */
export function featuresOf(first: number, days: number, steps: (day: number) => readonly Step[] = dayOfSteps) {
  const features = new BreachFeatures();
  for (let day = first; day < first + days; day++)
    for (const step of steps(day)) {
      features.advance(step.kind === 'gone' ? step.eventTime : step.value.eventTime);
      for (let known = day === first ? first - 400 : day - 1; known < day; known++)
        features.onMarket(known, marketReturn(known));
      if (step.kind === 'pnl') features.onPnl(step.value);
      else if (step.kind === 'utilisation') features.onUtilisation(step.value.limitId, step.value);
      else if (step.kind === 'breach') features.onBreach(step.value);
      else features.onUtilisation(step.limitId, null);
    }
  return features;
}

/** The topology predictions, fed as the other topologies would. */
export class PredictionsDesk {
  readonly failures: string[] = [];
  readonly driver: TopologyTestDriver;

  constructor(settings: PredictionSettings = {}) {
    const definition = predictions({ onFailure: (reason) => this.failures.push(reason), ...settings });
    this.driver = new TopologyTestDriver(definition, { partitions: 1, now: () => NOW_MS });
  }
  /** Returns of the index on days, each known when its day is over. */
  market(from: number, to: number, of = marketReturn): this {
    for (let day = from; day < to; day++)
      this.driver.pipe('market.returns', {
        key: `SP500/${dateOf(day)}`,
        value: { simpleReturn: of(day), turnover: null },
        timestampMs: dayMicros(day + 1, 0) / 1000,
      });
    return this;
  }
  steps(steps: readonly Step[]): this {
    for (const step of steps) {
      if (step.kind === 'gone') this.#pipe('risk.utilisation', `fund/${step.limitId}`, null, step.eventTime);
      else if (step.kind === 'utilisation')
        this.#pipe('risk.utilisation', `fund/${step.value.limitId}`, step.value, step.value.eventTime);
      else
        this.#pipe(step.kind === 'pnl' ? 'portfolio.pnl' : 'risk.breaches', 'fund', step.value, step.value.eventTime);
    }
    return this;
  }
  #pipe(topic: string, key: string, value: object | null, eventTime: number): void {
    this.driver.pipe(topic, { key, value, timestampMs: Math.floor(eventTime / 1000) });
  }
  async commit(): Promise<this> {
    await this.driver.commitPrepared();
    return this;
  }
  read(): BreachPrediction[] {
    return this.driver.read<BreachPrediction>('risk.predictions').map(({ value }) => value);
  }
}
