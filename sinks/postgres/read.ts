import type { CurrencyPnl, RiskBacktest, RiskMeasures } from '#schemas/generated/types.ts';
import { decimal, fieldsOf, micros, openQueries, timeOf } from './query.ts';
import { type AttributionStore, attributionQueries } from './read-attribution.ts';
import { type CorporateActionStore, corporateActionQueries } from './read-corporate-actions.ts';
import { type LimitStore, limitQueries } from './read-limits.ts';
import { type MarketStore, marketQueries } from './read-market.ts';
import { type ModelStore, modelQueries } from './read-models.ts';
import { type OrderBookStore, orderBookQueries } from './read-order-books.ts';

/** What a portfolio is called. */
export interface PortfolioName {
  readonly id: string;
  readonly name: string;
}

/**
 * Newest value of a portfolio. Ledger amounts are decimal strings, statistics doubles, times microseconds since 1970
 * UTC. Null: a rate that it needs is missing.
 */
export interface PnlRow {
  readonly portfolio: string;
  readonly eventTime: number;
  readonly cash: string | null;
  readonly realizedPnl: string | null;
  readonly commission: string | null;
  readonly unrealizedPnl: number | null;
  readonly equity: number | null;
  readonly dayPnl: number | null;
  readonly grossExposure: number | null;
  readonly netExposure: number | null;
  readonly peakEquity: number | null;
  readonly drawdown: number | null;
  readonly openPositions: number;
  readonly unpricedPositions: number;
  readonly baseCurrency: string;
  readonly missingRates: readonly string[];
  readonly currencies: readonly CurrencyRow[];
  /** Topic and event time of the record that caused this value. */
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
  /** Where this value stands in `portfolio.pnl`: a live reader goes on from `offset + 1`. */
  readonly partition: number;
  readonly offset: number;
}

/** What a portfolio has in one currency, fields as in the topic; ledger amounts are decimal strings. */
export type CurrencyRow = Omit<CurrencyPnl, 'cash' | 'realizedPnl' | 'commission'> &
  Readonly<Record<'cash' | 'realizedPnl' | 'commission', string>>;

/**
 * Current position of a portfolio in one instrument, flat ones included. Fields as in the topic `portfolio.positions`.
 */
export interface PositionRow {
  readonly portfolio: string;
  readonly instrument: string;
  readonly eventTime: number;
  readonly quantity: string;
  readonly cost: string;
  readonly averagePrice: number | null;
  readonly markPrice: number | null;
  readonly markTime: number | null;
  readonly multiplier: string;
  /** Of every amount here. */
  readonly currency: string;
  readonly realizedPnl: string;
  readonly unrealizedPnl: number | null;
  readonly commission: string;
  readonly dividends: string;
  readonly cashFlow: string;
  readonly fills: number;
  readonly unpriced: boolean;
  /** Where this value stands in `portfolio.positions`. */
  readonly partition: number;
  readonly offset: number;
}

export type { DailyClose } from './read-corporate-actions.ts';

/** A portfolio's value at the end of one event time, where it is known. */
export interface PnlPoint {
  readonly eventTime: number;
  readonly equity: number;
  readonly cash: string;
  readonly realizedPnl: string;
  readonly unrealizedPnl: number;
  readonly drawdown: number;
}

/** A portfolio at the end of a UTC day, where its value is known. */
export interface PnlDay {
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly equity: number;
  /** Change of the equity on that day, less net deposits. */
  readonly dayPnl: number;
}
/** Newest record of a portfolio in `risk.measures`, and where it stands there. */
export interface RiskRow extends RiskMeasures {
  readonly partition: number;
  readonly offset: number;
}
/** What one method said at a day's end. */
export interface RiskPoint {
  /** The day, YYYY-MM-DD. */
  readonly date: string;
  /** Of the record, which is made on the next day with trades. */
  readonly eventTime: number;
  readonly valueAtRisk: number | null;
  readonly expectedShortfall: number | null;
  readonly equity: number | null;
  readonly grossExposure: number;
  readonly netExposure: number;
}

/** How far a topic's partition is in the database. */
export interface SinkOffset {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to be written. */
  readonly nextOffset: number;
  /** Wall-clock time of the last commit, microseconds. */
  readonly updatedAt: number;
}

/** The query side of the PostgreSQL store. Every method throws the driver's error when the database is unreachable. */
export interface ReadStore
  extends LimitStore,
    AttributionStore,
    CorporateActionStore,
    MarketStore,
    ModelStore,
    OrderBookStore {
  /**
   * Every portfolio known by reference data or by a value, by id. A portfolio without reference data is named by its
   * id.
   */
  portfolios(): Promise<PortfolioName[]>;
  /** Null when the portfolio has no value yet. */
  latestPnl(portfolioId: string): Promise<PnlRow | null>;
  positions(portfolioId: string): Promise<PositionRow[]>;
  /**
   * Values at the end of each event time in [from, to] (null: open), oldest first, at most `maxPoints` of them (default
   * 1,000, 1 to 10,000). When there are more, the time range is cut into equal buckets and of each the lowest and the
   * highest equity and the last value stay, and so does the very first value.
   */
  pnlHistory(
    portfolioId: string,
    fromMicros: number | null,
    toMicros: number | null,
    maxPoints?: number,
  ): Promise<PnlPoint[]>;
  /** The ends of the UTC days that begin in [from, to] (null: open), oldest first. */
  pnlDays(portfolioId: string, fromMicros: number | null, toMicros: number | null): Promise<PnlDay[]>;
  /** Null when the portfolio has no measures yet. */
  latestRisk(portfolioId: string): Promise<RiskRow | null>;
  /**
   * VaR and ES one day ahead by one method and level at the ends of the UTC days that begin in [from, to] (null: open),
   * oldest first, at most `maxPoints` of them (default 10,000, 1 to 10,000). When there are more, the newest day stays
   * and, of equal runs of days, the one with the largest VaR.
   */
  riskHistory(
    portfolioId: string,
    method: string,
    confidence: number,
    fromMicros: number | null,
    toMicros: number | null,
    maxPoints?: number,
  ): Promise<RiskPoint[]>;
  /** Days judged, oldest first, the newest `limit` (1 to 10,000) at most. */
  riskBacktests(portfolioId: string, limit: number): Promise<RiskBacktest[]>;
  sinkOffsets(): Promise<SinkOffset[]>;
  close(): Promise<void>;
}

export const DEFAULT_HISTORY_POINTS = 1_000;
export const MAX_HISTORY_POINTS = 10_000;
const POOL_SIZE = 8;

/** UTC day of microseconds, YYYY-MM-DD. */
const dayOf = (epochMicros: string) => `to_char((${timeOf(epochMicros)}) at time zone 'UTC', 'YYYY-MM-DD')`;

const PORTFOLIOS_SQL = `
  select id, coalesce(p.name, id) as name
  from (select portfolio as id from portfolios union select portfolio from portfolio_pnl_latest) known
  left join portfolios p on p.portfolio = known.id
  order by id`;

const LATEST_PNL_SQL = `
  select portfolio, ${micros('event_time')} as "eventTime", ${decimal('cash')} as cash,
    ${decimal('realized_pnl')} as "realizedPnl", ${decimal('commission')} as commission,
    unrealized_pnl as "unrealizedPnl", equity, day_pnl as "dayPnl", gross_exposure as "grossExposure",
    net_exposure as "netExposure", peak_equity as "peakEquity", drawdown, open_positions as "openPositions",
    unpriced_positions as "unpricedPositions", base_currency as "baseCurrency", missing_rates as "missingRates",
    currencies, source_topic as "sourceTopic",
    ${micros('source_event_time')} as "sourceEventTime", record_partition as partition, record_offset as offset
  from portfolio_pnl_latest where portfolio = $1`;

const POSITIONS_SQL = `
  select portfolio, instrument, ${micros('event_time')} as "eventTime", ${decimal('quantity')} as quantity,
    ${decimal('cost')} as cost, average_price as "averagePrice", mark_price as "markPrice",
    ${micros('mark_time')} as "markTime", ${decimal('multiplier')} as multiplier, currency,
    ${decimal('realized_pnl')} as "realizedPnl", unrealized_pnl as "unrealizedPnl",
    ${decimal('commission')} as commission, ${decimal('dividends')} as dividends, ${decimal('cash_flow')} as "cashFlow",
    fills, unpriced, record_partition as partition, record_offset as offset
  from positions where portfolio = $1 order by instrument`;

// One portfolio lives in one partition and its event time never goes back, so the last record of an event time is the
// one with the highest offset. Where rates were missing there is no point. Values within an event time are half-marked portfolios: they are in the table, not in
// the chart.
const HISTORY_SQL = `
  with instants as (
    select distinct on (event_time) event_time, equity, cash, realized_pnl, unrealized_pnl, drawdown
    from portfolio_pnl
    where portfolio = $1 and equity is not null
      and event_time >= coalesce(timestamptz 'epoch' + $2::bigint * interval '1 microsecond', '-infinity')
      and event_time <= coalesce(timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 'infinity')
    order by event_time desc, record_offset desc
  ), measured as (
    select *, count(*) over () as points, min(event_time) over () as first_time, max(event_time) over () as last_time
    from instants
  ), bucketed as (
    select *, case
      when $5::int = 0 or first_time = last_time then 0
      else least($5 - 1,
        floor(extract(epoch from event_time - first_time) / extract(epoch from last_time - first_time) * $5))
    end as bucket
    from measured
  ), ranked as (
    select *,
      row_number() over (partition by bucket order by event_time desc) as from_end,
      row_number() over (partition by bucket order by equity, event_time) as from_lowest,
      row_number() over (partition by bucket order by equity desc, event_time) as from_highest
    from bucketed
  )
  select ${micros('event_time')} as "eventTime", equity, ${decimal('cash')} as cash,
    ${decimal('realized_pnl')} as "realizedPnl", unrealized_pnl as "unrealizedPnl", drawdown
  from ranked
  where points <= $4
    or event_time = last_time
    or ($4 > 1 and event_time = first_time)
    or ($5 > 0 and (from_end = 1 or from_lowest = 1 or from_highest = 1))
  order by event_time`;

const PNL_DAYS_SQL = `
  select to_char(day at time zone 'UTC', 'YYYY-MM-DD') as date, equity, day_pnl as "dayPnl"
  from portfolio_pnl_daily
  where portfolio = $1 and equity is not null
    and day >= coalesce(timestamptz 'epoch' + $2::bigint * interval '1 microsecond', '-infinity')
    and day <= coalesce(timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 'infinity')
  order by day`;

const LATEST_RISK_SQL = `
  select ${fieldsOf('risk.measures')}, record_partition as partition, record_offset as offset
  from risk_measures_latest where portfolio = $1`;

/** Days are compared as text, which the index on them is of. */
const RISK_HISTORY_SQL = `
  with days as (
    select history_date as date, event_time, (tail ->> 'valueAtRisk')::float8 as value_at_risk,
      (tail ->> 'expectedShortfall')::float8 as expected_shortfall, equity, gross_exposure, net_exposure
    from risk_day_ends, jsonb_array_elements(measures) tail
    where portfolio = $1 and tail ->> 'method' = $2
      and (tail ->> 'confidence')::float8 = $3 and tail ->> 'horizonDays' = '1' and tail ->> 'stressWindow' is null
      and history_date >= coalesce(${dayOf('$4::bigint + 86399999999')}, '')
      and history_date <= coalesce(${dayOf('$5::bigint')}, '9999-12-31')
  ), runs as (
    select *, count(*) over () as points, row_number() over (order by date desc, event_time desc) as from_end,
      ntile(greatest($6::int - 1, 1)) over (order by date, event_time) as run
    from days
  ), ranked as (
    select *, row_number() over (partition by run order by value_at_risk desc nulls last, date) as from_highest
    from runs
  )
  select date, ${micros('event_time')} as "eventTime", value_at_risk as "valueAtRisk",
    expected_shortfall as "expectedShortfall", equity, gross_exposure as "grossExposure", net_exposure as "netExposure"
  from ranked
  where points <= $6 or from_end = 1 or ($6 > 1 and from_highest = 1)
  order by date, event_time`;

const BACKTESTS_SQL = `
  select * from (
    select ${fieldsOf('risk.backtests')} from risk_backtests where portfolio = $1 order by date desc limit $2
  ) newest order by date`;

const OFFSETS_SQL = `
  select topic, partition, next_offset as "nextOffset", ${micros('updated_at')} as "updatedAt"
  from sink_offsets order by topic, partition`;

/** A number of rows to ask for. */
const bounded = (rows: number) => Math.min(Math.max(Math.trunc(rows), 1), MAX_HISTORY_POINTS);

/** Opens a pool of at most 8 connections, lazily: it does not fail when the database is not there yet. */
export function openReadStore(databaseUrl: string): ReadStore {
  const { rows, close } = openQueries(databaseUrl, POOL_SIZE);
  return {
    ...limitQueries({ rows }),
    ...attributionQueries({ rows }),
    ...corporateActionQueries({ rows }),
    ...marketQueries({ rows }),
    ...modelQueries({ rows }),
    ...orderBookQueries({ rows }),
    portfolios: () => rows<PortfolioName>(PORTFOLIOS_SQL),
    latestPnl: async (portfolioId) => (await rows<PnlRow>(LATEST_PNL_SQL, [portfolioId]))[0] ?? null,
    positions: (portfolioId) => rows<PositionRow>(POSITIONS_SQL, [portfolioId]),
    pnlHistory: (portfolioId, fromMicros, toMicros, maxPoints = DEFAULT_HISTORY_POINTS) => {
      const points = bounded(maxPoints);
      // The first value and, of each bucket, lowest, highest and last: together at most `points`.
      const buckets = Math.floor((points - 1) / 3);
      return rows<PnlPoint>(HISTORY_SQL, [portfolioId, fromMicros, toMicros, points, buckets]);
    },
    pnlDays: (portfolioId, fromMicros, toMicros) => rows<PnlDay>(PNL_DAYS_SQL, [portfolioId, fromMicros, toMicros]),
    latestRisk: async (portfolioId) => (await rows<RiskRow>(LATEST_RISK_SQL, [portfolioId]))[0] ?? null,
    riskHistory: (portfolioId, method, confidence, fromMicros, toMicros, maxPoints = MAX_HISTORY_POINTS) =>
      rows<RiskPoint>(RISK_HISTORY_SQL, [portfolioId, method, confidence, fromMicros, toMicros, bounded(maxPoints)]),
    riskBacktests: (portfolioId, limit) => rows<RiskBacktest>(BACKTESTS_SQL, [portfolioId, bounded(limit)]),
    sinkOffsets: () => rows<SinkOffset>(OFFSETS_SQL),
    close,
  };
}
