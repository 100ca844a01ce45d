import { average, averageLookback, averageProblem, averageType } from './average-types.ts';
import { Dema, Ema, Kama, Rma, Sma, T3, Tema, Trima, Wma } from './averages.ts';
import { AccelerationBands, bollinger } from './bands.ts';
import { MovingMax, MovingMin } from './extremes.ts';
import type { Memory } from './memory.ts';
import { ParabolicSar } from './parabolic-sar.ts';
import { factor, period } from './parameters.ts';
import { single } from './single.ts';
import type { Filter, IndicatorDefinition } from './types.ts';

/** A moving average with a period and nothing else. */
const averaged = (
  name: string,
  title: string,
  value: number,
  least: number,
  make: (memory: Memory, length: number) => Filter,
  lookback: (length: number) => number = (length) => length - 1,
): IndicatorDefinition => ({
  name,
  title,
  group: 'overlap',
  parameters: [period(value, least)],
  outputs: ['real'],
  lookback: ([length]) => (length === 1 ? 0 : lookback(length!)),
  series: (memory, [length]) => single(length === 1 ? { next: (x) => x } : make(memory, length!)),
});

const SAR_SIDES = [
  'accelerationinitlong',
  'accelerationlong',
  'accelerationmaxlong',
  'accelerationinitshort',
  'accelerationshort',
  'accelerationmaxshort',
] as const;
const MAX_FACTOR = 3e37;

/** Overlap studies: what is drawn over prices. */
export const OVERLAP: readonly IndicatorDefinition[] = [
  averaged('SMA', 'Simple moving average', 30, 1, (memory, length) => new Sma(memory, length)),
  averaged('EMA', 'Exponential moving average', 30, 1, (memory, length) => new Ema(memory, length)),
  averaged('WMA', 'Weighted moving average', 30, 1, (memory, length) => new Wma(memory, length)),
  averaged(
    'DEMA',
    'Double exponential moving average',
    30,
    2,
    (memory, length) => new Dema(memory, length),
    (n) => 2 * (n - 1),
  ),
  averaged(
    'TEMA',
    'Triple exponential moving average',
    30,
    2,
    (memory, length) => new Tema(memory, length),
    (n) => 3 * (n - 1),
  ),
  averaged('TRIMA', 'Triangular moving average', 30, 2, (memory, length) => new Trima(memory, length)),
  averaged(
    'KAMA',
    "Kaufman's adaptive moving average",
    30,
    2,
    (memory, length) => new Kama(memory, length),
    (n) => n,
  ),
  averaged('RMA', "Wilder's moving average", 30, 2, (memory, length) => new Rma(memory, length)),
  {
    name: 'T3',
    title: 'Triple exponential moving average of Tillson',
    group: 'overlap',
    parameters: [period(5), factor('vfactor', 0.7, 0, 1)],
    outputs: ['real'],
    lookback: ([length]) => 6 * (length! - 1),
    series: (memory, [length, volume]) => single(new T3(memory, length!, volume!)),
  },
  {
    name: 'MA',
    title: 'Moving average of a type',
    group: 'overlap',
    parameters: [period(30, 1), averageType()],
    outputs: ['real'],
    lookback: ([length, type]) => averageLookback(type!, length!),
    problem: ([, type]) => averageProblem(type!),
    series: (memory, [length, type]) => single(average(memory, type!, length!)),
  },
  {
    name: 'BBANDS',
    title: 'Bollinger bands',
    group: 'overlap',
    parameters: [
      period(20),
      factor('nbdevup', 2, -MAX_FACTOR, MAX_FACTOR),
      factor('nbdevdn', 2, -MAX_FACTOR, MAX_FACTOR),
      averageType(),
    ],
    outputs: ['upperband', 'middleband', 'lowerband'],
    lookback: ([length, , , type]) => averageLookback(type!, length!),
    problem: ([, , , type]) => averageProblem(type!),
    series: bollinger,
  },
  {
    name: 'ACCBANDS',
    title: 'Acceleration bands',
    group: 'overlap',
    inputs: ['high', 'low', 'close'],
    parameters: [period(20)],
    outputs: ['upperband', 'middleband', 'lowerband'],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => new AccelerationBands(memory, length!),
  },
  {
    name: 'MIDPOINT',
    title: 'Midpoint over a period',
    group: 'overlap',
    parameters: [period(14)],
    outputs: ['real'],
    lookback: ([length]) => length! - 1,
    series: (memory, [length]) => {
      const [max, min] = [new MovingMax(memory, length!), new MovingMin(memory, length!)];
      return single({ next: (value) => (max.next(value) + min.next(value)) / 2 });
    },
  },
  {
    name: 'MIDPRICE',
    title: 'Midpoint of the price range over a period',
    group: 'overlap',
    inputs: ['high', 'low'],
    parameters: [period(14)],
    outputs: ['real'],
    lookback: ([length]) => length! - 1,
    bars: (memory, [length]) => {
      const [max, min] = [new MovingMax(memory, length!), new MovingMin(memory, length!)];
      return {
        step: ({ high, low, index, mask }, outputs) => {
          outputs[0] = (max.next(high[index & mask]!) + min.next(low[index & mask]!)) / 2;
        },
      };
    },
  },
  {
    name: 'SAR',
    title: 'Parabolic stop and reverse',
    group: 'overlap',
    inputs: ['high', 'low'],
    parameters: [factor('acceleration', 0.02, 0, MAX_FACTOR), factor('maximum', 0.2, 0, MAX_FACTOR)],
    outputs: ['real'],
    lookback: () => 1,
    bars: (memory, [step, max]) => {
      const side = { first: step!, step: step!, max: max! };
      return new ParabolicSar(memory, { start: 0, offset: 0, long: side, short: side, isSigned: false });
    },
  },
  {
    name: 'SAREXT',
    title: 'Parabolic stop and reverse, extended',
    group: 'overlap',
    inputs: ['high', 'low'],
    parameters: [
      factor('startvalue', 0, -MAX_FACTOR, MAX_FACTOR),
      factor('offsetonreverse', 0, 0, MAX_FACTOR),
      ...SAR_SIDES.map((name) => factor(name, name.includes('max') ? 0.2 : 0.02, 0, MAX_FACTOR)),
    ],
    outputs: ['real'],
    lookback: () => 1,
    bars: (memory, [start, offset, longFirst, longStep, longMax, shortFirst, shortStep, shortMax]) =>
      new ParabolicSar(memory, {
        start: start!,
        offset: offset!,
        long: { first: longFirst!, step: longStep!, max: longMax! },
        short: { first: shortFirst!, step: shortStep!, max: shortMax! },
        isSigned: true,
      }),
  },
];
