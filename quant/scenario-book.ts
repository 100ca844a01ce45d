import { TidemarkError } from '#streams/kit/errors.ts';
import { requireBetween, requireFinite, requireLength } from './checks.ts';
import { lowest, placeOf } from './order-statistics.ts';
import { type Tail, tailOfSorted, tailProbability } from './tail.ts';

/** Bits kept below the largest profit that holdings of this size can make: the 53 of a double, less room for a sum on its way. */
const GRID_BITS = 50;
/** The grid moves in steps of 2^8, so that a book which grows a little keeps it. */
const STEP_BITS = 8;
/** 1.5 × 2^52: added to a number and taken off again it leaves the nearest whole one. */
const ROUNDER = 6_755_399_441_055_744;

/** Larger figures are no holdings, and their products would leave the range of a double. */
const LIMIT = 1e100;

/**
 * Historical simulation of one portfolio, kept up to date tick by tick: profit of today's exposures in each past scenario, Σ exposure ×
 * return. A new exposure costs one pass over the scenarios of its own instrument, whatever the number of positions.
 *
 * Each term is rounded to a multiple of a power of two so far above the last bit that sums of them are exact in doubles. So what is
 * added is taken away again without a trace: figures depend on exposures and returns alone, not on the order or number of
 * ticks, and equal a recomputation to the bit. The rounding of a term is at most 2^-43 of gross exposure times the largest return.
 */
export class ScenarioBook {
  /** Profit in each scenario, oldest first, in the exposures' currency. To be read only. */
  readonly profits: Float64Array;
  readonly scenarios: number;
  readonly #returns: readonly Float64Array[];
  readonly #exposures: Float64Array;
  readonly #levels: readonly { readonly confidence: number; readonly probability: number }[];
  readonly #lowest: Float64Array;
  readonly #largestReturn: number;
  #exponent = Number.NEGATIVE_INFINITY;
  #grid = 0;

  /**
   * `returns`: for each instrument its simple returns in the scenarios, oldest first, all of one length, at least 2; `confidences`: the
   * levels that `tails` answers. Nothing is held yet. Throws HISTORY_TOO_SHORT, SHAPE_MISMATCH, VALUE_NOT_FINITE, PARAMETER_INVALID.
   */
  constructor(returns: readonly Float64Array[], scenarios: number, confidences: readonly number[]) {
    requireLength(new Float64Array(scenarios), 2, 'Scenarios');
    let largest = 0;
    returns.forEach((row, instrument) => {
      if (row.length !== scenarios)
        throw new TidemarkError('SHAPE_MISMATCH', `instrument ${instrument} has ${row.length} of ${scenarios} returns`);
      requireFinite(row, `Returns of instrument ${instrument}`);
      for (const value of row) largest = Math.max(largest, Math.abs(value));
    });
    requireBetween(largest, -1, LIMIT, 'The largest return');
    this.scenarios = scenarios;
    this.profits = new Float64Array(scenarios);
    this.#returns = returns;
    this.#exposures = new Float64Array(returns.length);
    this.#largestReturn = largest;
    this.#levels = confidences.map((confidence) => ({ confidence, probability: tailProbability(confidence) }));
    const deepest = Math.max(...this.#levels.map(({ probability }) => placeOf(probability, scenarios).rank));
    this.#lowest = new Float64Array(Math.min(scenarios, deepest + 2));
  }

  /** What is held of an instrument: quantity × multiplier × mark in the portfolio's currency, negative when short. */
  exposure(instrument: number): number {
    return this.#exposures[instrument]!;
  }

  /** Exchanges an exposure, at most 1e100 either way. Throws PARAMETER_INVALID and changes nothing. */
  hold(instrument: number, exposure: number): void {
    requireBetween(exposure, -LIMIT, LIMIT, `The exposure to instrument ${instrument}`);
    const before = this.#exposures[instrument]!;
    if (exposure === before) return;
    this.#exposures[instrument] = exposure;
    const exponent = this.#exponentNow();
    if (exponent === this.#exponent) this.#exchange(instrument, before, exposure);
    else this.#refill(exponent);
  }

  /** Makes the profits afresh from the exposures. They are the same to the bit: for tests and benchmarks. */
  recompute(): void {
    this.#refill(this.#exponentNow());
  }

  /** VaR and ES of each level, in the order of the confidences, one day ahead. */
  tails(): Tail[] {
    lowest(this.profits, this.scenarios, this.#lowest.length, this.#lowest);
    return this.#levels.map((_, level) => this.#tail(level));
  }

  /** As `tails`, written as VaR, ES, VaR, ES … to the first places of `out`, without garbage. */
  tailsInto(out: Float64Array): void {
    lowest(this.profits, this.scenarios, this.#lowest.length, this.#lowest);
    for (let index = 0; index < this.#levels.length; index++) {
      const { valueAtRisk, expectedShortfall } = this.#tail(index);
      out[2 * index] = valueAtRisk;
      out[2 * index + 1] = expectedShortfall;
    }
  }

  #tail(level: number): Tail {
    return tailOfSorted(this.#lowest, this.scenarios, this.#levels[level]!.probability);
  }

  /** The grid's exponent for what is held, from the largest profit possible. Summed afresh: it must not depend on the past either. */
  #exponentNow(): number {
    let gross = 0;
    for (let index = 0; index < this.#exposures.length; index++) gross += Math.abs(this.#exposures[index]!);
    const largest = gross * this.#largestReturn;
    return largest === 0 ? Number.NEGATIVE_INFINITY : Math.ceil(Math.log2(largest) / STEP_BITS) * STEP_BITS;
  }

  #refill(exponent: number): void {
    this.#exponent = exponent;
    this.#grid = exponent === Number.NEGATIVE_INFINITY ? 0 : 2 ** (exponent - GRID_BITS);
    this.profits.fill(0);
    const whole = this.#exposures.length - (this.#exposures.length % 4);
    for (let first = 0; first < whole; first += 4) this.#addFour(first);
    for (let index = whole; index < this.#exposures.length; index++) this.#exchange(index, 0, this.#exposures[index]!);
  }

  /** Four instruments at a time: each profit is loaded and stored a quarter as often. Sums are exact in any order. */
  #addFour(first: number): void {
    const [a, b, c, d] = [first, first + 1, first + 2, first + 3];
    const [x, y, z, w] = [this.#exposures[a]!, this.#exposures[b]!, this.#exposures[c]!, this.#exposures[d]!];
    const [p, q, r, s] = [this.#returns[a]!, this.#returns[b]!, this.#returns[c]!, this.#returns[d]!];
    const { profits } = this;
    const rounder = ROUNDER * this.#grid;
    for (let index = 0; index < profits.length; index++) {
      const one = x * p[index]! + rounder - rounder + (y * q[index]! + rounder - rounder);
      const two = z * r[index]! + rounder - rounder + (w * s[index]! + rounder - rounder);
      profits[index]! += one + two;
    }
  }

  #exchange(instrument: number, before: number, after: number): void {
    const returns = this.#returns[instrument]!;
    const { profits } = this;
    const rounder = ROUNDER * this.#grid;
    for (let index = 0; index < profits.length; index++) {
      const change = returns[index]!;
      profits[index]! += after * change + rounder - rounder - (before * change + rounder - rounder);
    }
  }
}
