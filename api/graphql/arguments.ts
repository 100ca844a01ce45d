import { GraphQLError } from 'graphql';
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
