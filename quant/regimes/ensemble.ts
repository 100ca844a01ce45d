import { Confusion } from './confusion.ts';
import { LABEL_DAYS, labelAt } from './labels.ts';
import { logOf, RegimePool, VariancePool } from './log-pool.ts';
import { REGIME_COUNT, REGIME_NAMES, type RegimeName, regimeAt } from './regimes.ts';
import { ReturnWindow } from './return-window.ts';
import {
  ChangePointVoter,
  HiddenMarkovVoter,
  TrendVoter,
  VolatilityVoter,
  type Voter,
  type VoterName,
} from './voters.ts';

/** Returns that there must be before a regime is named. */
export const FIRST_REGIME = 250;
export const VOTERS: readonly (VoterName | 'classifier')[] = [
  'hidden-markov',
  'volatility',
  'trend',
  'change-point',
  'classifier',
];
const CRISIS = regimeAt('CRISIS');

/**
 * Weights before a day was seen, found on 1990-2006 of six instruments. The classifier knows other instruments' years from the beginning, the rules
 * must see their own.
 */
const FIRST_WEIGHTS = [0.025, 0.025, 0.025, 0.025, 0.9];
const FIRST_VARIANCE_WEIGHTS = [0.1, 0.1, 0.1, 0.1, 0.6, 0];

/** A day is in it for sure: the one cell of the shares. */
const EVERY_DAY = Float64Array.of(1);
/**
 * What is named is the likeliest in probability over the root of its share of all days, or what is rare would never be named. Another one is when it is
 * this much ahead of the named one; a crisis already where it is likely at all.
 */
const LEAD = 0.15;
const CRISIS_AT = 0.4;
/** Once named, it stays while it is as likely as that. */
const CRISIS_UNTIL = 0.25;

/** What a classifier says of a day: six probabilities, and the variance of tomorrow's return over the usual one. */
export type ClassifierScores = Float64Array;

/** A day's regime, of one instrument. */
export interface RegimeDay {
  readonly regime: RegimeName;
  /** Days for which it has been named, 1 on the first. */
  readonly days: number;
  /** Of the regimes in their order; sum 1. */
  readonly probabilities: Float64Array;
  /** In the order of VOTERS; null without a classifier. */
  readonly voters: readonly ({
    readonly weight: number;
    readonly probabilities: Float64Array;
    readonly variance: number;
  } | null)[];
  /** Forecast of tomorrow's variance, of one day. */
  readonly variance: number;
}

/** What was said of a day, kept until it is known what it was. */
interface Said {
  readonly cells: readonly Float64Array[];
  readonly logs: readonly (Float64Array | null)[];
}

/**
 * The regime of an instrument, day by day, from five voters. Each rule's cells are turned into probabilities by what the days in them turned out to be
 * (confusion.ts), and the voters are pooled by weights that each day's loss moves (log-pool.ts): what is probable is so by what was seen, 31 days
 * late, and by nothing that comes after. What is named changes less often than what is likeliest. A function of the returns and of the classifier's scores.
 */
export class RegimeEnsemble {
  readonly #window: ReturnWindow;
  readonly #voters: readonly Voter[];
  readonly #confusions: readonly Confusion[];
  readonly #pool: RegimePool;
  readonly #variances: VariancePool;
  /** Of the last LABEL_DAYS days, oldest first. */
  readonly #said: Said[] = [];
  /** Yesterday's forecasts, logarithms over the usual variance, and that variance; null before the first. */
  #forecast: { readonly ratios: readonly (number | null)[]; readonly usual: number } | null = null;
  /** Shares of the regimes in the days so far. */
  readonly #shares: Confusion;
  #named = -1;
  #days = 0;

  constructor(snapshot: Float64Array | null = null) {
    const from = new Reader(snapshot);
    this.#window = ReturnWindow.restore(from.row());
    this.#voters = [
      new HiddenMarkovVoter(from.row()),
      new VolatilityVoter(),
      new TrendVoter(),
      new ChangePointVoter(from.row()),
    ];
    this.#confusions = this.#voters.map(({ calls }) => new Confusion(calls, from.rowOrNull()));
    this.#pool = new RegimePool(from.rowOrNull() ?? FIRST_WEIGHTS);
    this.#variances = new VariancePool(from.rowOrNull() ?? FIRST_VARIANCE_WEIGHTS);
    this.#shares = new Confusion([REGIME_NAMES.map(regimeAt)], from.rowOrNull());
    const [named = -1, days = 0] = from.row();
    [this.#named, this.#days] = [named, days];
    const forecast = from.row();
    if (forecast.length > 0)
      this.#forecast = {
        usual: forecast[0]!,
        ratios: forecast.slice(1).map((ratio) => (Number.isNaN(ratio) ? null : ratio)),
      };
    for (let count = from.row()[0] ?? 0; count > 0; count--)
      this.#said.push({
        cells: this.#voters.map(() => Float64Array.from(from.row())),
        logs: VOTERS.map(() => from.rowOrNull()).map((row) => row && Float64Array.from(row)),
      });
  }

  /** The returns so far. */
  get window(): ReturnWindow {
    return this.#window;
  }

  /** Takes a day's logarithmic return and what the classifier says of that day, if there is one. Null until there are FIRST_REGIME returns. */
  take(logReturn: number, classifier: ClassifierScores | null): RegimeDay | null {
    this.#window.push(logReturn);
    if (this.#window.count < FIRST_REGIME) return null;
    this.#learn();
    const usual = this.#window.usualVolatility() ** 2;
    const votes = this.#voters.map((voter) => voter.vote(this.#window));
    const opinions: (Float64Array | null)[] = votes.map(({ cells }, voter) =>
      this.#confusions[voter]!.probabilities(cells),
    );
    const sound = classifier?.every(Number.isFinite) ? classifier : null;
    opinions.push(sound ? normalised(sound.subarray(0, REGIME_COUNT)) : null);
    const ratios = [
      ...votes.map(({ variance }) => Math.log(variance / usual)),
      sound ? Math.log(sound[REGIME_COUNT]!) : null,
    ];
    const logs = opinions.map((opinion) => opinion && logOf(opinion));
    this.#said.push({ cells: votes.map(({ cells }) => cells), logs });
    this.#forecast = { ratios, usual };
    const probabilities = this.#pool.combine(logs);
    this.#name(probabilities);
    return {
      regime: REGIME_NAMES[this.#named]!,
      days: this.#days,
      probabilities,
      voters: this.#seats(opinions, ratios, usual),
      variance: usual * Math.exp(this.#variances.combine(ratios)),
    };
  }

  #seats(
    opinions: readonly (Float64Array | null)[],
    ratios: readonly (number | null)[],
    usual: number,
  ): RegimeDay['voters'] {
    const { weights } = this.#pool;
    const heard = weights.reduce((sum, weight, voter) => sum + (opinions[voter] ? weight : 0), 0);
    return opinions.map((probabilities, voter) => {
      if (!probabilities) return null;
      const weight = heard > 0 ? weights[voter]! / heard : 0;
      return { weight, probabilities, variance: usual * Math.exp(ratios[voter]!) };
    });
  }

  #learn(): void {
    if (this.#forecast) this.#variances.learn(this.#forecast.ratios, this.#window.back(0) ** 2 / this.#forecast.usual);
    if (this.#said.length < LABEL_DAYS) return;
    const { cells, logs } = this.#said.shift()!;
    const label = labelAt(this.#window);
    if (label < 0) return;
    this.#pool.learn(logs, label);
    this.#shares.learn(EVERY_DAY, label);
    for (const [voter, confusion] of this.#confusions.entries()) confusion.learn(cells[voter]!, label);
  }

  #name(probabilities: Float64Array): void {
    const shares = this.#shares.probabilities(EVERY_DAY);
    // A crisis has a threshold of its own.
    shares[CRISIS] = Math.max(...shares);
    const scores = normalised(probabilities.map((p, regime) => p / Math.sqrt(shares[regime]!)));
    let likeliest = scores.indexOf(Math.max(...scores));
    if (probabilities[CRISIS]! >= (this.#named === CRISIS ? CRISIS_UNTIL : CRISIS_AT)) likeliest = CRISIS;
    const isSure = this.#named < 0 || likeliest === CRISIS || scores[likeliest]! >= scores[this.#named]! + LEAD;
    if (likeliest === this.#named || !isSure) {
      this.#days++;
      return;
    }
    this.#named = likeliest;
    this.#days = 1;
  }

  /** All that it remembers. */
  snapshot(): Float64Array {
    const [hidden, , , change] = this.#voters;
    const rows: (readonly number[] | Float64Array | null)[] = [
      this.#window.snapshot(),
      hidden!.snapshot(),
      change!.snapshot(),
      ...this.#confusions.map((confusion) => confusion.snapshot()),
      this.#pool.weights,
      this.#variances.weights,
      this.#shares.snapshot(),
      [this.#named, this.#days],
      this.#forecast ? [this.#forecast.usual, ...this.#forecast.ratios.map((ratio) => ratio ?? Number.NaN)] : [],
      [this.#said.length],
      ...this.#said.flatMap(({ cells, logs }) => [...cells, ...logs]),
    ];
    return Float64Array.from(rows.flatMap((row) => (row ? [row.length, ...row] : [0])));
  }
}

function normalised(probabilities: Float64Array): Float64Array {
  const total = probabilities.reduce((sum, p) => sum + p, 0);
  return probabilities.map((p) => p / total);
}

/** Rows of numbers, each behind its length. */
class Reader {
  readonly #from: Float64Array;
  #at = 0;

  constructor(from: Float64Array | null) {
    this.#from = from ?? new Float64Array(0);
  }

  row(): number[] {
    if (this.#at >= this.#from.length) return [];
    const length = this.#from[this.#at]!;
    const row = [...this.#from.subarray(this.#at + 1, this.#at + 1 + length)];
    this.#at += 1 + length;
    return row;
  }
  rowOrNull(): number[] | null {
    const row = this.row();
    return row.length > 0 ? row : null;
  }
}
