import { averageLookback, averageProblem, averageType } from './average-types.ts';
import { Ema } from './averages.ts';
import type { Bars, Field } from './bars.ts';
import { priceOscillator } from './changes.ts';
import { ExactSum } from './exact-sum.ts';
import type { Memory } from './memory.ts';
import { period } from './parameters.ts';
import { RunningSum } from './running-sum.ts';
import type { Indicator, IndicatorDefinition } from './types.ts';

const HLCV: readonly Field[] = ['high', 'low', 'close', 'volume'];
const CV: readonly Field[] = ['close', 'volume'];

/** Chaikin's money flow of a bar: volume by where the close is in the range, from -1 at the low to 1 at the high. */
function moneyFlow({ high, low, close, volume }: Bars, at: number): number {
  const range = high[at]! - low[at]!;
  return range > 0 ? ((close[at]! - low[at]! - (high[at]! - close[at]!)) / range) * volume[at]! : 0;
}

/** A line that a bar moves by its close and volume, seen from the close and volume before. */
interface Move {
  readonly first: (volume: number) => number;
  readonly next: (line: number, close: number, before: number, volume: number, volumeBefore: number) => number;
}
const moved = (memory: Memory, { first, next }: Move): Indicator => {
  /** close and volume before, line */
  const state = memory.scalars(Number.NaN, 0, 0);
  return {
    step: ({ close, volume, index, mask }, outputs) => {
      const at = index & mask;
      const [before, volumeBefore, line] = [state[0]!, state[1]!, state[2]!];
      const [newest, traded] = [close[at]!, volume[at]!];
      state[0] = newest;
      state[1] = traded;
      state[2] = Number.isNaN(before) ? first(traded) : next(line, newest, before, traded, volumeBefore);
      outputs[0] = state[2];
    },
  };
};

/** TA-Lib's indices of volume begin at this. */
const INDEX_START = 1000;
const volumeIndex = (moves: (volume: number, before: number) => boolean): Move => ({
  first: () => INDEX_START,
  next: (line, close, before, volume, volumeBefore) =>
    moves(volume, volumeBefore) && before !== 0 ? line + line * ((close - before) / before) : line,
});

const common = { group: 'volume', outputs: ['real'], parameters: [], lookback: () => 0 } as const;

export const VOLUME: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'AD',
    title: "Chaikin's accumulation and distribution",
    inputs: HLCV,
    bars: (memory) => {
      const sum = new ExactSum(memory);
      return {
        step: (bars, outputs) => {
          sum.add(moneyFlow(bars, bars.index & bars.mask));
          outputs[0] = sum.value;
        },
      };
    },
  },
  {
    ...common,
    name: 'ADOSC',
    title: "Chaikin's oscillator",
    inputs: HLCV,
    parameters: [period(3, 2, 'fastperiod'), period(10, 2, 'slowperiod')],
    lookback: ([fast, slow]) => Math.max(fast!, slow!) - 1,
    bars: (memory, [fast, slow]) => {
      const weights = [2 / (fast! + 1), 2 / (slow! + 1)] as const;
      const first = Math.max(fast!, slow!);
      const sum = new ExactSum(memory);
      /** bars, fast and slow average: both begin at the first value */
      const state = memory.scalars(0, 0, 0);
      return {
        step: (bars, outputs) => {
          sum.add(moneyFlow(bars, bars.index & bars.mask));
          const line = sum.value;
          state[0] = state[0]! + 1;
          for (const each of [0, 1] as const) {
            const before = state[1 + each]!;
            state[1 + each] = state[0] === 1 ? line : weights[each] * line + (1 - weights[each]) * before;
          }
          outputs[0] = state[0] < first ? Number.NaN : state[1]! - state[2]!;
        },
      };
    },
  },
  {
    ...common,
    name: 'OBV',
    title: 'On balance volume',
    inputs: CV,
    bars: (memory) =>
      moved(memory, {
        first: (volume) => volume,
        next: (line, close, before, volume) => (close > before ? line + volume : close < before ? line - volume : line),
      }),
  },
  {
    ...common,
    name: 'NVI',
    title: 'Negative volume index',
    inputs: CV,
    bars: (memory) =>
      moved(
        memory,
        volumeIndex((volume, before) => volume < before),
      ),
  },
  {
    ...common,
    name: 'PVI',
    title: 'Positive volume index',
    inputs: CV,
    bars: (memory) =>
      moved(
        memory,
        volumeIndex((volume, before) => volume > before),
      ),
  },
  {
    ...common,
    name: 'PVT',
    title: 'Price volume trend',
    inputs: CV,
    bars: (memory) =>
      moved(memory, {
        first: () => 0,
        next: (line, close, before, volume) => (before === 0 ? line : line + volume * ((close - before) / before)),
      }),
  },
  {
    ...common,
    name: 'CMF',
    title: 'Chaikin money flow',
    inputs: HLCV,
    parameters: [period(20)],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const [flow, volume] = [new RunningSum(memory, length!), new RunningSum(memory, length!)];
      return {
        step: (bars, outputs) => {
          const at = bars.index & bars.mask;
          const traded = volume.next(bars.volume[at]!);
          const flowed = flow.next(moneyFlow(bars, at));
          outputs[0] = traded === 0 ? 0 : flowed / traded;
        },
      };
    },
  },
  {
    ...common,
    name: 'EFI',
    title: "Elder's force index",
    inputs: CV,
    parameters: [period(13, 1)],
    lookback: ([length]) => length!,
    bars: (memory, [length]) => {
      const average = new Ema(memory, length!);
      const state = memory.scalars(Number.NaN);
      return {
        step: ({ close, volume, index, mask }, outputs) => {
          const before = state[0]!;
          state[0] = close[index & mask]!;
          outputs[0] = Number.isNaN(before) ? before : average.next((state[0] - before) * volume[index & mask]!);
        },
      };
    },
  },
  {
    ...common,
    name: 'MARKETFI',
    title: 'Market facilitation index',
    inputs: ['high', 'low', 'volume'],
    bars: () => ({
      step: ({ high, low, volume, index, mask }, outputs) => {
        const at = index & mask;
        outputs[0] = volume[at] === 0 ? 0 : (high[at]! - low[at]!) / volume[at]!;
      },
    }),
  },
  {
    ...common,
    name: 'PVO',
    title: 'Percentage volume oscillator',
    inputs: ['volume'],
    parameters: [period(12, 2, 'fastperiod'), period(26, 2, 'slowperiod'), { ...averageType(), default: 1 }],
    lookback: ([fast, slow, type]) => averageLookback(type!, Math.max(fast!, slow!)),
    problem: ([, , type]) => averageProblem(type!),
    bars: (memory, [fast, slow, type]) => {
      const oscillator = priceOscillator(memory, fast!, slow!, type!, true);
      return {
        step: ({ volume, index, mask }, outputs) => {
          outputs[0] = oscillator.next(volume[index & mask]!);
        },
      };
    },
  },
  {
    ...common,
    name: 'VWAP',
    title: 'Volume-weighted average price since the first bar',
    inputs: HLCV,
    bars: (memory) => {
      const [value, traded] = [new ExactSum(memory), new ExactSum(memory)];
      return {
        step: ({ high, low, close, volume, index, mask }, outputs) => {
          const at = index & mask;
          const price = (high[at]! + low[at]! + close[at]!) / 3;
          value.add(price * volume[at]!);
          traded.add(volume[at]!);
          outputs[0] = traded.value === 0 ? price : value.value / traded.value;
        },
      };
    },
  },
];
