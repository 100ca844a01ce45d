import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KNOWN_RETURN_SCHEMA } from '../kit/histories.ts';
import { BACKTEST_SCHEMA, Backtester } from './backtester.ts';
import { CLOSINGS_SCHEMA } from './closings.ts';
import { Measurer } from './measurer.ts';
import { RISK_SETTINGS, type RiskSettings } from './settings.ts';

const POSITIONS = TOPICS['portfolio.positions'].name;
const PNL = TOPICS['portfolio.pnl'].name;
const RETURNS = TOPICS['market.returns'].name;
const INSTRUMENTS = TOPICS['reference.instruments'].name;
const MEASURES = TOPICS['risk.measures'].name;
const BACKTESTS = TOPICS['risk.backtests'].name;
/** All of it: a window of stress may be any number of years back. */
const HISTORY_MS = 100 * 366 * 86_400_000;

/**
 * Risk of every portfolio (measures.ts): its positions as they move, in the scenarios of its instruments' histories as they were known at the
 * beginning of the day; and how its forecasts have done (backtester.ts). Exposures are taken as they are: instruments must be in the portfolio's base currency.
 */
export const risk = (settings: RiskSettings = RISK_SETTINGS): TopologyDefinition => ({
  name: 'risk',
  version: 1,
  sources: {
    positions: { topic: POSITIONS, value: AVRO[POSITIONS], onPoison: 'DEAD_LETTER' },
    pnl: { topic: PNL, value: AVRO[PNL], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    measure: {
      inputs: ['positions', 'pnl'],
      stores: ['exposures', 'closings', 'latest'],
      globals: ['returns', 'instruments'],
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
        // quantity × multiplier × mark; null without a mark.
        fields: [{ name: 'amount', type: ['null', 'double'] }],
      },
    },
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
  },
  sinks: {
    'to-measures': { inputs: ['measure'], topic: MEASURES, value: AVRO[MEASURES] },
    'to-backtests': { inputs: ['backtest'], topic: BACKTESTS, value: AVRO[BACKTESTS] },
  },
});
