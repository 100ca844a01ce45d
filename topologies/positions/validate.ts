import {
  eventTimeProblem,
  idProblem,
  keyProblem,
  type Problem,
  recordIdProblem,
  valueMissing,
} from '#schemas/checks.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import type { Fill, Instrument } from '#schemas/generated/types.ts';

const invalidId = (reason: string | null): Problem => (reason === null ? null : { code: 'ID_INVALID', reason });

/** What is wrong with a fill or an amendment of one by itself, or null. */
export function fillProblem(key: string | null, fill: Fill | null, nowMs: number): Problem {
  if (fill === null) return valueMissing('A fill');
  const { portfolio, instrument, fillId, action, quantity, price } = fill;
  const id =
    invalidId(idProblem('portfolio', portfolio) ?? idProblem('instrument', instrument)) ??
    invalidId(recordIdProblem('fill', fillId)) ??
    keyProblem(key, 'portfolio', portfolio);
  if (id) return id;
  const wrong = (code: string, what: string): Problem => ({ code, reason: `Fill ${fillId} of ${portfolio}: ${what}` });
  // The figures of a CANCEL are of no consequence.
  if (action === 'CANCEL') return eventTimeProblem(fill.eventTime, nowMs);
  if (quantity <= 0n)
    return wrong('FILL_QUANTITY_INVALID', `quantity ${formatDecimal(quantity)} is not greater than zero`);
  if (price <= 0n) return wrong('FILL_PRICE_INVALID', `price ${formatDecimal(price)} is not greater than zero`);
  return eventTimeProblem(fill.eventTime, nowMs);
}

/** What is wrong with a description of an instrument, or null. Without a value the instrument is forgotten. */
export function instrumentProblem(key: string | null, value: Instrument | null, nowMs: number): Problem {
  const name = value === null ? key : value.instrument;
  if (name === null)
    return { code: 'KEY_MISMATCH', reason: 'A description of an instrument has neither key nor value' };
  const id = invalidId(idProblem('instrument', name)) ?? keyProblem(key, 'instrument', name);
  if (id || value === null) return id;
  if (value.multiplier <= 0n) {
    const reason = `Instrument ${name}: multiplier ${formatDecimal(value.multiplier)} is not greater than zero`;
    return { code: 'INSTRUMENT_MULTIPLIER_INVALID', reason };
  }
  return eventTimeProblem(value.eventTime, nowMs);
}
