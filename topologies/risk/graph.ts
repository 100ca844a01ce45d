import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KNOWN_RETURN_SCHEMA } from '../kit/histories.ts';
import { BACKTEST_SCHEMA, Backtester } from './backtester.ts';
import { CLOSINGS_SCHEMA } from './closings.ts';
import { CURRENCIES_SCHEMA } from './currencies.ts';
import { Measurer } from './measurer.ts';
import { RISK_SETTINGS, type RiskSettings } from './settings.ts';

const POSITIONS = TOPICS['portfolio.positions'].name;
const PNL = TOPICS['portfolio.pnl'].name;
const RETURNS = TOPICS['market.returns'].name;
const PORTFOLIOS = TOPICS['reference.portfolios'].name;
const INSTRUMENTS = TOPICS['reference.instruments'].name;
const MEASURES = TOPICS['risk.measures'].name;
const BACKTESTS = TOPICS['risk.backtests'].name;
/** All of it: a window of stress may be any number of years back. */
const HISTORY_MS = 100 * 366 * 86_400_000;

/**
 * Risk of every portfolio (measures.ts): its positions as they move, in the scenarios of its instruments' histories as they were known at the
 * beginning of the day; and how its forecasts have done (backtester.ts).
 * Exposures are in the portfolio's base currency, at the rates of its newest P&L. Scenarios are of prices in the instruments' currencies, without what
 * rates did: a portfolio with anything in another currency has no figures of them, and the record says why (CURRENCY).
 */
export const risk = (settings: RiskSettings = RISK_SETTINGS): TopologyDefinition => ({
  name: 'risk',
  version: 2,
  sources: {
    positions: { topic: POSITIONS, value: AVRO[POSITIONS], onPoison: 'DEAD_LETTER' },
    pnl: { topic: PNL, value: AVRO[PNL], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    measure: {
      inputs: ['positions', 'pnl'],
      stores: ['exposures', 'currencies', 'closings', 'latest'],
      globals: ['returns', 'instruments', 'portfolios'],
      create: (context) => new Measurer(context, { positions: POSITIONS, pnl: PNL }, settings),
    },
    backtest: {
      inputs: ['measure'],
      stores: ['forecasts', 'backtests'],
      globals: ['returns'],
      create: (context) => new Backtester(context, settings),
    },
  },
  stores: {
    exposures: {
      value: {
        type: 'record',
        name: 'Exposure',
        namespace: 'tidemark.risk',
        doc: 'An open position; key portfolio/instrument.',
        // quantity × multiplier × mark, in the instrument's currency; null without a mark.
        fields: [
          { name: 'amount', type: ['null', 'double'] },
          { name: 'currency', type: 'string' },
        ],
      },
    },
    currencies: { value: CURRENCIES_SCHEMA },
    closings: { value: CLOSINGS_SCHEMA },
    // The newest record of each portfolio: what detail is repeated from, and equity and time after a restart.
    latest: { value: AVRO[MEASURES] },
    // The newest day's end of each portfolio, until the next day has judged it.
    forecasts: { value: AVRO[MEASURES] },
    backtests: { value: BACKTEST_SCHEMA },
  },
  globals: {
    returns: { topic: RETURNS, value: KNOWN_RETURN_SCHEMA, historyMs: HISTORY_MS },
    instruments: { topic: INSTRUMENTS, value: AVRO[INSTRUMENTS], historyMs: HISTORY_MS },
    // Base currencies until the first P&L says them.
    portfolios: { topic: PORTFOLIOS, value: AVRO[PORTFOLIOS] },
  },
  sinks: {
    'to-measures': { inputs: ['measure'], topic: MEASURES, value: AVRO[MEASURES] },
    'to-backtests': { inputs: ['backtest'], topic: BACKTESTS, value: AVRO[BACKTESTS] },
  },
});
