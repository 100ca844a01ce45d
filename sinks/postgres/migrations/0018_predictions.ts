import type { MigrationBuilder } from 'node-pg-migrate';

const SQL = `
create table risk_predictions (
  event_time timestamptz not null,
  portfolio text not null,
  limit_id text not null,
  type text not null,
  utilisation double precision,
  state text not null,
  reason text,
  probability1 double precision,
  probability5 double precision,
  probability20 double precision,
  method text,
  model_version text,
  trained_until timestamptz,
  contributions jsonb not null,
  shadow_version text,
  shadow1 double precision,
  shadow5 double precision,
  shadow20 double precision,
  source_topic text not null,
  source_event_time timestamptz not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (portfolio, limit_id)
);
comment on table risk_predictions is
  'Newest record per portfolio and limit of risk.predictions. Earlier ones are in ClickHouse.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
