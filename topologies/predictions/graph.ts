import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KNOWN_RETURN_SCHEMA } from '../kit/histories.ts';
import type { BreachModels } from './models.ts';
import { Predictor } from './predictor.ts';
import { DAY_SCHEMA, LIMIT_SCHEMA, MARKET_SCHEMA, PORTFOLIO_SCHEMA } from './stored.ts';

const PNL = TOPICS['portfolio.pnl'].name;
const UTILISATION = TOPICS['risk.utilisation'].name;
const BREACHES = TOPICS['risk.breaches'].name;
const RETURNS = TOPICS['market.returns'].name;
const PREDICTIONS = TOPICS['risk.predictions'].name;
/** All of it: the past is replayed as of its own time. */
const HISTORY_MS = 100 * 366 * 86_400_000;

export interface PredictionSettings {
  /** Null: the closed form is said of all limits. */
  readonly models?: BreachModels | null;
  /** Told why a model is not heard. */
  readonly onFailure?: (reason: string) => void;
  /** Index whose returns are the market's. */
  readonly market?: string;
}

/** How probable it is that each limit is broken within days (predictor.ts). */
export const predictions = (settings: PredictionSettings = {}): TopologyDefinition => {
  const { models = null, onFailure = () => {}, market = 'SP500' } = settings;
  const topics = { pnl: PNL, utilisation: UTILISATION, breaches: BREACHES };
  return {
    name: 'predictions',
    version: 1,
    sources: {
      pnl: { topic: PNL, value: AVRO[PNL], onPoison: 'DEAD_LETTER' },
      utilisation: { topic: UTILISATION, value: AVRO[UTILISATION], onPoison: 'DEAD_LETTER' },
      breaches: { topic: BREACHES, value: AVRO[BREACHES], onPoison: 'DEAD_LETTER' },
    },
    processors: {
      predict: {
        inputs: ['pnl', 'utilisation', 'breaches'],
        stores: ['portfolios', 'markets', 'limits', 'days'],
        globals: ['returns'],
        create: (context) => new Predictor(context, { topics, market, models, onFailure }),
      },
    },
    stores: {
      portfolios: { value: PORTFOLIO_SCHEMA },
      markets: { value: MARKET_SCHEMA },
      limits: { value: LIMIT_SCHEMA },
      days: { value: DAY_SCHEMA },
    },
    globals: { returns: { topic: RETURNS, value: KNOWN_RETURN_SCHEMA, historyMs: HISTORY_MS } },
    sinks: {
      'to-predictions': {
        inputs: ['predict'],
        topic: PREDICTIONS,
        value: AVRO[PREDICTIONS],
        partitionKey: (key) => key.slice(0, key.indexOf('/')),
      },
    },
  };
};
