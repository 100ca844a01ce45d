import type { Bars, Field } from './bars.ts';
import type { Memory } from './memory.ts';

/** TA-Lib's groups of functions. */
export type Group =
  | 'overlap'
  | 'momentum'
  | 'volume'
  | 'volatility'
  | 'cycle'
  | 'price-transform'
  | 'statistic'
  | 'math'
  | 'pattern';

/** A parameter of an indicator. */
export interface Parameter {
  /** TA-Lib's name: `timeperiod`, `fastk_period`. */
  readonly name: string;
  readonly default: number;
  /** Both inclusive. */
  readonly min: number;
  readonly max: number;
  /** Whole numbers only; default true. */
  readonly isWhole?: boolean;
}

/** One step a bar. All that it changes are scalars and rings of its Memory, or the step could not be taken back. */
export interface Indicator {
  /** Reads the newest bar and writes all its outputs: NaN as long as one is not defined. */
  step(bars: Bars, outputs: Float64Array): void;
}

/** An indicator of a single series, which can also be that of another indicator. */
export interface Filter {
  /** Takes the next value and gives the newest result, NaN as long as none is defined. Never called with NaN. */
  next(value: number): number;
}

/** An indicator of a single series with any number of outputs. */
export interface SeriesIndicator {
  /** Takes the next value and writes all its outputs: NaN as long as one is not defined. */
  step(value: number, outputs: Float64Array): void;
}

interface Common {
  /** TA-Lib's name of the function. */
  readonly name: string;
  /** What it is called in English. */
  readonly title: string;
  readonly group: Group;
  readonly parameters: readonly Parameter[];
  /** TA-Lib's names; `real` or `integer` where there is one. */
  readonly outputs: readonly string[];
  /** Bars before the first that has a value, with TA-Lib's unstable periods at 0. */
  lookback(parameters: readonly number[]): number;
  /** Why parameters that are each in their range do not fit each other; null where they do. */
  problem?(parameters: readonly number[]): string | null;
}

/** What is calculated of one series: of closes, unless another one is asked for. */
export interface SeriesDefinition extends Common {
  series(memory: Memory, parameters: readonly number[]): SeriesIndicator;
}
/** What is calculated of whole bars. */
export interface BarDefinition extends Common {
  readonly inputs: readonly Field[];
  bars(memory: Memory, parameters: readonly number[]): Indicator;
}

/** An indicator as it is declared: registry, documents, API and the page's picker derive from it. */
export type IndicatorDefinition = SeriesDefinition | BarDefinition;
