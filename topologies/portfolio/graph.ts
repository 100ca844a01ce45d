import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { ACCOUNT_SCHEMA, HOLDING_SCHEMA, VALUATION_SCHEMA } from './account.ts';
import { Adder } from './adder.ts';

export interface PortfolioOptions {
  /**
   * Emit at most one record per portfolio and commit interval: the newest figures. Peak, drawdown and totals still see every
   * input. Default false: one output per input.
   */
  readonly conflate?: boolean;
}

const POSITIONS = TOPICS['portfolio.positions'].name;
const CASH = TOPICS['portfolio.cash'].name;
const PNL = TOPICS['portfolio.pnl'].name;

/**
 * Value of every portfolio: its positions and its cash added up (account.ts). Amounts are added as they are: instruments must be in
 * the portfolio's base currency.
 */
export const portfolio = ({ conflate = false }: PortfolioOptions = {}): TopologyDefinition => ({
  name: 'portfolio',
  version: 2,
  sources: {
    // Our own topic, but one damaged record must not stop the desk.
    positions: { topic: POSITIONS, value: AVRO[POSITIONS], onPoison: 'DEAD_LETTER' },
    cash: { topic: CASH, value: AVRO[CASH], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    'add-up': {
      inputs: ['positions', 'cash'],
      stores: ['accounts', 'holdings', 'valuations', 'seen-cash'],
      create: (context) => new Adder(context, { positions: POSITIONS, cash: CASH }, conflate),
    },
  },
  stores: {
    accounts: { value: ACCOUNT_SCHEMA },
    holdings: { value: HOLDING_SCHEMA },
    valuations: { value: VALUATION_SCHEMA },
    // Event time of the movement that bore the id, microseconds; key portfolio/cashId.
    'seen-cash': { value: 'long' },
  },
  sinks: { 'to-pnl': { inputs: ['add-up'], topic: PNL, value: AVRO[PNL] } },
});
