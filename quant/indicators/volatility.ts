import { Ema, Rma, Sma } from './averages.ts';
import type { Bars, Field } from './bars.ts';
import { Change, rateOfChange } from './changes.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import { RunningSum } from './running-sum.ts';
import { trueRange } from './true-range.ts';
import type { Indicator, IndicatorDefinition } from './types.ts';

const HLC: readonly Field[] = ['high', 'low', 'close'];
const HL: readonly Field[] = ['high', 'low'];

/** Wilder's average of true ranges (1978). */
export class AverageTrueRange {
  readonly #average: Rma;
  /** close before */
  readonly #state: Float64Array;

  constructor(memory: Memory, length: number) {
    this.#average = new Rma(memory, length);
    this.#state = memory.scalars(Number.NaN);
  }
  next(high: number, low: number, close: number): number {
    const before = this.#state[0]!;
    this.#state[0] = close;
    return Number.isNaN(before) ? before : this.#average.next(trueRange(high, low, before));
  }
}

const averageTrueRange = (
  memory: Memory,
  length: number,
  scale: (range: number, close: number) => number,
): Indicator => {
  const average = new AverageTrueRange(memory, length);
  return {
    step: ({ high, low, close, index, mask }, outputs) => {
      const at = index & mask;
      outputs[0] = scale(average.next(high[at]!, low[at]!, close[at]!), close[at]!);
    },
  };
};

/** Two exponential averages of the range by each other, added up (Dorsey 1992). */
class MassIndex implements Indicator {
  readonly #first: Ema;
  readonly #second: Ema;
  readonly #sum: RunningSum;

  constructor(memory: Memory, fast: number, slow: number) {
    this.#first = new Ema(memory, fast);
    this.#second = new Ema(memory, fast);
    this.#sum = new RunningSum(memory, slow);
  }
  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    const first = this.#first.next(high[index & mask]! - low[index & mask]!);
    const second = Number.isNaN(first) ? first : this.#second.next(first);
    outputs[0] = Number.isNaN(second) ? second : this.#sum.next(second === 0 ? 0 : first / second);
  }
}

const common = { group: 'volatility', outputs: ['real'] } as const;

export const VOLATILITY: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'TRANGE',
    title: 'True range',
    inputs: HLC,
    parameters: [],
    lookback: () => 1,
    bars: () => ({
      step: ({ high, low, close, index, mask }, outputs) => {
        const at = index & mask;
        outputs[0] = index === 0 ? Number.NaN : trueRange(high[at]!, low[at]!, close[(index - 1) & mask]!);
      },
    }),
  },
  {
    ...common,
    name: 'ATR',
    title: 'Average true range',
    inputs: HLC,
    parameters: [period(14, 1)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => averageTrueRange(memory, length!, (range) => range),
  },
  {
    ...common,
    name: 'NATR',
    title: 'Normalised average true range, percent of the close',
    inputs: HLC,
    parameters: [period(14, 2)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) =>
      averageTrueRange(memory, length!, (range, close) => (Math.abs(close) < 1e-14 ? 0 : (range / close) * 100)),
  },
  {
    ...common,
    name: 'ADR',
    title: 'Average range of the bars',
    inputs: HL,
    parameters: [period(14, 1)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const average = new Sma(memory, length!);
      return {
        step: ({ high, low, index, mask }, outputs) => {
          outputs[0] = average.next(high[index & mask]! - low[index & mask]!);
        },
      };
    },
  },
  {
    ...common,
    name: 'CVI',
    title: "Chaikin's volatility",
    inputs: HL,
    parameters: [period(10), period(10, 1, 'rocperiod')],
    lookback: ([length, back]) => length! - 1 + back!,
    bars: (memory, [length, back]) => {
      const average = new Ema(memory, length!);
      const change = new Change(memory, back!, rateOfChange);
      return {
        step: ({ high, low, index, mask }, outputs) => {
          const range = average.next(high[index & mask]! - low[index & mask]!);
          outputs[0] = Number.isNaN(range) ? range : change.next(range);
        },
      };
    },
  },
  {
    ...common,
    name: 'MASSI',
    title: 'Mass index',
    inputs: HL,
    parameters: [period(9, 2, 'fastperiod'), period(25, 2, 'slowperiod')],
    lookback: ([fast, slow]) => 2 * (fast! - 1) + slow! - 1,
    bars: (memory, [fast, slow]) => new MassIndex(memory, fast!, slow!),
  },
];
