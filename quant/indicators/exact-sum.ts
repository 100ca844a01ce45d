import type { Memory } from './memory.ts';

/**
 * A sum that values are added to and taken from for ever: what each addition rounds off is kept beside it (Neumaier 1974), so that
 * a million of them leave no trace. A plain running sum drifts, and its differences with it.
 */
export class ExactSum {
  /** sum, what was rounded off */
  readonly #state: Float64Array;

  constructor(memory: Memory) {
    this.#state = memory.scalars(0, 0);
  }

  add(value: number): void {
    const state = this.#state;
    const before = state[0]!;
    const after = before + value;
    state[0] = after;
    state[1] = state[1]! + (Math.abs(before) >= Math.abs(value) ? before - after + value : value - after + before);
  }

  /** Adds a product, and what it rounds off. */
  addProduct(a: number, b: number): void {
    const product = a * b;
    this.add(product);
    this.#state[1] = this.#state[1]! + productError(a, b, product);
  }

  /** The two numbers that add up to it. */
  get high(): number {
    return this.#state[0]!;
  }
  get low(): number {
    return this.#state[1]!;
  }
  get value(): number {
    return this.#state[0]! + this.#state[1]!;
  }
}

/** 2^27 + 1: splits a double into two halves of which products are exact (Veltkamp 1968). */
const SPLITTER = 134_217_729;

/** What `a × b` rounds off (Dekker 1971). Of numbers below 1e290. */
function productError(a: number, b: number, product: number): number {
  const aHigh = a * SPLITTER - (a * SPLITTER - a);
  const bHigh = b * SPLITTER - (b * SPLITTER - b);
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** n Σab - Σa Σb of n pairs: n² times their covariance, and what is left of it where the sums are large beside it. */
export function centredProduct(n: number, products: ExactSum, a: ExactSum, b: ExactSum): number {
  const scaled = n * products.high;
  const crossed = a.high * b.high;
  const rest = productError(n, products.high, scaled) - productError(a.high, b.high, crossed);
  return scaled - crossed + (rest + n * products.low - a.high * b.low - a.low * b.high);
}
