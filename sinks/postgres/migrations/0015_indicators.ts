import type { MigrationBuilder } from 'node-pg-migrate';

const SQL = `
create table indicators_latest (
  event_time timestamptz not null,
  instrument text not null,
  interval text not null,
  start_time timestamptz not null,
  end_time timestamptz not null,
  close double precision not null,
  final boolean not null,
  revision integer not null,
  bars bigint not null,
  values jsonb not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (instrument, interval)
);
comment on table indicators_latest is
  'Newest record per instrument and interval of market.indicators. Earlier ones are in ClickHouse.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
