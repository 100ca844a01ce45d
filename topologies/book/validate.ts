import { AMOUNT_LIMIT, eventTimeProblem, idProblem, keyProblem, type Problem } from '#schemas/checks.ts';
import type { BookUpdate } from '#schemas/generated/types.ts';
import { priceKey } from './levels.ts';

/** Levels a side at most; with more the whole of a book would no longer be written and read in a moment. */
export const MAX_LEVELS = 50_000;

/** Problems of an update that leave a hole in its book: it is the book's, and its levels are not to be had. */
export const SPOILING: ReadonlySet<string> = new Set([
  'BOOK_PRICE_INVALID',
  'BOOK_SIZE_INVALID',
  'BOOK_CROSSED',
  'BOOK_LEVEL_REPEATED',
  'BOOK_TOO_DEEP',
]);

/**
 * What is wrong with an update of a book, or null. `known`: an update with this key was accepted before, so its ids need no second look.
 * Makes nothing of a sound DELTA.
 */
export function updateProblem(key: string | null, update: BookUpdate | null, known: boolean, nowMs: number): Problem {
  if (update === null) return { code: 'VALUE_MISSING', reason: 'An update of a book has no value' };
  const { instrument, eventTime } = update;
  if (!known || key !== instrument) {
    const id = idProblem('instrument', instrument);
    const problem = id === null ? keyProblem(key, 'instrument', instrument) : { code: 'ID_INVALID', reason: id };
    if (problem) return problem;
  }
  return eventTimeProblem(eventTime, nowMs) ?? sequenceProblem(update) ?? levelsProblem(update);
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;

function sequenceProblem({ instrument, epoch, firstSequence, sequence, previousSequence, depth }: BookUpdate): Problem {
  const isSound =
    isCount(epoch) &&
    isCount(sequence) &&
    (firstSequence === null || (isCount(firstSequence) && firstSequence <= sequence)) &&
    (previousSequence === null || (isCount(previousSequence + 1) && previousSequence < sequence));
  if (!isSound) {
    const given = `epoch ${epoch}, first ${firstSequence}, sequence ${sequence}, previous ${previousSequence}`;
    return { code: 'BOOK_SEQUENCE_INVALID', reason: `Book of ${instrument}: ${given} are no numbers of an update` };
  }
  if (depth === null || depth >= 1) return null;
  return { code: 'BOOK_DEPTH_INVALID', reason: `Book of ${instrument}: depth ${depth} is not 1 or more` };
}

function levelsProblem({ instrument, sequence, kind, levels }: BookUpdate): Problem {
  const wrong = (code: string, what: string) => ({
    code,
    reason: `Book of ${instrument}, update ${sequence}: ${what}`,
  });
  let bid = 0;
  let ask = Number.POSITIVE_INFINITY;
  for (let index = 0; index < levels.length; index++) {
    const { side, price, size } = levels[index]!;
    const key = price < AMOUNT_LIMIT ? priceKey(price) : Number.NaN;
    if (Number.isNaN(key))
      return wrong('BOOK_PRICE_INVALID', `${side} price ${price} is not above zero with at most 9 decimals`);
    if (!(size >= 0 && size < AMOUNT_LIMIT))
      return wrong('BOOK_SIZE_INVALID', `${side} size ${size} at ${price} is not a number from 0 to ${AMOUNT_LIMIT}`);
    if (size === 0) continue;
    if (side === 'BID') bid = Math.max(bid, key);
    else ask = Math.min(ask, key);
  }
  if (bid > ask && (kind === 'SNAPSHOT' || !hasRepeated(levels)))
    return wrong('BOOK_CROSSED', `it bids ${bid} above ${ask} that it asks`);
  if (kind !== 'SNAPSHOT') return null;
  if (hasRepeated(levels)) return wrong('BOOK_LEVEL_REPEATED', 'a snapshot names a level twice');
  return levels.length <= MAX_LEVELS ? null : tooDeep(instrument, sequence);
}

export const tooDeep = (instrument: string, sequence: number): NonNullable<Problem> => ({
  code: 'BOOK_TOO_DEEP',
  reason: `Book of ${instrument}, update ${sequence}: a side may have more than ${MAX_LEVELS} levels`,
});

function hasRepeated(levels: BookUpdate['levels']): boolean {
  const keys = new Set<number>();
  for (const { side, price } of levels) keys.add(side === 'BID' ? priceKey(price) : -priceKey(price));
  return keys.size < levels.length;
}
