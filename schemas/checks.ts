/**
 * Rules that every value keeps, whoever writes or reads it. Each returns null when kept, else a sentence for people,
 * with a stable code where it is a whole record that is looked at.
 */
import { formatDecimal } from './decimal.ts';
import type { Bar, CorporateAction, Fill, OrderRequest, Position, Trade } from './generated/types.ts';

/** Why a record is rejected: a stable code and a sentence. */
export type Problem = { readonly code: string; readonly reason: string } | null;

/** A record without a value where one is needed; `what` begins the sentence: "A trade". */
export const valueMissing = (what: string): NonNullable<Problem> => ({
  code: 'VALUE_MISSING',
  reason: `${what} has no value`,
});

/** Longest portfolio or instrument id, UTF-16 units. */
export const MAX_ID_LENGTH = 100;
/** Longest fillId or cashId: room for `<portfolio>:<date>:<instrument>:<n>`. */
export const MAX_RECORD_ID_LENGTH = 300;
/** How far an event time may lie ahead of the wall clock, for clocks and time zones that are off. */
export const MAX_AHEAD_MS = 86_400_000;
/** Prices and sizes from here on would leave the range of the ledger (38 digits, 9 of them decimals). */
export const AMOUNT_LIMIT = 1e29;

// Control characters have no place in a name, and PostgreSQL refuses NUL in a text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** An id of a portfolio or an instrument: no "/", because the key of a position is portfolio/instrument. */
export function idProblem(what: string, id: string): string | null {
  const problem = recordIdProblem(what, id, MAX_ID_LENGTH);
  if (problem) return problem;
  return id.includes('/') ? `The ${what} id ${quote(id)} contains "/", which separates portfolio and instrument` : null;
}

/** An id of one record, such as a fillId: anything printable. */
export function recordIdProblem(what: string, id: string, maxLength = MAX_RECORD_ID_LENGTH): string | null {
  if (id === '') return `The ${what} id is empty`;
  if (id.length > maxLength) return `The ${what} id has ${id.length} characters; at most ${maxLength} are allowed`;
  return CONTROL.test(id) ? `The ${what} id ${quote(id)} contains a control character` : null;
}

/** An event time in microseconds since 1970-01-01 UTC, against the wall clock in milliseconds. */
export function eventTimeProblem(eventTime: number, nowMs: number): Problem {
  const limitMs = nowMs + MAX_AHEAD_MS;
  if (eventTime > limitMs * 1000 && eventTime < Number.POSITIVE_INFINITY) {
    const ahead = `more than a day ahead of the clock (${iso(nowMs)})`;
    return { code: 'EVENT_TIME_IN_FUTURE', reason: `The event time ${iso(eventTime / 1000)} is ${ahead}` };
  }
  if (eventTime >= 0 && Number.isSafeInteger(eventTime)) return null;
  const reason = `The event time ${eventTime} is not a whole number of microseconds since 1970-01-01 UTC`;
  return { code: 'EVENT_TIME_INVALID', reason };
}

/** The key of a record against what its value says it should be. */
export const keyProblem = (key: string | null, what: string, expected: string): Problem =>
  key === expected
    ? null
    : { code: 'KEY_MISMATCH', reason: `The record's key ${JSON.stringify(key)} is not its ${what} "${expected}"` };

/**
 * What is wrong with a trade, or null. `known`: a trade with this key was accepted before, so its ids need no second
 * look.
 */
export function tradeProblem(key: string | null, trade: Trade | null, known: boolean, nowMs: number): Problem {
  if (trade === null) return valueMissing('A trade');
  const { instrument, price, size } = trade;
  if (!known || key !== instrument) {
    const id = idProblem('instrument', instrument);
    const problem = id === null ? keyProblem(key, 'instrument', instrument) : { code: 'ID_INVALID', reason: id };
    if (problem) return problem;
  }
  if (!(price > 0 && price < AMOUNT_LIMIT)) {
    const reason = `Trade of ${instrument}: price ${price} is not a number greater than zero and below ${AMOUNT_LIMIT}`;
    return { code: 'TRADE_PRICE_INVALID', reason };
  }
  if (size !== null && !(size > 0 && size < AMOUNT_LIMIT)) {
    const reason = `Trade of ${instrument}: size ${size} is not a number greater than zero and below ${AMOUNT_LIMIT}`;
    return { code: 'TRADE_SIZE_INVALID', reason };
  }
  return eventTimeProblem(trade.eventTime, nowMs);
}

/** What is wrong with a fill, or with an amendment of one by itself, or null. */
export function fillProblem(key: string | null, fill: Fill | null, nowMs: number): Problem {
  if (fill === null) return valueMissing('A fill');
  const { portfolio, instrument, fillId, action, quantity, price } = fill;
  const id =
    idProblem('portfolio', portfolio) ?? idProblem('instrument', instrument) ?? recordIdProblem('fill', fillId);
  const problem = id === null ? keyProblem(key, 'portfolio', portfolio) : { code: 'ID_INVALID', reason: id };
  if (problem) return problem;
  const wrong = (code: string, what: string): Problem => ({ code, reason: `Fill ${fillId} of ${portfolio}: ${what}` });
  // The figures of a CANCEL are of no consequence.
  if (action === 'CANCEL') return eventTimeProblem(fill.eventTime, nowMs);
  if (quantity <= 0n)
    return wrong('FILL_QUANTITY_INVALID', `quantity ${formatDecimal(quantity)} is not greater than zero`);
  if (price <= 0n) return wrong('FILL_PRICE_INVALID', `price ${formatDecimal(price)} is not greater than zero`);
  return eventTimeProblem(fill.eventTime, nowMs);
}

/** What is wrong with an order that is asked for, or null. */
export function requestProblem(key: string | null, request: OrderRequest | null, nowMs: number): Problem {
  if (request === null) return valueMissing('An order');
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
  if (decisionPrice !== null && !(decisionPrice > 0 && decisionPrice < AMOUNT_LIMIT)) {
    const reason = `${what}: decision price ${decisionPrice} is not a number above zero and below ${AMOUNT_LIMIT}`;
    return { code: 'ORDER_PRICE_INVALID', reason };
  }
  return eventTimeProblem(request.eventTime, nowMs);
}

/**
 * What is wrong with a position, or null. They are our own, checked where they were made; this guards the sums against a stranger's
 * record. Without building a string: it runs on every tick.
 */
export function positionProblem(key: string | null, position: Position | null): Problem {
  if (position === null) return valueMissing('A position');
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

/** What is wrong with a bar, or null. They are our own; this guards what is calculated of them against a stranger's record. */
export function barProblem(key: string | null, bar: Bar | null): Problem {
  if (bar === null) return valueMissing('A bar');
  const { instrument, interval, startTime, endTime, open, high, low, close, volume } = bar;
  const id = idProblem('instrument', instrument);
  const problem = id === null ? keyProblem(key, 'instrument', instrument) : { code: 'ID_INVALID', reason: id };
  if (problem) return problem;
  const isOrdered = low > 0 && low <= open && low <= close && open <= high && close <= high && high < AMOUNT_LIMIT;
  const hasTime =
    startTime >= 0 && endTime > startTime && Number.isSafeInteger(startTime) && Number.isSafeInteger(endTime);
  if (isOrdered && hasTime && (volume === null || (volume >= 0 && volume < Number.POSITIVE_INFINITY))) return null;
  const reason = `${interval} bar of ${instrument} at ${startTime}: prices must be above zero with low lowest and high highest, volume not below zero, the end after the beginning`;
  return { code: 'BAR_INVALID', reason };
}

const quote = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
const iso = (ms: number) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);

/** What is wrong with a corporate action of the key instrument/actionId, or null. One without a value takes the action back. */
export function corporateActionProblem(key: string | null, action: CorporateAction | null, nowMs: number): Problem {
  if (action === null) {
    const slash = key?.indexOf('/') ?? -1;
    if (slash > 0 && slash < key!.length - 1) return null;
    return {
      code: 'KEY_MISMATCH',
      reason: `The key ${JSON.stringify(key)} of a corporate action is not instrument/action`,
    };
  }
  const { instrument, actionId, type, exTime, newUnits, oldUnits, amount, eventTime } = action;
  const id = idProblem('instrument', instrument) ?? idProblem('action', actionId);
  if (id) return { code: 'ID_INVALID', reason: id };
  const noKey = keyProblem(key, 'instrument/action', `${instrument}/${actionId}`);
  if (noKey) return noKey;
  const wrong = (what: string): Problem => ({
    code: 'CORPORATE_ACTION_INVALID',
    reason: `Corporate action ${actionId} of ${instrument}: ${what}`,
  });
  const isPositive = (value: bigint | null) => value !== null && value > 0n;
  if (type === 'SPLIT' && !(isPositive(newUnits) && isPositive(oldUnits)))
    return wrong('a split needs newUnits and oldUnits greater than zero');
  if (type === 'CASH_DIVIDEND' && !isPositive(amount)) return wrong('a dividend needs an amount greater than zero');
  const other = type === 'SPLIT' ? amount : (newUnits ?? oldUnits);
  if (other !== null) return wrong(`a ${type} has no ${type === 'SPLIT' ? 'amount' : 'newUnits and oldUnits'}`);
  if (!(exTime >= 0 && Number.isSafeInteger(exTime)))
    return wrong(`the ex time ${exTime} is not a whole number of microseconds since 1970-01-01 UTC`);
  return eventTimeProblem(eventTime, nowMs);
}
