import type { MigrationBuilder } from 'node-pg-migrate';

const columnsOf = (table: string) => `
alter table ${table} add column liquidity_days double precision, add column liquidity_instrument text;`;

export const up = (pgm: MigrationBuilder): void =>
  pgm.sql(columnsOf('risk_measures_latest') + columnsOf('risk_day_ends'));
export const down = false;
