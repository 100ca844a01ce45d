import type { MigrationBuilder } from 'node-pg-migrate';

const PLACE = `
  record_partition integer not null,
  record_offset bigint not null`;
const SOURCE = `
  source_topic text not null,
  source_event_time timestamptz not null,`;

/** Some rows an incident: plain tables do, with TimescaleDB too. Every record is in ClickHouse. */
const TABLES = `
create table risk_actions (
  event_time timestamptz not null,
  portfolio text not null,
  action_id text not null,
  breach_id text not null,
  workflow_id text,
  step_id text,
  kind text not null,
  status text not null,
  channel text,
  target text,
  subject text,
  body text,
  attempt integer not null,
  by text,
  reason text,
  until timestamptz,
  limit_id text not null,
  type text not null,
  severity text not null,
  level text not null,
  value double precision,
  threshold double precision,
  utilisation double precision,
  evidence jsonb not null,${SOURCE}${PLACE},
  primary key (action_id)
);
create index risk_actions_by_time on risk_actions (portfolio, event_time desc);
create index risk_actions_by_breach on risk_actions (breach_id, event_time);
create table risk_acknowledgements (
  event_time timestamptz not null,
  portfolio text not null,
  acknowledgement_id text not null,
  breach_id text not null,
  kind text not null,
  by text not null,
  reason text not null,
  until timestamptz,${PLACE},
  primary key (portfolio, acknowledgement_id)
);
create index risk_acknowledgements_by_breach on risk_acknowledgements (breach_id, event_time);
create table risk_workflows (
  event_time timestamptz not null,
  workflow_id text not null,
  name text not null,
  enabled boolean not null,
  portfolios jsonb not null,
  severities jsonb not null,
  levels jsonb not null,
  limit_types jsonb not null,
  steps jsonb not null,
  set_by text not null,
  reason text,${PLACE},
  primary key (workflow_id)
);
comment on table risk_actions is 'What was done about incidents: the newest record per action_id of risk.actions.';
comment on table risk_acknowledgements is 'What people said to incidents: risk.acknowledgements, one row each.';
comment on table risk_workflows is 'Workflows as people set them: the newest record per workflow_id of risk.workflows.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(TABLES);
export const down = false;
