import { Dema, Ema, Kama, Sma, T3, Tema, Trima, Wma } from './averages.ts';
import type { Memory } from './memory.ts';
import type { Filter, Parameter } from './types.ts';

/** What TA-Lib calls T3's volume factor where it is not a parameter. */
const T3_FACTOR = 0.7;

interface AverageType {
  readonly name: string;
  make(memory: Memory, period: number): Filter;
  /** Values before the first result. */
  lookback(period: number): number;
}
const TYPES: readonly (AverageType | null)[] = [
  { name: 'SMA', make: (memory, period) => new Sma(memory, period), lookback: (period) => period - 1 },
  { name: 'EMA', make: (memory, period) => new Ema(memory, period), lookback: (period) => period - 1 },
  { name: 'WMA', make: (memory, period) => new Wma(memory, period), lookback: (period) => period - 1 },
  { name: 'DEMA', make: (memory, period) => new Dema(memory, period), lookback: (period) => 2 * (period - 1) },
  { name: 'TEMA', make: (memory, period) => new Tema(memory, period), lookback: (period) => 3 * (period - 1) },
  { name: 'TRIMA', make: (memory, period) => new Trima(memory, period), lookback: (period) => period - 1 },
  { name: 'KAMA', make: (memory, period) => new Kama(memory, period), lookback: (period) => period },
  // MAMA has no period.
  null,
  { name: 'T3', make: (memory, period) => new T3(memory, period, T3_FACTOR), lookback: (period) => 6 * (period - 1) },
];

/** TA-Lib's moving average types, as a parameter. */
export const averageType = (name = 'matype'): Parameter => ({ name, default: 0, min: 0, max: TYPES.length - 1 });

/** Why a type cannot be taken; null where it can. */
export const averageProblem = (type: number): string | null =>
  TYPES[type]
    ? null
    : `moving average type ${type} (MAMA) is not there: take ${TYPES.flatMap((each, index) => (each ? [`${index} ${each.name}`] : [])).join(', ')}`;

/** A moving average of one of TA-Lib's types: of period 1 the value itself. */
export const average = (memory: Memory, type: number, period: number): Filter =>
  period === 1 ? { next: (value) => value } : TYPES[type]!.make(memory, period);

export const averageLookback = (type: number, period: number): number =>
  period === 1 ? 0 : TYPES[type]!.lookback(period);
