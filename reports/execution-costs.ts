import { quantile } from '#quant/order-statistics.ts';
import type { ExecutionRow } from '#sinks/postgres/read-reports.ts';
import { finite } from './fields.ts';

/** What executing some orders of one currency has cost. Costs are positive when they are costs. */
export interface ExecutionCosts {
  readonly orders: number;
  readonly fills: number;
  /** Executed quantity x price x multiplier, currency. */
  readonly notional: number;
  readonly fees: number;
  /** Slippage over all that has the benchmark: cost over benchmark value, basis points; null where none has it. */
  readonly arrivalBps: number | null;
  readonly vwapBps: number | null;
  readonly twapBps: number | null;
  /** Orders whose shortfall is known: what it is of. */
  readonly measured: number;
  readonly shortfall: number;
  /** Shortfall over quantity x decision price x multiplier, basis points; null where no order is measured. */
  readonly shortfallBps: number | null;
}

type Slippage = 'slippageArrivalBps' | 'slippageVwapBps' | 'slippageTwapBps';

/**
 * Sums over orders of one currency. An order without a benchmark is left out of that figure alone, and `measured` says how many
 * orders have a shortfall.
 */
export function executionCosts(rows: readonly ExecutionRow[]): ExecutionCosts {
  const measured = rows.filter(isMeasured);
  const decided = sum(measured, decidedOf);
  const shortfall = sum(measured, (row) => row.shortfall);
  return {
    orders: rows.length,
    fills: sum(rows, (row) => row.fills),
    notional: sum(rows, notionalOf),
    fees: sum(rows, (row) => Number(row.fees)),
    arrivalBps: weighted(rows, 'slippageArrivalBps', (row) => row.arrivalPrice),
    vwapBps: weighted(rows, 'slippageVwapBps', (row) => row.vwap),
    twapBps: weighted(rows, 'slippageTwapBps', (row) => row.twap),
    measured: measured.length,
    shortfall,
    shortfallBps: decided > 0 ? finite((shortfall / decided) * 1e4) : null,
  };
}

const sum = (rows: readonly ExecutionRow[], value: (row: ExecutionRow) => number | null): number =>
  rows.reduce((total, row) => total + (value(row) ?? 0), 0);
const isMeasured = (row: ExecutionRow) => finite(row.shortfall) !== null && finite(row.decisionPrice) !== null;
/** What was decided: the whole order at its decision price. */
const decidedOf = (row: ExecutionRow) => Number(row.quantity) * row.decisionPrice! * Number(row.multiplier);

/** Delay, trading, opportunity, fees, and their sum, basis points of what was decided. */
export interface ShortfallParts {
  readonly orders: number;
  readonly bps: readonly (number | null)[];
}

/** Of the orders whose parts are all known: without an arrival price, delay and trading cannot be told apart. */
export function shortfallParts(rows: readonly ExecutionRow[]): ShortfallParts {
  const parted = rows.filter(
    (row) => isMeasured(row) && finite(row.delayCost) !== null && finite(row.tradingCost) !== null,
  );
  const decided = sum(parted, decidedOf);
  const parts = [
    sum(parted, (row) => row.delayCost),
    sum(parted, (row) => row.tradingCost),
    sum(parted, (row) => row.opportunityCost),
    sum(parted, (row) => Number(row.fees)),
    sum(parted, (row) => row.shortfall),
  ];
  return { orders: parted.length, bps: parts.map((amount) => (decided > 0 ? finite((amount / decided) * 1e4) : null)) };
}

/** Executed quantity x average price x multiplier, in the instrument's currency. */
export const notionalOf = (row: ExecutionRow): number =>
  Number(row.filledQuantity) * (row.averagePrice ?? 0) * Number(row.multiplier);

/** Each order's slippage by its executed value at the benchmark. */
function weighted(
  rows: readonly ExecutionRow[],
  slippage: Slippage,
  benchmark: (row: ExecutionRow) => number | null,
): number | null {
  let cost = 0;
  let weight = 0;
  for (const row of rows) {
    const bps = finite(row[slippage]);
    const price = finite(benchmark(row));
    if (bps === null || price === null) continue;
    const own = Number(row.filledQuantity) * price * Number(row.multiplier);
    cost += bps * own;
    weight += own;
  }
  return weight > 0 ? finite(cost / weight) : null;
}

/** What was executed at a venue. */
export interface VenueCosts {
  readonly orders: number;
  readonly fills: number;
  readonly notional: number;
  /** Against the orders' arrival prices, by executed value at them, basis points. */
  readonly arrivalBps: number | null;
}

/** By venue, those with the most value first. */
export function venueCosts(rows: readonly ExecutionRow[]): [venue: string, costs: VenueCosts][] {
  const venues = new Map<string, { orders: number; fills: number; notional: number; cost: number; weight: number }>();
  for (const row of rows) {
    for (const { venue, fills, quantity, averagePrice, slippageBps } of row.venues) {
      const sums = venues.get(venue) ?? { orders: 0, fills: 0, notional: 0, cost: 0, weight: 0 };
      venues.set(venue, sums);
      const units = Number(quantity) * Number(row.multiplier);
      sums.orders++;
      sums.fills += fills;
      sums.notional += units * averagePrice;
      const bps = finite(slippageBps);
      if (bps === null || row.arrivalPrice === null) continue;
      sums.cost += bps * units * row.arrivalPrice;
      sums.weight += units * row.arrivalPrice;
    }
  }
  return [...venues]
    .map(([venue, { cost, weight, ...sums }]): [string, VenueCosts] => [
      venue,
      { ...sums, arrivalBps: weight > 0 ? finite(cost / weight) : null },
    ])
    .sort((a, b) => b[1].notional - a[1].notional);
}

/** The middle of the known values; null without any. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? null : quantile(known, 0.5);
}
