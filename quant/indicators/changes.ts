/** Indicators of one series: its changes, and how they compare. */
import { average, averageLookback, averageProblem, averageType } from './average-types.ts';
import { Ema, Wma } from './averages.ts';
import { Delay } from './delay.ts';
import { MovingMax, MovingMin } from './extremes.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import { single } from './single.ts';
import type { Filter, IndicatorDefinition } from './types.ts';

/** Of the newest value and the one `length` before it. */
export class Change implements Filter {
  readonly #values: Delay;
  readonly #length: number;
  readonly #compare: (value: number, before: number) => number;

  constructor(memory: Memory, length: number, compare: (value: number, before: number) => number) {
    this.#values = new Delay(memory, length);
    this.#length = length;
    this.#compare = compare;
  }

  next(value: number): number {
    const count = this.#values.push(value);
    return count <= this.#length ? Number.NaN : this.#compare(value, this.#values.back(this.#length));
  }
}

export const rateOfChange = (value: number, before: number): number => (before === 0 ? 0 : (value / before - 1) * 100);

const changed = (
  name: string,
  title: string,
  compare: (value: number, before: number) => number,
): IndicatorDefinition => ({
  name,
  title,
  group: 'momentum',
  parameters: [period(10, 1)],
  outputs: ['real'],
  lookback: ([length]) => length!,
  series: (memory, [length]) => single(new Change(memory, length!, compare)),
});

/** Sums of gains and of losses: Wilder's averages, or plain sums over the period. */
class GainsAndLosses {
  /** changes, gains, losses, value before */
  readonly #state: Float64Array;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#state = memory.scalars(-1, 0, 0, 0);
    this.#length = length;
  }

  /** True once both averages are defined. */
  next(value: number): boolean {
    const state = this.#state;
    const length = this.#length;
    const changes = state[0]! + 1;
    state[0] = changes;
    const change = value - state[3]!;
    state[3] = value;
    if (changes === 0) return false;
    const gain = Math.max(change, 0);
    const loss = Math.max(-change, 0);
    if (changes > length) {
      state[1] = (state[1]! * (length - 1) + gain) / length;
      state[2] = (state[2]! * (length - 1) + loss) / length;
      return true;
    }
    state[1] = state[1]! + gain;
    state[2] = state[2]! + loss;
    if (changes < length) return false;
    state[1] = state[1]! / length;
    state[2] = state[2]! / length;
    return true;
  }
  get gains(): number {
    return this.#state[1]!;
  }
  get losses(): number {
    return this.#state[2]!;
  }
}

/** Wilder's relative strength index (1978), 0 where nothing moved: TA-Lib's RSI. */
export class Rsi implements Filter {
  readonly #sums: GainsAndLosses;
  constructor(memory: Memory, length: number) {
    this.#sums = new GainsAndLosses(memory, length);
  }
  next(value: number): number {
    if (!this.#sums.next(value)) return Number.NaN;
    const { gains, losses } = this.#sums;
    const sum = gains + losses;
    return Math.abs(sum) < 1e-14 ? 0 : 100 * (gains / sum);
  }
}
/** Chande's momentum oscillator with Wilder's smoothing: TA-Lib's CMO. */
class Cmo implements Filter {
  readonly #sums: GainsAndLosses;
  constructor(memory: Memory, length: number) {
    this.#sums = new GainsAndLosses(memory, length);
  }
  next(value: number): number {
    if (!this.#sums.next(value)) return Number.NaN;
    const { gains, losses } = this.#sums;
    const sum = gains + losses;
    return Math.abs(sum) < 1e-14 ? 0 : 100 * ((gains - losses) / sum);
  }
}

/** Change over the period by the sum of the absolute ones: Kaufman's efficiency ratio (1995). TA-Lib's ER. */
class Efficiency implements Filter {
  readonly #values: Delay;
  /** sum of absolute changes */
  readonly #state: Float64Array;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#values = new Delay(memory, length + 1);
    this.#state = memory.scalars(0);
    this.#length = length;
  }
  next(value: number): number {
    const values = this.#values;
    const length = this.#length;
    const count = values.push(value);
    if (count === 1) return Number.NaN;
    this.#state[0] = this.#state[0]! + Math.abs(value - values.back(1));
    if (count > length + 1) this.#state[0] = this.#state[0]! - Math.abs(values.back(length) - values.back(length + 1));
    if (count <= length) return Number.NaN;
    const change = Math.abs(value - values.back(length));
    return this.#state[0]! < 1e-14 ? 0 : change / this.#state[0]!;
  }
}

/** Range of the values by the sum of their absolute changes (White 1991): TA-Lib's VHF. */
class VerticalHorizontal implements Filter {
  readonly #values: Delay;
  readonly #max: MovingMax;
  readonly #min: MovingMin;
  /** sum of absolute changes */
  readonly #state: Float64Array;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#values = new Delay(memory, length + 1);
    this.#max = new MovingMax(memory, length);
    this.#min = new MovingMin(memory, length);
    this.#state = memory.scalars(0);
    this.#length = length;
  }
  next(value: number): number {
    const values = this.#values;
    const count = values.push(value);
    const range = this.#max.next(value) - this.#min.next(value);
    if (count === 1) return Number.NaN;
    this.#state[0] = this.#state[0]! + Math.abs(value - values.back(1));
    if (count > this.#length + 1)
      this.#state[0] = this.#state[0]! - Math.abs(values.back(this.#length) - values.back(this.#length + 1));
    if (count <= this.#length) return Number.NaN;
    return this.#state[0]! < 1e-14 ? 0 : range / this.#state[0]!;
  }
}

/** Two exponential averages of the changes by those of the absolute ones (Blau 1991): TA-Lib's TSI. */
class TrueStrength implements Filter {
  readonly #first: Ema;
  readonly #second: Ema;
  readonly #absoluteFirst: Ema;
  readonly #absoluteSecond: Ema;
  readonly #values: Delay;

  constructor(memory: Memory, first: number, second: number) {
    this.#first = new Ema(memory, first);
    this.#second = new Ema(memory, second);
    this.#absoluteFirst = new Ema(memory, first);
    this.#absoluteSecond = new Ema(memory, second);
    this.#values = new Delay(memory, 1);
  }
  next(value: number): number {
    if (this.#values.push(value) === 1) return Number.NaN;
    const change = value - this.#values.back(1);
    const first = this.#first.next(change);
    const absoluteFirst = this.#absoluteFirst.next(Math.abs(change));
    if (Number.isNaN(first)) return first;
    const second = this.#second.next(first);
    const absolute = this.#absoluteSecond.next(absoluteFirst);
    if (Number.isNaN(second)) return second;
    return Math.abs(absolute) < 1e-14 ? 0 : (100 * second) / absolute;
  }
}

/** Slow average less the fast one, or in percent of it. */
const oscillator = (name: string, title: string, isPercent: boolean): IndicatorDefinition => ({
  name,
  title,
  group: 'momentum',
  parameters: [period(12, 2, 'fastperiod'), period(26, 2, 'slowperiod'), { ...averageType(), default: 1 }],
  outputs: ['real'],
  lookback: ([fast, slow, type]) => averageLookback(type!, Math.max(fast!, slow!)),
  problem: ([, , type]) => averageProblem(type!),
  series: (memory, [fast, slow, type]) => single(priceOscillator(memory, fast!, slow!, type!, isPercent)),
});

export function priceOscillator(memory: Memory, fast: number, slow: number, type: number, isPercent: boolean): Filter {
  const short = average(memory, type, Math.min(fast, slow));
  const long = average(memory, type, Math.max(fast, slow));
  return {
    next: (value) => {
      const near = short.next(value);
      const far = long.next(value);
      if (Number.isNaN(near) || Number.isNaN(far)) return Number.NaN;
      if (!isPercent) return near - far;
      return Math.abs(far) < 1e-14 ? 0 : ((near - far) / far) * 100;
    },
  };
}

const common = { group: 'momentum', outputs: ['real'] } as const;

export const CHANGES: readonly IndicatorDefinition[] = [
  changed('MOM', 'Momentum', (value, before) => value - before),
  changed('ROC', 'Rate of change', rateOfChange),
  changed('ROCP', 'Rate of change, fraction', (value, before) => (before === 0 ? 0 : (value - before) / before)),
  changed('ROCR', 'Rate of change, ratio', (value, before) => (before === 0 ? 0 : value / before)),
  changed('ROCR100', 'Rate of change, ratio × 100', (value, before) => (before === 0 ? 0 : (value / before) * 100)),
  {
    ...common,
    name: 'RSI',
    title: 'Relative strength index',
    parameters: [period(14)],
    lookback: ([length]) => length!,
    series: (memory, [length]) => single(new Rsi(memory, length!)),
  },
  {
    ...common,
    name: 'CMO',
    title: 'Chande momentum oscillator',
    parameters: [period(14)],
    lookback: ([length]) => length!,
    series: (memory, [length]) => single(new Cmo(memory, length!)),
  },
  oscillator('APO', 'Absolute price oscillator', false),
  oscillator('PPO', 'Percentage price oscillator', true),
  {
    ...common,
    name: 'TRIX',
    title: 'Rate of change of a triple exponential average',
    parameters: [period(30, 1)],
    lookback: ([length]) => 3 * (length! - 1) + 1,
    series: (memory, [length]) => {
      const averages = [0, 1, 2].map(() => new Ema(memory, length!));
      const change = new Change(memory, 1, rateOfChange);
      return single({
        next: (value) => {
          let smooth = value;
          for (const each of averages) {
            smooth = each.next(smooth);
            if (Number.isNaN(smooth)) return smooth;
          }
          return change.next(smooth);
        },
      });
    },
  },
  {
    ...common,
    name: 'ER',
    title: "Kaufman's efficiency ratio",
    parameters: [period(10)],
    lookback: ([length]) => length!,
    series: (memory, [length]) => single(new Efficiency(memory, length!)),
  },
  {
    ...common,
    name: 'VHF',
    title: 'Vertical horizontal filter',
    parameters: [period(28)],
    lookback: ([length]) => length!,
    series: (memory, [length]) => single(new VerticalHorizontal(memory, length!)),
  },
  {
    ...common,
    name: 'TSI',
    title: 'True strength index',
    parameters: [period(25, 2, 'firstperiod'), period(13, 2, 'secondperiod')],
    lookback: ([first, second]) => first! + second! - 1,
    series: (memory, [first, second]) => single(new TrueStrength(memory, first!, second!)),
  },
  {
    ...common,
    name: 'COPPOCK',
    title: 'Coppock curve',
    parameters: [period(10, 1, 'wmaperiod'), period(11, 1, 'roc1period'), period(14, 1, 'roc2period')],
    lookback: ([length, first, second]) => Math.max(first!, second!) + length! - 1,
    series: (memory, [length, first, second]) => {
      const [one, other] = [new Change(memory, first!, rateOfChange), new Change(memory, second!, rateOfChange)];
      const smooth = new Wma(memory, length!);
      return single({
        next: (value) => {
          const sum = one.next(value) + other.next(value);
          return Number.isNaN(sum) ? sum : smooth.next(sum);
        },
      });
    },
  },
];
