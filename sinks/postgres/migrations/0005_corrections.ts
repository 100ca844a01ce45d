import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The figures of a fill in force are those of the record that amended it last: the newest entry of the audit trail says
 * which, so an amendment that was refused does not count here either. The fill keeps its own event time.
 */
const SQL = `
alter table positions add column revision bigint not null default 0;

create table audit_trail (
  event_time timestamptz not null,
  portfolio text not null,
  instrument text,
  subject text not null,
  subject_id text not null,
  action text not null,
  before text,
  after text,
  effect text,
  source_topic text not null,
  source_event_time timestamptz not null,
  source_partition integer not null,
  source_offset bigint not null,
  record_partition integer not null,
  record_offset bigint not null,
  primary key (record_partition, record_offset)
);
create index audit_trail_by_portfolio on audit_trail (portfolio, event_time, record_offset);
create index audit_trail_by_subject on audit_trail (portfolio, subject, subject_id, record_offset);
comment on table audit_trail is 'audit.trail: one row a record. before, after and effect are JSON: cast them to jsonb.';

comment on table fills is
  'Audit of orders.fills: one row a record, amendments and duplicates of a fill_id included. fills_unique has those that count.';

create or replace view fills_unique as
  select first.event_time, first.fill_id, latest.action, first.portfolio, first.instrument, latest.side,
    latest.quantity, latest.price, latest.commission, latest.order_id, latest.venue, latest.record_partition,
    latest.record_offset
  from (
    select distinct on (portfolio, fill_id) * from fills where action = 'NEW' order by portfolio, fill_id, record_offset
  ) as first
  left join lateral (
    select action, source_partition, source_offset from audit_trail as entry
    where entry.portfolio = first.portfolio and entry.subject = 'FILL' and entry.subject_id = first.fill_id
    order by entry.record_offset desc limit 1
  ) as amended on true
  join fills as latest
    on latest.record_partition = coalesce(amended.source_partition, first.record_partition)
    and latest.record_offset = coalesce(amended.source_offset, first.record_offset)
  where amended.action is distinct from 'CANCEL';
comment on view fills_unique is
  'The fills of a portfolio as they count: the first NEW record of each fill_id with what corrected it, without those cancelled.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
