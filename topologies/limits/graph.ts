import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { KNOWN_RETURN_SCHEMA } from '../kit/histories.ts';
import { BUCKETS } from './activity.ts';
import { Engine } from './engine.ts';
import type { PretradeSettings } from './pretrade.ts';
import {
  ACTIVITY_SCHEMA,
  CONTROL_SCHEMA,
  LIMIT_SCHEMA,
  MEASURES_SCHEMA,
  ORDER_SCHEMA,
  PORTFOLIO_SCHEMA,
  POSITION_SCHEMA,
  PRICE_SCHEMA,
  STATUS_SCHEMA,
  TOLD_SCHEMA,
} from './stored.ts';

const DAY_MS = 86_400_000;

export const PRETRADE_SETTINGS: PretradeSettings = {
  // Daily closes over a long weekend and a holiday.
  priceMaxAgeMs: 7 * DAY_MS,
  orderHorizonMs: 5 * DAY_MS,
  window: 500,
};

const LIMITS = TOPICS['risk.limits'].name;
const CONTROLS = TOPICS['risk.controls'].name;
const MARKS = TOPICS['market.marks'].name;
const POSITIONS = TOPICS['portfolio.positions'].name;
const PNL = TOPICS['portfolio.pnl'].name;
const MEASURES = TOPICS['risk.measures'].name;
const REQUESTS = TOPICS['orders.requests'].name;
const FILLS = TOPICS['orders.fills'].name;
const INSTRUMENTS = TOPICS['reference.instruments'].name;
const RETURNS = TOPICS['market.returns'].name;
const UTILISATION = TOPICS['risk.utilisation'].name;
const BREACHES = TOPICS['risk.breaches'].name;
const DECISIONS = TOPICS['orders.decisions'].name;
const AUDIT = TOPICS['audit.trail'].name;
/** All of it: orders may be from any year. */
const HISTORY_MS = 100 * 366 * DAY_MS;
/** An orderId is known for so long after it was last written. */
const ORDERS_KEPT_MS = 92 * DAY_MS;

const source = <T extends keyof typeof TOPICS>(topic: T) =>
  ({ topic, value: AVRO[topic], onPoison: 'DEAD_LETTER' }) as const;

/**
 * Limits of every portfolio (schemas/limits.ts): what they stand at, their incidents, and what they say to orders before these go (engine.ts).
 */
export const limits = (settings: PretradeSettings = PRETRADE_SETTINGS): TopologyDefinition => ({
  name: 'limits',
  version: 1,
  sources: {
    definitions: source(LIMITS),
    controls: source(CONTROLS),
    marks: source(MARKS),
    positions: source(POSITIONS),
    pnl: source(PNL),
    measures: source(MEASURES),
    requests: source(REQUESTS),
    fills: source(FILLS),
  },
  processors: {
    watch: {
      inputs: ['definitions', 'controls', 'marks', 'positions', 'pnl', 'measures', 'requests', 'fills'],
      stores: [
        'limits',
        'controls-in-force',
        'prices',
        'held',
        'portfolios',
        'measures-in-force',
        'orders',
        'statuses',
        'told',
        'activity-seconds',
        'activity-hours',
      ],
      globals: ['instruments', 'returns'],
      create: (context) =>
        new Engine(
          context,
          {
            limits: LIMITS,
            controls: CONTROLS,
            marks: MARKS,
            positions: POSITIONS,
            pnl: PNL,
            measures: MEASURES,
            requests: REQUESTS,
            fills: FILLS,
          },
          settings,
        ),
    },
  },
  stores: {
    limits: { value: LIMIT_SCHEMA },
    // Key portfolio, or * for all.
    'controls-in-force': { value: CONTROL_SCHEMA },
    prices: { value: PRICE_SCHEMA },
    held: { value: POSITION_SCHEMA },
    portfolios: { value: PORTFOLIO_SCHEMA },
    'measures-in-force': { value: MEASURES_SCHEMA },
    orders: { value: ORDER_SCHEMA, ttlMs: ORDERS_KEPT_MS },
    statuses: { value: STATUS_SCHEMA },
    told: { value: TOLD_SCHEMA },
    'activity-seconds': {
      kind: 'window',
      value: ACTIVITY_SCHEMA,
      retentionMs: BUCKETS['activity-seconds'].retentionMs,
    },
    'activity-hours': { kind: 'window', value: ACTIVITY_SCHEMA, retentionMs: BUCKETS['activity-hours'].retentionMs },
  },
  globals: {
    instruments: { topic: INSTRUMENTS, value: AVRO[INSTRUMENTS], historyMs: HISTORY_MS },
    returns: { topic: RETURNS, value: KNOWN_RETURN_SCHEMA, historyMs: HISTORY_MS },
  },
  sinks: {
    'to-utilisation': {
      inputs: ['watch'],
      topic: UTILISATION,
      value: AVRO[UTILISATION],
      partitionKey: (key) => key.slice(0, key.indexOf('/')),
    },
    'to-breaches': { inputs: ['watch'], topic: BREACHES, value: AVRO[BREACHES] },
    'to-decisions': { inputs: ['watch'], topic: DECISIONS, value: AVRO[DECISIONS] },
    'to-audit': { inputs: ['watch'], topic: AUDIT, value: AVRO[AUDIT] },
  },
});
