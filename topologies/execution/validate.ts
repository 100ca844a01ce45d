import { eventTimeProblem, idProblem, keyProblem, type Problem, recordIdProblem } from '#schemas/checks.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import type { OrderRequest } from '#schemas/generated/types.ts';

/** A price from here on would leave the range of the ledger, as in schemas/checks.ts. */
const PRICE_LIMIT = 1e29;

/** What is wrong with an order that is asked for, or null. */
export function requestProblem(key: string | null, request: OrderRequest | null, nowMs: number): Problem {
  if (request === null) return { code: 'VALUE_MISSING', reason: 'An order has no value' };
  const { portfolio, instrument, orderId, quantity, decisionPrice } = request;
  const id =
    idProblem('portfolio', portfolio) ?? idProblem('instrument', instrument) ?? recordIdProblem('order', orderId);
  const problem = id === null ? keyProblem(key, 'portfolio', portfolio) : { code: 'ID_INVALID', reason: id };
  if (problem) return problem;
  const what = `Order ${orderId} of ${portfolio}`;
  if (quantity <= 0n) {
    const reason = `${what}: quantity ${formatDecimal(quantity)} is not greater than zero`;
    return { code: 'ORDER_QUANTITY_INVALID', reason };
  }
  if (decisionPrice !== null && !(decisionPrice > 0 && decisionPrice < PRICE_LIMIT)) {
    const reason = `${what}: decision price ${decisionPrice} is not a number above zero and below ${PRICE_LIMIT}`;
    return { code: 'ORDER_PRICE_INVALID', reason };
  }
  return eventTimeProblem(request.eventTime, nowMs);
}
