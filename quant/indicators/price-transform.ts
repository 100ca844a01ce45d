import type { Bars } from './bars.ts';
import { Delay } from './delay.ts';
import { period } from './parameters.ts';
import { single } from './single.ts';
import type { Indicator, IndicatorDefinition } from './types.ts';

/** An indicator of the newest bar alone. */
const ofBar = (value: (bars: Bars, at: number) => number): Indicator => ({
  step: (bars, outputs) => {
    outputs[0] = value(bars, bars.index & bars.mask);
  },
});

const common = { group: 'price-transform', parameters: [], outputs: ['real'], lookback: () => 0 } as const;

/** One price for a bar. */
export const PRICE_TRANSFORM: readonly IndicatorDefinition[] = [
  {
    ...common,
    name: 'AVGPRICE',
    title: 'Average price',
    inputs: ['open', 'high', 'low', 'close'],
    bars: () => ofBar(({ open, high, low, close }, at) => (high[at]! + low[at]! + close[at]! + open[at]!) / 4),
  },
  {
    ...common,
    name: 'MEDPRICE',
    title: 'Median price',
    inputs: ['high', 'low'],
    bars: () => ofBar(({ high, low }, at) => (high[at]! + low[at]!) / 2),
  },
  {
    ...common,
    name: 'TYPPRICE',
    title: 'Typical price',
    inputs: ['high', 'low', 'close'],
    bars: () => ofBar(({ high, low, close }, at) => (high[at]! + low[at]! + close[at]!) / 3),
  },
  {
    ...common,
    name: 'WCLPRICE',
    title: 'Weighted close',
    inputs: ['high', 'low', 'close'],
    bars: () => ofBar(({ high, low, close }, at) => (high[at]! + low[at]! + close[at]! * 2) / 4),
  },
  {
    ...common,
    name: 'HA',
    title: 'Heikin-Ashi candle',
    inputs: ['open', 'high', 'low', 'close'],
    outputs: ['haopen', 'hahigh', 'halow', 'haclose'],
    bars: (memory) => {
      /** open and close of the candle before */
      const state = memory.scalars(Number.NaN, 0);
      return {
        step: ({ open, high, low, close, index, mask }, outputs) => {
          const at = index & mask;
          const last = (open[at]! + high[at]! + low[at]! + close[at]!) / 4;
          const first = Number.isNaN(state[0]!) ? (open[at]! + close[at]!) / 2 : (state[0]! + state[1]!) / 2;
          outputs[0] = first;
          outputs[1] = Math.max(high[at]!, first, last);
          outputs[2] = Math.min(low[at]!, first, last);
          outputs[3] = last;
          state[0] = first;
          state[1] = last;
        },
      };
    },
  },
  {
    ...common,
    name: 'AVGDEV',
    title: 'Average deviation',
    parameters: [period(14)],
    lookback: ([length]) => length! - 1,
    series: (memory, [length]) => {
      const values = new Delay(memory, length!);
      return single({
        // The mean of absolute distances from a mean that moves has no running form: a loop over the period.
        next: (value) => {
          if (values.push(value) < length!) return Number.NaN;
          let sum = 0;
          for (let back = 0; back < length!; back++) sum += values.back(back);
          const mean = sum / length!;
          let distance = 0;
          for (let back = 0; back < length!; back++) distance += Math.abs(values.back(back) - mean);
          return distance / length!;
        },
      });
    },
  },
];
