import { requireBetween } from '#quant/checks.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

/** Buckets of one size before the two oldest become one of twice the size (M in the paper). */
const MAX_BUCKETS = 5;
/** How often a cut is looked for, values. */
const CLOCK = 32;
/** Fewest values on either side of a cut, and before the first look. */
const LEAST_SIDE = 5;
const GRACE = 10;
const ROW = MAX_BUCKETS + 1;

export interface AdwinSnapshot {
  readonly ticks: number;
  readonly total: number;
  readonly variance: number;
  /** By size, 1, 2, 4 …: how many buckets there are, oldest first their sums and their sums of squares about the mean. */
  readonly levels: readonly { readonly totals: readonly number[]; readonly variances: readonly number[] }[];
}

/**
 * Adaptive windowing (Bifet and Gavaldà, SIAM Data Mining 2007; the variant with exponential buckets, ADWIN2): keeps the values since their mean
 * last changed, in buckets of 1, 2, 4 … values, and finds a change where two parts of the window have means that differ by more than chance
 * gives, with probability `delta` of being wrong at one look. Memory and work grow with the logarithm of the window. After a
 * change everything is forgotten at the next value. Same alarms as `river`'s ADWIN with its defaults.
 */
export class Adwin {
  readonly #delta: number;
  #levels = 1;
  #sizes = new Int32Array(1);
  #totals = new Float64Array(ROW);
  #variances = new Float64Array(ROW);
  #ticks = 0;
  #width = 0;
  #total = 0;
  #variance = 0;
  #alarmed = false;

  /** Throws PARAMETER_INVALID unless 0 < delta < 1. */
  constructor(delta: number) {
    requireBetween(delta, 0, 1, "ADWIN's delta");
    this.#delta = delta;
  }

  /** Values in the window. */
  get width(): number {
    return this.#width;
  }
  /** Their sum. */
  get total(): number {
    return this.#total;
  }
  /** Their variance, ddof 0; 0 of none. */
  get variance(): number {
    return this.#width === 0 ? 0 : this.#variance / this.#width;
  }

  /** Takes a value; true when the mean has changed. Throws VALUE_NOT_FINITE. */
  update(value: number): boolean {
    if (!Number.isFinite(value)) throw new TidemarkError('VALUE_NOT_FINITE', `ADWIN was given ${value}`);
    if (this.#alarmed) this.#forget();
    this.#insert(value);
    this.#ticks++;
    this.#alarmed = this.#ticks % CLOCK === 0 && this.#width > GRACE && this.#shrink();
    return this.#alarmed;
  }

  snapshot(): AdwinSnapshot {
    const levels = Array.from({ length: this.#alarmed ? 0 : this.#levels }, (_, level) => {
      const [from, to] = [level * ROW, level * ROW + this.#sizes[level]!];
      return { totals: [...this.#totals.slice(from, to)], variances: [...this.#variances.slice(from, to)] };
    });
    // What is after an alarm is forgotten with the next value: as well now.
    if (this.#alarmed) return { ticks: 0, total: 0, variance: 0, levels };
    return { ticks: this.#ticks, total: this.#total, variance: this.#variance, levels };
  }

  static restore(delta: number, { ticks, total, variance, levels }: AdwinSnapshot): Adwin {
    const adwin = new Adwin(delta);
    adwin.#reserve(Math.max(1, levels.length));
    levels.forEach(({ totals, variances }, level) => {
      adwin.#sizes[level] = totals.length;
      adwin.#totals.set(totals, level * ROW);
      adwin.#variances.set(variances, level * ROW);
      adwin.#width += totals.length * 2 ** level;
    });
    adwin.#ticks = ticks;
    adwin.#total = total;
    adwin.#variance = variance;
    return adwin;
  }

  #forget(): void {
    this.#levels = 1;
    this.#sizes.fill(0);
    this.#ticks = this.#width = this.#total = this.#variance = 0;
  }

  #reserve(levels: number): void {
    this.#levels = levels;
    if (levels <= this.#sizes.length) return;
    const grown = <T extends Int32Array | Float64Array>(array: T, into: T): T => {
      into.set(array);
      return into;
    };
    this.#sizes = grown(this.#sizes, new Int32Array(levels));
    this.#totals = grown(this.#totals, new Float64Array(levels * ROW));
    this.#variances = grown(this.#variances, new Float64Array(levels * ROW));
  }

  #insert(value: number): void {
    this.#append(0, value, 0);
    if (this.#width > 0) {
      const apart = value - this.#total / this.#width;
      this.#variance += (this.#width * apart * apart) / (this.#width + 1);
    }
    this.#width++;
    this.#total += value;
    for (let level = 0; this.#sizes[level] === ROW; level++) {
      if (level + 1 === this.#levels) this.#reserve(level + 2);
      const [at, size] = [level * ROW, 2 ** level];
      const apart = (this.#totals[at]! - this.#totals[at + 1]!) / size;
      this.#append(
        level + 1,
        this.#totals[at]! + this.#totals[at + 1]!,
        this.#variances[at]! + this.#variances[at + 1]! + (size / 2) * apart * apart,
      );
      this.#drop(level, 2);
    }
  }

  #append(level: number, total: number, variance: number): void {
    const at = level * ROW + this.#sizes[level]!++;
    this.#totals[at] = total;
    this.#variances[at] = variance;
  }

  /** Takes the oldest buckets of a size away. */
  #drop(level: number, count: number): void {
    const [from, end] = [level * ROW, level * ROW + this.#sizes[level]!];
    this.#totals.copyWithin(from, from + count, end);
    this.#variances.copyWithin(from, from + count, end);
    this.#sizes[level]! -= count;
  }

  /** Drops the oldest bucket as long as some cut of the window tells two means. */
  #shrink(): boolean {
    let changed = false;
    while (this.#width > 0 && this.#hasCut()) {
      changed = true;
      this.#dropOldest();
    }
    return changed;
  }

  #dropOldest(): void {
    const level = this.#levels - 1;
    const [at, size] = [level * ROW, 2 ** level];
    const total = this.#totals[at]!;
    this.#width -= size;
    this.#total -= total;
    const apart = total / size - this.#total / this.#width;
    this.#variance -= this.#variances[at]! + (size * this.#width * apart * apart) / (size + this.#width);
    this.#drop(level, 1);
    while (this.#levels > 1 && this.#sizes[this.#levels - 1] === 0) this.#levels--;
  }

  #hasCut(): boolean {
    const doubt = Math.log((2 * Math.log(this.#width)) / this.#delta);
    const variance = this.variance;
    let older = 0;
    let olderTotal = 0;
    for (let level = this.#levels - 1; level >= 0; level--) {
      const size = 2 ** level;
      for (let index = 0; index < this.#sizes[level]!; index++) {
        older += size;
        olderTotal += this.#totals[level * ROW + index]!;
        const newer = this.#width - older;
        if (older < LEAST_SIDE || newer < LEAST_SIDE) continue;
        const rare = 1 / (older - LEAST_SIDE + 1) + 1 / (newer - LEAST_SIDE + 1);
        const chance = Math.sqrt(2 * rare * variance * doubt) + (2 / 3) * doubt * rare;
        if (Math.abs(olderTotal / older - (this.#total - olderTotal) / newer) > chance) return true;
      }
    }
    return false;
  }
}
