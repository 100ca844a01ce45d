import type {
  ExecutionQuality,
  LimitUtilisation,
  RiskBacktest,
  RiskBreach,
  RiskMeasures,
  VenueExecution,
} from '#schemas/generated/types.ts';
import { fieldsOf, openQueries, timeOf } from './query.ts';

/** A portfolio with the currency in which it is valued; null where reference data does not name it. */
export interface PortfolioReference {
  readonly id: string;
  readonly name: string;
  readonly currency: string | null;
}

type ExactField = 'quantity' | 'filledQuantity' | 'multiplier' | 'fees';
/** Newest record of an order in `execution.quality`; exact amounts are decimal strings, times microseconds UTC. */
export type ExecutionRow = Omit<ExecutionQuality, ExactField | 'venues'> & {
  readonly [name in ExactField]: string;
} & {
  readonly venues: readonly (Omit<VenueExecution, 'quantity'> & { readonly quantity: string })[];
  /** Of the instrument, ISO 4217; null where reference data does not name it. */
  readonly currency: string | null;
};

/** What reports read beside {@link ReadStore}. Every method throws the driver's error when the database is unreachable. */
export interface ReportReads {
  /** Every portfolio known by reference data or by a value, by id. */
  portfolios(): Promise<PortfolioReference[]>;
  /** Risk at the end of the newest day up to and with `date` (YYYY-MM-DD; null: of all); null when there is none. */
  dayEnd(portfolioId: string, date: string | null): Promise<RiskMeasures | null>;
  /** Days judged in [from, to] (YYYY-MM-DD, null: open), the newest `limit` of them, oldest first. */
  backtests(portfolioId: string, from: string | null, to: string | null, limit: number): Promise<RiskBacktest[]>;
  /** Orders that arrived in [from, before) (microseconds, null: open), the newest `limit` of them, oldest first. */
  executions(
    portfolioId: string,
    fromMicros: number | null,
    beforeMicros: number | null,
    limit: number,
  ): Promise<ExecutionRow[]>;
  /** Newest record of each limit, by id; null where the database has no limits yet. */
  utilisation(portfolioId: string): Promise<LimitUtilisation[] | null>;
  /** Newest record of each incident that was open at some time in [from, before) (microseconds, null: open), by opening; null as above. */
  incidents(portfolioId: string, fromMicros: number | null, beforeMicros: number | null): Promise<RiskBreach[] | null>;
  close(): Promise<void>;
}

/** Few, and its own: reports must not take the connections of those who watch live. */
const CONNECTIONS = 2;

const PORTFOLIOS_SQL = `
  select id, coalesce(p.name, id) as name, p.base_currency as currency
  from (select portfolio as id from portfolios union select portfolio from portfolio_pnl_latest) known
  left join portfolios p on p.portfolio = known.id
  order by id`;

/** A day whose returns came late is told again: the newest record of it holds. */
const DAY_END_SQL = `
  select ${fieldsOf('risk.measures')} from risk_day_ends
  where portfolio = $1 and history_date <= coalesce($2, '9999-12-31')
  order by history_date desc, record_offset desc limit 1`;

const BACKTESTS_SQL = `
  select * from (
    select ${fieldsOf('risk.backtests')}, record_offset as place from risk_backtests
    where portfolio = $1 and date >= coalesce($2, '') and date <= coalesce($3, '9999-12-31')
    order by date desc, record_offset desc limit $4
  ) newest order by date, place`;

const EXECUTIONS_SQL = `
  select * from (
    select ${fieldsOf('execution.quality', 'e')}, i.currency
    from execution_quality e left join instruments i on i.instrument = e.instrument
    where e.portfolio = $1
      and e.arrival_time >= coalesce(${timeOf('$2::bigint')}, '-infinity')
      and e.arrival_time < coalesce(${timeOf('$3::bigint')}, 'infinity')
    order by e.arrival_time desc, e.order_id desc limit $4
  ) newest order by "arrivalTime", "orderId"`;

const UTILISATION_SQL = `
  select ${fieldsOf('risk.utilisation')} from risk_utilisation where portfolio = $1 order by limit_id`;

/** An incident that is closed was open up to its newest record. */
const INCIDENTS_SQL = `
  select ${fieldsOf('risk.breaches')} from risk_breaches
  where portfolio = $1
    and (level <> 'NONE' or event_time >= coalesce(${timeOf('$2::bigint')}, '-infinity'))
    and opened_at < coalesce(${timeOf('$3::bigint')}, 'infinity')
  order by opened_at, breach_id`;

const UNDEFINED_TABLE = '42P01';

/** What `read` gives, or null where its table is of a later version than the database. */
async function ifThere<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return null;
    throw error;
  }
}

/** Opens a pool of at most 2 connections, lazily: it does not fail when the database is not there yet. */
export function openReportReads(databaseUrl: string): ReportReads {
  const { rows, close } = openQueries(databaseUrl, CONNECTIONS);
  return {
    portfolios: () => rows<PortfolioReference>(PORTFOLIOS_SQL),
    dayEnd: async (portfolioId, date) => (await rows<RiskMeasures>(DAY_END_SQL, [portfolioId, date]))[0] ?? null,
    backtests: async (portfolioId, from, to, limit) => {
      const days = await rows<RiskBacktest & { place: number }>(BACKTESTS_SQL, [portfolioId, from, to, limit]);
      return days.map(({ place: _, ...day }) => day);
    },
    executions: (portfolioId, fromMicros, beforeMicros, limit) =>
      rows<ExecutionRow>(EXECUTIONS_SQL, [portfolioId, fromMicros, beforeMicros, limit]),
    utilisation: (portfolioId) => ifThere(rows<LimitUtilisation>(UTILISATION_SQL, [portfolioId])),
    incidents: (portfolioId, fromMicros, beforeMicros) =>
      ifThere(rows<RiskBreach>(INCIDENTS_SQL, [portfolioId, fromMicros, beforeMicros])),
    close,
  };
}
