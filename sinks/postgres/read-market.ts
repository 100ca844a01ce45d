/** Bars, and what is calculated of them. */
import type { Bar, IndicatorValues, MarketRegime } from '#schemas/generated/types.ts';
import { fieldsOf, type Queries, timeOf } from './query.ts';

/** A final bar. */
export type BarRow = Pick<Bar, 'startTime' | 'open' | 'high' | 'low' | 'close' | 'volume'>;

/** Days that follow each other with one regime. */
export interface RegimeSpan {
  readonly regime: MarketRegime['regime'];
  /** First and last day, ISO 8601, both in it. */
  readonly from: string;
  readonly to: string;
  /** Trading days. */
  readonly days: number;
}

export interface MarketStore {
  /** The newest indicators of every instrument and length of bars. */
  indicators(): Promise<IndicatorValues[]>;
  /** The newest `limit` final bars that begin at `to` or before (null: all), oldest first. Seconds are kept in ClickHouse only. */
  bars(instrument: string, interval: Bar['interval'], to: number | null, limit: number): Promise<BarRow[]>;
  /** The newest day of every instrument that has a regime. */
  regimes(): Promise<MarketRegime[]>;
  /** The newest `limit` days from `from` to `to` (ISO 8601, both in it, null: open), oldest first. */
  regimeHistory(instrument: string, from: string | null, to: string | null, limit: number): Promise<MarketRegime[]>;
  /** All of an instrument, oldest first. */
  regimeSpans(instrument: string): Promise<RegimeSpan[]>;
}

const INDICATORS_SQL = `select ${fieldsOf('market.indicators')} from indicators_latest order by instrument, interval`;

const BARS_SQL = `
  select * from (
    select (extract(epoch from start_time) * 1000000)::bigint as "startTime", open, high, low, close, volume
    from market_bars
    where instrument = $1 and interval = $2 and start_time <= coalesce(${timeOf('$3::bigint')}, 'infinity')
    order by start_time desc limit $4
  ) newest order by "startTime"`;

const REGIME_FIELDS = fieldsOf('market.regimes');
const REGIMES_SQL = `
  select ${REGIME_FIELDS} from market_regimes
  join (select instrument, max(date) as date from market_regimes group by instrument) newest using (instrument, date)
  order by instrument`;

const REGIME_HISTORY_SQL = `
  select ${REGIME_FIELDS} from (
    select * from market_regimes
    where instrument = $1 and date >= coalesce($2, '') and date <= coalesce($3, '9999')
    order by date desc limit $4
  ) newest order by date`;

const REGIME_SPANS_SQL = `
  select regime, min(date) as "from", max(date) as "to", count(*) as days
  from (
    select date, regime, count(*) filter (where regime is distinct from before) over (order by date) as span
    from (
      select date, regime, lag(regime) over (order by date) as before from market_regimes where instrument = $1
    ) days
  ) spans
  group by span, regime order by span`;

export const marketQueries = ({ rows }: Pick<Queries, 'rows'>): MarketStore => ({
  indicators: () => rows<IndicatorValues>(INDICATORS_SQL),
  regimes: () => rows<MarketRegime>(REGIMES_SQL),
  regimeHistory: (instrument, from, to, limit) => rows<MarketRegime>(REGIME_HISTORY_SQL, [instrument, from, to, limit]),
  regimeSpans: (instrument) => rows<RegimeSpan>(REGIME_SPANS_SQL, [instrument]),
  bars: (instrument, interval, to, limit) => rows<BarRow>(BARS_SQL, [instrument, interval, to, limit]),
});
