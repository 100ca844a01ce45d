import type { MigrationBuilder } from 'node-pg-migrate';

/** A row an instrument, written often: room in its pages, so that an update stays in them. Every record is in ClickHouse. */
const TABLES = `
create table order_books (
  event_time timestamptz not null,
  instrument text not null,
  state text not null,
  stale_reason text,
  source text not null,
  epoch bigint not null,
  sequence bigint,
  gaps bigint not null,
  best_bid double precision,
  best_bid_size double precision,
  best_ask double precision,
  best_ask_size double precision,
  spread double precision,
  spread_bps double precision,
  mid double precision,
  microprice double precision,
  imbalance double precision,
  bid_levels integer not null,
  ask_levels integer not null,
  depths jsonb not null,
  bands jsonb not null,
  bids jsonb not null,
  asks jsonb not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (instrument)
) with (fillfactor = 50);
comment on table order_books is 'Order books as they stand: the newest record per instrument of market.depth.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(TABLES);
export const down = false;
