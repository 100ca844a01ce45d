/** Where the newest price stands in the range of a period, and how old the extremes of that range are. */
import { average, averageLookback, averageProblem, averageType } from './average-types.ts';
import type { Bars, Field } from './bars.ts';
import { Rsi } from './changes.ts';
import { Delay } from './delay.ts';
import { MovingMax, MovingMin } from './extremes.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import type { Filter, Indicator, IndicatorDefinition } from './types.ts';

const HLC: readonly Field[] = ['high', 'low', 'close'];

/** Lane's %K: 100 × (close - lowest) ÷ (highest - lowest), 0 where nothing moved. */
class FastK {
  readonly #max: MovingMax;
  readonly #min: MovingMin;

  constructor(memory: Memory, length: number) {
    this.#max = new MovingMax(memory, length);
    this.#min = new MovingMin(memory, length);
  }
  next(high: number, low: number, close: number): number {
    const highest = this.#max.next(high);
    const lowest = this.#min.next(low);
    const scale = (highest - lowest) / 100;
    return scale === 0 ? 0 : (close - lowest) / scale;
  }
}

/** %K smoothed, and that smoothed again; both are defined at once. `first` null: %K as it is. */
class Smoothed {
  readonly #first: Filter | null;
  readonly #second: Filter;

  constructor(first: Filter | null, second: Filter) {
    this.#first = first;
    this.#second = second;
  }
  next(fastK: number, outputs: Float64Array): void {
    const first = Number.isNaN(fastK) || !this.#first ? fastK : this.#first.next(fastK);
    const second = Number.isNaN(first) ? first : this.#second.next(first);
    outputs[0] = Number.isNaN(second) ? second : first;
    outputs[1] = second;
  }
}

class Stochastic implements Indicator {
  readonly #fastK: FastK;
  readonly #smoothed: Smoothed;

  constructor(memory: Memory, length: number, first: Filter | null, second: Filter) {
    this.#fastK = new FastK(memory, length);
    this.#smoothed = new Smoothed(first, second);
  }
  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    this.#smoothed.next(this.#fastK.next(high[at]!, low[at]!, close[at]!), outputs);
  }
}

/** Chande's ages of the extremes of a period and the bar before it (1995). */
class Aroon implements Indicator {
  readonly #max: MovingMax;
  readonly #min: MovingMin;
  readonly #length: number;
  readonly #isOscillator: boolean;

  constructor(memory: Memory, length: number, isOscillator: boolean) {
    this.#max = new MovingMax(memory, length + 1);
    this.#min = new MovingMin(memory, length + 1);
    this.#length = length;
    this.#isOscillator = isOscillator;
  }
  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    const highest = this.#max.next(high[index & mask]!);
    this.#min.next(low[index & mask]!);
    const scale = 100 / this.#length;
    if (Number.isNaN(highest)) outputs.fill(highest);
    else if (this.#isOscillator) outputs[0] = scale * (this.#min.age - this.#max.age);
    else {
      outputs[0] = scale * (this.#length - this.#min.age);
      outputs[1] = scale * (this.#length - this.#max.age);
    }
  }
}

/** Sums of buying pressure and of true ranges over three periods (Williams 1985). */
class Ultimate implements Indicator {
  readonly #lengths: readonly number[];
  readonly #pressures: Delay;
  readonly #ranges: Delay;
  /** close before; then a sum of pressures and one of ranges for each period */
  readonly #state: Float64Array;

  constructor(memory: Memory, lengths: readonly number[]) {
    this.#lengths = [...lengths].sort((a, b) => a - b);
    const longest = this.#lengths.at(-1)!;
    this.#pressures = new Delay(memory, longest);
    this.#ranges = new Delay(memory, longest);
    this.#state = memory.scalars(Number.NaN, 0, 0, 0, 0, 0, 0);
  }
  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const state = this.#state;
    const before = state[0]!;
    state[0] = close[at]!;
    outputs[0] = Number.NaN;
    if (Number.isNaN(before)) return;
    const bottom = Math.min(low[at]!, before);
    const pressure = close[at]! - bottom;
    const range = Math.max(high[at]! - low[at]!, Math.abs(before - high[at]!), Math.abs(before - low[at]!));
    const count = this.#pressures.push(pressure);
    this.#ranges.push(range);
    let result = 0;
    for (let each = 0; each < 3; each++) {
      const length = this.#lengths[each]!;
      const place = 1 + 2 * each;
      state[place] = state[place]! + pressure;
      state[place + 1] = state[place + 1]! + range;
      if (count > length) {
        state[place] = state[place]! - this.#pressures.back(length);
        state[place + 1] = state[place + 1]! - this.#ranges.back(length);
      }
      if (Math.abs(state[place + 1]!) >= 1e-14) result += (4 >> each) * (state[place]! / state[place + 1]!);
    }
    if (count >= this.#lengths[2]!) outputs[0] = 100 * (result / 7);
  }
}

const common = { group: 'momentum' } as const;

export const STOCHASTIC: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'STOCH',
    title: 'Stochastic',
    inputs: HLC,
    parameters: [
      period(5, 1, 'fastk_period'),
      period(3, 1, 'slowk_period'),
      averageType('slowk_matype'),
      period(3, 1, 'slowd_period'),
      averageType('slowd_matype'),
    ],
    outputs: ['slowk', 'slowd'],
    lookback: ([fast, slow, slowType, d, dType]) =>
      fast! - 1 + averageLookback(slowType!, slow!) + averageLookback(dType!, d!),
    problem: ([, , slowType, , dType]) => averageProblem(slowType!) ?? averageProblem(dType!),
    bars: (memory, [fast, slow, slowType, d, dType]) =>
      new Stochastic(memory, fast!, average(memory, slowType!, slow!), average(memory, dType!, d!)),
  },
  {
    ...common,
    name: 'STOCHF',
    title: 'Stochastic, fast',
    inputs: HLC,
    parameters: [period(5, 1, 'fastk_period'), period(3, 1, 'fastd_period'), averageType('fastd_matype')],
    outputs: ['fastk', 'fastd'],
    lookback: ([fast, d, dType]) => fast! - 1 + averageLookback(dType!, d!),
    problem: ([, , dType]) => averageProblem(dType!),
    bars: (memory, [fast, d, dType]) => new Stochastic(memory, fast!, null, average(memory, dType!, d!)),
  },
  {
    ...common,
    name: 'STOCHRSI',
    title: 'Stochastic of the relative strength index',
    parameters: [period(14), period(5, 1, 'fastk_period'), period(3, 1, 'fastd_period'), averageType('fastd_matype')],
    outputs: ['fastk', 'fastd'],
    lookback: ([length, fast, d, dType]) => length! + fast! - 1 + averageLookback(dType!, d!),
    problem: ([, , , dType]) => averageProblem(dType!),
    series: (memory, [length, fast, d, dType]) => {
      const strength = new Rsi(memory, length!);
      const fastK = new FastK(memory, fast!);
      const smoothed = new Smoothed(null, average(memory, dType!, d!));
      return {
        step: (value, outputs) => {
          const rsi = strength.next(value);
          smoothed.next(Number.isNaN(rsi) ? rsi : fastK.next(rsi, rsi, rsi), outputs);
        },
      };
    },
  },
  {
    ...common,
    name: 'WILLR',
    title: "Williams' %R",
    inputs: HLC,
    parameters: [period(14)],
    outputs: ['real'],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const [max, min] = [new MovingMax(memory, length!), new MovingMin(memory, length!)];
      return {
        step: ({ high, low, close, index, mask }, outputs) => {
          const highest = max.next(high[index & mask]!);
          const scale = (highest - min.next(low[index & mask]!)) / -100;
          outputs[0] = scale === 0 ? 0 : (highest - close[index & mask]!) / scale;
        },
      };
    },
  },
  {
    ...common,
    name: 'AROON',
    title: 'Aroon',
    inputs: ['high', 'low'],
    parameters: [period(14)],
    outputs: ['aroondown', 'aroonup'],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new Aroon(memory, length!, false),
  },
  {
    ...common,
    name: 'AROONOSC',
    title: 'Aroon oscillator',
    inputs: ['high', 'low'],
    parameters: [period(14)],
    outputs: ['real'],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new Aroon(memory, length!, true),
  },
  {
    ...common,
    name: 'ULTOSC',
    title: 'Ultimate oscillator',
    inputs: HLC,
    parameters: [period(7, 1, 'timeperiod1'), period(14, 1, 'timeperiod2'), period(28, 1, 'timeperiod3')],
    outputs: ['real'],
    lookback: (lengths) => Math.max(...lengths),
    bars: (memory, lengths) => new Ultimate(memory, lengths),
  },
];
