import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';

/** A portfolio besides its limits and the market; key portfolio. */
export interface StoredPortfolio {
  readonly day: number | null;
  readonly isTradingDay: boolean;
  /** Equity, daily return, drawdown, gross exposure. */
  readonly figures: readonly number[] | null;
  /** Of the days that are over: daily returns, oldest first. */
  readonly returns: readonly number[];
  /** Sum and weight of the squares' means, fast and slow. */
  readonly means: readonly number[];
}
/** The market as a portfolio knows it; key portfolio. */
export interface StoredMarket {
  readonly day: number | null;
  /** Sum and weight of the squares' means, fast and slow. */
  readonly means: readonly number[];
  /** Doubles, little endian: logarithms of the level, oldest first. */
  readonly levels: Uint8Array;
}
/** What was said of a limit last. */
export interface Said {
  readonly eventTime: number;
  readonly state: 'PREDICTED' | 'BROKEN' | 'UNKNOWN';
  /** For 1, 5 and 20 days; empty unless PREDICTED. */
  readonly probabilities: readonly number[];
  /** For 5, 30 and 60 minutes; empty where that is not known. */
  readonly minutes: readonly number[];
  readonly modelVersion: string | null;
  readonly shadowVersion: string | null;
}
/** A limit besides its days; key portfolio/limit. */
export interface StoredLimit {
  readonly type: string;
  /** Utilisation, figure, threshold. */
  readonly now: readonly number[] | null;
  readonly isBroken: boolean;
  readonly wasBrokenToday: boolean;
  readonly sinceBroken: number;
  /** Days with a figure so far. */
  readonly days: number;
  /** Sum and weight of each mean. */
  readonly means: readonly number[];
  /** As the motion within the day has it (MotionSnapshot). */
  readonly motion: readonly number[];
  readonly said: Said | null;
}
/** A day of a limit that is over; key portfolio/limit/place, where places are used again. */
export interface StoredDay {
  readonly utilisation: number;
  readonly isBroken: boolean;
}

const DOUBLES = { type: 'array', items: 'double' } as const;
const record = (name: string, doc: string, fields: readonly object[]): AvroSchema =>
  ({ type: 'record', name, namespace: 'tidemark.predictions', doc, fields }) as AvroSchema;

export const PORTFOLIO_SCHEMA = record('StoredPortfolio', 'A portfolio besides its limits; key portfolio.', [
  { name: 'day', type: ['null', 'long'] },
  { name: 'isTradingDay', type: 'boolean' },
  { name: 'figures', type: ['null', DOUBLES] },
  { name: 'returns', type: DOUBLES },
  { name: 'means', type: DOUBLES },
]);
export const MARKET_SCHEMA = record('StoredMarket', 'The market as a portfolio knows it; key portfolio.', [
  { name: 'day', type: ['null', 'long'] },
  { name: 'means', type: DOUBLES },
  { name: 'levels', type: 'bytes' },
]);
export const LIMIT_SCHEMA = record('StoredLimit', 'A limit besides its days; key portfolio/limit.', [
  { name: 'type', type: 'string' },
  { name: 'now', type: ['null', DOUBLES] },
  { name: 'isBroken', type: 'boolean' },
  { name: 'wasBrokenToday', type: 'boolean' },
  { name: 'sinceBroken', type: 'int' },
  { name: 'days', type: 'long' },
  { name: 'means', type: DOUBLES },
  { name: 'motion', type: DOUBLES },
  {
    name: 'said',
    type: [
      'null',
      {
        type: 'record',
        name: 'Said',
        fields: [
          { name: 'eventTime', type: TIME },
          { name: 'state', type: { type: 'enum', name: 'State', symbols: ['PREDICTED', 'BROKEN', 'UNKNOWN'] } },
          { name: 'probabilities', type: DOUBLES },
          { name: 'minutes', type: DOUBLES },
          { name: 'modelVersion', type: ['null', 'string'] },
          { name: 'shadowVersion', type: ['null', 'string'] },
        ],
      },
    ],
  },
]);
export const DAY_SCHEMA = record('StoredDay', 'A day of a limit that is over; key portfolio/limit/place.', [
  { name: 'utilisation', type: 'double' },
  { name: 'isBroken', type: 'boolean' },
]);
