import type { MigrationBuilder } from 'node-pg-migrate';

const MEASURES = `
  event_time timestamptz not null,
  portfolio text not null,
  day_end boolean not null,
  equity double precision,
  long_exposure double precision not null,
  short_exposure double precision not null,
  gross_exposure double precision not null,
  net_exposure double precision not null,
  leverage double precision,
  open_positions integer not null,
  unpriced jsonb not null,
  history_date text,
  scenarios integer not null,
  shortest_history text,
  measures jsonb not null,
  detail_time timestamptz not null,
  volatility double precision,
  benchmark text not null,
  beta double precision,
  average_correlation double precision,
  shrinkage double precision,
  correlation_instruments jsonb not null,
  correlations jsonb not null,
  herfindahl double precision not null,
  largest_share double precision not null,
  top_five_share double precision not null,
  sectors jsonb not null,
  contribution_confidence double precision,
  contributions jsonb not null,
  shocks jsonb not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null`;

const BACKTESTS = `
  event_time timestamptz not null,
  portfolio text not null,
  date text not null,
  forecast_date text not null,
  profit double precision not null,
  results jsonb not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null`;

const COMMENTS = `
comment on table risk_measures_latest is 'Newest record per portfolio of risk.measures.';
comment on table risk_day_ends is 'Records of risk.measures at the end of a day; all of them are in ClickHouse.';
comment on table risk_backtests is 'risk.backtests: one row a record.';
`;

const TABLES = `
create table risk_measures_latest (${MEASURES},
  primary key (portfolio)
);
create table risk_day_ends (${MEASURES});
create index risk_day_ends_by_portfolio on risk_day_ends (portfolio, history_date);
create table risk_backtests (${BACKTESTS});
create index risk_backtests_by_portfolio on risk_backtests (portfolio, date);
${COMMENTS}`;

/** A row a day and portfolio: plain tables do, with TimescaleDB too. */
export function up(pgm: MigrationBuilder): void {
  pgm.sql(TABLES);
}
export const down = false;
