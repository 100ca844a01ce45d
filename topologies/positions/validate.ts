import { eventTimeProblem, idProblem, recordIdProblem } from '#schemas/checks.ts';
import { formatDecimal } from '#schemas/decimal.ts';
import type { Fill, Instrument, Trade } from '#schemas/generated/types.ts';

/** Why a record is rejected: a stable code and a sentence. */
export type Problem = { readonly code: string; readonly reason: string } | null;

/** Prices from here on would leave the range of the ledger (38 digits, 9 of them decimals). */
const PRICE_LIMIT = 1e29;
const MISSING = 'VALUE_MISSING';

const keyProblem = (key: string | null, what: string, expected: string): Problem =>
  key === expected
    ? null
    : { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not its ${what} "${expected}"` };
const invalidId = (reason: string | null): Problem => (reason === null ? null : { code: 'ID_INVALID', reason });

/** What is wrong with a fill, or null. */
export function fillProblem(key: string | null, fill: Fill | null, nowMs: number): Problem {
  if (fill === null) return { code: MISSING, reason: 'A fill has no value' };
  const { portfolio, instrument, fillId, action, quantity, price } = fill;
  const id =
    invalidId(idProblem('portfolio', portfolio) ?? idProblem('instrument', instrument)) ??
    invalidId(recordIdProblem('fill', fillId)) ??
    keyProblem(key, 'portfolio', portfolio);
  if (id) return id;
  const wrong = (code: string, what: string): Problem => ({ code, reason: `Fill ${fillId} of ${portfolio}: ${what}` });
  if (action !== 'NEW') return wrong('FILL_ACTION_UNSUPPORTED', `action ${action} is not supported yet`);
  if (quantity <= 0n)
    return wrong('FILL_QUANTITY_INVALID', `quantity ${formatDecimal(quantity)} is not greater than zero`);
  if (price <= 0n) return wrong('FILL_PRICE_INVALID', `price ${formatDecimal(price)} is not greater than zero`);
  return eventTimeProblem(fill.eventTime, nowMs);
}

/** What is wrong with a trade, or null. `known`: a trade with this key was accepted before, so its ids need no second look. */
export function tradeProblem(key: string | null, trade: Trade | null, known: boolean, nowMs: number): Problem {
  if (trade === null) return { code: MISSING, reason: 'A trade has no value' };
  const { instrument, price, size } = trade;
  if (!known || key !== instrument) {
    const id = invalidId(idProblem('instrument', instrument)) ?? keyProblem(key, 'instrument', instrument);
    if (id) return id;
  }
  if (!(price > 0 && price < PRICE_LIMIT)) {
    const reason = `Trade of ${instrument}: price ${price} is not a number greater than zero and below ${PRICE_LIMIT}`;
    return { code: 'TRADE_PRICE_INVALID', reason };
  }
  if (size !== null && !(size > 0 && size < Number.POSITIVE_INFINITY)) {
    const reason = `Trade of ${instrument}: size ${size} is not a finite number greater than zero`;
    return { code: 'TRADE_SIZE_INVALID', reason };
  }
  return eventTimeProblem(trade.eventTime, nowMs);
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
