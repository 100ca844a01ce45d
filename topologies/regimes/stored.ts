import type { AvroSchema } from '#streams/kit/avro.ts';
import { TIME } from '../kit/avro.ts';
import type { Placed } from '../kit/journal.ts';

/** A day's return; key instrument/place, where places are used again. */
export interface KeptReturn extends Placed {
  /** Since when what is made of it holds, microseconds. */
  readonly eventTime: number;
  readonly logReturn: number;
  /** Of the day's record. */
  readonly sourceEventTime: number;
  /** What the classifier said of the day; null without one. */
  readonly scores: readonly number[] | null;
  /** Version of that classifier. */
  readonly classifier: string | null;
}
export const KEPT_RETURN_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'KeptReturn',
  namespace: 'tidemark.regimes',
  doc: 'A day and its return; key instrument/place. Its time is the day, counted from 1970-01-01.',
  fields: [
    { name: 'number', type: 'long' },
    { name: 'time', type: 'long' },
    { name: 'revision', type: 'int' },
    { name: 'eventTime', type: TIME },
    { name: 'logReturn', type: 'double' },
    { name: 'sourceEventTime', type: TIME },
    { name: 'scores', type: ['null', { type: 'array', items: 'double' }] },
    { name: 'classifier', type: ['null', 'string'] },
  ],
};
