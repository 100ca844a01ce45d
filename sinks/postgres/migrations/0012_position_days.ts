import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * A portfolio's positions at the end of each day, which attribution goes by. A database that has read positions already reads them again
 * from the beginning of the topic: of a row that is there already the newer record stays.
 */
const SQL = `
create table position_days (
  day date not null,
  event_time timestamptz not null,
  portfolio text not null,
  instrument text not null,
  quantity numeric(38, 9) not null,
  cost numeric(38, 9) not null,
  average_price double precision,
  mark_price double precision,
  mark_time timestamptz,
  multiplier numeric(38, 9) not null,
  currency text not null,
  realized_pnl numeric(38, 9) not null,
  unrealized_pnl double precision,
  commission numeric(38, 9) not null,
  cash_flow numeric(38, 9) not null,
  fills bigint not null,
  revision bigint not null,
  unpriced boolean not null,
  cause text not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (portfolio, instrument, day)
);
comment on table position_days is
  'Newest record per portfolio, instrument and UTC day of portfolio.positions. A day without a record is as the day before it.';
delete from sink_offsets where topic = 'portfolio.positions';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
