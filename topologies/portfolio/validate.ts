import { eventTimeProblem, idProblem, type Problem, recordIdProblem } from '#schemas/checks.ts';
import type { CashMovement } from '#schemas/generated/types.ts';

/** What is wrong with a cash movement, or null. */
export function cashProblem(key: string | null, movement: CashMovement | null, nowMs: number): Problem {
  if (movement === null) return { code: 'VALUE_MISSING', reason: 'A cash movement has no value' };
  const { portfolio, cashId, amount } = movement;
  const id = idProblem('portfolio', portfolio) ?? recordIdProblem('cash', cashId);
  if (id) return { code: 'ID_INVALID', reason: id };
  if (key !== portfolio) {
    const reason = `The record's key ${JSON.stringify(key)} is not its portfolio "${portfolio}"`;
    return { code: 'KEY_MISMATCH', reason };
  }
  if (amount === 0n) return { code: 'CASH_AMOUNT_INVALID', reason: `Cash movement ${cashId}: the amount is zero` };
  return eventTimeProblem(movement.eventTime, nowMs);
}
