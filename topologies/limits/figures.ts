/** The figure of a limit: what it is taken of, and why there is none. */
import type { RiskLimit } from '#schemas/generated/types.ts';
import type { LimitTypeName } from '#schemas/limits.ts';
import type { Book, Holding, Known } from './book.ts';
import type { StoredMeasures, StoredPnl, StoredTail } from './stored.ts';

/** What figures are taken from. */
export interface View {
  readonly book: Book;
  readonly pnl: StoredPnl | null;
  readonly measures: StoredMeasures | null;
  /** Orders asked for, and value of the fills, within the limit's window and scope. */
  readonly orders: (limit: RiskLimit) => number;
  readonly traded: (limit: RiskLimit) => number;
  /** Value of the order that is asked for; 0 while none is. */
  readonly orderSize: number;
  /** Age of the data, milliseconds. */
  readonly staleMs: number;
}
export interface Figure {
  /** In the unit of the type; null: not known. */
  readonly value: number | null;
  /** The position, sector or shock that decided; null where the figure is not of one. */
  readonly subject: string | null;
  /** Why there is no value; null when there is one. */
  readonly reason: string | null;
}

export const figure = (value: number, subject: string | null = null): Figure => ({ value, subject, reason: null });
export const unknown = (reason: string): Figure => ({ value: null, subject: null, reason });

const DEFAULT_METHOD = 'historical';
const DEFAULT_CONFIDENCE = 0.99;
const DEFAULT_HORIZON_DAYS = 1;

type Take = (limit: RiskLimit, view: View) => Figure;

const FIGURES: Readonly<Record<LimitTypeName, Take>> = {
  'position-quantity': (limit, { book }) => largestOf(limit, book, ({ quantity }) => Math.abs(quantity)),
  'position-notional': (limit, { book }) => largestOf(limit, book, sizeOf),
  'gross-exposure': ({ scopeId }, { book }) => of(book.gross(scopeId)),
  'net-exposure': ({ scopeId }, { book }) => of(book.net(scopeId), Math.abs),
  leverage: (_limit, { book, pnl }) => {
    const gross = book.gross();
    if (gross.value === null) return unknown(gross.reason);
    if (gross.value === 0) return figure(0);
    const equity = equityOf(pnl);
    return equity.value === null ? equity : figure(gross.value / equity.value);
  },
  'instrument-concentration': (limit, { book }) => {
    const gross = book.gross();
    if (gross.value === null) return unknown(gross.reason);
    const share = gross.value;
    return largestOf(limit, book, (holding) => (share > 0 ? sizeOf(holding)! / share : 0));
  },
  'sector-concentration': ({ scopeId }, { book }) => {
    const gross = book.gross();
    if (gross.value === null) return unknown(gross.reason);
    const total = gross.value;
    const sectors = [...book.grossBySector()].filter(([name]) => scopeId === null || name === scopeId);
    return largest(sectors.map(([name, value]) => [name, total > 0 ? value / total : 0]));
  },
  'value-at-risk': (limit, { measures }) => tailFigure(limit, measures, 'valueAtRisk'),
  'expected-shortfall': (limit, { measures }) => tailFigure(limit, measures, 'expectedShortfall'),
  'stressed-loss': ({ scenario }, { measures }) => {
    if (!measures) return unknown('risk.measures has nothing of the portfolio yet');
    const shocks = measures.shocks.filter(({ name }) => scenario === null || name === scenario);
    if (scenario !== null && shocks.length === 0) return unknown(`there is no shock "${scenario}"`);
    const missing = shocks.find(({ profit }) => profit === null);
    // A shock of days that a holding has no history of says nothing; the others still do.
    if (missing && scenario !== null) return unknown(`a holding has no history for the shock "${scenario}"`);
    return largest(shocks.flatMap(({ name, profit }) => (profit === null ? [] : [[name, Math.max(0, -profit)]])));
  },
  drawdown: (_limit, { pnl }) => maybe(pnl?.drawdown, 'portfolio.pnl has no drawdown of the portfolio'),
  'daily-loss': (_limit, { pnl }) =>
    maybe(pnl?.dayPnl, 'portfolio.pnl has no day P&L of the portfolio', (value) => Math.max(0, -value)),
  volatility: (_limit, { measures, book }) => measured(measures, book, 'volatility'),
  beta: (_limit, { measures, book }) => measured(measures, book, 'beta', Math.abs),
  correlation: (_limit, { measures, book }) =>
    // Of fewer than two holdings there is none, and no concentration of risk that it could show.
    book.holdings.length < 2 ? figure(0) : measured(measures, book, 'averageCorrelation'),
  liquidity: (_limit, { measures, book }) => measured(measures, book, 'liquidityDays'),
  'order-rate': (limit, { orders }) => figure(orders(limit)),
  'order-size': (_limit, { orderSize }) => figure(orderSize),
  turnover: (limit, { traded }) => figure(traded(limit)),
  'stale-data': (_limit, { staleMs }) => figure(staleMs),
};

/** The figure of a limit that was checked (schemas/limits.ts). */
export const figureOf = (limit: RiskLimit, view: View): Figure => FIGURES[limit.type as LimitTypeName](limit, view);

/** Equity that fractions can be taken of. */
export function equityOf(pnl: StoredPnl | null): Figure {
  const equity = pnl?.equity ?? null;
  if (equity === null) return unknown('the equity of the portfolio is not known');
  return equity > 0 ? figure(equity) : unknown(`the equity of the portfolio is ${equity}, not greater than zero`);
}

const sizeOf = ({ exposure }: Holding): number | null => (exposure === null ? null : Math.abs(exposure));

function of(sum: Known, change: (value: number) => number = (value) => value): Figure {
  return sum.value === null ? unknown(sum.reason) : figure(change(sum.value));
}

function largestOf({ scopeId }: RiskLimit, book: Book, size: (holding: Holding) => number | null): Figure {
  const sizes: [string, number][] = [];
  for (const holding of book.holdings) {
    if (scopeId !== null && holding.instrument !== scopeId) continue;
    const value = size(holding);
    if (value === null) return unknown(holding.problem!);
    sizes.push([holding.instrument, value]);
  }
  return largest(sizes);
}

/** Of several with equal figures the first by name; 0 of none. */
function largest(named: readonly (readonly [string, number])[]): Figure {
  let subject: string | null = null;
  let value = 0;
  for (const [name, size] of named) {
    if (subject !== null && (size < value || (size === value && name > subject))) continue;
    subject = name;
    value = size;
  }
  return figure(value, subject);
}

function maybe(
  value: number | null | undefined,
  reason: string,
  change: (value: number) => number = (same) => same,
): Figure {
  return value === null || value === undefined ? unknown(reason) : figure(change(value));
}

/** A statistic of risk.measures; 0 of a portfolio that holds nothing. */
function measured(
  measures: StoredMeasures | null,
  book: Book,
  name: 'volatility' | 'beta' | 'averageCorrelation' | 'liquidityDays',
  change?: (value: number) => number,
): Figure {
  if (book.holdings.length === 0) return figure(0);
  return maybe(measures?.[name], `risk.measures has no ${name} of the portfolio`, change);
}

function tailFigure(
  limit: RiskLimit,
  measures: StoredMeasures | null,
  name: 'valueAtRisk' | 'expectedShortfall',
): Figure {
  if (!measures) return unknown('risk.measures has nothing of the portfolio yet');
  const tail = tailOf(limit, measures.tails);
  if (!tail) {
    const { method, confidence, horizonDays } = wantedTail(limit);
    return unknown(`risk.measures has no ${method} figure at ${confidence} for ${horizonDays} days ahead`);
  }
  return maybe(tail[name], tail.problem ?? 'risk.measures has no figure');
}

/** The method, level and horizon that a limit goes by. */
export const wantedTail = ({ method, confidence, horizonDays }: RiskLimit) => ({
  method: method ?? DEFAULT_METHOD,
  confidence: confidence ?? DEFAULT_CONFIDENCE,
  horizonDays: horizonDays ?? DEFAULT_HORIZON_DAYS,
});

function tailOf(limit: RiskLimit, tails: readonly StoredTail[]): StoredTail | undefined {
  const wanted = wantedTail(limit);
  return tails.find(
    ({ method, confidence, horizonDays }) =>
      method === wanted.method && confidence === wanted.confidence && horizonDays === wanted.horizonDays,
  );
}
