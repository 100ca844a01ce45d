import { AVRO } from '#schemas/avro.ts';
import { PIVOT_CURRENCY } from '#schemas/fx.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { ACCOUNT_SCHEMA, HOLDING_SCHEMA, VALUATION_SCHEMA } from './account.ts';
import { Adder } from './adder.ts';
import { POTS_SCHEMA } from './pot.ts';
import { seriesSchema } from './series.ts';

export interface PortfolioOptions {
  /**
   * Emit at most one record per portfolio and commit interval: the newest figures. Peak, drawdown and totals still see every
   * input. Default false: one output per input.
   */
  readonly conflate?: boolean;
  /** What rates without a pair of their own go over (schemas/fx.ts), an ISO 4217 code. Default USD. */
  readonly pivotCurrency?: string;
}

const POSITIONS = TOPICS['portfolio.positions'].name;
const CASH = TOPICS['portfolio.cash'].name;
const PORTFOLIOS = TOPICS['reference.portfolios'].name;
const MARKS = TOPICS['market.marks'].name;
const PNL = TOPICS['portfolio.pnl'].name;

/**
 * Value of every portfolio in its base currency: its positions and its cash added up (account.ts), what is in other currencies at the rates
 * of quoted pairs (pot.ts), which come with the marks.
 */
export const portfolio = ({
  conflate = false,
  pivotCurrency = PIVOT_CURRENCY,
}: PortfolioOptions = {}): TopologyDefinition => ({
  name: 'portfolio',
  version: 3,
  sources: {
    // Our own topic, but one damaged record must not stop the desk.
    positions: { topic: POSITIONS, value: AVRO[POSITIONS], onPoison: 'DEAD_LETTER' },
    cash: { topic: CASH, value: AVRO[CASH], onPoison: 'DEAD_LETTER' },
    descriptions: { topic: PORTFOLIOS, value: AVRO[PORTFOLIOS], onPoison: 'DEAD_LETTER' },
    marks: { topic: MARKS, value: AVRO[MARKS], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    'add-up': {
      inputs: ['positions', 'cash', 'descriptions', 'marks'],
      stores: ['accounts', 'holdings', 'valuations', 'seen-cash', 'pots', 'rates'],
      create: (context) =>
        new Adder(
          context,
          { positions: POSITIONS, cash: CASH, portfolios: PORTFOLIOS, marks: MARKS },
          conflate,
          pivotCurrency,
        ),
    },
  },
  stores: {
    accounts: { value: ACCOUNT_SCHEMA },
    holdings: { value: HOLDING_SCHEMA },
    valuations: { value: VALUATION_SCHEMA },
    // Event time of the movement that bore the id, microseconds; key portfolio/cashId.
    'seen-cash': { value: 'long' },
    pots: { value: POTS_SCHEMA },
    // Newest prices of each pair of currencies; key pair.
    rates: { value: seriesSchema('Prices', 'The newest prices of a pair, by event time; key pair.') },
  },
  sinks: { 'to-pnl': { inputs: ['add-up'], topic: PNL, value: AVRO[PNL] } },
});
