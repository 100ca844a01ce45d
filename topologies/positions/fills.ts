import type { Fill } from '#schemas/generated/types.ts';
import type { Processor, ProcessorContext } from '#streams/topology/types.ts';
import { fillProblem } from './validate.ts';

/**
 * By portfolio: checks fills, drops those whose (portfolio, fillId) was accepted before, and moves the rest to their instrument.
 * A fill that is rejected here leaves its id free for a corrected one.
 */
export function acceptFills(context: ProcessorContext): Processor<Fill | null> {
  const seen = context.store<number>('seen-fills');
  return {
    process({ key, value: fill }) {
      const problem = fillProblem(key, fill, context.now());
      if (problem) {
        context.reject(problem.code, problem.reason);
        return;
      }
      const { portfolio, fillId, instrument, eventTime } = fill!;
      const id = `${portfolio}/${fillId}`;
      if (seen.get(id) !== undefined) {
        context.count('duplicate-fill');
        return;
      }
      seen.put(id, eventTime);
      context.forward('fills-by-instrument', instrument, fill, Math.floor(eventTime / 1000));
    },
  };
}
