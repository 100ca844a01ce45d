import type { Bars } from './bars.ts';
import type { Memory } from './memory.ts';
import { RunningSum } from './running-sum.ts';

/** What of a candle is compared. */
type Part = 'body' | 'range' | 'shadows';
/** A size that candles are called by: `factor` times the average of a part of the `period` candles before, or (0) of the candle's own. */
interface Size {
  readonly part: Part;
  readonly period: number;
  readonly factor: number;
}

/** TA-Lib's candle settings. */
export const SIZES = {
  bodyLong: { part: 'body', period: 10, factor: 1 },
  bodyShort: { part: 'body', period: 10, factor: 1 },
  bodyDoji: { part: 'range', period: 10, factor: 0.1 },
  shadowLong: { part: 'body', period: 0, factor: 1 },
  shadowVeryLong: { part: 'body', period: 0, factor: 2 },
  shadowShort: { part: 'shadows', period: 10, factor: 1 },
  shadowVeryShort: { part: 'range', period: 10, factor: 0.1 },
  near: { part: 'range', period: 5, factor: 0.2 },
  far: { part: 'range', period: 5, factor: 0.6 },
  equal: { part: 'range', period: 5, factor: 0.05 },
} as const satisfies Record<string, Size>;
export type SizeName = keyof typeof SIZES;

/** Sums over the newest candles, and what they were at the candles before. */
class Averages {
  readonly #sum: RunningSum;
  readonly #past: Float64Array;
  readonly #mask: number;

  constructor(memory: Memory, period: number) {
    this.#sum = new RunningSum(memory, period);
    // No pattern looks back further than five candles.
    this.#past = memory.ring(8);
    this.#mask = this.#past.length - 1;
  }
  next(index: number, value: number): void {
    this.#past[index & this.#mask] = this.#sum.next(value);
  }
  /** Of the candles up to number `index`. */
  at(index: number): number {
    return this.#past[index & this.#mask]!;
  }
}

/** The newest candles, as all patterns of a set look at them; `back` counts from 0, the newest. */
export class Candles {
  readonly #bodies: Averages;
  readonly #shadows: Averages;
  readonly #ranges: Averages;
  readonly #nearRanges: Averages;
  #bars: Bars | null = null;
  #index = -1;

  constructor(memory: Memory) {
    this.#bodies = new Averages(memory, 10);
    this.#shadows = new Averages(memory, 10);
    this.#ranges = new Averages(memory, 10);
    this.#nearRanges = new Averages(memory, 5);
  }

  step(bars: Bars): void {
    this.#bars = bars;
    this.#index = bars.index;
    const body = this.body(0);
    const range = this.range(0);
    this.#bodies.next(bars.index, body);
    this.#ranges.next(bars.index, range);
    this.#nearRanges.next(bars.index, range);
    this.#shadows.next(bars.index, this.upper(0) + this.lower(0));
  }

  get index(): number {
    return this.#index;
  }
  open(back: number): number {
    return this.#bars!.open[(this.#index - back) & this.#bars!.mask]!;
  }
  high(back: number): number {
    return this.#bars!.high[(this.#index - back) & this.#bars!.mask]!;
  }
  low(back: number): number {
    return this.#bars!.low[(this.#index - back) & this.#bars!.mask]!;
  }
  close(back: number): number {
    return this.#bars!.close[(this.#index - back) & this.#bars!.mask]!;
  }
  /** 1 of a white candle, which did not fall, -1 of a black one. */
  color(back: number): 1 | -1 {
    return this.close(back) >= this.open(back) ? 1 : -1;
  }
  body(back: number): number {
    return Math.abs(this.close(back) - this.open(back));
  }
  /** Upper and lower end of the body. */
  top(back: number): number {
    return Math.max(this.close(back), this.open(back));
  }
  bottom(back: number): number {
    return Math.min(this.close(back), this.open(back));
  }
  upper(back: number): number {
    return this.high(back) - this.top(back);
  }
  lower(back: number): number {
    return this.bottom(back) - this.low(back);
  }
  range(back: number): number {
    return this.high(back) - this.low(back);
  }
  /** The body is above, or below, that of an earlier candle. */
  gapsUp(back: number, before: number): boolean {
    return this.bottom(back) > this.top(before);
  }
  gapsDown(back: number, before: number): boolean {
    return this.top(back) < this.bottom(before);
  }
  /** The candle with its shadows is. */
  leapsUp(back: number, before: number): boolean {
    return this.low(back) > this.high(before);
  }
  leapsDown(back: number, before: number): boolean {
    return this.high(back) < this.low(before);
  }
  /** Whether it is within a size of another price. */
  isAround(value: number, price: number, size: number): boolean {
    return value <= price + size && value >= price - size;
  }

  /** A size as of a candle. */
  size(name: SizeName, back: number): number {
    const { part, period, factor }: Size = SIZES[name];
    if (period === 0) return factor * this.body(back);
    const sums =
      period === 5
        ? this.#nearRanges
        : part === 'body'
          ? this.#bodies
          : part === 'range'
            ? this.#ranges
            : this.#shadows;
    // Both shadows are in it.
    return (factor * (sums.at(this.#index - back - 1) / period)) / (part === 'shadows' ? 2 : 1);
  }
}
