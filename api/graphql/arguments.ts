import { GraphQLError } from 'graphql';
import { TidemarkError } from '#streams/kit/errors.ts';
import type { GraphqlContext } from './types.ts';

const MAX_CONFLATE_MS = 60_000;

export const badArgument = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_ARGUMENT' } });

export const CONFLATE = `At most one value per key in this many milliseconds, 0 to ${MAX_CONFLATE_MS}; 0 sends each as soon as it is there.`;

export function checkConflate(conflateMs: number | null | undefined): number {
  const value = conflateMs ?? 0;
  if (value < 0 || value > MAX_CONFLATE_MS)
    throw badArgument(`conflateMs must be from 0 to ${MAX_CONFLATE_MS}, not ${value}`);
  return value;
}

export function requireLoaded({ notLoaded }: GraphqlContext): void {
  const reason = notLoaded();
  if (reason !== null) throw new GraphQLError(`Not ready: ${reason}`, { extensions: { code: 'NOT_READY' } });
}

/** Throws BAD_ARGUMENT where a range of times ends before it begins; null is open. */
export function checkRange(from: number | null | undefined, to: number | null | undefined): void {
  if (from != null && to != null && from > to) throw badArgument('from must not be later than to');
}

const MAX_ROWS = 1_000;
export const LAST = { defaultValue: 100, description: `The newest of them, 1 to ${MAX_ROWS}.` } as const;

export function rowsOf(last: number | null | undefined): number {
  const rows = last ?? LAST.defaultValue;
  if (rows < 1 || rows > MAX_ROWS) throw badArgument(`last must be from 1 to ${MAX_ROWS}, not ${rows}`);
  return rows;
}

/** What was refused is the caller's to mend; all else is ours. */
export async function command(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (error instanceof TidemarkError && !error.retriable && /_INVALID$|^KEY_MISMATCH$/.test(error.code))
      throw new GraphQLError(error.message, { extensions: { code: error.code } });
    throw error;
  }
}
