/** What the limit engine keeps. */

import { AVRO } from '#schemas/avro.ts';
import type { PortfolioPnl, RiskMeasures } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';

/** An open position; key portfolio/instrument. */
export interface StoredPosition {
  readonly quantity: bigint;
  readonly multiplier: bigint;
  /** quantity × multiplier × mark, in `currency`; null without a mark. */
  readonly exposure: number | null;
  readonly currency: string;
  /** Event time of the mark, microseconds; null without one. */
  readonly markTime: number | null;
}
/** A portfolio of which something came; key portfolio. */
export interface StoredPortfolio {
  /** Newest event time of what came of it, microseconds, and what came last. */
  readonly eventTime: number;
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
  /** Null before the first. */
  readonly pnl: StoredPnl | null;
}
/** What is read of portfolio.pnl. */
export interface StoredPnl {
  readonly equity: number | null;
  readonly dayPnl: number | null;
  readonly drawdown: number | null;
  readonly baseCurrency: string;
}
export interface StoredTail {
  readonly method: string;
  readonly confidence: number;
  readonly horizonDays: number;
  readonly valueAtRisk: number | null;
  readonly expectedShortfall: number | null;
  readonly problem: string | null;
}
/** What is read of risk.measures; key portfolio. */
export interface StoredMeasures {
  readonly eventTime: number;
  readonly tails: readonly StoredTail[];
  readonly shocks: readonly { readonly name: string; readonly profit: number | null }[];
  /** What each position adds to VaR. */
  readonly parts: readonly { readonly instrument: string; readonly componentVar: number }[];
  readonly volatility: number | null;
  readonly beta: number | null;
  readonly averageCorrelation: number | null;
  readonly liquidityDays: number | null;
}
/** The newest price of an instrument; key instrument. */
export interface StoredPrice {
  readonly eventTime: number;
  readonly price: number;
}
/** An order that was decided on; key portfolio/orderId. */
export interface StoredOrder {
  readonly instrument: string;
  readonly strategy: string;
  readonly eventTime: number;
  readonly isAccepted: boolean;
  /** Signed units that are not filled yet: positive buys. */
  readonly remaining: bigint;
  /** Signed units that are filled and not in the position yet, and the event time of the newest fill of them. */
  readonly settling: bigint;
  readonly settlingTime: number;
  /** Fills that were counted. */
  readonly fillIds: readonly string[];
}
/** Orders and fills within a bucket of time; key portfolio/instrument/strategy. */
export interface StoredActivity {
  readonly orders: number;
  readonly traded: number;
}
export type Level = 'NONE' | 'WARNING' | 'BREACH' | 'NO_DATA';
/** How a limit stands; key portfolio/limitId. */
export interface StoredStatus {
  readonly level: Level;
  /** Event time at which the level began, microseconds. */
  readonly since: number;
  /** Incidents so far; the newest one's number. */
  readonly incidents: number;
  /** Event time at which the incident was opened; null while there is none. */
  readonly openedAt: number | null;
  /** Utilisation that was told last while the incident lasts; null: none. */
  readonly told: number | null;
  /** The threshold in force, in the definition's unit: as it was adjusted last. */
  readonly adjusted: number;
}

const maybe = (type: unknown) => ['null', type];
const list = (name: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'array',
  items: { type: 'record', name, fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })) },
});
const record = (name: string, doc: string, fields: Readonly<Record<string, unknown>>): AvroSchema =>
  ({
    type: 'record',
    name,
    namespace: 'tidemark.limits',
    doc,
    fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
  }) as AvroSchema;

export const POSITION_SCHEMA = record('StoredPosition', 'An open position; key portfolio/instrument.', {
  quantity: DECIMAL,
  multiplier: DECIMAL,
  exposure: maybe('double'),
  currency: 'string',
  markTime: maybe(TIME),
});
const PNL_SCHEMA = record('StoredPnl', 'What is read of portfolio.pnl.', {
  equity: maybe('double'),
  dayPnl: maybe('double'),
  drawdown: maybe('double'),
  baseCurrency: 'string',
});
export const PORTFOLIO_SCHEMA = record('StoredPortfolio', 'A portfolio of which something came; key portfolio.', {
  eventTime: TIME,
  sourceTopic: 'string',
  sourceEventTime: TIME,
  pnl: maybe(PNL_SCHEMA),
});
export const MEASURES_SCHEMA = record('StoredMeasures', 'Risk of a portfolio; key portfolio.', {
  eventTime: TIME,
  tails: list('StoredTail', {
    method: 'string',
    confidence: 'double',
    horizonDays: 'int',
    valueAtRisk: maybe('double'),
    expectedShortfall: maybe('double'),
    problem: maybe('string'),
  }),
  shocks: list('StoredShock', { name: 'string', profit: maybe('double') }),
  parts: list('StoredPart', { instrument: 'string', componentVar: 'double' }),
  volatility: maybe('double'),
  beta: maybe('double'),
  averageCorrelation: maybe('double'),
  liquidityDays: maybe('double'),
});
export const PRICE_SCHEMA = record('StoredPrice', 'The newest price of an instrument; key instrument.', {
  eventTime: TIME,
  price: 'double',
});
export const ORDER_SCHEMA = record('StoredOrder', 'An order that was decided on; key portfolio/orderId.', {
  instrument: 'string',
  strategy: 'string',
  eventTime: TIME,
  isAccepted: 'boolean',
  remaining: DECIMAL,
  settling: DECIMAL,
  settlingTime: TIME,
  fillIds: { type: 'array', items: 'string' },
});
export const ACTIVITY_SCHEMA = record(
  'StoredActivity',
  'Orders and fills in a bucket; key portfolio/instrument/strategy.',
  { orders: 'long', traded: 'double' },
);
export const STATUS_SCHEMA = record('StoredStatus', 'How a limit stands; key portfolio/limitId.', {
  level: 'string',
  since: TIME,
  incidents: 'long',
  openedAt: maybe(TIME),
  told: maybe('double'),
  adjusted: 'double',
});
export const LIMIT_SCHEMA = AVRO['risk.limits'];
export const CONTROL_SCHEMA = AVRO['risk.controls'];
export const TOLD_SCHEMA = AVRO['risk.utilisation'];

export const storedPnl = ({ equity, dayPnl, drawdown, baseCurrency }: PortfolioPnl): StoredPnl => ({
  equity,
  dayPnl,
  drawdown,
  baseCurrency,
});

/** What limits look at, of the present and not of a day's end. */
export function storedMeasures(measures: RiskMeasures): StoredMeasures {
  const { eventTime, shocks, contributions, volatility, beta, averageCorrelation, liquidityDays } = measures;
  return {
    eventTime,
    tails: measures.measures
      .filter(({ stressWindow }) => stressWindow === null)
      .map(({ method, confidence, horizonDays, valueAtRisk, expectedShortfall, problem }) => ({
        method,
        confidence,
        horizonDays,
        valueAtRisk,
        expectedShortfall,
        problem,
      })),
    shocks: shocks.map(({ name, profit }) => ({ name, profit })),
    parts: contributions.map(({ instrument, componentVar }) => ({ instrument, componentVar })),
    volatility,
    beta,
    averageCorrelation,
    liquidityDays,
  };
}
