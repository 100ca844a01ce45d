/** Momentum of whole bars. */
import { Ema, Sma } from './averages.ts';
import type { Bars, Field } from './bars.ts';
import { Delay } from './delay.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import { RunningSum } from './running-sum.ts';
import { trueRange } from './true-range.ts';
import type { Indicator, IndicatorDefinition } from './types.ts';

const HLC: readonly Field[] = ['high', 'low', 'close'];
const HL: readonly Field[] = ['high', 'low'];
const isZero = (value: number): boolean => Math.abs(value) < 1e-14;

/** Lambert's commodity channel index (1980). The mean absolute deviation has no running form: a loop over the period. */
class Cci implements Indicator {
  readonly #prices: Delay;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#prices = new Delay(memory, length);
    this.#length = length;
  }
  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const price = (high[at]! + low[at]! + close[at]!) / 3;
    const length = this.#length;
    if (this.#prices.push(price) < length) {
      outputs[0] = Number.NaN;
      return;
    }
    let sum = 0;
    for (let back = length - 1; back >= 0; back--) sum += this.#prices.back(back);
    const mean = sum / length;
    let deviation = 0;
    for (let back = length - 1; back >= 0; back--) deviation += Math.abs(this.#prices.back(back) - mean);
    const distance = price - mean;
    outputs[0] = distance !== 0 && deviation !== 0 ? distance / (0.015 * (deviation / length)) : 0;
  }
}

/** Money flow index (Quong and Soudack 1989): 100 × flow on rising typical prices ÷ all of it. */
class MoneyFlow implements Indicator {
  readonly #rising: RunningSum;
  readonly #falling: RunningSum;
  /** typical price before */
  readonly #state: Float64Array;

  constructor(memory: Memory, length: number) {
    this.#rising = new RunningSum(memory, length);
    this.#falling = new RunningSum(memory, length);
    this.#state = memory.scalars(Number.NaN);
  }
  step({ high, low, close, volume, index, mask }: Bars, outputs: Float64Array): void {
    const at = index & mask;
    const price = (high[at]! + low[at]! + close[at]!) / 3;
    const before = this.#state[0]!;
    this.#state[0] = price;
    outputs[0] = Number.NaN;
    if (Number.isNaN(before)) return;
    const flow = price * volume[at]!;
    const rising = this.#rising.next(price > before ? flow : 0);
    const all = rising + this.#falling.next(price < before ? flow : 0);
    if (!Number.isNaN(all)) outputs[0] = all < 1 ? 0 : 100 * (rising / all);
  }
}

/** Of a value of each bar the fast less the slow simple average. */
class AwesomeOscillator implements Indicator {
  readonly #fast: Sma;
  readonly #slow: Sma;
  constructor(memory: Memory, fast: number, slow: number) {
    this.#fast = new Sma(memory, Math.min(fast, slow));
    this.#slow = new Sma(memory, Math.max(fast, slow));
  }
  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    const median = (high[index & mask]! + low[index & mask]!) / 2;
    outputs[0] = this.#fast.next(median) - this.#slow.next(median);
  }
}

/** Moves up and down from bar to bar, by true range (Botes and Siepman 2010). */
class Vortex implements Indicator {
  readonly #plus: RunningSum;
  readonly #minus: RunningSum;
  readonly #range: RunningSum;

  constructor(memory: Memory, length: number) {
    this.#plus = new RunningSum(memory, length);
    this.#minus = new RunningSum(memory, length);
    this.#range = new RunningSum(memory, length);
  }
  step({ high, low, close, index, mask }: Bars, outputs: Float64Array): void {
    outputs.fill(Number.NaN);
    if (index === 0) return;
    const at = index & mask;
    const before = (index - 1) & mask;
    const plus = this.#plus.next(Math.abs(high[at]! - low[before]!));
    const minus = this.#minus.next(Math.abs(low[at]! - high[before]!));
    const range = this.#range.next(trueRange(high[at]!, low[at]!, close[before]!));
    if (Number.isNaN(range)) return;
    outputs[0] = isZero(range) ? 0 : plus / range;
    outputs[1] = isZero(range) ? 0 : minus / range;
  }
}

const common = { group: 'momentum', outputs: ['real'] } as const;

export const OSCILLATORS: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'BOP',
    title: 'Balance of power',
    inputs: ['open', 'high', 'low', 'close'],
    parameters: [],
    lookback: () => 0,
    bars: () => ({
      step: ({ open, high, low, close, index, mask }, outputs) => {
        const at = index & mask;
        const range = high[at]! - low[at]!;
        outputs[0] = range < 1e-14 ? 0 : (close[at]! - open[at]!) / range;
      },
    }),
  },
  {
    ...common,
    name: 'CCI',
    title: 'Commodity channel index',
    inputs: HLC,
    parameters: [period(14)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => new Cci(memory, length!),
  },
  {
    ...common,
    name: 'MFI',
    title: 'Money flow index',
    inputs: ['high', 'low', 'close', 'volume'],
    parameters: [period(14)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new MoneyFlow(memory, length!),
  },
  {
    ...common,
    name: 'IMI',
    title: 'Intraday momentum index',
    inputs: ['open', 'close'],
    parameters: [period(14)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const [gains, losses] = [new RunningSum(memory, length!), new RunningSum(memory, length!)];
      return {
        step: ({ open, close, index, mask }, outputs) => {
          const change = close[index & mask]! - open[index & mask]!;
          const gained = gains.next(Math.max(change, 0));
          const all = gained + losses.next(Math.max(-change, 0));
          outputs[0] = all === 0 ? 0 : 100 * (gained / all);
        },
      };
    },
  },
  {
    ...common,
    name: 'AO',
    title: 'Awesome oscillator',
    inputs: HL,
    parameters: [period(5, 2, 'fastperiod'), period(34, 2, 'slowperiod')],
    lookback: ([fast, slow]) => Math.max(fast!, slow!) - 1,
    bars: (memory, [fast, slow]) => new AwesomeOscillator(memory, fast!, slow!),
  },
  {
    ...common,
    name: 'AC',
    title: 'Accelerator oscillator',
    inputs: HL,
    parameters: [period(5, 2, 'fastperiod'), period(34, 2, 'slowperiod'), period(5, 2, 'signalperiod')],
    lookback: ([fast, slow, signal]) => Math.max(fast!, slow!) + signal! - 2,
    bars: (memory, [fast, slow, signal]) => {
      const awesome = new AwesomeOscillator(memory, fast!, slow!);
      const smooth = new Sma(memory, signal!);
      return {
        step: (bars, outputs) => {
          awesome.step(bars, outputs);
          const value = outputs[0]!;
          if (!Number.isNaN(value)) outputs[0] = value - smooth.next(value);
        },
      };
    },
  },
  {
    ...common,
    name: 'ERI',
    title: "Elder's bull and bear power",
    inputs: HLC,
    parameters: [period(13)],
    outputs: ['bullpower', 'bearpower'],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const average = new Ema(memory, length!);
      return {
        step: ({ high, low, close, index, mask }, outputs) => {
          const at = index & mask;
          const centre = average.next(close[at]!);
          outputs[0] = high[at]! - centre;
          outputs[1] = low[at]! - centre;
        },
      };
    },
  },
  {
    ...common,
    name: 'QSTICK',
    title: 'Average body of the candles',
    inputs: ['open', 'close'],
    parameters: [period(10)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const average = new Sma(memory, length!);
      return {
        step: ({ open, close, index, mask }, outputs) => {
          outputs[0] = average.next(close[index & mask]! - open[index & mask]!);
        },
      };
    },
  },
  {
    ...common,
    name: 'VORTEX',
    title: 'Vortex indicator',
    inputs: HLC,
    parameters: [period(14)],
    outputs: ['plusvi', 'minusvi'],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new Vortex(memory, length!),
  },
  {
    ...common,
    name: 'WAD',
    title: "Williams' accumulation and distribution",
    inputs: HLC,
    parameters: [],
    lookback: () => 0,
    bars: (memory) => {
      /** sum, close before */
      const state = memory.scalars(0, Number.NaN);
      return {
        step: ({ high, low, close, index, mask }, outputs) => {
          const at = index & mask;
          const [newest, before] = [close[at]!, state[1]!];
          if (newest > before) state[0] = state[0]! + newest - Math.min(low[at]!, before);
          else if (newest < before) state[0] = state[0]! + newest - Math.max(high[at]!, before);
          state[1] = newest;
          outputs[0] = state[0]!;
        },
      };
    },
  },
];
