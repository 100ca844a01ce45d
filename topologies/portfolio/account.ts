/**
 * The running value of one portfolio, as far as it is in the portfolio's base currency; what is in other currencies is in pot.ts, and
 * translate.ts puts both together. Rules, for a portfolio with nothing in other currencies:
 *
 * - `cash` = deposits - withdrawals + cash flow of all positions; `realizedPnl`, `commission` and `cost` are sums over all positions. Exact.
 * - `unrealizedPnl`, `grossExposure` (of |quantity × multiplier × mark|) and `netExposure` are sums over open, priced positions, in
 *   doubles. `equity` = cash + cost (exact, then a double) + unrealizedPnl: an unpriced position counts at cost.
 * - `profit` = realizedPnl + unrealizedPnl, that is equity less net deposits: flows do not touch it. Every portfolio starts with
 *   profit 0. The portfolio's event time is the newest of its inputs and never goes back; all updates at one event time are one
 *   instant, and a late update holds from its own event time on (path.ts). The peak is the highest profit at the end of any
 *   instant, the present one counting as if it ended now. `peakEquity` is the peak plus net deposits, so it shifts with every flow,
 *   late ones too. `drawdown` = 1 - equity ÷ peakEquity, and 0 while peakEquity is not positive. What is smaller than 2^-50 of the equity
 *   is rounding noise and no drawdown.
 * - `dayPnl` = profit less the profit at the end of the last instant of an earlier UTC day (0 on its first day).
 *
 * Sums of doubles are kept incrementally, each update in O(1), in twice the precision of a double (sum.ts), with a bound of the error
 * made so far (`noise`). If a term that was huge goes away and the bound is no longer small beside what is left, the sums
 * are added up afresh. So they equal a fresh summation to the last bits, whatever passed through them.
 */

import { checkDecimal, decimalToNumber } from '#schemas/decimal.ts';
import { DEFAULT_CURRENCY } from '#schemas/fx.ts';
import type { PortfolioPnl } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import { DECIMAL, TIME } from '../kit/avro.ts';
import { type Path, peakOf, START } from './path.ts';

/** What a portfolio's exact totals are made of. */
export interface Amounts {
  readonly cashFlow: bigint;
  readonly cost: bigint;
  readonly realizedPnl: bigint;
  readonly commission: bigint;
}
/** Last ledger figures of one position; changes with its fills and their corrections only. Key portfolio/instrument. */
export interface Holding extends Amounts {
  /** Both, because records from before there were corrections have no revision. */
  readonly fills: number;
  readonly revision: number;
  readonly currency: string;
  /** quantity × multiplier as a double; 0 when flat. */
  readonly units: number;
}
/** Last marked figures of one open, priced position. Key portfolio/instrument. */
export interface Valuation {
  readonly unrealizedPnl: number;
  readonly exposure: number;
}
/** Sums over open, priced positions, each in twice the precision of a double. */
export interface Sums {
  readonly unrealizedHigh: number;
  readonly unrealizedLow: number;
  readonly grossHigh: number;
  readonly grossLow: number;
  readonly netHigh: number;
  readonly netLow: number;
  /** Bound of the rounding error in the sums since they were last added up afresh. */
  readonly noise: number;
}
/** Amounts, deposits and sums are those in base currency, the path and the counts are of all. Key portfolio. */
export interface Account extends Amounts, Sums, Path {
  readonly baseCurrency: string;
  /** Net deposits. */
  readonly deposits: bigint;
  /** Of those, what was given as so much of this currency, and not as so much of whatever the base currency is. */
  readonly namedDeposits: bigint;
  readonly openPositions: number;
  readonly unpricedPositions: number;
}

export const record = (name: string, doc: string, fields: Readonly<Record<string, unknown>>): AvroSchema =>
  ({
    type: 'record',
    name,
    namespace: 'tidemark.portfolio',
    doc,
    fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
  }) as AvroSchema;
export const AMOUNTS = { cashFlow: DECIMAL, cost: DECIMAL, realizedPnl: DECIMAL, commission: DECIMAL };
export const SUMS = {
  unrealizedHigh: 'double',
  unrealizedLow: 'double',
  grossHigh: 'double',
  grossLow: 'double',
  netHigh: 'double',
  netLow: 'double',
  noise: 'double',
};

export const HOLDING_SCHEMA = record('Holding', 'Ledger figures of a position; key portfolio/instrument.', {
  fills: 'long',
  revision: 'long',
  currency: 'string',
  units: 'double',
  ...AMOUNTS,
});
export const VALUATION_SCHEMA = record('Valuation', 'An open, priced position at its mark; key portfolio/instrument.', {
  unrealizedPnl: 'double',
  exposure: 'double',
});
export const ACCOUNT_SCHEMA = record('Account', 'Running totals of a portfolio; key portfolio.', {
  eventTime: TIME,
  baseCurrency: 'string',
  deposits: DECIMAL,
  namedDeposits: DECIMAL,
  ...AMOUNTS,
  openPositions: 'int',
  unpricedPositions: 'int',
  ...SUMS,
  profit: 'double',
  pastTimes: { type: 'array', items: 'long' },
  pastProfits: { type: 'array', items: 'double' },
  peakProfit: 'double',
  pastPeak: 'double',
  dayStartProfit: 'double',
});

export const NO_AMOUNTS: Amounts = { cashFlow: 0n, cost: 0n, realizedPnl: 0n, commission: 0n };
/** Nothing is open and priced. */
export const NO_SUMS: Sums = {
  unrealizedHigh: 0,
  unrealizedLow: 0,
  grossHigh: 0,
  grossLow: 0,
  netHigh: 0,
  netLow: 0,
  noise: 0,
};
/** Before anything happened. */
export const EMPTY_ACCOUNT: Account = {
  ...START,
  ...NO_SUMS,
  ...NO_AMOUNTS,
  baseCurrency: DEFAULT_CURRENCY,
  deposits: 0n,
  namedDeposits: 0n,
  openPositions: 0,
  unpricedPositions: 0,
};

/** The totals with one contribution exchanged for another. Throws DecimalError when one leaves decimal(38, 9). */
export function exchange(totals: Amounts, old: Amounts | undefined, next: Amounts): Amounts {
  return {
    cashFlow: checkDecimal(totals.cashFlow + next.cashFlow - (old?.cashFlow ?? 0n)),
    cost: checkDecimal(totals.cost + next.cost - (old?.cost ?? 0n)),
    realizedPnl: checkDecimal(totals.realizedPnl + next.realizedPnl - (old?.realizedPnl ?? 0n)),
    commission: checkDecimal(totals.commission + next.commission - (old?.commission ?? 0n)),
  };
}

/** Rounding noise of figures that each went through a few roundings, relative to their size. */
export const RESOLUTION = 2 ** -50;

const NONE: readonly never[] = [];

/** The published figures of an account with nothing in other currencies. */
export function pnlOf(portfolio: string, account: Account, sourceTopic: string, sourceEventTime: number): PortfolioPnl {
  const cash = account.deposits + account.cashFlow;
  const equity = decimalToNumber(cash + account.cost) + account.unrealizedHigh;
  const below = peakOf(account) - account.profit;
  const gap = below > Math.abs(equity) * RESOLUTION ? below : 0;
  const peakEquity = equity + gap;
  return {
    eventTime: account.eventTime,
    portfolio,
    cash,
    realizedPnl: account.realizedPnl,
    commission: account.commission,
    unrealizedPnl: account.unrealizedHigh,
    equity,
    dayPnl: account.profit - account.dayStartProfit,
    grossExposure: account.grossHigh,
    netExposure: account.netHigh,
    peakEquity,
    drawdown: peakEquity > 0 ? gap / peakEquity : 0,
    openPositions: account.openPositions,
    unpricedPositions: account.unpricedPositions,
    baseCurrency: account.baseCurrency,
    missingRates: NONE,
    currencies: NONE,
    sourceTopic,
    sourceEventTime,
  };
}
