import { REGIME_COUNT } from './regimes.ts';

/** What a rule calls in one of its cells is worth so many days before anything was seen; any other regime the rest. */
const CALL_WEIGHT = 4;
const OTHER_WEIGHT = 0.5;
/** Half of a day's weight is left after five years. */
const KEPT = 0.5 ** (1 / 1260);

/**
 * Which regimes the days of each cell of a voter turned out to belong to: what a cell says in probabilities. Counts fade; before any, a cell says what
 * the rule calls there (a Dirichlet prior).
 */
export class Confusion {
  readonly #counts: Float64Array;
  readonly #prior: Float64Array;

  /** `calls`: by cell, places of the regimes that the rule would name, empty: any. */
  constructor(calls: readonly (readonly number[])[], counts: readonly number[] | null = null) {
    this.#counts = Float64Array.from(counts ?? new Array(calls.length * REGIME_COUNT).fill(0));
    this.#prior = new Float64Array(calls.length * REGIME_COUNT).fill(OTHER_WEIGHT);
    calls.forEach((regimes, cell) => {
      for (const regime of regimes) this.#prior[cell * REGIME_COUNT + regime]! += CALL_WEIGHT / regimes.length;
    });
  }

  /** Probabilities of the regimes, given those of the cells. */
  probabilities(cells: Float64Array): Float64Array {
    const found = new Float64Array(REGIME_COUNT);
    cells.forEach((weight, cell) => {
      const from = cell * REGIME_COUNT;
      let total = 0;
      for (let at = from; at < from + REGIME_COUNT; at++) total += this.#counts[at]! + this.#prior[at]!;
      for (let regime = 0; regime < REGIME_COUNT; regime++)
        found[regime]! += (weight * (this.#counts[from + regime]! + this.#prior[from + regime]!)) / total;
    });
    return found;
  }

  /** A day on which the cells were these belonged to this regime. */
  learn(cells: Float64Array, regime: number): void {
    for (let at = 0; at < this.#counts.length; at++) this.#counts[at]! *= KEPT;
    cells.forEach((weight, cell) => {
      this.#counts[cell * REGIME_COUNT + regime]! += weight;
    });
  }

  snapshot(): number[] {
    return [...this.#counts];
  }
}
