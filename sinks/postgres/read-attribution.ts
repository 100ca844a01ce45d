/** What attribution reads beside values and closes: positions at the ends of days, what instruments are, exchange rates of a portfolio. */
import { micros, type Queries } from './query.ts';

/** A position at the end of a UTC day, in its own currency. Exact amounts are rounded to doubles: they meet prices at once. */
export interface PositionDay {
  /** YYYY-MM-DD. */
  readonly date: string;
  /** Of the record, microseconds UTC. */
  readonly eventTime: number;
  readonly instrument: string;
  readonly currency: string;
  readonly quantity: number;
  readonly multiplier: number;
  /** Newest price; null while it never traded. */
  readonly mark: number | null;
  readonly cost: number;
  readonly cashFlow: number;
  readonly commission: number;
  readonly dividends: number;
}
export interface InstrumentRow {
  readonly instrument: string;
  readonly sector: string | null;
  readonly assetClass: string;
}
/** Units of the base currency for one of each other, at the end of a UTC day; null where there was no rate. */
export interface RateDay {
  readonly date: string;
  readonly baseCurrency: string;
  readonly rates: Readonly<Record<string, number | null>>;
}

export interface AttributionStore {
  /**
   * Positions at the ends of the days in [from, to] (YYYY-MM-DD, null: open) on which they changed or were marked, and the newest before
   * `from` of each; oldest first, then by instrument. A day without a row is as the one before it.
   */
  positionDays(portfolioId: string, from: string | null, to: string | null): Promise<PositionDay[]>;
  /** Every instrument that was described, by id. */
  instruments(): Promise<InstrumentRow[]>;
  /** Of the days in [from, to] at whose end the portfolio had amounts in other currencies, oldest first. */
  currencyRates(portfolioId: string, from: string | null, to: string | null): Promise<RateDay[]>;
}

const POSITION_DAYS_SQL = `
  select to_char(day, 'YYYY-MM-DD') as date, ${micros('event_time')} as "eventTime", instrument, currency, quantity::float8 as quantity,
    multiplier::float8 as multiplier, mark_price as mark, cost::float8 as cost, cash_flow::float8 as "cashFlow",
    commission::float8 as commission, dividends::float8 as dividends
  from (
    select * from position_days
    where portfolio = $1 and day >= coalesce($2::date, '-infinity') and day <= coalesce($3::date, 'infinity')
    union all
    select before.* from positions held
    cross join lateral (
      select * from position_days ends
      where ends.portfolio = held.portfolio and ends.instrument = held.instrument and ends.day < $2::date
        and ends.day <= coalesce($3::date, 'infinity')
      order by ends.day desc limit 1
    ) before
    where held.portfolio = $1
  ) wanted
  order by day, instrument`;

const INSTRUMENTS_SQL = `
  select instrument, sector, asset_class as "assetClass" from instruments order by instrument`;

/** A portfolio lives in one partition: the last record of a day is the one with the highest offset. */
const RATES_SQL = `
  select date, base_currency as "baseCurrency",
    (select jsonb_object_agg(part ->> 'currency', part -> 'rate') from jsonb_array_elements(currencies) part) as rates
  from (
    select distinct on (day) to_char(day, 'YYYY-MM-DD') as date, base_currency, currencies
    from (select *, (event_time at time zone 'UTC')::date as day from portfolio_pnl where portfolio = $1) of_days
    where day >= coalesce($2::date, '-infinity') and day <= coalesce($3::date, 'infinity')
    order by day, record_offset desc
  ) ends
  where jsonb_array_length(currencies) > 0
  order by date`;

export const attributionQueries = ({ rows }: Pick<Queries, 'rows'>): AttributionStore => ({
  positionDays: (portfolioId, from, to) => rows<PositionDay>(POSITION_DAYS_SQL, [portfolioId, from, to]),
  instruments: () => rows<InstrumentRow>(INSTRUMENTS_SQL),
  currencyRates: (portfolioId, from, to) => rows<RateDay>(RATES_SQL, [portfolioId, from, to]),
});
