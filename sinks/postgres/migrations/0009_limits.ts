import type { MigrationBuilder } from 'node-pg-migrate';

const PLACE = `
  record_partition integer not null,
  record_offset bigint not null`;
const SOURCE = `
  source_topic text not null,
  source_event_time timestamptz not null,`;

/** Of a limit at one time, in three tables. */
const LIMIT = `
  event_time timestamptz not null,
  portfolio text not null,
  limit_id text not null,
  type text not null,
  severity text not null,
  scope text not null,
  scope_id text,`;

/** Small tables, or one row a limit: plain ones do, with TimescaleDB too. Every record is in ClickHouse. */
const TABLES = `
create table risk_limits (${LIMIT}
  threshold double precision not null,
  relative_to text not null,
  warn_at double precision not null,
  method text,
  confidence double precision,
  horizon_days integer,
  scenario text,
  window_ms bigint,
  adjustment text not null,
  reference double precision,
  minimum double precision,
  maximum double precision,
  enabled boolean not null,
  set_by text not null,
  reason text,${PLACE},
  primary key (portfolio, limit_id)
);
create table risk_utilisation (${LIMIT}
  subject text,
  value double precision,
  threshold double precision,
  base_threshold double precision,
  utilisation double precision,
  state text not null,
  reason text,
  since timestamptz not null,${SOURCE}${PLACE},
  primary key (portfolio, limit_id)
);
create table risk_breaches (
  event_time timestamptz not null,
  portfolio text not null,
  breach_id text not null,
  limit_id text not null,
  type text not null,
  severity text not null,
  scope text not null,
  scope_id text,
  subject text,
  event text not null,
  level text not null,
  value double precision,
  threshold double precision,
  utilisation double precision,
  reason text,
  opened_at timestamptz not null,
  evidence jsonb not null,${SOURCE}${PLACE},
  primary key (breach_id)
);
create index risk_breaches_by_time on risk_breaches (portfolio, opened_at desc);
create table risk_controls (
  event_time timestamptz not null,
  portfolio text,
  state text not null,
  set_by text not null,
  reason text not null,
  breach_id text,${PLACE},
  unique nulls not distinct (portfolio)
);
create table order_decisions (
  event_time timestamptz not null,
  portfolio text not null,
  order_id text not null,
  instrument text not null,
  side text not null,
  quantity numeric not null,
  strategy text not null,
  decision text not null,
  code text not null,
  reason text not null,
  limit_id text,
  switch_state text not null,
  price double precision,
  price_time timestamptz,
  notional double precision,
  quantity_before numeric,
  quantity_after numeric,
  checks jsonb not null,${SOURCE}${PLACE},
  primary key (portfolio, order_id)
);
create index order_decisions_by_time on order_decisions (portfolio, event_time desc);
comment on table risk_limits is 'Limits as people set them: the newest record per limit of risk.limits.';
comment on table risk_utilisation is 'What each limit stands at: the newest record per limit of risk.utilisation.';
comment on table risk_breaches is 'Incidents of limits as they are now: the newest record per breach_id of risk.breaches.';
comment on table risk_controls is 'The kill switch: the newest record per portfolio of risk.controls; null: all portfolios.';
comment on table order_decisions is 'orders.decisions: one row an order.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(TABLES);
export const down = false;
