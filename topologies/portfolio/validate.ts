import { eventTimeProblem, idProblem, recordIdProblem } from '#schemas/checks.ts';
import type { CashMovement, Position } from '#schemas/generated/types.ts';

/** Why a record is rejected: a stable code and a sentence. */
export type Problem = { readonly code: string; readonly reason: string } | null;

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

/**
 * What is wrong with a position, or null. They are our own, checked where they were made; this guards the sums against a stranger's
 * record. Without building a string: it runs on every tick.
 */
export function positionProblem(key: string | null, position: Position | null): Problem {
  if (position === null) return { code: 'VALUE_MISSING', reason: 'A position has no value' };
  const { portfolio, instrument, eventTime, markPrice, unrealizedPnl } = position;
  const matches =
    key !== null &&
    key.length === portfolio.length + 1 + instrument.length &&
    key.indexOf('/') === portfolio.length &&
    key.startsWith(portfolio) &&
    key.endsWith(instrument);
  if (!matches) {
    const reason = `The record's key ${JSON.stringify(key)} is not its "${portfolio}/${instrument}"`;
    return { code: 'KEY_MISMATCH', reason };
  }
  const sound =
    eventTime >= 0 &&
    (markPrice === null || Number.isFinite(markPrice)) &&
    (unrealizedPnl === null || Number.isFinite(unrealizedPnl));
  if (sound) return null;
  return { code: 'POSITION_INVALID', reason: `Position ${key}: its time, mark or P&L is not a finite number` };
}
