import type { MigrationBuilder } from 'node-pg-migrate';

/** One row an order: plain tables do, with TimescaleDB too. Every record of it is in ClickHouse. */
const TABLE = `
create table execution_quality (
  event_time timestamptz not null,
  portfolio text not null,
  order_id text not null,
  instrument text not null,
  strategy text not null,
  order_type text not null,
  side text not null,
  status text not null,
  quantity numeric not null,
  filled_quantity numeric not null,
  fill_ratio double precision not null,
  fills bigint not null,
  average_price double precision,
  decision_price double precision,
  arrival_time timestamptz not null,
  arrival_price double precision,
  first_fill_time timestamptz,
  last_fill_time timestamptz,
  time_to_first_fill_micros bigint,
  time_to_full_fill_micros bigint,
  vwap double precision,
  twap double precision,
  slippage_arrival_bps double precision,
  slippage_vwap_bps double precision,
  slippage_twap_bps double precision,
  multiplier numeric not null,
  end_price double precision,
  delay_cost double precision,
  trading_cost double precision,
  opportunity_cost double precision,
  fees numeric not null,
  shortfall double precision,
  delay_bps double precision,
  trading_bps double precision,
  opportunity_bps double precision,
  fees_bps double precision,
  shortfall_bps double precision,
  venues jsonb not null,
  revision bigint not null,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (portfolio, order_id)
);
create index execution_quality_by_arrival on execution_quality (portfolio, arrival_time);
comment on table execution_quality is 'Newest record per order of execution.quality: what executing it has cost.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(TABLE);
export const down = false;
