import { createHash } from 'node:crypto';
import { DemoBook } from '#connectors/demo/book.ts';
import { STRATEGIES } from '#connectors/demo/strategies.ts';
import { PaperVenue } from '#connectors/paper/venue.ts';
import { loadHistory } from '#connectors/replay/history.ts';
import { tradesOf } from '#connectors/replay/parse.ts';
import { AVRO } from '#schemas/avro.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import type { Fill, OrderRequest } from '#schemas/generated/types.ts';
import { avroType } from '#streams/kit/avro.ts';

export interface Point {
  readonly date: string;
  readonly equity: number;
  readonly cash: number;
}
export interface Simulation {
  readonly orders: OrderRequest[];
  readonly fills: Fill[];
  readonly curves: Map<string, Point[]>;
  /** Of the requests' Avro bytes, in order. */
  readonly digest: string;
}

/** The demo without Kafka: closes → fills → decisions, day by day, by the same pure parts that the processes use. */
export function simulate(seed: number, from = '1990-01-01', to = '9999-12-31'): Simulation {
  const [book, venue] = [new DemoBook(STRATEGIES), new PaperVenue(seed)];
  const type = avroType(AVRO['orders.requests'] as never);
  const digest = createHash('sha256');
  const curves = new Map(STRATEGIES.map(({ portfolio }) => [portfolio, [] as Point[]]));
  const orders: OrderRequest[] = [];
  const fills: Fill[] = [];
  for (const day of loadHistory().filter(({ date }) => date >= from && date <= to)) {
    const trades = tradesOf(day);
    const { eventTime } = trades[0]!;
    const closes = new Map(trades.map(({ instrument, price }) => [instrument, price]));
    for (const fill of venue.fillAt(eventTime, closes)) {
      book.apply(fill);
      fills.push(fill);
    }
    for (const order of book.decide({ date: day.date, eventTime, closes })) {
      const refusal = venue.accept(order);
      if (refusal !== null) throw new Error(`${order.orderId}: ${refusal}`);
      digest.update(type.toBuffer(order));
      orders.push(order);
    }
    for (const [portfolio, points] of curves) {
      const [equity, cash] = [book.equity(portfolio), decimalToNumber(book.cash(portfolio))];
      points.push({ date: day.date, equity, cash });
    }
  }
  return { orders, fills, curves, digest: digest.digest('hex') };
}
