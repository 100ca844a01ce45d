import { AVRO } from '#schemas/avro.ts';
import { TOPICS } from '#schemas/topics.ts';
import type { TopologyDefinition } from '#streams/topology/types.ts';
import { ORDER_EVENT_SCHEMA, OrderAcceptor } from './accept.ts';
import { MOMENT_SCHEMA } from './market.ts';
import { ExecutionMeasurer } from './measurer.ts';
import { ORDER_FILL_SCHEMA, ORDER_SCHEMA } from './order.ts';
import { UNSETTLED_SCHEMA } from './pending.ts';

const DAY_MS = 86_400_000;

export interface ExecutionOptions {
  /**
   * Event time after its arrival at which an order that is not filled has expired, milliseconds. Default: five days.
   */
  readonly horizonMs?: number;
}
/**
 * Event time beyond the horizon for which orders and fills are kept after they were last written: so long corrections
 * are taken and repetitions known.
 */
const KEPT_MS = 92 * DAY_MS;

const REQUESTS = TOPICS['orders.requests'].name;
const FILLS = TOPICS['orders.fills'].name;
const TRADES = TOPICS['market.trades'].name;
const INSTRUMENTS = TOPICS['reference.instruments'].name;
const QUALITY = TOPICS['execution.quality'].name;
/** All of it: orders may be from any year. */
const HISTORY_MS = 100 * 366 * DAY_MS;

/**
 * What executing each order has cost (quant/execution.ts), as its fills come (measurer.ts), against the market of its
 * own time (market.ts).
 */
export const execution = ({ horizonMs = 5 * DAY_MS }: ExecutionOptions = {}): TopologyDefinition => ({
  name: 'execution',
  version: 1,
  sources: {
    requests: { topic: REQUESTS, value: AVRO[REQUESTS], onPoison: 'DEAD_LETTER' },
    fills: { topic: FILLS, value: AVRO[FILLS], onPoison: 'DEAD_LETTER' },
    trades: { topic: TRADES, value: AVRO[TRADES], onPoison: 'DEAD_LETTER' },
  },
  processors: {
    'accept-orders': {
      inputs: ['requests', 'fills'],
      stores: ['seen-orders', 'seen-fills'],
      create: (context) => new OrderAcceptor(context, REQUESTS),
    },
    measure: {
      inputs: ['orders-by-instrument', 'trades'],
      stores: ['orders', 'order-fills', 'markets', 'market-moments', 'unsettled', 'deadlines'],
      globals: ['instruments'],
      create: (context) =>
        new ExecutionMeasurer(context, { trades: TRADES, fills: FILLS, requests: REQUESTS }, horizonMs),
    },
  },
  stores: {
    // Instrument of the order that bore the id; key portfolio/orderId.
    'seen-orders': { value: 'string', ttlMs: horizonMs + KEPT_MS },
    // Instrument of the fill that bore the id, empty for one without an order; key portfolio/fillId.
    'seen-fills': { value: 'string', ttlMs: horizonMs + KEPT_MS },
    orders: { value: ORDER_SCHEMA, ttlMs: horizonMs + KEPT_MS },
    'order-fills': { value: ORDER_FILL_SCHEMA, ttlMs: horizonMs + KEPT_MS },
    // Key instrument.
    markets: { value: MOMENT_SCHEMA },
    // Key instrument/slot: a ring (market.ts).
    'market-moments': { value: MOMENT_SCHEMA },
    unsettled: { value: UNSETTLED_SCHEMA },
    // Event time at which an open order expires, microseconds; key portfolio/orderId.
    deadlines: { value: 'long' },
  },
  globals: { instruments: { topic: INSTRUMENTS, value: AVRO[INSTRUMENTS], historyMs: HISTORY_MS } },
  repartitions: { 'orders-by-instrument': { inputs: ['accept-orders'], value: ORDER_EVENT_SCHEMA } },
  sinks: { 'to-quality': { inputs: ['measure'], topic: QUALITY, value: AVRO[QUALITY] } },
});
