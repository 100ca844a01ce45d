import type { MigrationBuilder } from 'node-pg-migrate';

const COLUMNS = `
  event_time timestamptz not null,
  event_id text not null,
  model text not null,
  version text,
  type text not null,
  from_stage text,
  to_stage text,
  by text not null,
  reason text not null,
  figures jsonb not null,
  metadata text,
  record_partition integer not null,
  record_offset bigint not null`;

/** A few rows a month: plain tables do, with TimescaleDB too. */
const SQL = `
create table ml_events (${COLUMNS},
  primary key (event_id)
);
create index ml_events_by_time on ml_events (model, event_time desc);
create table models (${COLUMNS},
  unique nulls not distinct (model, version)
);
comment on table ml_events is 'Steps in the life of models: ml.events, one row an event_id.';
comment on table models is 'Versions of models as they are now: the newest change of stage per model and version of ml.events.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
