/** Where a portfolio's P&L came from, and why its return differs from a benchmark portfolio's. */
import { type Attribution, brinsonFachler, linkCarino, type Side } from '#quant/attribution.ts';
import type { InstrumentRow } from '#sinks/postgres/read-attribution.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import {
  type AttributedDay,
  attributeDays,
  datesOf,
  type InstrumentPnl,
  NO_SECTOR,
  type PortfolioDays,
} from './attributed-days.ts';

/** In the portfolio's base currency; price, dividends, fees, trading and other sum to the P&L. Null: a rate is missing. */
export interface PnlAttribution {
  readonly price: number | null;
  readonly dividends: number | null;
  readonly fees: number | null;
  readonly trading: number | null;
  readonly other: number | null;
  readonly pnl: number;
}
export interface SectorAttribution {
  readonly sector: string;
  /** Means over the days. */
  readonly portfolioWeight: number;
  readonly benchmarkWeight: number;
  readonly allocation: number;
  readonly selection: number;
  readonly interaction: number;
  readonly total: number;
}
/** Allocation, selection, interaction and other sum to activeReturn. */
export interface BrinsonAttribution {
  readonly benchmarkPortfolioId: string;
  readonly from: string;
  readonly to: string;
  readonly days: number;
  readonly portfolioReturn: number;
  readonly benchmarkReturn: number;
  readonly activeReturn: number;
  readonly allocation: number;
  readonly selection: number;
  readonly interaction: number;
  readonly other: number;
  readonly sectors: readonly SectorAttribution[];
}
export interface PortfolioAttribution {
  readonly from: string | null;
  readonly to: string | null;
  readonly days: number;
  readonly baseCurrency: string;
  readonly total: PnlAttribution;
  readonly instruments: readonly InstrumentPnl[];
  readonly brinson: BrinsonAttribution | null;
  readonly problems: readonly string[];
}
export interface Benchmark extends PortfolioDays {
  readonly portfolioId: string;
}

export const CASH = 'Cash';

/** `benchmark`: a portfolio, or a sentence that says why there is none. `from`: the first day, YYYY-MM-DD; null: as it is there. */
export function attributionOf(
  portfolio: PortfolioDays,
  benchmark: Benchmark | string,
  instruments: readonly InstrumentRow[],
  from: string | null,
): PortfolioAttribution {
  const dates = datesOf(portfolio, from);
  const problems: string[] = [];
  const own = attributeDays(portfolio, dates, instruments);
  if (dates.length === 0) problems.push('the portfolio has no day with a value in this range');
  const unknown = own.days.filter(({ isKnown }) => !isKnown).length;
  if (unknown > 0) problems.push(`total: ${unknown} days have no value or no exchange rate`);
  if (own.instruments.some(({ currency }) => currency !== portfolio.baseCurrency))
    problems.push('instruments: amounts are in the currency of each; only the total is in the base currency');
  let brinson: BrinsonAttribution | null = null;
  try {
    brinson = typeof benchmark === 'string' ? fail(benchmark) : brinsonOf(portfolio, benchmark, instruments, from);
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    problems.push(`brinson: ${error.code}: ${error.message}`);
  }
  return {
    from: dates[0] ?? null,
    to: dates.at(-1) ?? null,
    days: dates.length,
    baseCurrency: portfolio.baseCurrency,
    total: totalOf(own.days),
    instruments: own.instruments,
    brinson,
    problems,
  };
}

function fail(reason: string, code = 'NO_BENCHMARK'): never {
  throw new TidemarkError(code, reason);
}

function totalOf(days: readonly AttributedDay[]): PnlAttribution {
  let [price, dividends, fees, trading, pnl, isWhole] = [0, 0, 0, 0, 0, true];
  for (const day of days) {
    pnl += day.pnl;
    price += day.parts?.price ?? 0;
    dividends += day.parts?.dividends ?? 0;
    fees += day.parts?.fees ?? 0;
    trading += day.parts?.trading ?? 0;
    isWhole &&= day.parts !== null;
  }
  if (!isWhole) return { price: null, dividends: null, fees: null, trading: null, other: null, pnl };
  return { price, dividends, fees, trading, other: pnl - price - dividends - fees - trading, pnl };
}

function brinsonOf(
  portfolio: PortfolioDays,
  benchmark: Benchmark,
  instruments: readonly InstrumentRow[],
  from: string | null,
): BrinsonAttribution {
  const { portfolioId, baseCurrency } = benchmark;
  if (baseCurrency !== portfolio.baseCurrency)
    fail(`the portfolio is in ${portfolio.baseCurrency}, ${portfolioId} in ${baseCurrency}`);
  const sides = [portfolio, benchmark];
  const [own, market] = sides.map((side) => new Set(datesOf(side, from))) as [Set<string>, Set<string>];
  // From the first day on which both have a value to the last: where only one has one, the other stood still.
  const first = sides.map(({ pnlDays }) => pnlDays.find(({ date }) => date >= (from ?? ''))?.date ?? '9999-12-31');
  const last = sides.map(({ pnlDays }) => pnlDays.at(-1)?.date ?? '');
  const [begin, end] = [first.sort().at(-1)!, last.sort()[0]!];
  const all = [...new Set([...own, ...market])].sort();
  const dates = all.filter((date) => date <= end);
  const pairs = sides.map((side) => attributeDays(side, dates, instruments).days);
  const periods: Attribution[] = [];
  const weights = new Map<string, { portfolio: number; benchmark: number }>();
  const counted: string[] = [];
  dates.forEach((date, index) => {
    if (date < begin) return;
    const [mine, theirs] = [pairs[0]![index]!, pairs[1]![index]!];
    if (!mine.isKnown || !theirs.isKnown) fail(`there is no value or no exchange rate on ${date}`, 'VALUE_UNKNOWN');
    // A day that begins with nothing has no return.
    if (!(mine.begin > 0) || !(theirs.begin > 0)) return;
    const [portfolioSide, benchmarkSide] = [sideOf(mine), sideOf(theirs)];
    periods.push(brinsonFachler(portfolioSide, benchmarkSide));
    counted.push(date);
    for (const [key, { sectors }] of [['portfolio', portfolioSide] as const, ['benchmark', benchmarkSide] as const]) {
      for (const { sector, weight } of sectors) {
        const row = weights.get(sector) ?? { portfolio: 0, benchmark: 0 };
        row[key] += weight;
        weights.set(sector, row);
      }
    }
  });
  if (periods.length === 0) fail(`there is no day on which both this portfolio and ${portfolioId} had equity`);
  return {
    benchmarkPortfolioId: portfolioId,
    from: counted[0]!,
    to: counted.at(-1)!,
    days: periods.length,
    ...summary(linkCarino(periods), weights, periods.length),
  };
}

/** By sectors, with the cash (and debts) that make the weights one. */
function sideOf({ begin, pnl, sectors }: AttributedDay): Side {
  const rows = [...sectors].map(([sector, { value, earned }]) => ({
    sector,
    weight: value / begin,
    contribution: earned / begin,
  }));
  const cash = 1 - rows.reduce((sum, { weight }) => sum + weight, 0);
  return { return: pnl / begin, sectors: [...rows, { sector: CASH, weight: cash, contribution: 0 }] };
}

function summary(
  linked: Attribution,
  weights: ReadonlyMap<string, { readonly portfolio: number; readonly benchmark: number }>,
  days: number,
): Omit<BrinsonAttribution, 'benchmarkPortfolioId' | 'from' | 'to' | 'days'> {
  const { portfolioReturn, benchmarkReturn, other } = linked;
  const sum = (effect: 'allocation' | 'selection' | 'interaction') =>
    linked.sectors.reduce((total, row) => total + row[effect], 0);
  // By name; what has none, and cash, at the end.
  const rank = (sector: string) => [NO_SECTOR, CASH].indexOf(sector);
  const sectors = linked.sectors
    .map((row) => ({
      sector: row.sector,
      portfolioWeight: weights.get(row.sector)!.portfolio / days,
      benchmarkWeight: weights.get(row.sector)!.benchmark / days,
      allocation: row.allocation,
      selection: row.selection,
      interaction: row.interaction,
      total: row.allocation + row.selection + row.interaction,
    }))
    .sort((a, b) => rank(a.sector) - rank(b.sector) || (a.sector < b.sector ? -1 : 1));
  return {
    portfolioReturn,
    benchmarkReturn,
    activeReturn: portfolioReturn - benchmarkReturn,
    allocation: sum('allocation'),
    selection: sum('selection'),
    interaction: sum('interaction'),
    other,
    sectors,
  };
}
