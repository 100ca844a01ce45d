import { parseDecimal } from '#schemas/decimal.ts';
import type { PortfolioPnl, RiskMeasures } from '#schemas/generated/types.ts';
import type { PnlRow, PositionRow, ReadStore, RiskRow } from '#sinks/postgres/read.ts';
import type { LivePosition, LiveViews } from './views.ts';

export function pnlFromRow(row: PnlRow): PortfolioPnl {
  const { partition: _partition, offset: _offset, ...value } = row;
  return {
    ...value,
    cash: known(row.cash),
    realizedPnl: known(row.realizedPnl),
    commission: known(row.commission),
    currencies: row.currencies.map((each) => ({
      ...each,
      cash: parseDecimal(each.cash),
      realizedPnl: parseDecimal(each.realizedPnl),
      commission: parseDecimal(each.commission),
    })),
  };
}

const known = (amount: string | null): bigint | null => (amount === null ? null : parseDecimal(amount));

export function positionFromRow(row: PositionRow): LivePosition {
  const { partition: _partition, offset: _offset, ...value } = row;
  return {
    ...value,
    quantity: parseDecimal(row.quantity),
    cost: parseDecimal(row.cost),
    multiplier: parseDecimal(row.multiplier),
    realizedPnl: parseDecimal(row.realizedPnl),
    commission: parseDecimal(row.commission),
    dividends: parseDecimal(row.dividends),
    cashFlow: parseDecimal(row.cashFlow),
  };
}

export function riskFromRow({ partition: _partition, offset: _offset, ...value }: RiskRow): RiskMeasures {
  return value;
}

/** Incidents that last, of one portfolio: at most one a limit. */
const MAX_OPEN_BREACHES = 10_000;

/** Steps of all models. */
const MAX_ML_EVENTS = 1_000;

/** Where to read on: the next offset per topic and partition. */
export type NextOffsets = ReadonlyMap<string, ReadonlyMap<number, number>>;

/**
 * Fills the views with the newest values of the store and returns where the topics go on from there. The offsets are read
 * before the values, so that reading on from them repeats some values (older ones change nothing) but leaves none out.
 */
export async function loadSnapshot(store: ReadStore, views: LiveViews): Promise<NextOffsets> {
  const next = new Map<string, Map<number, number>>();
  for (const { topic, partition, nextOffset } of await store.sinkOffsets()) {
    const partitions = next.get(topic) ?? new Map<number, number>();
    next.set(topic, partitions.set(partition, nextOffset));
  }
  for (const values of await store.indicators()) views.indicators.apply(values);
  for (const regime of await store.regimes()) views.regimes.apply(regime);
  for (const { id } of await store.portfolios()) {
    const pnl = await store.latestPnl(id);
    if (pnl) views.pnl.apply(pnlFromRow(pnl));
    const risk = await store.latestRisk(id);
    if (risk) views.risk.apply(riskFromRow(risk));
    for (const row of await store.positions(id)) views.positions.apply(positionFromRow(row));
    for (const standing of await store.utilisation(id)) views.limits.apply(standing);
    for (const prediction of await store.predictions(id)) views.predictions.apply(prediction);
    for (const breach of (await store.breaches(id, true, MAX_OPEN_BREACHES)).reverse()) views.breaches.apply(breach);
  }
  for (const event of (await store.mlEvents(null, MAX_ML_EVENTS)).reverse()) views.mlEvents.apply(event);
  for (const book of await store.orderBooks()) views.books.apply(book);
  return next;
}
