import type { MigrationBuilder } from 'node-pg-migrate';

const SQL = `
create table market_regimes (
  event_time timestamptz not null,
  instrument text not null,
  date text not null,
  regime text not null,
  days integer not null,
  probabilities jsonb not null,
  volatility double precision not null,
  voters jsonb not null,
  classifier text,
  returns bigint not null,
  revision integer not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (instrument, date)
);
comment on table market_regimes is 'Newest record per instrument and date of market.regimes.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
