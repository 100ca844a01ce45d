/** What the panel of indicators asks for. */
export interface IndicatorParameter {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
}
export interface IndicatorDefinition {
  readonly name: string;
  readonly title: string;
  readonly group: string;
  readonly parameters: readonly IndicatorParameter[];
}
export interface IndicatorHistory {
  readonly names: readonly string[];
  readonly points: readonly {
    readonly startTime: string;
    readonly open: number;
    readonly high: number;
    readonly low: number;
    readonly close: number;
    readonly values: readonly (number | null)[];
  }[];
}
/** As the stream has them. */
export interface StreamedIndicators {
  readonly instrument: string;
  readonly interval: string;
  readonly startTime: string;
  readonly final: boolean;
  readonly values: readonly { readonly name: string; readonly value: number | null }[];
}

export const INDICATOR_TABLE = `query { indicatorTable {
  name title group parameters { name default min max isWhole }
} }`;
export const INDICATOR_HISTORY = `query ($instrument: String!, $indicators: [String!]!, $interval: String!, $last: Int!) {
  indicatorHistory(instrument: $instrument, indicators: $indicators, interval: $interval, last: $last) {
    names points { startTime open high low close values }
  }
}`;
export const INDICATORS = `subscription ($instruments: [String!]!) {
  indicators(instruments: $instruments, conflateMs: 500) { instrument interval startTime final values { name value } }
}`;

/** Groups in the order of the picker, and whether they are drawn over prices. */
export const GROUPS: readonly { readonly key: string; readonly title: string; readonly overPrices: boolean }[] = [
  { key: 'overlap', title: 'Overlap', overPrices: true },
  { key: 'price-transform', title: 'Price transform', overPrices: true },
  { key: 'momentum', title: 'Momentum', overPrices: false },
  { key: 'volume', title: 'Volume', overPrices: false },
  { key: 'volatility', title: 'Volatility', overPrices: false },
  { key: 'cycle', title: 'Cycle', overPrices: false },
  { key: 'statistic', title: 'Statistics', overPrices: false },
  { key: 'math', title: 'Mathematics', overPrices: false },
  { key: 'pattern', title: 'Candle patterns', overPrices: false },
];
