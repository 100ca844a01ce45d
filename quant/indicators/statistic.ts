import type { Bars } from './bars.ts';
import { Delay } from './delay.ts';
import { deviationOf, Variance } from './deviation.ts';
import { centredProduct, ExactSum } from './exact-sum.ts';
import { MovingMax, MovingMin } from './extremes.ts';
import type { Memory } from './memory.ts';
import { factor, period } from './parameters.ts';
import { RunningProduct, RunningSum } from './running-sum.ts';
import { single } from './single.ts';
import type { Filter, Indicator, IndicatorDefinition } from './types.ts';

/** Least squares on 0, 1, …, length - 1. */
interface Line {
  readonly slope: number;
  readonly intercept: number;
}

/** The line through the newest `length` values, from running sums of the values and of the values by their places. */
class Regression {
  readonly #sum: RunningSum;
  /** Of each value by its place from the oldest, 0, up. */
  readonly #placed: ExactSum;
  readonly #values: Delay;
  readonly #length: number;
  readonly #line = { slope: 0, intercept: 0 };

  constructor(memory: Memory, length: number) {
    this.#sum = new RunningSum(memory, length);
    this.#placed = new ExactSum(memory);
    this.#values = new Delay(memory, length);
    this.#length = length;
    this.#before = memory.scalars(0);
  }
  /** Sum of the window before. */
  readonly #before: Float64Array;

  next(value: number): Line | null {
    const length = this.#length;
    const count = this.#values.push(value);
    if (count > length) {
      // All places go down by one; the oldest, at 0, leaves.
      this.#placed.add(-this.#before[0]!);
      this.#placed.add(this.#values.back(length));
    }
    this.#placed.add(value * (Math.min(count, length) - 1));
    const sum = this.#sum.next(value);
    if (count < length) return null;
    this.#before[0] = sum;
    const places = (length * (length - 1)) / 2;
    const squares = (length * (length - 1) * (2 * length - 1)) / 6;
    const divisor = length * squares - places * places;
    this.#line.slope = (length * this.#placed.value - places * sum) / divisor;
    this.#line.intercept = (sum - this.#line.slope * places) / length;
    return this.#line;
  }
}

const regressed = (
  name: string,
  title: string,
  result: (line: Line, length: number) => number,
): IndicatorDefinition => ({
  name,
  title,
  group: 'statistic',
  parameters: [period(14)],
  outputs: ['real'],
  lookback: ([length]) => length! - 1,
  series: (memory, [length]) => {
    const regression = new Regression(memory, length!);
    return single({
      next: (value) => {
        const line = regression.next(value);
        return line ? result(line, length!) : Number.NaN;
      },
    });
  },
});

/** Sums of two series, their squares and products over a window. */
class Products {
  readonly #x: RunningSum;
  readonly #y: RunningSum;
  readonly #xx: RunningProduct;
  readonly #xy: RunningProduct;
  readonly #yy: RunningProduct;
  readonly #length: number;

  constructor(memory: Memory, length: number) {
    this.#x = new RunningSum(memory, length);
    this.#y = new RunningSum(memory, length);
    this.#xx = new RunningProduct(memory, length);
    this.#xy = new RunningProduct(memory, length);
    this.#yy = new RunningProduct(memory, length);
    this.#length = length;
  }
  /** False while the window is not full. */
  next(x: number, y: number): boolean {
    this.#y.next(y);
    this.#xx.next(x, x);
    this.#xy.next(x, y);
    this.#yy.next(y, y);
    return !Number.isNaN(this.#x.next(x));
  }
  /** n² times variances and covariance. */
  get xx(): number {
    return centredProduct(this.#length, this.#xx.sum, this.#x.sum, this.#x.sum);
  }
  get yy(): number {
    return centredProduct(this.#length, this.#yy.sum, this.#y.sum, this.#y.sum);
  }
  get xy(): number {
    return centredProduct(this.#length, this.#xy.sum, this.#x.sum, this.#y.sum);
  }
}

/** Pearson's correlation of highs and lows. */
class Correlation implements Indicator {
  readonly #sums: Products;
  /** n², as TA-Lib compares with zero what is not multiplied by it. */
  readonly #scale: number;

  constructor(memory: Memory, length: number) {
    this.#sums = new Products(memory, length);
    this.#scale = length * length;
  }
  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    if (!this.#sums.next(high[index & mask]!, low[index & mask]!)) {
      outputs[0] = Number.NaN;
      return;
    }
    const variances = this.#sums.xx * this.#sums.yy;
    outputs[0] = variances / this.#scale < 1e-14 ? 0 : this.#sums.xy / Math.sqrt(variances);
  }
}

/** Slope of the lows' returns on the highs'. */
class Beta implements Indicator {
  readonly #sums: Products;
  /** high and low before */
  readonly #state: Float64Array;

  constructor(memory: Memory, length: number) {
    this.#sums = new Products(memory, length);
    this.#state = memory.scalars(Number.NaN, 0);
  }
  step({ high, low, index, mask }: Bars, outputs: Float64Array): void {
    const state = this.#state;
    const [highBefore, lowBefore] = [state[0]!, state[1]!];
    const [a, b] = [high[index & mask]!, low[index & mask]!];
    state[0] = a;
    state[1] = b;
    outputs[0] = Number.NaN;
    if (Number.isNaN(highBefore)) return;
    const x = highBefore === 0 ? 0 : (a - highBefore) / highBefore;
    const y = lowBefore === 0 ? 0 : (b - lowBefore) / lowBefore;
    if (!this.#sums.next(x, y)) return;
    const variance = this.#sums.xx;
    outputs[0] = Math.abs(variance) < 1e-14 ? 0 : this.#sums.xy / variance;
  }
}

const common = { outputs: ['real'] } as const;
const windowed = (
  name: string,
  title: string,
  make: (memory: Memory, length: number) => Filter,
): IndicatorDefinition => ({
  name,
  title,
  group: 'math',
  parameters: [period(30)],
  outputs: ['real'],
  lookback: ([length]) => length! - 1,
  series: (memory, [length]) => single(make(memory, length!)),
});
/** Numbers of the bars at which the extremes of a window are. */
const indexed = (
  name: string,
  title: string,
  outputs: readonly string[],
  sides: readonly ('min' | 'max')[],
): IndicatorDefinition => ({
  name,
  title,
  group: 'math',
  parameters: [period(30)],
  outputs,
  lookback: ([length]) => length! - 1,
  series: (memory, [length]) => {
    const windows = sides.map((side) =>
      side === 'min' ? new MovingMin(memory, length!) : new MovingMax(memory, length!),
    );
    /** values so far */
    const state = memory.scalars(0);
    return {
      step: (value, results) => {
        state[0] = state[0]! + 1;
        windows.forEach((window, each) => {
          const extreme = window.next(value);
          results[each] = Number.isNaN(extreme) ? extreme : state[0]! - 1 - window.age;
        });
      },
    };
  },
});

export const STATISTIC: readonly IndicatorDefinition[] = [
  regressed('LINEARREG', 'Linear regression', ({ slope, intercept }, length) => intercept + slope * (length - 1)),
  regressed(
    'LINEARREG_ANGLE',
    'Angle of the linear regression, degrees',
    ({ slope }) => Math.atan(slope) * (180 / Math.PI),
  ),
  regressed('LINEARREG_INTERCEPT', 'Intercept of the linear regression', ({ intercept }) => intercept),
  regressed('LINEARREG_SLOPE', 'Slope of the linear regression', ({ slope }) => slope),
  regressed('TSF', 'Time series forecast', ({ slope, intercept }, length) => intercept + slope * length),
  {
    ...common,
    name: 'STDDEV',
    title: 'Standard deviation',
    group: 'statistic',
    parameters: [period(5), factor('nbdev', 1, -3e37, 3e37)],
    lookback: ([length]) => length! - 1,
    series: (memory, [length, count]) => {
      const variance = new Variance(memory, length!);
      return single({ next: (value) => deviationOf(variance.next(value)) * count! });
    },
  },
  {
    ...common,
    name: 'VAR',
    title: 'Variance',
    group: 'statistic',
    parameters: [period(5, 1), factor('nbdev', 1, -3e37, 3e37)],
    lookback: ([length]) => length! - 1,
    series: (memory, [length]) => single(new Variance(memory, length!)),
  },
  {
    ...common,
    name: 'CORREL',
    title: 'Correlation of highs and lows',
    group: 'statistic',
    inputs: ['high', 'low'],
    parameters: [period(30, 1)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => new Correlation(memory, length!),
  },
  {
    ...common,
    name: 'BETA',
    title: "Beta of the lows' returns on the highs'",
    group: 'statistic',
    inputs: ['high', 'low'],
    parameters: [period(5, 1)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => new Beta(memory, length!),
  },
];

export const MATH: readonly IndicatorDefinition[] = [
  windowed('MAX', 'Highest value', (memory, length) => new MovingMax(memory, length)),
  windowed('MIN', 'Lowest value', (memory, length) => new MovingMin(memory, length)),
  windowed('SUM', 'Sum', (memory, length) => new RunningSum(memory, length)),
  indexed('MAXINDEX', 'Number of the bar with the highest value', ['integer'], ['max']),
  indexed('MININDEX', 'Number of the bar with the lowest value', ['integer'], ['min']),
  indexed('MINMAXINDEX', 'Numbers of the bars with the lowest and highest value', ['minidx', 'maxidx'], ['min', 'max']),
  {
    name: 'MINMAX',
    title: 'Lowest and highest value',
    group: 'math',
    parameters: [period(30)],
    outputs: ['min', 'max'],
    lookback: ([length]) => length! - 1,
    series: (memory, [length]) => {
      const [min, max] = [new MovingMin(memory, length!), new MovingMax(memory, length!)];
      return {
        step: (value, outputs) => {
          outputs[0] = min.next(value);
          outputs[1] = max.next(value);
        },
      };
    },
  },
];
