import { AVRO } from '#schemas/avro.ts';
import type { Fill } from '#schemas/generated/types.ts';
import type { AvroSchema } from '#streams/kit/avro.ts';
import type { Processor, ProcessorContext } from '#streams/topology/types.ts';
import { fillProblem } from './validate.ts';

/** A fill on its way to its instrument, and where its record is. */
export interface AcceptedFill {
  readonly fill: Fill;
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}

export const ACCEPTED_FILL_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'AcceptedFill',
  namespace: 'tidemark.positions',
  doc: 'A record of orders.fills on its way to its instrument.',
  fields: [
    { name: 'fill', type: AVRO['orders.fills'] as AvroSchema },
    { name: 'sourcePartition', type: 'int' },
    { name: 'sourceOffset', type: 'long' },
  ],
};

/**
 * By portfolio: checks fills, drops NEW ones whose (portfolio, fillId) was accepted before, and moves the rest to
 * their instrument. A fill that is rejected here leaves its id free for one that is right. An amendment goes where its
 * fill went. Of an id that was never accepted it is rejected with FILL_UNKNOWN: where it came before its fill, a replay
 * of the dead letter finds it. Under another instrument than the fill's it is rejected with FILL_INSTRUMENT_DIFFERENT.
 */
export function acceptFills(context: ProcessorContext): Processor<Fill | null> {
  const seen = context.store<string>('seen-fills');
  return {
    process({ key, value: fill, source }) {
      const problem = fillProblem(key, fill, context.now());
      if (problem) {
        context.reject(problem.code, problem.reason);
        return;
      }
      const { portfolio, fillId, action, instrument, eventTime } = fill!;
      const id = `${portfolio}/${fillId}`;
      const held = seen.get(id);
      if (action === 'NEW') {
        if (held !== undefined) {
          context.count('duplicate-fill');
          return;
        }
        seen.put(id, instrument);
      } else if (held === undefined) {
        context.reject('FILL_UNKNOWN', `${action} of fill ${fillId}: portfolio ${portfolio} has no such fill`);
        return;
      } else if (held !== instrument) {
        const advice = `name ${held}; to move it to ${instrument}, CANCEL it and give a NEW fill there`;
        context.reject(
          'FILL_INSTRUMENT_DIFFERENT',
          `${action} of fill ${fillId} of ${portfolio}: it is in ${held}: ${advice}`,
        );
        return;
      }
      const accepted = { fill: fill!, sourcePartition: source.partition, sourceOffset: source.offset };
      context.forward('fills-by-instrument', instrument, accepted, Math.floor(eventTime / 1000));
    },
  };
}
