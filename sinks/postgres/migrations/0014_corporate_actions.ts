import type { MigrationBuilder } from 'node-pg-migrate';

const DIVIDENDS = (table: string) => `alter table ${table} add column dividends numeric(38, 9) not null default 0;`;

/** Positions of before there were dividends have none. */
const SQL = `
create table corporate_actions (
  event_time timestamptz not null,
  action_id text not null,
  instrument text not null,
  type text not null,
  ex_time timestamptz not null,
  new_units numeric(38, 9),
  old_units numeric(38, 9),
  amount numeric(38, 9),
  source text not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (instrument, action_id)
);
create index corporate_actions_by_time on corporate_actions (ex_time desc);
comment on table corporate_actions is
  'Splits and dividends as they were said last: the newest record per instrument and action of reference.corporate-actions, without those taken back.';
${DIVIDENDS('positions')}
${DIVIDENDS('position_days')}
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
