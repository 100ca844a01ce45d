/** Rules that every value keeps, whoever writes or reads it. Each returns null when kept, else a sentence for people. */

/** Longest portfolio or instrument id, UTF-16 units. */
export const MAX_ID_LENGTH = 100;
/** Longest fillId or cashId: room for `<portfolio>:<date>:<instrument>:<n>`. */
export const MAX_RECORD_ID_LENGTH = 300;
/** How far an event time may lie ahead of the wall clock, for clocks and time zones that are off. */
export const MAX_AHEAD_MS = 86_400_000;

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
export function eventTimeProblem(eventTime: number, nowMs: number): { code: string; reason: string } | null {
  const limitMs = nowMs + MAX_AHEAD_MS;
  if (eventTime > limitMs * 1000 && eventTime < Number.POSITIVE_INFINITY) {
    const ahead = `more than a day ahead of the clock (${iso(nowMs)})`;
    return { code: 'EVENT_TIME_IN_FUTURE', reason: `The event time ${iso(eventTime / 1000)} is ${ahead}` };
  }
  if (eventTime >= 0 && Number.isSafeInteger(eventTime)) return null;
  const reason = `The event time ${eventTime} is not a whole number of microseconds since 1970-01-01 UTC`;
  return { code: 'EVENT_TIME_INVALID', reason };
}

const quote = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
const iso = (ms: number) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);
