import { TidemarkError } from '#streams/kit/errors.ts';
import { CAPS, FAST_DECAY, MEMORY_DAYS, SLOW_DECAY } from './breach-table.ts';
import { add, type Decayed, decayed, meanOf, Recent } from './days.ts';
import { SQRT_YEAR } from './limit-track.ts';

export interface MarketSnapshot {
  /** Newest day; null before the first. */
  readonly day: number | null;
  readonly fast: Decayed;
  readonly slow: Decayed;
  /** Logarithm of the index, 0 before the first return. */
  readonly levels: readonly number[];
}

/** The market up to the last day that is over. */
export class MarketTrack {
  #day: number;
  readonly #fast: Decayed;
  readonly #slow: Decayed;
  readonly #levels: Recent;

  constructor(from?: MarketSnapshot) {
    this.#day = from?.day ?? Number.NEGATIVE_INFINITY;
    this.#fast = { ...(from?.fast ?? decayed()) };
    this.#slow = { ...(from?.slow ?? decayed()) };
    this.#levels = new Recent(MEMORY_DAYS, from?.levels ?? [0]);
  }

  /** Newest day; null before the first. */
  get day(): number | null {
    return this.#day === Number.NEGATIVE_INFINITY ? null : this.#day;
  }

  /** Passes over a day that is not after the last. Throws RETURN_INVALID for a return that is not above -1. */
  take(day: number, simpleReturn: number): void {
    if (!(simpleReturn > -1 && simpleReturn < Number.POSITIVE_INFINITY))
      throw new TidemarkError('RETURN_INVALID', `A return of ${simpleReturn} on day ${day} is no number above -1`);
    if (day <= this.#day) return;
    this.#day = day;
    const change = Math.log1p(simpleReturn);
    add(this.#fast, change * change, FAST_DECAY);
    add(this.#slow, change * change, SLOW_DECAY);
    this.#levels.push(this.#levels.back(0) + change);
  }

  features(): Record<string, number> {
    const levels = this.#levels;
    const now = levels.back(0);
    let high = now;
    for (let back = 1; back < levels.count; back++) high = Math.max(high, levels.back(back));
    const over = (days: number) => now - levels.back(Math.min(days, levels.count - 1));
    const [fast, slow] = [Math.sqrt(meanOf(this.#fast)), Math.sqrt(meanOf(this.#slow))];
    return {
      marketVolatility: fast * SQRT_YEAR,
      marketVolatilityRatio: slow > 0 ? Math.min(CAPS.ratio, fast / slow) : 1,
      marketReturn5: over(5),
      marketReturn20: over(20),
      marketDrawdown: -Math.expm1(now - high),
    };
  }

  snapshot(): MarketSnapshot {
    return { day: this.day, fast: { ...this.#fast }, slow: { ...this.#slow }, levels: this.#levels.toArray() };
  }
}
