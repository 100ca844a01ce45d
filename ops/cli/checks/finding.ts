import { describeError } from '#streams/kit/errors.ts';

/** What one look at the machine found. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it, when it is not well. */
  readonly advice?: string;
}

export const well = (name: string, detail: string): Finding => ({ name, ok: true, detail });
export const wrong = (name: string, detail: string, advice: string): Finding => ({ name, ok: false, detail, advice });

const LIMIT_MS = 5_000;

/** What `look` finds; its failure, or five seconds of silence, is a finding too. */
export async function attempt(name: string, advice: string, look: () => Promise<Finding | string>): Promise<Finding> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  try {
    const found = await Promise.race([look(), limit]);
    return typeof found === 'string' ? well(name, found) : found;
  } catch (error) {
    return wrong(name, describeError(error), advice);
  } finally {
    clearTimeout(timer);
  }
}
