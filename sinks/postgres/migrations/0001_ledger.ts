import type { MigrationBuilder } from 'node-pg-migrate';

const POSITION = `
  record_partition integer not null,
  record_offset bigint not null`;

/** Current state and audit: small tables, the same with and without TimescaleDB. */
const TABLES = `
create table sink_offsets (
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
);
comment on table sink_offsets is
  'How far each topic is in this database. Advances in the transaction that writes the rows, by compare-and-set.';

create table portfolios (
  event_time timestamptz not null,
  portfolio text primary key,
  name text not null,
  base_currency text not null,
  description text,${POSITION}
);
comment on table portfolios is 'Newest record per portfolio of reference.portfolios.';

create table instruments (
  event_time timestamptz not null,
  instrument text primary key,
  name text not null,
  currency text not null,
  multiplier numeric(38, 9) not null,
  asset_class text not null,
  sector text,
  lot_size numeric(38, 9) not null,
  tick_size numeric(38, 9),
  source text not null,${POSITION}
);
comment on table instruments is 'Newest record per instrument of reference.instruments.';

create table fills (
  event_time timestamptz not null,
  fill_id text not null,
  action text not null,
  portfolio text not null,
  instrument text not null,
  side text not null,
  quantity numeric(38, 9) not null,
  price numeric(38, 9) not null,
  commission numeric(38, 9) not null,
  order_id text,
  venue text not null,${POSITION},
  primary key (record_partition, record_offset)
);
create index fills_by_portfolio on fills (portfolio, event_time, record_offset);
create index fills_by_id on fills (portfolio, fill_id, record_offset);
comment on table fills is 'Audit of orders.fills: one row a record, duplicates of a fill_id included.';
create view fills_unique as
  select distinct on (portfolio, fill_id) * from fills order by portfolio, fill_id, record_offset;
comment on view fills_unique is 'The first record of each fill_id of a portfolio: the ones that count.';

create table cash_movements (
  event_time timestamptz not null,
  cash_id text not null,
  portfolio text not null,
  amount numeric(38, 9) not null,
  source text not null,${POSITION},
  primary key (record_partition, record_offset)
);
create index cash_movements_by_portfolio on cash_movements (portfolio, event_time, record_offset);
comment on table cash_movements is 'Audit of portfolio.cash: one row a record, duplicates of a cash_id included.';

create table positions (
  event_time timestamptz not null,
  portfolio text not null,
  instrument text not null,
  quantity numeric(38, 9) not null,
  cost numeric(38, 9) not null,
  average_price double precision,
  mark_price double precision,
  mark_time timestamptz,
  multiplier numeric(38, 9) not null,
  realized_pnl numeric(38, 9) not null,
  unrealized_pnl double precision,
  commission numeric(38, 9) not null,
  cash_flow numeric(38, 9) not null,
  fills bigint not null,
  unpriced boolean not null,
  cause text not null,
  source_topic text not null,
  source_event_time timestamptz not null,${POSITION},
  primary key (portfolio, instrument)
);
comment on table positions is
  'Newest record per portfolio and instrument of portfolio.positions; the history is in ClickHouse.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(TABLES);
export const down = false;
