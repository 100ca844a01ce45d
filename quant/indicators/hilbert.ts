import type { Memory } from './memory.ts';

/** Of Ehlers' Hilbert transform (Rocket Science for Traders, 2001). */
const A = 0.0962;
const B = 0.5769;
const DEGREES = 180 / Math.PI;
const SHORTEST = 6;
const LONGEST = 50;

/** One transform: what it keeps of odd bars, and of even ones. */
class Transform {
  /** even, then odd: three scaled inputs, previous output part, previous input */
  readonly #state: Float64Array;

  constructor(memory: Memory) {
    this.#state = memory.scalars(...Array<number>(10).fill(0));
  }
  next(input: number, isOdd: boolean, place: number, scale: number): number {
    const state = this.#state;
    const from = isOdd ? 5 : 0;
    const scaled = A * input;
    const before = B * state[from + 4]!;
    const result = (scaled - state[from + place]! - state[from + 3]! + before) * scale;
    state[from + place] = scaled;
    state[from + 3] = before;
    state[from + 4] = input;
    return result;
  }
}

/** Weighted average of the newest four prices, 4 to 1. */
class Smoother {
  /** count, then the three prices before */
  readonly #state: Float64Array;

  constructor(memory: Memory) {
    this.#state = memory.scalars(0, 0, 0, 0);
  }
  next(price: number): number {
    const state = this.#state;
    const result = (4 * price + 3 * state[1]! + 2 * state[2]! + state[3]!) * 0.1;
    state[0] = state[0]! + 1;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = price;
    return result;
  }
  get count(): number {
    return this.#state[0]!;
  }
}

/**
 * Dominant cycle of prices by Ehlers' homodyne discriminator, as TA-Lib calculates it: period in bars from 6 to 50, in-phase and quadrature
 * components.
 */
export class DominantCycle {
  readonly #smoother: Smoother;
  readonly #detrender: Transform;
  readonly #quadrature: Transform;
  readonly #aheadInPhase: Transform;
  readonly #aheadQuadrature: Transform;
  /**
   * place of even bars, in-phase of even and of odd bars two and three before, previous I2 and Q2, Re, Im, period, smoothed period, newest
   * in-phase, newest quadrature
   */
  readonly #state: Float64Array;
  /** Prices that are smoothed only. */
  readonly #first: number;
  /** Smoothed newest price. */
  smoothed = 0;

  constructor(memory: Memory, first: number) {
    this.#smoother = new Smoother(memory);
    this.#detrender = new Transform(memory);
    this.#quadrature = new Transform(memory);
    this.#aheadInPhase = new Transform(memory);
    this.#aheadQuadrature = new Transform(memory);
    this.#state = memory.scalars(...Array<number>(13).fill(0));
    this.#first = first;
  }

  /** False while prices are smoothed only. */
  next(price: number): boolean {
    this.smoothed = this.#smoother.next(price);
    const bar = this.#smoother.count - 1;
    if (bar < this.#first) return false;
    const state = this.#state;
    const isOdd = bar % 2 === 1;
    const place = state[0]!;
    const scale = 0.075 * state[9]! + 0.54;
    const detrended = this.#detrender.next(this.smoothed, isOdd, place, scale);
    const quadrature = this.#quadrature.next(detrended, isOdd, place, scale);
    const inPhase = state[isOdd ? 4 : 2]!;
    const aheadInPhase = this.#aheadInPhase.next(inPhase, isOdd, place, scale);
    const aheadQuadrature = this.#aheadQuadrature.next(quadrature, isOdd, place, scale);
    if (isOdd) {
      state[2] = state[1]!;
      state[1] = detrended;
    } else {
      state[0] = place === 2 ? 0 : place + 1;
      state[4] = state[3]!;
      state[3] = detrended;
    }
    state[11] = inPhase;
    state[12] = quadrature;
    this.#discriminate(
      0.2 * (inPhase - aheadQuadrature) + 0.8 * state[5]!,
      0.2 * (quadrature + aheadInPhase) + 0.8 * state[6]!,
    );
    return true;
  }

  #discriminate(inPhase: number, quadrature: number): void {
    const state = this.#state;
    const real = 0.2 * (inPhase * state[5]! + quadrature * state[6]!) + 0.8 * state[7]!;
    const imaginary = 0.2 * (inPhase * state[6]! - quadrature * state[5]!) + 0.8 * state[8]!;
    const before = state[9]!;
    let period = before;
    if (imaginary !== 0 && real !== 0) period = 360 / (Math.atan(imaginary / real) * DEGREES);
    period = Math.max(Math.min(period, 1.5 * before), 0.67 * before);
    period = Math.min(Math.max(period, SHORTEST), LONGEST);
    state[5] = inPhase;
    state[6] = quadrature;
    state[7] = real;
    state[8] = imaginary;
    state[9] = 0.2 * period + 0.8 * before;
    state[10] = 0.33 * state[9] + 0.67 * state[10]!;
  }

  /** Smoothed period, bars. */
  get period(): number {
    return this.#state[10]!;
  }
  get inPhase(): number {
    return this.#state[11]!;
  }
  get quadrature(): number {
    return this.#state[12]!;
  }
}

/** Sines and cosines of whole cycles of up to 50 bars: sin(2π i / n), made once. */
const WAVES = Array.from({ length: LONGEST + 1 }, (_, n) => ({
  sines: Float64Array.from({ length: n }, (__, i) => Math.sin((i * Math.atan(1) * 8) / n)),
  cosines: Float64Array.from({ length: n }, (__, i) => Math.cos((i * Math.atan(1) * 8) / n)),
}));

/** Phase of the dominant cycle, degrees from -45 to 315. */
export class CyclePhase {
  readonly cycle: DominantCycle;
  readonly #prices: Float64Array;
  /** smoothed prices so far, phase */
  readonly #state: Float64Array;

  constructor(memory: Memory, first: number) {
    this.cycle = new DominantCycle(memory, first);
    this.#prices = memory.ring(LONGEST);
    this.#state = memory.scalars(0, 0);
  }

  next(price: number): boolean {
    if (!this.cycle.next(price)) return false;
    const state = this.#state;
    const mask = this.#prices.length - 1;
    const newest = state[0]!;
    this.#prices[newest & mask] = this.cycle.smoothed;
    state[0] = newest + 1;
    const { period } = this.cycle;
    const { sines, cosines } = WAVES[Math.floor(period + 0.5)]!;
    let real = 0;
    let imaginary = 0;
    for (let back = 0; back < sines.length; back++) {
      // Before the first there are zeros.
      const value = back > newest ? 0 : this.#prices[(newest - back) & mask]!;
      real += sines[back]! * value;
      imaginary += cosines[back]! * value;
    }
    let phase = state[1]!;
    if (Math.abs(imaginary) > 0) phase = Math.atan(real / imaginary) * DEGREES;
    else if (real < 0) phase -= 90;
    else if (real > 0) phase += 90;
    phase += 90 + 360 / period;
    if (imaginary < 0) phase += 180;
    if (phase > 315) phase -= 360;
    state[1] = phase;
    return true;
  }

  get phase(): number {
    return this.#state[1]!;
  }
}
