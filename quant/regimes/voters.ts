/** Four views of an instrument's returns that know nothing of each other. Each says in which of its cells a day lies, and how much tomorrow will move. */
import { ChangePointDetector } from './change-point.ts';
import { fitHiddenMarkov, HiddenMarkovFilter, type HiddenMarkovModel } from './hidden-markov.ts';
import { type RegimeName, regimeAt } from './regimes.ts';
import type { ReturnWindow } from './return-window.ts';

/** A day as a voter sees it. */
export interface Vote {
  /** Probabilities of the voter's cells. */
  readonly cells: Float64Array;
  /** Of tomorrow's return. */
  readonly variance: number;
}
export interface Voter {
  /** By cell, places of the regimes that it would name there. */
  readonly calls: readonly (readonly number[])[];
  /** The newest return is in the window. */
  vote(window: ReturnWindow): Vote;
  /** Its memory as numbers, and back. */
  snapshot(): number[];
}
export type VoterName = 'hidden-markov' | 'volatility' | 'trend' | 'change-point';

const YEAR = 250;
const MONTH = 21;
const QUARTER = 63;
const places = (...names: RegimeName[]) => names.map(regimeAt);
const oneOf = (cells: number, cell: number) => Float64Array.from({ length: cells }, (_, at) => (at === cell ? 1 : 0));
/** How many of the rising bounds a value reaches. */
const binOf = (value: number, bounds: readonly number[]) => bounds.filter((bound) => value >= bound).length;

/** Volatility of the last days over the usual one, and whether the level is far below the year's highest. */
export class VolatilityVoter implements Voter {
  static readonly #bounds = [0.7, 0.9, 1.1, 1.4, 2];
  /** Usual volatilities of a month. */
  static readonly #fall = 2.5;
  readonly calls = [
    places('BULL_CALM'),
    places('BULL_CALM', 'SIDEWAYS'),
    places('SIDEWAYS', 'BEAR_CALM'),
    places('BULL_VOLATILE', 'BEAR_VOLATILE'),
    places('BULL_VOLATILE', 'BEAR_VOLATILE'),
    places('BULL_VOLATILE', 'BEAR_VOLATILE'),
    places('SIDEWAYS', 'BEAR_CALM'),
    places('SIDEWAYS', 'BEAR_CALM'),
    places('BEAR_CALM', 'BEAR_VOLATILE'),
    places('BEAR_VOLATILE'),
    places('BEAR_VOLATILE', 'CRISIS'),
    places('CRISIS'),
  ];

  vote(window: ReturnWindow): Vote {
    const usual = window.usualVolatility();
    const fast = window.decayedVolatility(0.94, YEAR);
    const isBelow = window.extremes(YEAR).below >= VolatilityVoter.#fall * usual * Math.sqrt(MONTH);
    const cell = binOf(fast / usual, VolatilityVoter.#bounds) + (isBelow ? 6 : 0);
    return { cells: oneOf(this.calls.length, cell), variance: fast * fast };
  }
  snapshot(): number[] {
    return [];
  }
}

/** Return of a quarter and of a month, and whether the level is above its mean of 200 days. */
export class TrendVoter implements Voter {
  static readonly #bounds = [-0.35, 0.35, 1];
  static readonly #meanDays = 200;
  /** By place on the quarter's bounds, then by the month's direction, then by the mean. */
  readonly calls = [
    ...[0, 1, 2, 3].map(() => places('BEAR_CALM', 'BEAR_VOLATILE')),
    ...[0, 1, 2, 3].map(() => places('SIDEWAYS')),
    ...[0, 1, 2, 3].map(() => places('BULL_CALM', 'BULL_VOLATILE')),
    ...[0, 1, 2, 3].map(() => places('BULL_CALM')),
  ];

  vote(window: ReturnWindow): Vote {
    const spread = window.volatility(QUARTER);
    const quarter = binOf(window.sum(QUARTER) / (spread * Math.sqrt(QUARTER)), TrendVoter.#bounds);
    const month = window.sum(MONTH) > 0 ? 1 : 0;
    const cell = 4 * quarter + 2 * month + (TrendVoter.#isAboveMean(window) ? 1 : 0);
    return { cells: oneOf(this.calls.length, cell), variance: spread * spread };
  }
  snapshot(): number[] {
    return [];
  }

  static #isAboveMean(window: ReturnWindow): boolean {
    let [level, sum] = [0, 0];
    for (let day = 0; day < TrendVoter.#meanDays - 1; day++) {
      level -= window.back(day);
      sum += level;
    }
    return sum < 0;
  }
}

/** Mean and volatility of the segment since the last change. */
export class ChangePointVoter implements Voter {
  static readonly #bounds = [0.7, 1, 1.4, 2];
  static readonly #directions = [-0.35, 0.35];
  static readonly #expectedDays = 126;
  static readonly #maxRuns = 50;
  static readonly #priorShape = 2;
  /** By volatility, then by direction. */
  readonly calls = [
    ...[0, 1].flatMap(() => [places('BEAR_CALM'), places('SIDEWAYS'), places('BULL_CALM')]),
    ...[0, 1].flatMap(() => [
      places('BEAR_VOLATILE'),
      places('BULL_VOLATILE', 'BEAR_VOLATILE'),
      places('BULL_VOLATILE'),
    ]),
    places('CRISIS'),
    places('CRISIS', 'BEAR_VOLATILE'),
    places('BULL_VOLATILE'),
  ];
  #scale: number;
  #detector: ChangePointDetector | null = null;

  constructor(snapshot: readonly number[] = []) {
    const [scale = 0, ...rows] = snapshot;
    this.#scale = scale;
    if (scale === 0) return;
    const runs = rows.length / 4;
    const [weights, means, counts, scales] = [0, 1, 2, 3].map((row) => rows.slice(row * runs, (row + 1) * runs));
    this.#detector = this.#open({ weights: weights!, means: means!, counts: counts!, scales: scales! });
  }

  vote(window: ReturnWindow): Vote {
    if (this.#detector) this.#detector.update(window.back(0));
    else {
      this.#scale = ChangePointVoter.#priorShape * window.volatility(YEAR) ** 2;
      this.#detector = this.#open(null);
      for (let day = YEAR - 1; day >= 0; day--) this.#detector.update(window.back(day));
    }
    const { mean, variance } = this.#detector.next();
    const run = Math.max(1, this.#detector.expectedRun);
    const direction = binOf(
      (mean / Math.sqrt(variance)) * Math.sqrt(Math.min(run, QUARTER)),
      ChangePointVoter.#directions,
    );
    const cell = 3 * binOf(Math.sqrt(variance) / window.usualVolatility(), ChangePointVoter.#bounds) + direction;
    return { cells: oneOf(this.calls.length, cell), variance };
  }
  snapshot(): number[] {
    if (!this.#detector) return [];
    const { weights, means, counts, scales } = this.#detector.snapshot();
    return [this.#scale, ...weights, ...means, ...counts, ...scales];
  }

  #open(snapshot: ConstructorParameters<typeof ChangePointDetector>[1]): ChangePointDetector {
    const prior = { mean: 0, meanWeight: 5, shape: ChangePointVoter.#priorShape, scale: this.#scale };
    const options = { prior, expectedLength: ChangePointVoter.#expectedDays, maxRuns: ChangePointVoter.#maxRuns };
    return new ChangePointDetector(options, snapshot);
  }
}

/** Three states of a hidden Markov model, by rising variance. Fitted once a quarter to five years, filtered every day. */
export class HiddenMarkovVoter implements Voter {
  static readonly #states = 3;
  static readonly #fitDays = 1260;
  static readonly #refitDays = 63;
  /** Of the usual variance: prices that stand still have none, and the first that moves would have no likelihood. */
  static readonly #leastShare = 1e-3;
  static readonly #firstFit = { maxSteps: 40, tolerance: 1e-3 };
  static readonly #laterFit = { maxSteps: 8, tolerance: 1e-3 };
  readonly calls = [places('BULL_CALM'), places('BULL_VOLATILE', 'BEAR_VOLATILE'), places('CRISIS', 'BEAR_VOLATILE')];
  #model: HiddenMarkovModel | null = null;
  #filter: HiddenMarkovFilter | null = null;

  constructor(snapshot: readonly number[] = []) {
    if (snapshot.length === 0) return;
    const states = HiddenMarkovVoter.#states;
    const row = (at: number) => snapshot.slice(at * states, (at + 1) * states);
    this.#model = { initial: row(0), means: row(1), variances: row(2), transitions: [row(3), row(4), row(5)] };
    this.#filter = new HiddenMarkovFilter(this.#model, row(6));
  }

  vote(window: ReturnWindow): Vote {
    if (!this.#filter || window.count % HiddenMarkovVoter.#refitDays === 0) this.#fit(window);
    else this.#filter.update(window.back(0));
    return { cells: this.#filter!.probabilities.slice(), variance: this.#filter!.next().variance };
  }
  snapshot(): number[] {
    if (!this.#model) return [];
    const { initial, means, variances, transitions } = this.#model;
    return [...initial, ...means, ...variances, ...transitions.flat(), ...this.#filter!.probabilities];
  }

  #fit(window: ReturnWindow): void {
    const values = window.newest(HiddenMarkovVoter.#fitDays);
    const usual = window.usualVolatility();
    const options = this.#model ? HiddenMarkovVoter.#laterFit : HiddenMarkovVoter.#firstFit;
    const { model } = fitHiddenMarkov(values, this.#model ?? firstModel(usual), options);
    this.#model = byVariance(model, HiddenMarkovVoter.#leastShare * usual * usual);
    this.#filter = new HiddenMarkovFilter(this.#model);
    for (const value of values) this.#filter.update(value);
  }
}

const firstModel = (usual: number): HiddenMarkovModel => ({
  initial: [0.6, 0.3, 0.1],
  transitions: [
    [0.98, 0.018, 0.002],
    [0.02, 0.97, 0.01],
    [0.002, 0.028, 0.97],
  ],
  means: [0, 0, 0],
  variances: [0.4, 1.2, 5].map((share) => share * usual * usual),
});

/** States by rising variance, none of which is below `least`. */
function byVariance({ initial, transitions, means, variances }: HiddenMarkovModel, least: number): HiddenMarkovModel {
  const order = variances.map((_, state) => state).sort((a, b) => variances[a]! - variances[b]!);
  const sorted = (row: readonly number[]) => order.map((state) => row[state]!);
  return {
    initial: sorted(initial),
    transitions: order.map((state) => sorted(transitions[state]!)),
    means: sorted(means),
    variances: sorted(variances).map((variance) => Math.max(variance, least)),
  };
}
