import { AVRO } from '#schemas/avro.ts';
import { fillProblem, recordIdProblem, requestProblem } from '#schemas/checks.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { KeyValueStore, Processor, ProcessorContext, StreamRecord } from '#streams/topology/types.ts';

/** An order or a fill of one on its way to its instrument: one of both is there. */
export interface OrderEvent {
  readonly request: OrderRequest | null;
  readonly fill: Fill | null;
}

export const ORDER_EVENT_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'OrderEvent',
  namespace: 'tidemark.execution',
  doc: 'A record of orders.requests or of orders.fills on its way to its instrument.',
  fields: [
    { name: 'request', type: ['null', AVRO['orders.requests'] as AvroSchema] },
    { name: 'fill', type: ['null', AVRO['orders.fills'] as AvroSchema] },
  ] as never,
};

/** What is kept of a fill without an order in place of its instrument: no instrument's name. */
const NO_ORDER = '';

/**
 * By portfolio: checks orders and fills, drops repeated ones, and moves the rest to their instrument. The first order
 * of an id and the first NEW fill of an id hold. A fill without an order is counted (`fill-without-order`) and goes no
 * further, its amendments likewise (`amendment-without-order`). Amendments are rejected as in positions, with
 * FILL_UNKNOWN or FILL_INSTRUMENT_DIFFERENT.
 */
export class OrderAcceptor implements Processor<OrderRequest | Fill | null> {
  readonly #context: ProcessorContext;
  readonly #requestsTopic: string;
  readonly #orders: KeyValueStore<string>;
  readonly #fills: KeyValueStore<string>;

  constructor(context: ProcessorContext, requestsTopic: string) {
    this.#context = context;
    this.#requestsTopic = requestsTopic;
    this.#orders = context.store('seen-orders');
    this.#fills = context.store('seen-fills');
  }

  process({ key, value, source }: StreamRecord<OrderRequest | Fill | null>): void {
    if (source.topic === this.#requestsTopic) this.#request(key, value as OrderRequest | null);
    else this.#fill(key, value as Fill | null);
  }

  #request(key: string | null, request: OrderRequest | null): void {
    const problem = requestProblem(key, request, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { portfolio, orderId, instrument, eventTime } = request!;
    const id = `${portfolio}/${orderId}`;
    if (this.#orders.get(id) !== undefined) {
      this.#context.count('duplicate-order');
      return;
    }
    this.#orders.put(id, instrument);
    this.#move(instrument, { request, fill: null }, eventTime);
  }

  #fill(key: string | null, fill: Fill | null): void {
    const problem = fillProblem(key, fill, this.#context.now());
    if (problem) {
      this.#context.reject(problem.code, problem.reason);
      return;
    }
    const { portfolio, fillId, action, instrument, orderId, eventTime } = fill!;
    const badId = orderId === null ? null : recordIdProblem('order', orderId);
    if (badId !== null) {
      this.#context.reject('ID_INVALID', `Fill ${fillId} of ${portfolio}: ${badId}`);
      return;
    }
    const id = `${portfolio}/${fillId}`;
    const held = this.#fills.get(id);
    if (action === 'NEW') {
      if (held !== undefined) {
        this.#context.count('duplicate-fill');
        return;
      }
      this.#fills.put(id, orderId === null ? NO_ORDER : instrument);
      if (orderId === null) this.#context.count('fill-without-order');
      else this.#move(instrument, { request: null, fill }, eventTime);
    } else if (held === undefined) {
      this.#context.reject('FILL_UNKNOWN', `${action} of fill ${fillId}: portfolio ${portfolio} has no such fill`);
    } else if (held === NO_ORDER) {
      this.#context.count('amendment-without-order');
    } else if (held !== instrument) {
      const what = `${action} of fill ${fillId} of ${portfolio} names ${instrument}`;
      this.#context.reject('FILL_INSTRUMENT_DIFFERENT', `${what}, but the fill is in ${held}`);
    } else this.#move(instrument, { request: null, fill }, eventTime);
  }

  #move(instrument: string, event: OrderEvent, eventTime: number): void {
    this.#context.forward('orders-by-instrument', instrument, event, Math.floor(eventTime / 1000));
  }
}
