import type { Bars, Field } from './bars.ts';
import { Delay } from './delay.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import { trueRange } from './true-range.ts';
import type { Indicator, IndicatorDefinition } from './types.ts';

/** What TA-Lib takes for nothing. */
const isZero = (value: number): boolean => Math.abs(value) < 1e-14;

/**
 * Wilder's sums (1978) of directional movement and true range: added up over the first `length` - 1 changes, and from then on sum - sum / length +
 * the newest.
 */
class DirectionalSums {
  /** changes, plus, minus, true range, high, low and close of the bar before */
  readonly #state: Float64Array;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#state = memory.scalars(-1, 0, 0, 0, 0, 0, 0);
    this.#length = length;
  }

  /** Takes a bar and gives the number of changes so far. */
  next(high: number, low: number, close: number): number {
    const state = this.#state;
    const changes = state[0]! + 1;
    state[0] = changes;
    if (changes > 0) {
      const up = high - state[4]!;
      const down = state[5]! - low;
      const plus = up > 0 && up > down ? up : 0;
      const minus = down > 0 && down > up ? down : 0;
      const range = trueRange(high, low, state[6]!);
      const length = this.#length;
      const isFilled = changes >= length;
      state[1] = (length === 1 ? 0 : isFilled ? state[1]! - state[1]! / length : state[1]!) + plus;
      state[2] = (length === 1 ? 0 : isFilled ? state[2]! - state[2]! / length : state[2]!) + minus;
      state[3] = (length === 1 ? 0 : isFilled ? state[3]! - state[3]! / length : state[3]!) + range;
    }
    state[4] = high;
    state[5] = low;
    state[6] = close;
    return changes;
  }

  get plus(): number {
    return this.#state[1]!;
  }
  get minus(): number {
    return this.#state[2]!;
  }
  get range(): number {
    return this.#state[3]!;
  }
  /** 100 × |difference| ÷ sum of the directional indicators; NaN where there is none. */
  get index(): number {
    const range = this.range;
    if (isZero(range)) return Number.NaN;
    const minus = 100 * (this.minus / range);
    const plus = 100 * (this.plus / range);
    return isZero(minus + plus) ? Number.NaN : 100 * (Math.abs(minus - plus) / (minus + plus));
  }
}

/** Directional index, and with a smoothing its average and rating. */
class DirectionalIndex implements Indicator {
  readonly #sums: DirectionalSums;
  readonly #length: number;
  /** newest index */
  readonly #state: Float64Array;

  constructor(memory: Memory, length: number) {
    this.#sums = new DirectionalSums(memory, length);
    this.#length = length;
    this.#state = memory.scalars(0);
  }

  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const changes = this.#sums.next(high[at]!, low[at]!, close[at]!);
    if (changes < this.#length) {
      outputs[0] = Number.NaN;
      return;
    }
    const newest = this.#sums.index;
    // Without any movement the index stays.
    if (!Number.isNaN(newest)) this.#state[0] = newest;
    outputs[0] = this.#state[0]!;
  }
}

class AverageDirectionalIndex implements Indicator {
  readonly #sums: DirectionalSums;
  readonly #length: number;
  /** indices so far, their sum, average */
  readonly #state: Float64Array;

  constructor(memory: Memory, length: number) {
    this.#sums = new DirectionalSums(memory, length);
    this.#length = length;
    this.#state = memory.scalars(0, 0, 0);
  }

  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const changes = this.#sums.next(high[at]!, low[at]!, close[at]!);
    outputs[0] = changes < this.#length ? Number.NaN : this.#average(this.#sums.index);
  }

  #average(newest: number): number {
    const state = this.#state;
    const length = this.#length;
    state[0] = state[0]! + 1;
    if (state[0] <= length) {
      if (!Number.isNaN(newest)) state[1] = state[1]! + newest;
      if (state[0] < length) return Number.NaN;
      state[2] = state[1]! / length;
    } else if (!Number.isNaN(newest)) state[2] = (state[2]! * (length - 1) + newest) / length;
    return state[2]!;
  }
}

class DirectionalRating implements Indicator {
  readonly #average: AverageDirectionalIndex;
  readonly #averages: Delay;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#average = new AverageDirectionalIndex(memory, length);
    this.#averages = new Delay(memory, length);
    this.#length = length;
  }

  step(bars: Bars, outputs: Float64Array): void {
    this.#average.step(bars, outputs);
    const average = outputs[0]!;
    if (Number.isNaN(average)) return;
    const count = this.#averages.push(average);
    outputs[0] = count < this.#length ? Number.NaN : (average + this.#averages.back(this.#length - 1)) / 2;
  }
}

const sided =
  (side: 'plus' | 'minus', isIndicator: boolean) =>
  (memory: Memory, [length]: readonly number[]) => {
    const sums = new DirectionalSums(memory, length!);
    const first = isIndicator || length === 1 ? length! : length! - 1;
    return {
      step: ({ high, low, close, index, mask }: Bars, outputs: Float64Array): void => {
        const at = index & mask;
        const changes = sums.next(high[at]!, low[at]!, close[at]!);
        if (changes < first) outputs[0] = Number.NaN;
        else if (!isIndicator) outputs[0] = sums[side];
        else if (isZero(sums.range)) outputs[0] = 0;
        // TA-Lib gives fractions for a period of 1.
        else outputs[0] = length === 1 ? sums[side] / sums.range : 100 * (sums[side] / sums.range);
      },
    };
  };

const HLC: readonly Field[] = ['high', 'low', 'close'];
const HL: readonly Field[] = ['high', 'low'];
const common = { group: 'momentum', outputs: ['real'] } as const;

/** Wilder's directional movement. */
export const DIRECTIONAL: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'ADX',
    title: 'Average directional movement index',
    inputs: HLC,
    parameters: [period(14)],
    lookback: ([length]) => 2 * length! - 1,
    bars: (memory, [length]) => new AverageDirectionalIndex(memory, length!),
  },
  {
    ...common,
    name: 'ADXR',
    title: 'Average directional movement index rating',
    inputs: HLC,
    parameters: [period(14)],
    lookback: ([length]) => 3 * length! - 2,
    bars: (memory, [length]) => new DirectionalRating(memory, length!),
  },
  {
    ...common,
    name: 'DX',
    title: 'Directional movement index',
    inputs: HLC,
    parameters: [period(14)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new DirectionalIndex(memory, length!),
  },
  {
    ...common,
    name: 'PLUS_DI',
    title: 'Plus directional indicator',
    inputs: HLC,
    parameters: [period(14, 1)],
    lookback: ([length]) => length!,
    bars: sided('plus', true),
  },
  {
    ...common,
    name: 'MINUS_DI',
    title: 'Minus directional indicator',
    inputs: HLC,
    parameters: [period(14, 1)],
    lookback: ([length]) => length!,
    bars: sided('minus', true),
  },
  {
    ...common,
    name: 'PLUS_DM',
    title: 'Plus directional movement',
    inputs: HL,
    parameters: [period(14, 1)],
    lookback: ([length]) => Math.max(1, length! - 1),
    bars: sided('plus', false),
  },
  {
    ...common,
    name: 'MINUS_DM',
    title: 'Minus directional movement',
    inputs: HL,
    parameters: [period(14, 1)],
    lookback: ([length]) => Math.max(1, length! - 1),
    bars: sided('minus', false),
  },
];
