import { ONE } from '#schemas/decimal.ts';
import type { Instrument } from '#schemas/generated/types.ts';

/** Event time of the reference data: before the first trade. */
export const REFERENCE_MICROS = Date.parse('1990-01-01T00:00:00Z') * 1000;

const STOCKS = 'skfolio:sp500';
const INDEX = 'skfolio:sp500-index';
const FACTORS = 'skfolio:factors';
const NASDAQ = 'arch:nasdaq';

/** Adjusted closes move in steps of a tenth of a cent: that is how they were printed. */
const ADJUSTED_TICK = ONE / 1000n;

const describe = (
  instrument: string,
  name: string,
  assetClass: Instrument['assetClass'],
  sector: string | null,
  tickSize: bigint | null,
  source: string,
): Instrument => ({
  eventTime: REFERENCE_MICROS,
  instrument,
  name,
  currency: 'USD',
  multiplier: ONE,
  assetClass,
  sector,
  lotSize: ONE,
  tickSize,
  source,
});
const stock = (instrument: string, name: string, sector: string) =>
  describe(instrument, name, 'EQUITY', sector, ADJUSTED_TICK, STOCKS);
const factor = (instrument: string, name: string) => describe(instrument, name, 'FACTOR', null, ADJUSTED_TICK, FACTORS);

/** Everything the history has a price of, in the order of the files' columns. Sectors are those of GICS. */
export const INSTRUMENTS: readonly Instrument[] = [
  stock('AAPL', 'Apple Inc.', 'Information Technology'),
  stock('AMD', 'Advanced Micro Devices, Inc.', 'Information Technology'),
  stock('BAC', 'Bank of America Corporation', 'Financials'),
  stock('BBY', 'Best Buy Co., Inc.', 'Consumer Discretionary'),
  stock('CVX', 'Chevron Corporation', 'Energy'),
  stock('GE', 'General Electric Company', 'Industrials'),
  stock('HD', 'The Home Depot, Inc.', 'Consumer Discretionary'),
  stock('JNJ', 'Johnson & Johnson', 'Health Care'),
  stock('JPM', 'JPMorgan Chase & Co.', 'Financials'),
  stock('KO', 'The Coca-Cola Company', 'Consumer Staples'),
  stock('LLY', 'Eli Lilly and Company', 'Health Care'),
  stock('MRK', 'Merck & Co., Inc.', 'Health Care'),
  stock('MSFT', 'Microsoft Corporation', 'Information Technology'),
  stock('PEP', 'PepsiCo, Inc.', 'Consumer Staples'),
  stock('PFE', 'Pfizer Inc.', 'Health Care'),
  stock('PG', 'The Procter & Gamble Company', 'Consumer Staples'),
  stock('RRC', 'Range Resources Corporation', 'Energy'),
  stock('UNH', 'UnitedHealth Group Incorporated', 'Health Care'),
  stock('WMT', 'Walmart Inc.', 'Consumer Staples'),
  stock('XOM', 'Exxon Mobil Corporation', 'Energy'),
  describe('SP500', 'S&P 500 index', 'INDEX', null, ONE / 100n, INDEX),
  factor('MTUM', 'iShares MSCI USA Momentum Factor ETF'),
  factor('QUAL', 'iShares MSCI USA Quality Factor ETF'),
  factor('SIZE', 'iShares MSCI USA Size Factor ETF'),
  factor('USMV', 'iShares MSCI USA Minimum Volatility ETF'),
  factor('VLUE', 'iShares MSCI USA Value Factor ETF'),
  describe('NASDAQ', 'NASDAQ Composite index', 'INDEX', null, null, NASDAQ),
];
