import type { MigrationBuilder } from 'node-pg-migrate';

const TABLE = `
create table market_bars (
  event_time timestamptz not null,
  instrument text not null,
  interval text not null,
  start_time timestamptz not null,
  end_time timestamptz not null,
  open double precision not null,
  high double precision not null,
  low double precision not null,
  close double precision not null,
  volume double precision,
  trades bigint not null,
  vwap double precision,
  final boolean not null,
  revision integer not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (instrument, interval, start_time)
);
comment on table market_bars is
  'Newest record per final bar of a minute, an hour or a day of market.bars. The others are in ClickHouse.';
`;

/**
 * Bars may be from 1990, so compression goes by a chunk's creation; a late trade rewrites a row of a compressed chunk
 * too.
 */
const TIMESCALE = `
select create_hypertable('market_bars', by_range('start_time', interval '1 year'));
alter table market_bars set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'instrument, interval',
  timescaledb.compress_orderby = 'start_time desc'
);
select add_compression_policy('market_bars', compress_created_before => interval '7 days');
`;

export async function up(pgm: MigrationBuilder): Promise<void> {
  const available = await pgm.db.select("select 1 from pg_available_extensions where name = 'timescaledb'");
  pgm.sql(available.length > 0 ? TABLE + TIMESCALE : TABLE);
}
export const down = false;
