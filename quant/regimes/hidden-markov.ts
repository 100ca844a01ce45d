import { TidemarkError } from '#streams/kit/errors.ts';
import { requireFinite, requireLength, type Series } from '../checks.ts';

/** A Gaussian hidden Markov model of one series (Baum and others 1970; Hamilton 1989 for regimes). Rows and columns by state. */
export interface HiddenMarkovModel {
  /** Probabilities of the first state; sum 1. */
  readonly initial: readonly number[];
  /** Probability of going from the row's state to the column's; each row sums to 1. */
  readonly transitions: readonly (readonly number[])[];
  /** Of a value in each state, in the unit of the series; variances greater than 0. */
  readonly means: readonly number[];
  readonly variances: readonly number[];
}

export interface HiddenMarkovFit {
  readonly model: HiddenMarkovModel;
  /** Natural logarithm of the likelihood of the series under the model that the last step began with. */
  readonly logLikelihood: number;
  readonly steps: number;
}

export interface FitOptions {
  /** Most steps of expectation and maximisation. */
  readonly maxSteps: number;
  /** It ends where a step raises the log-likelihood by less. */
  readonly tolerance: number;
}

/** A variance is never less than this part of the series': a state that holds a single value would have none, and the likelihood no bound. */
const LEAST_VARIANCE_SHARE = 1e-6;
const SQRT_TWO_PI = Math.sqrt(2 * Math.PI);

/** Throws PARAMETER_INVALID where a model is none. */
export function requireModel({ initial, transitions, means, variances }: HiddenMarkovModel): void {
  const states = means.length;
  const isDistribution = (row: readonly number[]) =>
    row.length === states && row.every((p) => p >= 0) && Math.abs(row.reduce((sum, p) => sum + p, 0) - 1) < 1e-9;
  const isSound =
    states > 0 &&
    isDistribution(initial) &&
    transitions.length === states &&
    transitions.every(isDistribution) &&
    means.every(Number.isFinite) &&
    variances.length === states &&
    variances.every((variance) => variance > 0 && variance < Number.POSITIVE_INFINITY);
  if (!isSound)
    throw new TidemarkError(
      'PARAMETER_INVALID',
      'A hidden Markov model needs probabilities that sum to 1, finite means and variances above 0, one for each state',
    );
}

/** Below and above this an exponential is 0 or infinite. */
const MAX_EXPONENT = 700;

/**
 * Densities of a value in each state, all scaled by one factor, such that the likeliest of the states that can be is not 0, however far out the value
 * is. `before`: probabilities of the states without the value. Gives the factor's logarithm.
 */
function densities({ means, variances }: HiddenMarkovModel, value: number, before: Series, into: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let state = 0; state < into.length; state++) {
    const variance = variances[state]!;
    const log = -0.5 * ((value - means[state]!) ** 2 / variance) - Math.log(SQRT_TWO_PI * Math.sqrt(variance));
    into[state] = log;
    if (before[state]! > 0) largest = Math.max(largest, log + Math.log(before[state]!));
  }
  for (let state = 0; state < into.length; state++)
    into[state] = Math.exp(Math.min(into[state]! - largest, MAX_EXPONENT));
  return largest;
}

/**
 * The state as it is known from values so far, day by day: the forward half of Baum's algorithm. No value but those that were given is ever looked at.
 */
export class HiddenMarkovFilter {
  readonly #model: HiddenMarkovModel;
  readonly #before: Float64Array;
  /** Of the newest value in each state, scaled by one factor. Change in place. */
  readonly densities: Float64Array;
  /** Probability of each state after the newest value; those of the model's beginning before the first. Changes in place. */
  readonly probabilities: Float64Array;
  #count = 0;

  /** `probabilities`: where another filter of the same model was. */
  constructor(model: HiddenMarkovModel, probabilities: Series | null = null) {
    requireModel(model);
    this.#model = model;
    this.densities = new Float64Array(model.means.length);
    this.#before = new Float64Array(model.means.length);
    this.probabilities = Float64Array.from(probabilities ?? model.initial);
    this.#count = probabilities ? 1 : 0;
  }

  /** Takes the next value; gives the logarithm of its likelihood, given those before. Throws VALUE_NOT_FINITE. */
  update(value: number): number {
    if (!Number.isFinite(value)) requireFinite([value], 'hidden Markov filter');
    const { probabilities } = this;
    if (this.#count > 0) this.predict(probabilities, this.#before);
    else this.#before.set(probabilities);
    const scale = densities(this.#model, value, this.#before, this.densities);
    let sum = 0;
    for (let state = 0; state < probabilities.length; state++) {
      probabilities[state] = this.#before[state]! * this.densities[state]!;
      sum += probabilities[state]!;
    }
    for (let state = 0; state < probabilities.length; state++) probabilities[state] = probabilities[state]! / sum;
    this.#count++;
    return Math.log(sum) + scale;
  }

  /** Probabilities one step later. */
  predict(from: Series, into: Float64Array): void {
    const { transitions } = this.#model;
    for (let to = 0; to < into.length; to++) {
      let sum = 0;
      for (let state = 0; state < into.length; state++) sum += from[state]! * transitions[state]![to]!;
      into[to] = sum;
    }
  }

  /** Mean and variance of the next value: of the mixture of the states that may come. */
  next(): { readonly mean: number; readonly variance: number } {
    const ahead = new Float64Array(this.probabilities.length);
    if (this.#count > 0) this.predict(this.probabilities, ahead);
    else ahead.set(this.probabilities);
    let mean = 0;
    let square = 0;
    for (let state = 0; state < ahead.length; state++) {
      const centre = this.#model.means[state]!;
      mean += ahead[state]! * centre;
      square += ahead[state]! * (this.#model.variances[state]! + centre * centre);
    }
    return { mean, variance: square - mean * mean };
  }
}

/**
 * Maximum likelihood from a first model on by expectation and maximisation (Baum and Welch; Rabiner 1989, with his scaling). The likelihood
 * never falls; which maximum is found depends on where it begins. Throws HISTORY_TOO_SHORT below two values for each state, VALUE_NOT_FINITE,
 * PARAMETER_INVALID.
 */
export function fitHiddenMarkov(
  values: Series,
  first: HiddenMarkovModel,
  { maxSteps, tolerance }: FitOptions,
): HiddenMarkovFit {
  requireModel(first);
  requireFinite(values, 'hidden Markov model');
  requireLength(values, 2 * first.means.length, 'hidden Markov model');
  const work = new Expectations(values, first.means.length);
  let model = first;
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let step = 1; step <= maxSteps; step++) {
    const now = work.expect(model);
    const next = work.maximise(model);
    const gained = now - logLikelihood;
    logLikelihood = now;
    model = next;
    if (gained < tolerance) return { model, logLikelihood, steps: step };
  }
  return { model, logLikelihood, steps: maxSteps };
}

/** Probabilities of states at each value, and of steps between them, given the whole series. */
class Expectations {
  readonly #values: Series;
  readonly #states: number;
  readonly #forward: Float64Array;
  readonly #backward: Float64Array;
  readonly #densities: Float64Array;
  /** Sums of probabilities of steps; rows from, columns to. */
  readonly #steps: Float64Array;
  readonly #leastVariance: number;

  constructor(values: Series, states: number) {
    this.#values = values;
    this.#states = states;
    this.#forward = new Float64Array(values.length * states);
    this.#backward = new Float64Array(values.length * states);
    this.#densities = new Float64Array(values.length * states);
    this.#steps = new Float64Array(states * states);
    let [sum, squares] = [0, 0];
    for (let at = 0; at < values.length; at++) sum += values[at]!;
    for (let at = 0; at < values.length; at++) squares += (values[at]! - sum / values.length) ** 2;
    this.#leastVariance = Math.max((LEAST_VARIANCE_SHARE * squares) / values.length, Number.MIN_VALUE);
  }

  /** Gives the log-likelihood. */
  expect(model: HiddenMarkovModel): number {
    const states = this.#states;
    const filter = new HiddenMarkovFilter(model);
    let logLikelihood = 0;
    for (let at = 0; at < this.#values.length; at++) {
      logLikelihood += filter.update(this.#values[at]!);
      this.#densities.set(filter.densities, at * states);
      this.#forward.set(filter.probabilities, at * states);
    }
    this.#goBack(model);
    return logLikelihood;
  }

  #goBack({ transitions }: HiddenMarkovModel): void {
    const states = this.#states;
    const last = this.#values.length - 1;
    this.#steps.fill(0);
    this.#backward.fill(1, last * states);
    const step = new Float64Array(states * states);
    for (let at = last - 1; at >= 0; at--) {
      const [here, there] = [at * states, (at + 1) * states];
      let total = 0;
      let largest = 0;
      for (let from = 0; from < states; from++) {
        let sum = 0;
        for (let to = 0; to < states; to++) {
          const ahead = transitions[from]![to]! * this.#densities[there + to]! * this.#backward[there + to]!;
          sum += ahead;
          step[from * states + to] = this.#forward[here + from]! * ahead;
          total += step[from * states + to]!;
        }
        this.#backward[here + from] = sum;
        if (sum > largest) largest = sum;
      }
      // Only ratios matter: kept from vanishing.
      for (let from = 0; from < states; from++) this.#backward[here + from] = this.#backward[here + from]! / largest;
      for (let place = 0; place < step.length; place++) this.#steps[place] = this.#steps[place]! + step[place]! / total;
    }
  }

  maximise(before: HiddenMarkovModel): HiddenMarkovModel {
    const states = this.#states;
    const weights = new Float64Array(states);
    const sums = new Float64Array(states);
    const squares = new Float64Array(states);
    const initial: number[] = [];
    for (let at = 0; at < this.#values.length; at++) {
      let total = 0;
      for (let state = 0; state < states; state++)
        total += this.#forward[at * states + state]! * this.#backward[at * states + state]!;
      for (let state = 0; state < states; state++) {
        const share = (this.#forward[at * states + state]! * this.#backward[at * states + state]!) / total;
        if (at === 0) initial.push(share);
        // From the mean before, so that squares of small differences are added up and not of large values.
        const distance = this.#values[at]! - before.means[state]!;
        weights[state] = weights[state]! + share;
        sums[state] = sums[state]! + share * distance;
        squares[state] = squares[state]! + share * distance * distance;
      }
    }
    const rows = before.transitions.map((row, from) => {
      const counted = this.#steps.subarray(from * states, (from + 1) * states);
      const total = counted.reduce((sum, count) => sum + count, 0);
      // A state that is never left has shown nothing.
      return total > 0 ? Array.from(counted, (count) => count / total) : [...row];
    });
    return {
      initial,
      transitions: rows,
      means: before.means.map((mean, state) => (weights[state]! > 0 ? mean + sums[state]! / weights[state]! : mean)),
      variances: before.variances.map((variance, state) => {
        if (!(weights[state]! > 0)) return variance;
        const mean = sums[state]! / weights[state]!;
        return Math.max(squares[state]! / weights[state]! - mean * mean, this.#leastVariance);
      }),
    };
  }
}
