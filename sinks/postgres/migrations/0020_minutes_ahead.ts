import type { MigrationBuilder } from 'node-pg-migrate';

const SQL = `
alter table risk_predictions
  add column probability5m double precision,
  add column probability30m double precision,
  add column probability60m double precision;
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
