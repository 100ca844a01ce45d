import { implementationShortfall, slippageBps } from '#quant/execution.ts';
import { twapBetween, vwapBetween } from '#quant/market-sums.ts';
import { decimalToNumber } from '#schemas/decimal.ts';
import type { ExecutionQuality, OrderRequest } from '#schemas/generated/types.ts';
import { averagePriceOf, type Order, type OrderFill, statusOf } from './order.ts';

/** What a record was caused by. */
export interface Cause {
  readonly sourceTopic: string;
  readonly sourceEventTime: number;
}

/**
 * What executing an order has cost. `lastFill` is its newest in force: the end of the interval that averages run over.
 */
export function qualityOf(
  order: Order & { readonly request: OrderRequest },
  lastFill: OrderFill | undefined,
  cause: Cause,
): ExecutionQuality {
  const { request, arrival, firstFillTime, lastFillTime } = order;
  const { side, decisionPrice, eventTime: arrivalTime } = request;
  const status = statusOf(order);
  const endPrice = status === 'EXPIRED' ? order.endPrice : null;
  const arrivalPrice = arrival?.price ?? null;
  const averagePrice = averagePriceOf(order);
  const quantity = decimalToNumber(request.quantity);
  const filledQuantity = decimalToNumber(order.quantity);
  const end = lastFill?.market ?? null;
  const vwap = arrival && end ? vwapBetween(arrival, end) : null;
  const twap = arrival && end ? twapBetween(arrival, end) : null;
  const multiplier = decimalToNumber(order.multiplier);
  const shortfall = implementationShortfall(
    { side, quantity, decisionPrice, arrivalPrice, arrivalTime, multiplier },
    { quantity: filledQuantity, averagePrice, fees: decimalToNumber(order.commission) },
    endPrice,
  );
  return {
    ...shortfall,
    eventTime: order.eventTime,
    portfolio: request.portfolio,
    orderId: request.orderId,
    instrument: request.instrument,
    strategy: request.strategy,
    orderType: request.orderType,
    side,
    status,
    quantity: request.quantity,
    filledQuantity: order.quantity,
    fillRatio: filledQuantity / quantity,
    fills: order.fills,
    averagePrice,
    decisionPrice,
    arrivalTime,
    arrivalPrice,
    firstFillTime,
    lastFillTime,
    timeToFirstFillMicros: firstFillTime === null ? null : firstFillTime - arrivalTime,
    timeToFullFillMicros: lastFillTime === null || status !== 'FILLED' ? null : lastFillTime - arrivalTime,
    vwap,
    twap,
    slippageArrivalBps: slippageBps(side, averagePrice, arrivalPrice),
    slippageVwapBps: slippageBps(side, averagePrice, vwap),
    slippageTwapBps: slippageBps(side, averagePrice, twap),
    multiplier: order.multiplier,
    endPrice,
    fees: order.commission,
    venues: order.venues.map((one) => ({
      venue: one.venue,
      fills: one.fills,
      quantity: one.quantity,
      averagePrice: averagePriceOf(one)!,
      slippageBps: slippageBps(side, averagePriceOf(one), arrivalPrice),
    })),
    revision: order.records,
    ...cause,
  };
}
