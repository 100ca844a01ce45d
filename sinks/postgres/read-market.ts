/** Bars, and what is calculated of them. */
import type { Bar, IndicatorValues } from '#schemas/generated/types.ts';
import { fieldsOf, type Queries, timeOf } from './query.ts';

/** A final bar. */
export type BarRow = Pick<Bar, 'startTime' | 'open' | 'high' | 'low' | 'close' | 'volume'>;

export interface MarketStore {
  /** The newest indicators of every instrument and length of bars. */
  indicators(): Promise<IndicatorValues[]>;
  /** The newest `limit` final bars that begin at `to` or before (null: all), oldest first. Seconds are kept in ClickHouse only. */
  bars(instrument: string, interval: Bar['interval'], to: number | null, limit: number): Promise<BarRow[]>;
}

const INDICATORS_SQL = `select ${fieldsOf('market.indicators')} from indicators_latest order by instrument, interval`;

const BARS_SQL = `
  select * from (
    select (extract(epoch from start_time) * 1000000)::bigint as "startTime", open, high, low, close, volume
    from market_bars
    where instrument = $1 and interval = $2 and start_time <= coalesce(${timeOf('$3::bigint')}, 'infinity')
    order by start_time desc limit $4
  ) newest order by "startTime"`;

export const marketQueries = ({ rows }: Pick<Queries, 'rows'>): MarketStore => ({
  indicators: () => rows<IndicatorValues>(INDICATORS_SQL),
  bars: (instrument, interval, to, limit) => rows<BarRow>(BARS_SQL, [instrument, interval, to, limit]),
});
