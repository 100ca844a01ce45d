import type { MigrationBuilder } from 'node-pg-migrate';

const PNL_COLUMNS = `
  event_time timestamptz not null,
  portfolio text not null,
  cash numeric(38, 9) not null,
  realized_pnl numeric(38, 9) not null,
  commission numeric(38, 9) not null,
  unrealized_pnl double precision not null,
  equity double precision not null,
  day_pnl double precision not null,
  gross_exposure double precision not null,
  net_exposure double precision not null,
  peak_equity double precision not null,
  drawdown double precision not null,
  open_positions integer not null,
  unpriced_positions integer not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null`;

const REJECT_COLUMNS = `
  rejected_at timestamptz not null default clock_timestamp(),
  topic text not null,
  record_partition integer not null,
  record_offset bigint not null,
  record_time timestamptz,
  error_code text not null,
  error_message text not null,
  key bytea,
  value bytea,
  value_bytes integer`;

const COMMENTS = `
comment on table portfolio_pnl is 'portfolio.pnl: one row a record.';
comment on table portfolio_pnl_latest is 'Newest record per portfolio of portfolio.pnl.';
comment on table sink_rejects is
  'Records that could not be stored: position, reason and the first 512 KiB of the bytes.';
comment on column sink_rejects.value_bytes is 'Size of the whole value, bytes; null for a tombstone.';
`;

/** The last record of a day is the one with the highest offset: a portfolio lives in one partition. */
const DAILY = (bucket: string, last: (column: string) => string) => `
  select portfolio, ${bucket} as day, ${[
    'equity',
    'cash',
    'realized_pnl',
    'unrealized_pnl',
    'commission',
    'day_pnl',
    'drawdown',
    'gross_exposure',
    'net_exposure',
    'open_positions',
  ]
    .map((column) => `${last(column)} as ${column}`)
    .join(', ')}, count(*) as records
  from portfolio_pnl group by 1, 2`;

const TABLES = (pnlPartitioning: string, rejectsPartitioning: string) => `
create table portfolio_pnl (${PNL_COLUMNS},
  primary key (event_time, record_partition, record_offset)
)${pnlPartitioning};
create index portfolio_pnl_by_portfolio on portfolio_pnl (portfolio, event_time desc, record_offset desc);
create table portfolio_pnl_latest (${PNL_COLUMNS},
  primary key (portfolio)
);
create table sink_rejects (${REJECT_COLUMNS},
  primary key (rejected_at, topic, record_partition, record_offset)
)${rejectsPartitioning};
${COMMENTS}`;

/**
 * Event times may be from 1990, so policies by event time would compress what is being written and drop what was just
 * replayed: compression goes by a chunk's creation, P&L is never dropped, and only rejects, which are kept by wall
 * clock, expire. The daily aggregate shows newer days at once; what comes late for a day it has already aggregated
 * shows after its next run, a minute later.
 */
const TIMESCALE = `
create extension if not exists timescaledb;
${TABLES('', '')}
select create_hypertable('portfolio_pnl', by_range('event_time', interval '1 year'));
alter table portfolio_pnl set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'portfolio',
  timescaledb.compress_orderby = 'event_time desc, record_partition, record_offset desc'
);
select add_compression_policy('portfolio_pnl', compress_created_before => interval '7 days');
select create_hypertable('sink_rejects', by_range('rejected_at', interval '7 days'));
select add_retention_policy('sink_rejects', drop_after => interval '90 days');
create materialized view portfolio_pnl_daily
  with (timescaledb.continuous, timescaledb.materialized_only = false) as
  ${DAILY(`time_bucket(interval '1 day', event_time, 'UTC')`, (column) => `last(${column}, record_offset)`)}
  with no data;
select add_continuous_aggregate_policy('portfolio_pnl_daily',
  start_offset => null, end_offset => interval '1 day', schedule_interval => interval '1 minute');
`;

const FIRST_YEAR = 1985;
const LAST_YEAR = 2050;

const yearly = () =>
  Array.from({ length: LAST_YEAR - FIRST_YEAR + 1 }, (_, index) => {
    const year = FIRST_YEAR + index;
    return `create table portfolio_pnl_${year} partition of portfolio_pnl
  for values from ('${year}-01-01 00:00:00+00') to ('${year + 1}-01-01 00:00:00+00');`;
  }).join('\n');

const NATIVE = `
${TABLES(' partition by range (event_time)', '')}
${yearly()}
create table portfolio_pnl_other partition of portfolio_pnl default;
create view portfolio_pnl_daily as
  ${DAILY(`date_trunc('day', event_time, 'UTC')`, (column) => `(array_agg(${column} order by record_offset desc))[1]`)};
`;

export async function up(pgm: MigrationBuilder): Promise<void> {
  const available = await pgm.db.select("select 1 from pg_available_extensions where name = 'timescaledb'");
  pgm.sql(available.length > 0 ? TIMESCALE : NATIVE);
  pgm.sql(`comment on view portfolio_pnl_daily is 'A portfolio at the end of each UTC day.'`);
}
export const down = false;
