import type { MigrationBuilder } from 'node-pg-migrate';

/** What a portfolio with a currency that no rate leads from does not know. */
const UNKNOWN = [
  'cash',
  'realized_pnl',
  'commission',
  'unrealized_pnl',
  'equity',
  'day_pnl',
  'gross_exposure',
  'net_exposure',
  'peak_equity',
  'drawdown',
];

const PNL = (table: string) => `
${UNKNOWN.map((column) => `alter table ${table} alter column ${column} drop not null;`).join('\n')}
alter table ${table} add column base_currency text not null default 'USD';
alter table ${table} add column missing_rates jsonb not null default '[]';
alter table ${table} add column currencies jsonb not null default '[]';`;

const SQL = `
${PNL('portfolio_pnl')}
${PNL('portfolio_pnl_latest')}
alter table positions add column currency text not null default 'USD';
alter table cash_movements add column currency text;
comment on column portfolio_pnl.currencies is
  'What is in which currency, and the rates: empty while everything is in the base currency.';
`;

export const up = (pgm: MigrationBuilder): void => pgm.sql(SQL);
export const down = false;
