import { parseDecimal } from '#schemas/decimal.ts';
import type { ExecutionQuality, Fill, Instrument, OrderRequest, Trade } from '#schemas/generated/types.ts';
import { type DriverOutput, TopologyTestDriver } from '#streams/testing/driver.ts';
import { type ExecutionOptions, execution } from '#topologies/execution/graph.ts';
import { NOW_MS } from './desk.ts';

export interface OrderText {
  readonly id?: string;
  readonly portfolio?: string;
  readonly instrument?: string;
  readonly side?: 'BUY' | 'SELL';
  readonly quantity: string;
  readonly decisionPrice?: number | null;
  readonly time: number;
}
export const order = (text: OrderText): OrderRequest => ({
  eventTime: text.time,
  orderId: text.id ?? 'o',
  portfolio: text.portfolio ?? 'fund',
  instrument: text.instrument ?? 'AAPL',
  side: text.side ?? 'BUY',
  quantity: parseDecimal(text.quantity),
  orderType: 'MARKET_ON_CLOSE',
  strategy: 'test',
  decisionPrice: text.decisionPrice ?? null,
});

export interface ExecutedText extends Omit<OrderText, 'decisionPrice'> {
  readonly order?: string | null;
  readonly price: string;
  readonly commission?: string;
  readonly venue?: string;
}
export const executed = (text: ExecutedText): Fill => ({
  eventTime: text.time,
  fillId: text.id ?? '1',
  action: 'NEW',
  portfolio: text.portfolio ?? 'fund',
  instrument: text.instrument ?? 'AAPL',
  side: text.side ?? 'BUY',
  quantity: parseDecimal(text.quantity),
  price: parseDecimal(text.price),
  commission: parseDecimal(text.commission ?? '0'),
  orderId: text.order === undefined ? 'o' : text.order,
  venue: text.venue ?? 'paper',
});

export const print = (price: number, eventTime: number, size: number | null = null, instrument = 'AAPL'): Trade => ({
  eventTime,
  instrument,
  price,
  size,
  source: 'test',
  sequence: null,
});

/** The execution topology, fed by hand. */
export class ExecutionDesk {
  readonly driver: TopologyTestDriver;

  constructor(options?: ExecutionOptions, partitions = 1) {
    this.driver = new TopologyTestDriver(execution(options), { partitions, now: () => NOW_MS });
  }
  order(value: OrderRequest, key: string | null = value.portfolio): this {
    return this.#pipe('orders.requests', key, value);
  }
  fill(value: Fill, key: string | null = value.portfolio): this {
    return this.#pipe('orders.fills', key, value);
  }
  trade(value: Trade, key: string | null = value.instrument): this {
    return this.#pipe('market.trades', key, value);
  }
  instrument(value: Instrument): this {
    return this.#pipe('reference.instruments', value.instrument, value);
  }
  outputs(): DriverOutput<ExecutionQuality>[] {
    return this.driver.read<ExecutionQuality>('execution.quality');
  }
  /** What was written since the last read. */
  records(): ExecutionQuality[] {
    return this.outputs().map(({ value }) => value);
  }
  /** Codes of the records rejected since the last call, in order. */
  rejections(): string[] {
    return this.driver.readRejected().map(({ code }) => code);
  }

  #pipe(topic: string, key: string | null, value: { eventTime: number }): this {
    this.driver.pipe(topic, { key, value, timestampMs: Math.floor(value.eventTime / 1000) });
    return this;
  }
}
