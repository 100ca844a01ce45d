import {
  eventTimeProblem,
  idProblem,
  keyProblem,
  type Problem,
  recordIdProblem,
  valueMissing,
} from '#schemas/checks.ts';
import { isCurrencyCode } from '#schemas/fx.ts';
import type { CashMovement, InstrumentMark, Portfolio } from '#schemas/generated/types.ts';

/** What is wrong with a cash movement, or null. */
export function cashProblem(key: string | null, movement: CashMovement | null, nowMs: number): Problem {
  if (movement === null) return valueMissing('A cash movement');
  const { portfolio, cashId, amount, currency } = movement;
  const id = idProblem('portfolio', portfolio) ?? recordIdProblem('cash', cashId);
  if (id) return { code: 'ID_INVALID', reason: id };
  if (key !== portfolio) {
    const reason = `The record's key ${JSON.stringify(key)} is not its portfolio "${portfolio}"`;
    return { code: 'KEY_MISMATCH', reason };
  }
  if (amount === 0n) return { code: 'CASH_AMOUNT_INVALID', reason: `Cash movement ${cashId}: the amount is zero` };
  if (currency !== null && !isCurrencyCode(currency)) return currencyProblem(`Cash movement ${cashId}`, currency);
  return eventTimeProblem(movement.eventTime, nowMs);
}

/** What is wrong with a description of a portfolio, or null. Without a value it is forgotten. */
export function portfolioProblem(key: string | null, value: Portfolio | null): Problem {
  if (value === null) return null;
  const { portfolio, baseCurrency } = value;
  const id = idProblem('portfolio', portfolio);
  if (id) return { code: 'ID_INVALID', reason: id };
  const problem = keyProblem(key, 'portfolio', portfolio);
  if (problem || isCurrencyCode(baseCurrency)) return problem;
  return currencyProblem(`Portfolio ${portfolio}`, baseCurrency);
}

const currencyProblem = (what: string, currency: string): Problem => ({
  code: 'CURRENCY_INVALID',
  reason: `${what}: ${JSON.stringify(currency)} is not an ISO 4217 code of three capital letters`,
});

/** What is wrong with a price of a pair, or null. It is our own, checked where it was made; this guards rates against a stranger's record. */
export function markProblem(key: string | null, { instrument, price, eventTime }: InstrumentMark): Problem {
  if (!key?.endsWith(`/${instrument}`)) {
    const reason = `The record's key ${JSON.stringify(key)} is not a lane of "${instrument}"`;
    return { code: 'KEY_MISMATCH', reason };
  }
  if (price > 0 && price < Number.POSITIVE_INFINITY && eventTime >= 0) return null;
  return { code: 'MARK_INVALID', reason: `Mark of ${instrument}: its time or price is not a number greater than zero` };
}
